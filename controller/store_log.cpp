#include "controller/store_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "shell/unique_fd.hpp"

namespace ballast::controller {

void lengthen_log(const std::string& path) noexcept {
    static constexpr std::array<char, 64 * 1024> zeros{};
    constexpr std::size_t wanted_bytes = log_pages_max * log_frame_bytes;
    const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0) {
        return;  // whoever opens the store says what is wrong with its directory
    }
    auto at = static_cast<std::size_t>(status.st_size);
    while (at < wanted_bytes) {
        const ssize_t written = ::pwrite(fd.get(), zeros.data(), std::min(zeros.size(), wanted_bytes - at),
                                         static_cast<off_t>(at));
        if (written <= 0) {
            // A full disk must not be filled by zeros that somebody else needs the room of.
            if (::ftruncate(fd.get(), status.st_size) != 0) {
                break;  // then it stays, and is used as it is
            }
            return;
        }
        at += static_cast<std::size_t>(written);
    }
    ::fdatasync(fd.get());
}

}  // namespace ballast::controller
