#include "image/byte_pipe.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "image/failure.hpp"

namespace ballast::image {
namespace {

constexpr std::size_t pipe_buffer_bytes = 256 * 1024;

}  // namespace

PipeReader::PipeReader(UniqueFd fd, std::function<void(std::uint64_t)> before_waiting)
    : fd_{std::move(fd)}, before_waiting_{std::move(before_waiting)}, buffer_(pipe_buffer_bytes) {}

Status PipeReader::refill(std::string& why) {
    if (before_waiting_) {
        before_waiting_(total_);
    }
    ssize_t got = -1;
    do {
        got = ::read(fd_.get(), buffer_.data(), buffer_.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return system_failure("the stream of the guest's memory", "read", errno, why);
    }
    left_ = std::span{buffer_}.first(static_cast<std::size_t>(got));
    total_ += left_.size();
    return {};
}

Status PipeReader::read(std::span<std::byte> into, std::size_t& got, std::string& why) {
    for (got = 0; got < into.size();) {
        std::span<const std::byte> piece;
        BALLAST_CHECK(borrow(into.size() - got, piece, why));
        if (piece.empty()) {
            return {};
        }
        std::memcpy(into.data() + got, piece.data(), piece.size());
        got += piece.size();
    }
    return {};
}

Status PipeReader::borrow(std::uint64_t max, std::span<const std::byte>& out, std::string& why) {
    if (left_.empty()) {
        BALLAST_CHECK(refill(why));
    }
    out = left_.first(static_cast<std::size_t>(std::min<std::uint64_t>(max, left_.size())));
    left_ = left_.subspan(out.size());
    return {};
}

Status PipeWriter::write(std::span<const std::byte> bytes, std::string& why) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd_.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            why = "nobody takes the stream of the guest's memory any more";
            return Err{Fault::connection_lost};
        }
        if (put < 0) {
            return system_failure("the stream of the guest's memory", "write", errno, why);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(put));
        total_ += static_cast<std::uint64_t>(put);
    }
    return {};
}

}  // namespace ballast::image
