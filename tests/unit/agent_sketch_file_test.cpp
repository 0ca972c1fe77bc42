#include "agent/images/sketch_file.hpp"

#include <gtest/gtest.h>

#include "image/core/similarity.hpp"

namespace ballast::agent {
namespace {

ImageSketchFile example(std::size_t keys) {
    ImageSketchFile sketch;
    sketch.images = 2;
    sketch.image_bytes = 10ull << 40;
    sketch.data_blocks = 3'000'000'000;
    sketch.distinct = 2'000'000'000;
    sketch.compressed_permille = 412;
    sketch.read_bytes_per_second = 1'500'000'000;
    sketch.write_bytes_per_second = 700'000'000;
    sketch.built_unix_ms = 1'795'279'823'123;
    for (std::size_t i = 0; i < keys; ++i) {
        sketch.keys.push_back(i * 0x0123'4567'89ab);
    }
    return sketch;
}

TEST(AgentSketchFile, IsReadAsItWasWritten) {
    for (const std::size_t keys : {std::size_t{0}, std::size_t{1}, image::sketch_keys_max}) {
        const ImageSketchFile sketch = example(keys);
        const std::string content = encode(sketch);
        EXPECT_LE(content.size(), sketch_file_bytes_max());
        ImageSketchFile read;
        ASSERT_TRUE(decode(content, read).ok());
        EXPECT_EQ(read.images, sketch.images);
        EXPECT_EQ(read.image_bytes, sketch.image_bytes);
        EXPECT_EQ(read.data_blocks, sketch.data_blocks);
        EXPECT_EQ(read.distinct, sketch.distinct);
        EXPECT_EQ(read.compressed_permille, sketch.compressed_permille);
        EXPECT_EQ(read.read_bytes_per_second, sketch.read_bytes_per_second);
        EXPECT_EQ(read.write_bytes_per_second, sketch.write_bytes_per_second);
        EXPECT_EQ(read.built_unix_ms, sketch.built_unix_ms);
        EXPECT_EQ(read.keys, sketch.keys);
    }
    EXPECT_EQ(encode(example(image::sketch_keys_max)).size(), sketch_file_bytes_max());
}

TEST(AgentSketchFile, IsRefusedWhenAByteIsWrongMissingOrTooMany) {
    const std::string content = encode(example(3));
    ImageSketchFile read;
    for (std::size_t i = 0; i < content.size(); ++i) {
        std::string flipped = content;
        flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
        EXPECT_EQ(decode(flipped, read).fault(), Fault::image_corrupt) << i;
        EXPECT_EQ(decode(content.substr(0, i), read).fault(), Fault::image_corrupt) << i;
    }
    EXPECT_EQ(decode(content + "x", read).fault(), Fault::image_corrupt);
    EXPECT_EQ(decode(encode(example(image::sketch_keys_max + 1)), read).fault(), Fault::image_corrupt);
}

TEST(AgentWrittenFile, IsReadAsItWasWrittenAndNothingElseIs) {
    const std::string content = encode(WrittenFile{.bytes = 3'000'000'000, .nanoseconds = 2'000'000'000});
    EXPECT_LE(content.size(), written_file_bytes_max);
    EXPECT_EQ(decode_written(content).bytes_per_second(), 1'500'000'000U);
    EXPECT_EQ(decode_written(content.substr(1)).bytes_per_second(), 0U);
    EXPECT_EQ(decode_written(content + "x").bytes_per_second(), 0U);
    EXPECT_EQ(decode_written("x" + content.substr(1)).bytes_per_second(), 0U);
    EXPECT_EQ(decode_written("").bytes_per_second(), 0U);
    EXPECT_EQ(decode_written(encode(WrittenFile{.bytes = 1})).bytes_per_second(), 0U);
}

TEST(AgentWrittenFile, WhatIsNewCountsForMoreThanWhatWasLongAgo) {
    constexpr std::uint64_t mib = 1 << 20;
    constexpr std::uint64_t second = 1'000'000'000;
    const WrittenFile slow{.bytes = 100 * mib, .nanoseconds = second};
    EXPECT_EQ(joined({}, slow).bytes_per_second(), 100 * mib);
    // Too little says nothing.
    EXPECT_EQ(joined(slow, {.bytes = mib, .nanoseconds = 1}).bytes_per_second(), 100 * mib);
    EXPECT_EQ(joined(slow, {.bytes = 100 * mib, .nanoseconds = 0}).bytes_per_second(), 100 * mib);
    EXPECT_EQ(joined(slow, {.bytes = 300 * mib, .nanoseconds = second}).bytes_per_second(), 200 * mib);
    WrittenFile years{.bytes = 1'000'000 * mib, .nanoseconds = 10'000 * second};
    for (int i = 0; i < 3; ++i) {
        years = joined(years, {.bytes = 4096 * mib, .nanoseconds = 4 * second});
    }
    EXPECT_GT(years.bytes_per_second(), 250 * mib);
}

}  // namespace
}  // namespace ballast::agent
