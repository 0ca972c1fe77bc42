// Whether a saved guest's image is whole, and where it ends: a walk over the records of libxl's stream and of
// libxc's inside it, from heading to heading; the contents are libxl's to check. Layouts: Xen's
// docs/specs/libxl-migration-stream and docs/specs/libxc-migration-stream, version 2 and 2 or 3.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace ballast::xen {

// `fd` is a regular file or block device that stands where libxl's stream begins (read_image_head). Its
// position is not changed. `end_bytes` is the offset behind the end record. `image_corrupt` with a sentence
// in `why` when the image is cut, goes on for ever or is none; `io_failed`.
Status find_image_end(int fd, std::uint64_t& end_bytes, std::string& why);

}  // namespace ballast::xen
