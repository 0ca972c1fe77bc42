// Reading and writing at places in files, completely or with a reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::image {

// A file with its path, for sentences about failures.
struct NamedFd {
    UniqueFd fd;
    std::string path;
};

// `flags` as of open(2); O_CLOEXEC is added. A new file has mode 0600. `not_found`, `io_failed`,
// `no_disk_space`.
Status open_file(const std::string& path, int flags, NamedFd& out, std::string& why);

// All of `into`, or `image_corrupt` when the file ends before, or `io_failed`.
Status read_exactly(const NamedFd& file, std::uint64_t offset, std::span<std::byte> into, std::string& why);
Status write_exactly(const NamedFd& file, std::uint64_t offset, std::span<const std::byte> bytes,
                     std::string& why);
// Until what was written is on disk.
Status sync_file(const NamedFd& file, std::string& why);
// Renames, and makes the new name durable.
Status rename_durable(const std::string& from, const std::string& to, std::string& why);

}  // namespace ballast::image
