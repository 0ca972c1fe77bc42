// How far a scan has come, on disk: what lets an interrupted one go on.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "image/core/index_format.hpp"

namespace ballast::image {

struct Checkpoint {
    // What was being scanned, and how: a scan of anything else starts anew.
    ImageIdentity image;
    GridStarts starts;
    FixedVector<std::uint32_t, index_levels_max> block_bytes;
    // Everything below this byte of the image is in the runs.
    std::uint64_t reached = 0;
    // Entries of each level's run files, in the order of their numbers.
    std::array<std::vector<std::uint64_t>, index_levels_max> run_entries;

    bool same_scan(const Checkpoint& other) const noexcept {
        return image == other.image && starts == other.starts && block_bytes == other.block_bytes;
    }
};

// `no_disk_space`, `io_failed`.
Status write_checkpoint(const std::string& path, const Checkpoint& checkpoint, std::string& why);
// `not_found`; `image_corrupt` for anything that is not a complete checkpoint.
Status read_checkpoint(const std::string& path, Checkpoint& checkpoint, std::string& why);

}  // namespace ballast::image
