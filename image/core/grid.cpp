#include "image/core/grid.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace ballast::image {

Result<Grid> Grid::make(std::uint64_t image_bytes, std::uint32_t block_bytes,
                        const GridStarts& starts) noexcept {
    if ((block_bytes != sector_bytes && block_bytes != block_bytes_default) || starts.empty() ||
        starts[0] != 0) {
        return Err{Fault::invalid_argument};
    }
    Grid grid;
    grid.image_bytes_ = image_bytes;
    grid.block_bytes_ = block_bytes;
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const std::uint64_t end = i + 1 < starts.size() ? starts[i + 1] : image_bytes;
        // Only an empty image has an empty region: its first.
        if (end > image_bytes || (end <= starts[i] && !(i == 0 && image_bytes == 0 && starts.size() == 1))) {
            return Err{Fault::invalid_argument};
        }
        grid.regions_.push(
            {.extent = {.offset = starts[i], .length = end - starts[i]}, .first_block = grid.blocks_});
        const std::uint64_t length = end - starts[i];
        grid.blocks_ += length / block_bytes + (length % block_bytes != 0 ? 1 : 0);
    }
    if (grid.blocks_ > blocks_max) {
        return Err{Fault::limit_reached};
    }
    return grid;
}

Extent Grid::extent_of(std::uint64_t block) const noexcept {
    BALLAST_ASSERT(block < blocks_);
    const Region* region = std::upper_bound(
        regions_.begin(), regions_.end(), block,
        [](std::uint64_t wanted, const Region& candidate) { return wanted < candidate.first_block; });
    --region;
    const std::uint64_t offset = region->extent.offset + (block - region->first_block) * block_bytes_;
    return {.offset = offset, .length = std::min<std::uint64_t>(block_bytes_, region->extent.end() - offset)};
}

std::uint64_t Grid::block_at(std::uint64_t offset) const noexcept {
    BALLAST_ASSERT(offset < image_bytes_);
    const Region* region = std::upper_bound(
        regions_.begin(), regions_.end(), offset,
        [](std::uint64_t wanted, const Region& candidate) { return wanted < candidate.extent.offset; });
    --region;
    return region->first_block + (offset - region->extent.offset) / block_bytes_;
}

}  // namespace ballast::image
