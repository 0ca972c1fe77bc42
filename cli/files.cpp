#include "cli/files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace ballast::cli {

namespace {

struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

Err<Fault> failed(const std::string& path, int reason, std::string& why) {
    why = path + ": " + std::strerror(reason);
    return Err{reason == ENOENT ? Fault::not_found : Fault::io_failed};
}

}  // namespace

Status read_input(const std::string& path, std::size_t bytes_max, std::string& content, std::string& why) {
    const bool standard = path == "-";
    const File owned{standard ? nullptr : std::fopen(path.c_str(), "rbe")};
    std::FILE* const file = standard ? stdin : owned.get();
    if (file == nullptr) {
        return failed(path, errno, why);
    }
    content.clear();
    std::array<char, 65536> part{};
    while (const std::size_t count = std::fread(part.data(), 1, part.size(), file)) {
        if (count > bytes_max - content.size()) {
            why = path + ": larger than " + std::to_string(bytes_max) + " bytes";
            return Err{Fault::limit_reached};
        }
        content.append(part.data(), count);
    }
    return std::ferror(file) != 0 ? Status{failed(path, errno, why)} : Status{};
}

Status write_file(const std::string& path, std::string_view content, unsigned mode, std::string& why) {
    std::string temporary = path + ".XXXXXX";
    const int fd = ::mkstemp(temporary.data());
    if (fd < 0) {
        return failed(path, errno, why);
    }
    File file{::fdopen(fd, "wb")};
    const bool written = file != nullptr &&
                         std::fwrite(content.data(), 1, content.size(), file.get()) == content.size() &&
                         ::fchmod(fd, mode) == 0 && std::fclose(file.release()) == 0 &&
                         ::rename(temporary.c_str(), path.c_str()) == 0;
    if (!written) {
        const int reason = errno;
        (void)::unlink(temporary.c_str());
        return failed(path, reason, why);
    }
    return {};
}

std::string bytes_for_people(double bytes) {
    constexpr std::array units{"bytes", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (bytes >= 1024.0 && unit + 1 < units.size()) {
        bytes /= 1024.0;
        ++unit;
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes,
                  units.at(unit));
    return text.data();
}

}  // namespace ballast::cli
