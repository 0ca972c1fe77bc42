// Copies the content of one file into another: by sharing its blocks where the file system can, else as the
// kernel copies, and holes stay holes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace ballast::agent {

// `to` is empty and stands at 0; it is synced afterwards. `progress` gets the bytes done so far (holes
// count), often. `no_disk_space` or `io_failed`, with a sentence in `why`.
Status copy_file(int from, int to, std::uint64_t length_bytes,
                 const std::function<void(std::uint64_t)>& progress, std::string& why);

}  // namespace ballast::agent
