#include "agent/images/sketch.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "agent/images/protocol.hpp"
#include "image/compressor.hpp"
#include "image/index_file.hpp"
#include "image/source.hpp"

namespace ballast::agent {
namespace {

constexpr std::size_t block_bytes = 4096;
// Blocks with the lowest fingerprints are as good as drawn by lot: 2 MiB of them tell what zstd leaves of all
// within a few points.
constexpr std::size_t measured_blocks_max = 512;
constexpr double permille = 1000;

// What zstd leaves of a sample of the image's blocks, in the order in which they lie there.
Status measure_compression(const std::string& path, const image::IndexFile& index, double& share,
                           std::string& why) {
    const auto source = image::open_image(path, image::ImageFormat::raw, why);
    const Result<image::Grid> grid = index.header().grid(0);
    if (source == nullptr || !grid.ok()) {
        return Err{source == nullptr ? Fault::not_found : Fault::image_corrupt};
    }
    image::IndexCursor cursor{index, 0};
    std::span<const std::uint64_t> keys;
    std::span<const std::uint32_t> numbers;
    if (const Status read = cursor.next_entries(keys, numbers); !read.ok()) {
        why = cursor.why();
        return read;
    }
    std::vector<std::uint32_t> blocks{numbers.begin(), numbers.end()};
    blocks.resize(std::min(blocks.size(), measured_blocks_max));
    std::sort(blocks.begin(), blocks.end());
    image::StreamCompressor compressor{image::zstd_level_default};
    std::array<std::byte, block_bytes> plain{};
    std::vector<std::byte> compressed(image::StreamCompressor::bound(block_bytes));
    std::size_t plain_bytes = 0;
    std::size_t compressed_bytes = 0;
    for (const std::uint32_t block : blocks) {
        const image::Extent extent = grid.value().extent_of(block);
        const std::span<std::byte> content = std::span{plain}.first(extent.length);
        // An image that is in use may have become shorter: what is left says enough.
        if (extent.end() <= source->size_bytes()) {
            BALLAST_CHECK(source->read(extent.offset, content, why));
            plain_bytes += content.size();
            compressed_bytes += compressor.compress(content, {}, compressed);
        }
    }
    share = plain_bytes == 0 ? 1.0 : static_cast<double>(compressed_bytes) / static_cast<double>(plain_bytes);
    return {};
}

}  // namespace

SketchMaker::SketchMaker() : own_(image::sketch_keys_max), joined_(image::sketch_keys_max) {}

Status SketchMaker::add(const std::string& path, bool measure, std::string& why) {
    const auto index = image::IndexFile::open(path + index_suffix, why);
    if (index == nullptr) {
        return Err{Fault::not_found};
    }
    const image::IndexHeader& header = index->header();
    if (header.levels[0].block_bytes != block_bytes) {
        why = path + ": its index is not of blocks of 4096 bytes";
        return Err{Fault::unsupported};
    }
    image::IndexCursor cursor{*index, 0};
    const Result<std::size_t> taken = image::take_sketch(cursor, own_);
    if (!taken.ok()) {
        why = cursor.why();
        return Err{taken.fault()};
    }
    double share = 0;
    if (measure) {
        BALLAST_CHECK(measure_compression(path, *index, share, why));
    }
    const image::SketchView before{sketch_.keys, sketch_.distinct};
    const image::SketchView fresh{std::span{own_}.first(taken.value()), header.levels[0].distinct};
    std::uint64_t distinct = 0;
    const std::size_t keys = image::join_sketches(before, fresh, joined_, distinct);
    sketch_.keys.assign(joined_.begin(), joined_.begin() + static_cast<std::ptrdiff_t>(keys));
    sketch_.distinct = distinct;
    const std::uint64_t entries = header.levels[0].entries;
    sketch_.data_blocks += entries;
    sketch_.image_bytes += header.image.size_bytes;
    sketch_.built_unix_ms =
        sketch_.images == 0 ? header.built_unix_ms : std::min(sketch_.built_unix_ms, header.built_unix_ms);
    ++sketch_.images;
    if (header.scanned_bytes_per_second > 0) {
        const double bytes = static_cast<double>(entries * block_bytes);
        read_bytes_ += bytes;
        read_seconds_ += bytes / static_cast<double>(header.scanned_bytes_per_second);
        sketch_.read_bytes_per_second = static_cast<std::uint64_t>(read_bytes_ / read_seconds_);
    }
    compressed_blocks_ += share * static_cast<double>(entries);
    if (measure && sketch_.data_blocks > 0) {
        const double all = compressed_blocks_ / static_cast<double>(sketch_.data_blocks);
        sketch_.compressed_permille =
            static_cast<std::uint32_t>(std::clamp(std::lround(all * permille), 1L, 1000L));
    }
    return {};
}

}  // namespace ballast::agent
