// An index file's header with any content: what is accepted is consistent, and says the same when written
// again.
#include <algorithm>
#include <cstdint>

#include "base/assert.hpp"
#include "image/core/index_format.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ballast::image;
    // The checksum would keep every changed input out: it is made right, the rest is the fuzzer's.
    IndexHeaderBytes bytes{};
    std::copy_n(reinterpret_cast<const std::byte*>(data), std::min(size, bytes.size()), bytes.begin());
    seal_index_header(bytes);
    const auto header = decode_index_header(bytes);
    if (!header.ok()) {
        return 0;
    }
    const IndexHeader& index = header.value();
    for (std::size_t level = 0; level < index.levels.size(); ++level) {
        const auto grid = index.grid(level);
        BALLAST_ASSERT(grid.ok() && grid.value().blocks() == index.levels[level].blocks);
        if (grid.value().blocks() > 0) {
            BALLAST_ASSERT(grid.value().extent_of(grid.value().blocks() - 1).end() == index.image.size_bytes);
        }
        BALLAST_ASSERT(level_offset(index, level) < level_offset(index, level + 1) ||
                       index.levels[level].entries == 0);
    }
    IndexHeaderBytes again{};
    encode(index, again);
    BALLAST_ASSERT(decode_index_header(again).value() == index);
    return 0;
}
