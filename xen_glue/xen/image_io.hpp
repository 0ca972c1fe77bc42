// Reading and writing the head of an image on a descriptor that may be a file, a pipe or a socket, blocking
// or not.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "xen_glue/xen/image_header.hpp"

namespace ballast::xen {

// Reads exactly `out.size()` bytes. `image_corrupt` when the input ends before, `connection_lost` or
// `io_failed` when it breaks; with a sentence in `why`.
Status read_exactly(int fd, std::span<std::byte> out, std::string& why);
// Writes everything. `no_disk_space`, `connection_lost`, `io_failed`.
Status write_all(int fd, std::string_view bytes, std::string& why);

// Reads header and configuration; what follows on `fd` then is libxl's stream.
Status read_image_head(int fd, std::string& json, std::string& why);

// Looks at the next 16 bytes without taking them, waiting until they are there.
Status peek_stream_header(int fd, std::array<std::byte, stream_header_bytes>& out, std::string& why);

// Whether the other end of a pipe or socket is still there and the descriptor can be written to.
bool writable_end_is_healthy(int fd) noexcept;

}  // namespace ballast::xen
