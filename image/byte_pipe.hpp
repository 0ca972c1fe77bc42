// Bytes from one descriptor and to another, in pieces of any size: what a filter of a stream works with.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::image {

class PipeReader {
  public:
    // `before_waiting` is called whenever all that was read is used up, with the number of bytes read so far.
    explicit PipeReader(UniqueFd fd, std::function<void(std::uint64_t)> before_waiting = {});

    // Fills `into` as far as the stream goes; its size less at the end only. `io_failed`.
    Status read(std::span<std::byte> into, std::size_t& got, std::string& why);
    // At most that many bytes, without copying, valid until the next call; none at the end. REQUIRES: max >
    // 0.
    Status borrow(std::uint64_t max, std::span<const std::byte>& out, std::string& why);

  private:
    Status refill(std::string& why);

    UniqueFd fd_;
    std::function<void(std::uint64_t)> before_waiting_;
    std::vector<std::byte> buffer_;
    std::span<const std::byte> left_;
    std::uint64_t total_ = 0;
};

class PipeWriter {
  public:
    explicit PipeWriter(UniqueFd fd) : fd_{std::move(fd)} {}
    // `connection_lost`: nobody reads any more; `io_failed`.
    Status write(std::span<const std::byte> bytes, std::string& why);
    std::uint64_t total_bytes() const noexcept { return total_; }

  private:
    UniqueFd fd_;
    std::uint64_t total_ = 0;
};

}  // namespace ballast::image
