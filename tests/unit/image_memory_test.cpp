#include "image/memory_packer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/prng.hpp"
#include "image/memory_unpacker.hpp"
#include "image_files.hpp"
#include "image_memory_stream.hpp"

namespace ballast::image {
namespace {

using namespace testing_files;

constexpr std::uint64_t seed = 77;

class MemoryStream : public testing::Test {
  protected:
    std::string path(const std::string& name) { return folder.path(name); }
    // An image that both ends have, and what the source remembers of having sent it.
    void share_image(const std::vector<std::uint64_t>& numbers) {
        write_blocks(path("image"), numbers, page_bytes);
        remember();
        pack.sent_blocks = {path("sent")};
        unpack.images = {path("image")};
    }
    void remember() {
        std::string why;
        SentBlocks sent;
        ASSERT_TRUE(sent.open(path("sent"), seed, why).ok()) << why;
        const Bytes image = content_of(path("image"));
        for (std::size_t at = 0; at < image.size(); at += segment_bytes) {
            const auto segment =
                std::span{image}.subspan(at, std::min<std::size_t>(segment_bytes, image.size() - at));
            ASSERT_TRUE(sent.keep(at / segment_bytes, Digest{std::byte{1}}, segment, why).ok()) << why;
        }
    }
    UniqueFd file_to_read(const std::string& name) { return UniqueFd{::open(path(name).c_str(), O_RDONLY)}; }
    UniqueFd file_to_write(const std::string& name) {
        return UniqueFd{::open(path(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600)};
    }
    Bytes packed(const Bytes& stream) {
        file_to_write("stream");
        write_at(path("stream"), 0, stream);
        pack.block_seed = seed;
        pack.key.fill(std::byte{42});
        MemoryPacker packer{pack, source};
        std::string why;
        const Status status = packer.run(file_to_read("stream"), file_to_write("packed"), why);
        EXPECT_TRUE(status.ok()) << why;
        report = packer.report();
        EXPECT_EQ(report.stream_bytes, stream.size());
        return content_of(path("packed"));
    }
    Status unpacked(const Bytes& from, Bytes& to) {
        file_to_write("packed");
        write_at(path("packed"), 0, from);
        MemoryUnpacker unpacker{unpack, destination};
        const Status status = unpacker.run(file_to_read("packed"), file_to_write("out"), why_);
        to = content_of(path("out"));
        return status;
    }
    void expect_the_same(const Bytes& stream) {
        Bytes out;
        ASSERT_TRUE(unpacked(packed(stream), out).ok()) << why_;
        ASSERT_TRUE(out == stream) << out.size() << " bytes came out of " << stream.size();
        EXPECT_EQ(destination.image_bytes.load(), stream.size());
    }

    Folder folder;
    PackOptions pack;
    UnpackOptions unpack;
    TransferControl source;
    TransferControl destination;
    PackReport report;
    std::string why_;
};

Bytes page(std::uint64_t number) {
    return block_of(number, page_bytes);
}

TEST_F(MemoryStream, PagesThatTheDestinationHoldsDoNotTravel) {
    share_image({1, 2, 3, 0, 4, 5});
    XenStream stream;
    stream.pages({page(100), page(1), page(2), Bytes(page_bytes), {}, page(100), page(3)});
    stream.pages({page(101), page(5), page(101), page(102), {}, Bytes(page_bytes)});
    stream.finish(300);
    expect_the_same(stream.bytes());
    EXPECT_EQ(report.literal_pages, 3U);
    EXPECT_EQ(report.kept_pages, 2U);
    EXPECT_EQ(report.block_pages, 4U);
    EXPECT_EQ(report.zero_pages, 2U);
    EXPECT_EQ(source.done_bytes.load(), 8 * page_bytes);
    EXPECT_EQ(destination.done_bytes.load(), 8 * page_bytes);
}

// The file on a loop device, where that can be had.
std::string attached(const std::string& file) {
    std::string device(64, '\0');
    FILE* const said = ::popen(("losetup --find --show --read-only " + file + " 2>/dev/null").c_str(), "r");
    device.resize(std::fread(device.data(), 1, device.size(), said));
    ::pclose(said);
    return device.substr(0, device.find('\n'));
}

TEST_F(MemoryStream, AnImageOnABlockDeviceIsOneLikeAnother) {
    share_image({1, 2, 3, 4});
    const std::string device = attached(path("image"));
    if (device.empty()) {
        GTEST_SKIP() << "no loop devices here";
    }
    unpack.images = {device};
    XenStream stream;
    stream.pages({page(100), page(4), page(2)});
    stream.finish(300);
    expect_the_same(stream.bytes());
    EXPECT_EQ(report.block_pages, 2U);
    EXPECT_EQ(std::system(("losetup --detach " + device).c_str()), 0);
}

TEST_F(MemoryStream, WhatIsNoKnownStreamPassesUnchanged) {
    Prng prng{5};
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 15, 16, 17, 70'000, 300'000}) {
        Bytes stream(size);
        std::generate(stream.begin(), stream.end(), [&prng] { return static_cast<std::byte>(prng.next()); });
        expect_the_same(stream);
        EXPECT_EQ(report.literal_pages + report.zero_pages + report.kept_pages + report.block_pages, 0U);
    }
}

// Records of all lengths, cut at any byte, with fields that lie.
TEST_F(MemoryStream, EveryStreamComesOutAsItWentIn) {
    share_image({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    pack.kept_pages = 16;
    Prng prng{3};
    for (int round = 0; round < 60; ++round) {
        XenStream stream;
        for (std::uint64_t records = prng.below(5); records > 0; --records) {
            std::vector<Bytes> contents(prng.below(400));
            for (Bytes& content : contents) {
                content = prng.below(9) == 0 ? Bytes{} : page(prng.below(40));
            }
            stream.pages(contents);
        }
        stream.finish(prng.below(200'000));
        Bytes bytes = stream.bytes();
        if (round % 3 == 1) {
            bytes.resize(prng.below(bytes.size()));
        } else if (round % 3 == 2) {
            for (int i = 0; i < 3; ++i) {
                bytes[prng.below(std::min<std::size_t>(bytes.size(), 5000))] =
                    static_cast<std::byte>(prng.next());
            }
        }
        expect_the_same(bytes);
    }
}

TEST_F(MemoryStream, OnlyTheLastPagesAreKept) {
    pack.kept_pages = 8;
    XenStream stream;
    std::vector<Bytes> contents;
    for (std::uint64_t number = 1; number <= 9; ++number) {
        contents.push_back(page(number));
    }
    contents.push_back(page(1));  // has gone
    contents.push_back(page(3));
    contents.push_back(page(9));
    stream.pages(contents);
    stream.finish(10);
    expect_the_same(stream.bytes());
    EXPECT_EQ(report.literal_pages, 10U);
    EXPECT_EQ(report.kept_pages, 2U);
}

TEST_F(MemoryStream, AnImageThatChangedAtTheDestinationIsRefusedBeforeAPageOfItPasses) {
    share_image({1, 2, 3, 4});
    XenStream stream;
    stream.pages({page(50), page(2), page(51)});
    const std::size_t before_pages = stream.bytes().size() - 3 * page_bytes;
    stream.finish(10);
    const Bytes sent = packed(stream.bytes());
    EXPECT_EQ(report.block_pages, 1U);
    write_at(path("image"), page_bytes + 4000, Bytes(1, std::byte{0xee}));
    Bytes out;
    EXPECT_EQ(unpacked(sent, out).fault(), Fault::image_corrupt);
    EXPECT_EQ(why_, "a page that should be here already is not the one that the source has");
    ASSERT_LT(out.size(), stream.bytes().size());
    EXPECT_TRUE(std::equal(out.begin(), out.end(), stream.bytes().begin()));
    EXPECT_EQ(out.size(), before_pages) << "no page has passed";
}

TEST_F(MemoryStream, ASourceWhoseMemoryOfWhatItSentIsOldSendsNoReferenceToIt) {
    share_image({1, 2, 3, 4});
    std::string why;
    SentBlocks sent;
    ASSERT_TRUE(sent.open(path("sent"), seed, why).ok());
    ASSERT_TRUE(sent.forget(0, why).ok());
    XenStream stream;
    stream.pages({page(1), page(2)});
    stream.finish(10);
    expect_the_same(stream.bytes());
    EXPECT_EQ(report.literal_pages, 2U);
}

TEST_F(MemoryStream, AnImageOfMoreBlocksThanTheLookupHasPlacesForIsKnownInPart) {
    std::vector<std::uint64_t> numbers(400);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        numbers[i] = i + 1;
    }
    share_image(numbers);
    pack.lookup_places = 128;
    XenStream stream;
    stream.pages({page(1), page(96), page(300)});
    stream.finish(10);
    expect_the_same(stream.bytes());
    EXPECT_EQ(report.block_pages, 2U);
    EXPECT_EQ(report.literal_pages, 1U);
}

// References, kept pages and zeros only: there is nothing in such a unit that may be another without being
// seen.
TEST_F(MemoryStream, ABitThatFlipsInAReferenceIsSeen) {
    share_image({1, 2, 3, 4, 5, 6, 7, 8});
    pack.kept_pages = 16;
    XenStream stream;
    stream.pages({page(1), page(2), page(3), page(7), page(2), Bytes(page_bytes), page(8)});
    const Bytes good = packed(stream.bytes());
    ASSERT_LT(good.size(), page_bytes);
    const Bytes& expected = stream.bytes();
    for (std::size_t at = 0; at < good.size(); ++at) {
        Bytes bad = good;
        bad[at] ^= static_cast<std::byte>(1u << (at % 8));
        Bytes out;
        const Status status = unpacked(bad, out);
        const std::size_t pages_begin = expected.size() - 7 * page_bytes;
        const bool of_pages = out.size() > pages_begin &&
                              !std::equal(out.begin() + static_cast<std::ptrdiff_t>(pages_begin), out.end(),
                                          expected.begin() + static_cast<std::ptrdiff_t>(pages_begin));
        EXPECT_FALSE(status.ok() && of_pages) << "a bit of byte " << at;
    }
}

TEST_F(MemoryStream, AHostileSourceIsAnErrorAndNothingMore) {
    share_image({1, 2, 3, 4});
    pack.kept_pages = 16;
    XenStream stream;
    stream.pages({page(1), page(20), page(21), page(20), page(4)});
    stream.finish(40);
    const Bytes good = packed(stream.bytes());
    Prng prng{9};
    for (int round = 0; round < 300; ++round) {
        Bytes bad = good;
        for (std::uint64_t i = prng.below(4); i > 0; --i) {
            bad[prng.below(std::min<std::size_t>(bad.size(), 600))] = static_cast<std::byte>(prng.next());
        }
        bad.resize(prng.below(2) == 0 ? bad.size() : prng.below(bad.size()));
        Bytes out;
        const Status status = unpacked(bad, out);
        EXPECT_TRUE(status.ok() || !why_.empty());
        EXPECT_LE(out.size(), bad.size() + 8 * page_bytes);
    }
}

// The source holds back the last piece of the stream until the images are final: everything that refers to
// them must be in pieces before it, and the piece must complete the stream.
TEST_F(MemoryStream, WhatFollowsTheMemoryBeginsAtItsOwnPiece) {
    share_image({1, 2, 3});
    for (const std::size_t emulator_bytes :
         std::initializer_list<std::size_t>{0, 100, 131072 - 60, 131072, 400'000}) {
        XenStream stream;
        stream.pages({page(1), page(9), page(2)});
        const std::size_t memory = stream.bytes().size();
        stream.finish(emulator_bytes);
        const Bytes whole = packed(stream.bytes());
        const std::size_t last_piece = (whole.size() - 1) / pack.alignment_bytes * pack.alignment_bytes;
        Bytes out;
        EXPECT_EQ(
            unpacked({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(last_piece)}, out).fault(),
            Fault::connection_lost);
        EXPECT_GE(out.size(), memory) << "all pages are before the last piece";
        EXPECT_LT(out.size(), stream.bytes().size()) << "the last piece completes the stream";
        expect_the_same(stream.bytes());
    }
}

TEST_F(MemoryStream, ADestinationThatTakesNoMoreChecksTheRestAllTheSame) {
    XenStream stream;
    for (std::uint64_t number = 0; number < 40; ++number) {
        stream.pages({page(number * 3 + 1), page(number * 3 + 2), page(number * 3 + 3)});
    }
    stream.finish(10);
    const Bytes good = packed(stream.bytes());
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe(ends), 0);
    ::signal(SIGPIPE, SIG_IGN);
    UniqueFd{ends[0]}.reset();
    MemoryUnpacker unpacker{unpack, destination};
    EXPECT_TRUE(unpacker.run(file_to_read("packed"), UniqueFd{ends[1]}, why_).ok()) << why_;
    EXPECT_EQ(destination.image_bytes.load(), stream.bytes().size());
}

TEST_F(MemoryStream, WaitingIsToldWithAllThatHasCome) {
    XenStream stream;
    stream.pages({page(1)});
    stream.finish(10);
    const Bytes good = packed(stream.bytes());
    std::uint64_t told = 0;
    unpack.on_waiting = [&told](std::uint64_t bytes) { told = bytes; };
    Bytes out;
    EXPECT_EQ(unpacked({good.begin(), good.end() - 1}, out).fault(), Fault::connection_lost);
    EXPECT_EQ(told, good.size() - 1);
}

}  // namespace
}  // namespace ballast::image
