#include "image/seen_segments.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "image/index_build.hpp"
#include "image/journal.hpp"
#include "image/scan.hpp"
#include "image_transfer_world.hpp"

namespace ballast::image {
namespace {

using namespace testing_files;

constexpr std::size_t seen_block = 4096;
constexpr std::size_t seen_segment_blocks = segment_bytes / seen_block;
constexpr std::uint64_t block_seed = 77;
constexpr std::size_t last_block_bytes = 777;
// The first block of each segment that has one, and the end of the image, which is no whole block.
constexpr std::size_t travelling_bytes = 6 * seen_block + last_block_bytes;

std::vector<std::uint64_t> different_blocks(std::size_t count) {
    std::vector<std::uint64_t> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
        numbers[i] = 5000 + i;
    }
    return numbers;
}

struct SeenSink final : ScanSink {
    Status take(std::size_t, std::span<const Entry> fresh, std::string&) override {
        entries.insert(entries.end(), fresh.begin(), fresh.end());
        return {};
    }
    Status take_seen(std::span<const SeenSegment> fresh, std::string&) override {
        for (const SeenSegment& segment : fresh) {
            EXPECT_TRUE(seen.emplace(segment.number, segment.record).second);
        }
        return {};
    }
    Status reached(std::uint64_t, std::string&) override { return {}; }
    std::vector<Entry> entries;
    std::map<std::uint64_t, SentRecord> seen;
};

class ImageSeen : public testing::Test {
  protected:
    ImageSeen() {
        options.key = world.send.key;
        options.block_seed = block_seed;
        auto numbers = different_blocks(7 * seen_segment_blocks + 40);
        // A segment that is a hole, one that is half a hole, and zeros in the midst of data.
        std::fill_n(numbers.begin() + 2 * seen_segment_blocks, seen_segment_blocks, 0);
        std::fill_n(numbers.begin() + 4 * seen_segment_blocks + 100, seen_segment_blocks / 2, 0);
        write_blocks(world.source, numbers, seen_block);
        write_at(world.source, 6 * segment_bytes, std::vector<std::byte>(segment_bytes));
        write_at(world.source, numbers.size() * seen_block, block_of(1, last_block_bytes));
    }

    SeenSink scan(std::uint64_t grid_start, const SeenOptions* wanted, std::size_t threads) {
        const auto source = open_image(world.source, ImageFormat::raw, why);
        GridStarts starts;
        starts.push(0);
        if (grid_start > 0) {
            starts.push(grid_start);
        }
        const std::vector<Grid> grids{Grid::make(source->size_bytes(), block_bytes_default, starts).value()};
        SeenSink sink;
        Scanner scanner{*source, grids, best_md5_kernel(), threads, wanted};
        EXPECT_TRUE(scanner.scan({.offset = 0, .length = source->size_bytes()}, sink, why).ok()) << why;
        return sink;
    }

    // As an agent's image process begins a transfer.
    void index_and_see() {
        seen = std::make_unique<SeenSegments>(options);
        ASSERT_TRUE(seen->create(world.folder.path("seen"), why).ok()) << why;
        IndexOptions how;
        how.seen = seen.get();
        IndexResult result;
        ASSERT_TRUE(build_index(world.source, world.send.index, how, result, why).ok()) << why;
        world.send.seen = seen.get();
    }

    void succeed(const Outcome& outcome) {
        ASSERT_TRUE(outcome.sender.ok()) << outcome.sender_why;
        ASSERT_TRUE(outcome.receiver.ok()) << outcome.receiver_why;
        EXPECT_TRUE(world.target_is_source());
    }

    // A local image at the destination with all of the source's blocks but the first of each segment.
    void add_local_image() {
        auto content = content_of(world.source);
        for (std::size_t at = 0; at < content.size(); at += segment_bytes) {
            std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(at),
                        std::min(seen_block, content.size() - at), std::byte{3});
        }
        write_at(world.folder.path("a.raw"), 0, content);
        world.index(world.folder.path("a.raw"));
        world.add_local(world.folder.path("a.raw"));
    }

    TransferWorld world;
    SeenOptions options;
    std::unique_ptr<SeenSegments> seen;
    std::string why;
};

TEST_F(ImageSeen, EverySegmentWithDataHasTheDigestOfItsContent) {
    const auto content = content_of(world.source);
    Digester digester{options.key};
    for (const std::size_t threads : {std::size_t{1}, std::size_t{2}}) {
        const SeenSink sink = scan(0, &options, threads);
        EXPECT_EQ(sink.entries, scan(0, nullptr, threads).entries);
        for (std::uint64_t i = 0; i < segments_of(content.size()); ++i) {
            const auto found = sink.seen.find(i);
            ASSERT_EQ(found != sink.seen.end(), i != 2) << i;
            if (i == 2) {
                continue;
            }
            const auto bytes =
                std::span{content}.subspan(i * segment_bytes, segment_length(content.size(), i));
            EXPECT_EQ(found->second.digest, digester.of_segment(i, bytes)) << i;
            for (std::size_t at = 0; at < bytes.size(); at += seen_block) {
                EXPECT_EQ(found->second.blocks[at / seen_block],
                          block_fingerprint(bytes.subspan(at, std::min(seen_block, bytes.size() - at)),
                                            block_seed));
            }
        }
    }
}

// A partition that begins at sector 63 moves the grid off the segments' beginnings.
TEST_F(ImageSeen, OffTheGridSegmentsAreNotSeenAndBlocksAreTheSame) {
    constexpr std::uint64_t start = 63 * std::uint64_t{sector_bytes};
    const SeenSink sink = scan(start, &options, 2);
    EXPECT_EQ(sink.entries, scan(start, nullptr, 1).entries);
    EXPECT_TRUE(sink.seen.empty());
    const SeenSink later = scan(3 * segment_bytes + start, &options, 1);
    EXPECT_EQ(later.entries, scan(3 * segment_bytes + start, nullptr, 1).entries);
    EXPECT_EQ(later.seen.size(), 2U);  // the first two; the third is a hole
}

TEST_F(ImageSeen, WhatWasSeenIsNotReadAgainButForWhatTravels) {
    add_local_image();
    for (const bool remembers : {false, true}) {
        world.send.sent_blocks = remembers ? world.folder.path("sent") : "";
        world.send.block_seed = block_seed;
        index_and_see();
        const Outcome outcome = world.transfer();
        succeed(outcome);
        EXPECT_EQ(outcome.sent.resent_segments, 0U);
        EXPECT_EQ(outcome.sent.literal_bytes, travelling_bytes);
        ::unlink(world.target.c_str());
    }
}

TEST_F(ImageSeen, ABlockThatTravelsAndHasChangedIsNoticedAtTheSource) {
    add_local_image();
    index_and_see();
    write_at(world.source, 5 * segment_bytes + 10, block_of(99, 20));
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_EQ(outcome.sent.resent_segments, 0U);
    EXPECT_EQ(outcome.sent.literal_bytes, travelling_bytes);
}

TEST_F(ImageSeen, WithoutFingerprintsAChangedBlockIsNoticedAtTheDestination) {
    add_local_image();
    options.block_seed.reset();
    index_and_see();
    write_at(world.source, 5 * segment_bytes + 10, block_of(99, 20));
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_EQ(outcome.sent.resent_segments, 1U);
}

// The first round brings each segment as it was seen or as it is; the next brings what it is.
TEST_F(ImageSeen, WhatIsWrittenToOtherBlocksComesWithTheNextRound) {
    add_local_image();
    index_and_see();
    world.send.sent_blocks = world.folder.path("sent");
    world.send.block_seed = block_seed;
    world.receive.last_round = false;
    write_at(world.source, 2 * segment_bytes + 5 * seen_block, block_of(99, seen_block));
    write_at(world.source, 3 * segment_bytes + 7 * seen_block, block_of(98, seen_block));
    write_at(world.source, 6 * segment_bytes + 9 * seen_block, block_of(97, seen_block));
    const Outcome first = world.transfer();
    ASSERT_TRUE(first.sender.ok()) << first.sender_why;
    ASSERT_TRUE(first.receiver.ok()) << first.receiver_why;
    world.send.seen = nullptr;
    world.send.match_blocks = false;
    world.receive.last_round = true;
    succeed(world.transfer());
}

// A transfer that was cut begins anew, with a new look at the image.
TEST_F(ImageSeen, AResumedTransferSkipsWhatIsThere) {
    add_local_image();
    index_and_see();
    world.send.sent_blocks = world.folder.path("sent");
    world.send.block_seed = block_seed;
    world.receive.last_round = false;
    succeed(world.transfer());
    write_at(world.source, 5 * segment_bytes + 20 * seen_block, block_of(99, seen_block));
    index_and_see();
    const Outcome second = world.transfer();
    succeed(second);
    EXPECT_EQ(second.sent.skipped_segments, segments_of(content_of(world.source).size()) - 1);
    EXPECT_EQ(second.sent.literal_bytes, seen_block);
}

}  // namespace
}  // namespace ballast::image
