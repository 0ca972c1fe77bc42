// The end of a golden file: a digest of all that is before it. Xen's images carry no checksum of the memory
// in them, and a golden file is restored again and again.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace ballast::agent {

inline constexpr std::size_t golden_seal_bytes = 32;

// Appends the seal to `to`, whose first `length_bytes` bytes are to be those of `from`, and syncs it. Both
// must allow reading at a position. `io_failed`, `no_disk_space`, `image_corrupt` when the copy is not what
// `from` is.
Status seal_golden(int from, int to, std::uint64_t length_bytes, std::string& why);

// Reads all of the file. `image_corrupt` when there is no seal or it does not fit.
Status check_golden(int fd, std::string& why);

}  // namespace ballast::agent
