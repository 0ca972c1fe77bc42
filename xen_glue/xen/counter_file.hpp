// A number in a file of sysfs that is read again and again: it stays open, for the way through the
// directories costs several times what the reading does.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ballast::xen {

// The number that a text begins with.
inline std::optional<std::uint64_t> leading_number(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} ? std::optional{value} : std::nullopt;
}

class CounterFile {
  public:
    CounterFile() = default;
    ~CounterFile() { close(); }
    CounterFile(CounterFile&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    CounterFile& operator=(CounterFile&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    CounterFile(const CounterFile&) = delete;
    CounterFile& operator=(const CounterFile&) = delete;

    // Whether there is such a file; what was open before is closed.
    bool open(const std::string& path) noexcept {
        close();
        fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        return fd_ >= 0;
    }
    void close() noexcept {
        if (fd_ >= 0) {
            ::close(fd_);
            fd_ = -1;
        }
    }
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

    // The counter as it is now; nothing when the file is not open, its device is gone, or it holds no number.
    [[nodiscard]] std::optional<std::uint64_t> read() const noexcept {
        std::array<char, 32> buffer{};
        const ssize_t got = fd_ < 0 ? -1 : ::pread(fd_, buffer.data(), buffer.size(), 0);
        return got > 0 ? leading_number({buffer.data(), static_cast<std::size_t>(got)}) : std::nullopt;
    }

  private:
    int fd_ = -1;
};

}  // namespace ballast::xen
