// The destination's side of a memory stream with references: docs/wan_migration.md. Whatever a source says, a
// page that is not the one that it spoke of is not passed on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "image/byte_pipe.hpp"
#include "image/core/page_ring.hpp"
#include "image/core/page_units.hpp"
#include "image/digest.hpp"
#include "image/file.hpp"
#include "image/stream.hpp"

namespace ballast::image {

struct UnpackOptions {
    std::vector<std::string> images;  // of the guest, as the source counts them
    // Called whenever everything that has come is dealt with and more is waited for, with the bytes that have
    // come.
    std::function<void(std::uint64_t)> on_waiting;
};

class MemoryUnpacker {
  public:
    // `control`: image_bytes counts the stream that comes out, done_bytes those of its pages that were
    // references.
    MemoryUnpacker(UnpackOptions options, TransferControl& control)
        : options_{std::move(options)}, control_{control} {}

    // Until the end unit. `connection_lost`: the stream ends before; `protocol_violation`,
    // `version_mismatch`; `image_corrupt`: what lies here is not what the source knows of it. When nobody
    // takes `out` any more, what comes is checked all the same.
    Status run(UniqueFd in, UniqueFd out, std::string& why);

  private:
    Status open_images(std::string& why);
    Status read(std::span<std::byte> into, std::string& why);
    Status take_opaque(std::uint32_t bytes, bool wanted, std::string& why);
    Status take_pages(std::uint32_t bytes, std::string& why);
    Status take_end(std::uint32_t bytes, std::string& why);
    void read_ahead(const PageRuns& runs) const noexcept;
    Status make_run(const PageRun& run, std::span<std::byte> into, std::string& why);
    Status pass_on(std::span<const std::byte> bytes, std::string& why);

    UnpackOptions options_;
    TransferControl& control_;
    std::unique_ptr<PipeReader> in_;
    std::unique_ptr<PipeWriter> out_;
    std::vector<NamedFd> images_;
    std::vector<std::uint32_t> image_blocks_;
    std::vector<std::byte> ring_memory_;
    std::unique_ptr<PageRing> ring_;
    std::unique_ptr<Digester> digester_;
    std::vector<std::byte> body_;
    std::vector<std::byte> content_;  // of the pages of a unit
    PagesUnit unit_;
    std::size_t literals_used_ = 0;
    std::uint64_t units_ = 0;
    std::uint64_t stream_bytes_ = 0;
    bool wanted_ = true;  // somebody takes what comes out
};

}  // namespace ballast::image
