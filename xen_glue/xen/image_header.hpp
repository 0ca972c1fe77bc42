// The head of a saved guest, bit for bit that of `xl save`: 48 bytes, then the guest's configuration as
// libxl's JSON, then libxl's own stream, which begins with 16 bytes of its own. Pure: bytes in, values out.
//
//   offset  0  32 bytes  "Xen saved domain, xl format\n \0 \r"
//          32  u32       0x01020304 in the host's byte order (little-endian on x86)
//          36  u32       mandatory flags: bit 0 the configuration is JSON, bit 1 the stream has version 2
//          40  u32       optional flags: 0
//          44  u32       length of the optional data that follow
//          48  u32       length of the configuration, its final NUL included
//          52            configuration; then a tail up to the length above, ignored
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ballast::xen {

inline constexpr std::size_t image_header_bytes = 48;
inline constexpr std::size_t stream_header_bytes = 16;
// libxl writes two or three KiB; a configuration with every device stays far below this.
inline constexpr std::size_t image_optional_bytes_max = 1024 * 1024;

// What a header promises.
struct ImageHeader {
    std::uint32_t optional_data_bytes = 0;
};

// `image_corrupt` with a sentence in `why` for anything that is not a version 2 image with a JSON
// configuration.
Result<ImageHeader> parse_image_header(std::span<const std::byte, image_header_bytes> bytes,
                                       std::string& why);

// The JSON text inside the optional data, without its NUL. `image_corrupt` likewise.
Status parse_optional_data(std::span<const std::byte> bytes, std::string_view& json, std::string& why);

// Whether libxl may be given the stream that begins like this: "LibxlFmt", version 2, little-endian, not
// legacy. libxl 4.17 jumps through a null pointer when it is not so, and leaves a half-built domain behind.
Status check_stream_header(std::span<const std::byte, stream_header_bytes> bytes, std::string& why);

// Header and optional data for a configuration. REQUIRES: json.size() < image_optional_bytes_max - 5.
std::string format_image_head(std::string_view json);

}  // namespace ballast::xen
