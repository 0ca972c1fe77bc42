// The source's side of a memory stream with references: docs/wan_migration.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "image/byte_pipe.hpp"
#include "image/core/page_ring.hpp"
#include "image/core/page_units.hpp"
#include "image/digest.hpp"
#include "image/sent_lookup.hpp"
#include "image/stream.hpp"

namespace ballast::image {

// For the stream that begins so; none when it is not known.
using MakePageFinder =
    std::function<std::shared_ptr<PageFinder>(std::span<const std::byte, stream_magic_bytes>)>;
std::shared_ptr<PageFinder> make_xen_page_finder(std::span<const std::byte, stream_magic_bytes> magic);

struct PackOptions {
    MakePageFinder make_finder = make_xen_page_finder;
    std::uint32_t kept_pages = 4096;
    TransferKey key{};
    // Blocks of the guest's images that the destination has, as SentBlocks of the same seed remember them, in
    // the order of the destination's images.
    std::vector<std::string> sent_blocks;
    std::uint64_t block_seed = 0;
    std::size_t lookup_places = 4 * 1024 * 1024;
    // Whatever follows the guest's memory begins at a multiple of this in the packed stream: what is packed
    // before can be sent, and its references looked up, while that is held back.
    std::size_t alignment_bytes = unit_padding_bytes_max;
};

struct PackReport {
    std::uint64_t stream_bytes = 0;
    std::uint64_t literal_pages = 0;
    std::uint64_t zero_pages = 0;
    std::uint64_t kept_pages = 0;
    std::uint64_t block_pages = 0;
};

class MemoryPacker {
  public:
    // `control`: image_bytes counts the stream's, done_bytes those of its pages that became references.
    MemoryPacker(PackOptions options, TransferControl& control);

    // Until `in` ends. `io_failed`, `connection_lost`: nobody takes `out` any more.
    Status run(UniqueFd in, UniqueFd out, std::string& why);
    const PackReport& report() const noexcept { return report_; }

  private:
    Status pack_all(std::string& why);
    Status pass_head(std::size_t bytes, std::string& why);
    Status pass_opaque(std::uint64_t bytes, std::string& why);
    Status pass_page(std::string& why);
    Status keep_opaque(std::span<const std::byte> bytes, std::string& why);
    PageRun describe(PageView page);
    Status flush_opaque(std::size_t bytes, std::string& why);
    Status flush_pages(std::string& why);
    Status align(std::string& why);
    Status put_unit(UnitType type, std::span<const std::byte> body, std::span<const std::byte> more,
                    std::string& why);
    Status end(std::string& why);

    PackOptions options_;
    TransferControl& control_;
    PackReport report_;
    std::shared_ptr<PageFinder> finder_;
    std::unique_ptr<PipeReader> in_;
    std::unique_ptr<PipeWriter> out_;
    std::vector<std::byte> ring_memory_;
    std::vector<std::uint32_t> ring_table_;
    KnownPages known_;
    SentLookup lookup_;
    Digester digester_;
    std::vector<std::byte> opaque_;    // not yet in a unit
    std::vector<std::byte> literals_;  // of the unit under way
    std::vector<std::byte> page_;
    std::vector<std::byte> body_;
    PageRuns runs_;
    std::uint32_t pages_ = 0;       // of the unit under way
    std::uint32_t references_ = 0;  // of those, what its digest is of
    std::uint64_t units_ = 0;
    bool at_end_ = false;
    bool aligned_ = false;
};

}  // namespace ballast::image
