#include "image/read_back.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "image_files.hpp"

namespace ballast::image {
namespace {

using namespace testing_files;

constexpr std::uint64_t segments = 20;
// The last segment is no multiple of anything.
constexpr std::uint64_t read_back_bytes = segments * segment_bytes - 777;

class ImageReadBack : public testing::Test {
  protected:
    void SetUp() override {
        std::string why;
        ASSERT_TRUE(target.open(folder.path("image"), read_back_bytes, 0, 0, why).ok()) << why;
        if (!target.past_cache()) {
            GTEST_SKIP() << "this file system is always read through the page cache";
        }
    }
    // Makes a segment of this byte, and writes it, or another one in its place.
    void write(ReadBack& back, std::uint64_t segment, std::byte verified, std::byte written) {
        const std::size_t length =
            std::min<std::uint64_t>(segment_bytes, read_back_bytes - segment * segment_bytes);
        AlignedSegment& buffer = back.buffer();
        const std::span<std::byte> content = std::span{buffer.bytes}.first(length);
        std::ranges::fill(content, verified);
        const auto on_disk = std::make_unique<AlignedSegment>(buffer);
        std::fill_n(on_disk->bytes.begin() + static_cast<std::ptrdiff_t>(length) - 1, 1, written);
        std::string why;
        ASSERT_TRUE(target.write(segment * segment_bytes, std::span{on_disk->bytes}.first(length), why).ok());
        back.written(segment);
    }

    Folder folder;
    ImageTarget target;
};

TEST_F(ImageReadBack, ProvesWhatTheDiskGivesBackAndNothingElse) {
    ReadBack back{target, read_back_bytes};
    for (std::uint64_t i = 0; i < segments; ++i) {
        write(back, i, std::byte{1}, i % 3 == 0 ? std::byte{2} : std::byte{1});
    }
    back.wait();
    for (std::uint64_t i = 0; i < segments; ++i) {
        EXPECT_EQ(back.proven(i), i % 3 != 0) << i;
    }
}

TEST_F(ImageReadBack, TheLastWordOfASegmentCounts) {
    ReadBack back{target, read_back_bytes};
    write(back, 0, std::byte{1}, std::byte{2});
    write(back, 0, std::byte{3}, std::byte{3});
    write(back, 1, std::byte{4}, std::byte{4});
    back.forget(1);
    back.wait();
    EXPECT_TRUE(back.proven(0));
    EXPECT_FALSE(back.proven(1));
    EXPECT_FALSE(back.proven(2));
}

TEST_F(ImageReadBack, WritesWhatItIsGiven) {
    {
        ReadBack back{target, read_back_bytes};
        for (std::uint64_t i = 0; i < segments; ++i) {
            std::ranges::fill(back.buffer().bytes, static_cast<std::byte>(i + 1));
            back.write(i);
        }
        back.wait_for(5 * segment_bytes + 7, 1);
        std::array<std::byte, 1> there{};
        std::string why;
        ASSERT_TRUE(target.read(5 * segment_bytes + 7, there, why).ok()) << why;
        EXPECT_EQ(there[0], std::byte{6});
        back.wait();
        EXPECT_TRUE(back.result(why).ok()) << why;
        EXPECT_EQ(back.work().bytes, read_back_bytes);
        EXPECT_GT(back.work().time.count(), 0);
        for (std::uint64_t i = 0; i < segments; ++i) {
            EXPECT_TRUE(back.proven(i)) << i;
        }
        std::ranges::fill(back.buffer().bytes, std::byte{77});
        back.write(2);
    }
    std::array<std::byte, 1> there{};
    std::string why;
    ASSERT_TRUE(target.read(3 * segment_bytes - 1, there, why).ok()) << why;
    EXPECT_EQ(there[0], std::byte{77});  // what was handed over is written whatever happens
}

}  // namespace
}  // namespace ballast::image
