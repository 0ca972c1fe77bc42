// A level of an index, from what was scanned anew and what an older index of the same image has.
#pragma once

#include <span>
#include <string>

#include "image/core/grid.hpp"
#include "image/index_file.hpp"
#include "image/sorter.hpp"

namespace ballast::image {

struct KeptLevel {
    const IndexFile* index = nullptr;  // null: nothing is kept
    std::size_t level = 0;
    const Grid& grid;
    // In order, without overlaps: what the old index says of these is not true any more.
    std::span<const Extent> changed;
};

// Sorted new entries and kept old ones, merged.
Status write_merged(IndexWriter& writer, Sorter& fresh, const KeptLevel& level, std::string& why);

}  // namespace ballast::image
