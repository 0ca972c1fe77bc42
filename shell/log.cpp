#include "shell/log.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>

namespace ballast {
namespace {

constexpr std::array<std::string_view, 8> level_words{"",        "",       "",     "error",
                                                      "warning", "notice", "info", "debug"};

std::atomic<LogLevel> level_shown{LogLevel::info};
std::atomic<int> descriptor{STDERR_FILENO};
std::atomic<LogWriter> line_writer{nullptr};

// systemd tells the device and inode of the journal's stream; a daemon whose standard error was redirected
// since then must not write priorities (systemd.exec(5), JOURNAL_STREAM).
bool goes_to_journal(int fd) noexcept {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(fd, &status) != 0) {
        return false;
    }
    std::array<char, 64> expected{};
    const auto written =
        fmt::format_to_n(expected.data(), expected.size(), "{}:{}", status.st_dev, status.st_ino);
    return std::string_view{expected.data(), std::min(written.size, expected.size())} == stream;
}

bool journal_prefix(int fd) noexcept {
    static const bool standard_error_is_journal = goes_to_journal(STDERR_FILENO);
    return fd == STDERR_FILENO && standard_error_is_journal;
}

// A line under construction. Keeps room for the newline.
class Line {
  public:
    void put(char c) noexcept {
        if (size_ < bytes_.size() - 1) {
            bytes_[size_++] = c;
        }
    }
    void put(std::string_view text) noexcept {
        for (const char c : text) {
            put(c);
        }
    }
    void put_escaped(std::string_view text) noexcept {
        constexpr std::string_view digits = "0123456789abcdef";
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '\n') {
                put("\\n");
            } else if (byte < 0x20 || byte == 0x7f) {
                put("\\x");
                put(digits[byte >> 4]);
                put(digits[byte & 15]);
            } else {
                put(c);
            }
        }
    }
    void put_time_and_level(LogLevel level) noexcept {
        timespec time{};
        ::clock_gettime(CLOCK_REALTIME, &time);
        tm parts{};
        ::gmtime_r(&time.tv_sec, &parts);
        std::array<char, 32> text{};
        const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
        put(std::string_view{text.data(), length});
        const auto thousandths =
            fmt::format_to_n(text.data(), text.size(), ".{:03}Z ", time.tv_nsec / 1'000'000);
        put(std::string_view{text.data(), thousandths.size});
        put(level_words[static_cast<std::size_t>(level)]);
        put(' ');
    }
    void write(int fd) noexcept {
        bytes_[size_] = '\n';
        if (const LogWriter writer = line_writer.load(std::memory_order_acquire); writer != nullptr) {
            writer(fd, {bytes_.data(), size_ + 1});
            return;
        }
        // One call, so that lines of several processes do not mix. Nothing is left to do when it fails.
        [[maybe_unused]] const ssize_t ignored = ::write(fd, bytes_.data(), size_ + 1);
    }

  private:
    std::array<char, log_line_bytes_max> bytes_;
    std::size_t size_ = 0;
};

}  // namespace

void set_log_level(LogLevel level) noexcept {
    level_shown.store(level, std::memory_order_relaxed);
}

bool log_enabled(LogLevel level) noexcept {
    return level <= level_shown.load(std::memory_order_relaxed);
}

std::optional<LogLevel> parse_log_level(std::string_view text) noexcept {
    for (std::size_t i = static_cast<std::size_t>(LogLevel::error); i < level_words.size(); ++i) {
        if (level_words[i] == text) {
            return static_cast<LogLevel>(i);
        }
    }
    return std::nullopt;
}

void set_log_descriptor(int fd) noexcept {
    descriptor.store(fd, std::memory_order_relaxed);
}

void set_log_writer(LogWriter writer) noexcept {
    line_writer.store(writer, std::memory_order_release);
}

void log_formatted(LogLevel level, fmt::string_view format, fmt::format_args arguments) noexcept {
    if (!log_enabled(level)) {
        return;
    }
    const int fd = descriptor.load(std::memory_order_relaxed);
    Line line;
    if (journal_prefix(fd)) {
        line.put('<');
        line.put(static_cast<char>('0' + static_cast<int>(level)));
        line.put('>');
    } else {
        line.put_time_and_level(level);
    }
    std::array<char, log_line_bytes_max> text;
    const auto written = fmt::vformat_to_n(text.data(), text.size(), format, arguments);
    line.put_escaped({text.data(), std::min(written.size, text.size())});
    line.write(fd);
}

}  // namespace ballast
