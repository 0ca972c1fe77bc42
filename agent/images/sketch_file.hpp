// A sample of what images hold (image/core/similarity.hpp), as an image process leaves it in a file of the
// agent's state directory and the agent sends it to the controller. Little-endian, with a checksum; of one
// host, never exchanged: another version is made anew.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ballast::agent {

struct ImageSketchFile {
    std::uint32_t images = 0;
    std::uint64_t image_bytes = 0;            // sizes of the disks
    std::uint64_t data_blocks = 0;            // of 4096 bytes that are not zero
    std::uint64_t distinct = 0;               // different ones among them
    std::uint32_t compressed_permille = 0;    // what zstd leaves of a sample of them; 0: not measured
    std::uint64_t read_bytes_per_second = 0;  // as their indexes were made; 0: not measured
    // Of a host: written and read back, as images have come to it; 0: not measured.
    std::uint64_t write_bytes_per_second = 0;
    std::int64_t built_unix_ms = 0;   // when the oldest of their indexes was made
    std::vector<std::uint64_t> keys;  // the lowest, ascending, each once
};

std::string encode(const ImageSketchFile& sketch);
// `image_corrupt` for anything that encode() has not made; nothing in `out` then counts.
Status decode(std::string_view content, ImageSketchFile& out);

// What the disk of a folder of images was seen to write and to read back, as an image process leaves it
// there.
struct WrittenFile {
    std::uint64_t bytes = 0;
    std::uint64_t nanoseconds = 0;
    std::uint64_t bytes_per_second() const noexcept;
};

// With what was written since. Nothing when that was too little to tell; what was long ago counts for less.
WrittenFile joined(const WrittenFile& before, const WrittenFile& since) noexcept;
std::string encode(const WrittenFile& written);
// Nothing for anything that encode() has not made.
WrittenFile decode_written(std::string_view content) noexcept;
inline constexpr std::size_t written_file_bytes_max = 32;

// The largest that encode() makes.
std::size_t sketch_file_bytes_max() noexcept;

}  // namespace ballast::agent
