// A source that keeps to the framing of the messages and to nothing else: what it says of an image is refused
// with the reason, and nothing of it that was not verified is written.
#include <gtest/gtest.h>

#include "image/compressor.hpp"
#include "image/core/recipe.hpp"
#include "image/digest.hpp"
#include "image_transfer_world.hpp"

namespace ballast::image {
namespace {

using namespace testing_files;

constexpr std::uint64_t hostile_segments = 2;
constexpr std::uint64_t hostile_bytes = hostile_segments * segment_bytes;

class HostileSource : public testing::Test {
  protected:
    HostileSource() : runs_(runs_max), recipe_{runs_}, compressor_{1} {
        content.assign(segment_bytes, std::byte{7});
        write_blocks(local, {1, 2, 3}, 4096);
        world.index(local);
        world.add_local(local);
        const Hello hello{.image_bytes = hostile_bytes, .data_bytes = segment_bytes};
        speech_.say(MessageType::hello, hello);
    }

    struct Lie {
        std::uint64_t number = 0;
        std::uint32_t literal_bytes_more = 0;
        std::size_t bytes_more = 0;
        std::size_t bytes_less = 0;
        bool wrong_digest = false;
    };
    // `content` as segment 0, of these runs, but for the lie.
    void say_segment(const std::vector<image::Run>& runs, const Lie& lie) {
        recipe_.clear(0);
        for (const image::Run& run : runs) {
            recipe_.append(run);
        }
        std::vector<std::byte> recipe(recipe_bytes_max);
        recipe.resize(encode(recipe_, recipe));
        std::vector<std::byte> literals(recipe_.literal_bytes() + lie.bytes_more - lie.bytes_less,
                                        std::byte{7});
        const StreamCompressor::Part part{literals};
        std::vector<std::byte> packed(StreamCompressor::bound(literals.size() + recipe.size()));
        packed.resize(compressor_.compress(recipe, {&part, 1}, packed));
        Digester digester{TransferKey{}};
        Segment segment{.number = lie.number,
                        .digest = digester.of_segment(lie.number, content),
                        .recipe_bytes = static_cast<std::uint32_t>(recipe.size()),
                        .literal_bytes = recipe_.literal_bytes() + lie.literal_bytes_more,
                        .compressed = packed};
        segment.digest[0] ^= lie.wrong_digest ? std::byte{1} : std::byte{0};
        speech_.say(MessageType::segment, segment);
    }
    void say_zeros(std::uint64_t first, std::uint64_t count) {
        speech_.say(MessageType::zeros, SegmentRange{.first = first, .count = count});
    }
    void say_keys(std::uint32_t count, std::byte bits) {
        const std::vector<std::byte> all_bits(count, bits);
        const Keys keys{
            .block_bytes = 4096, .code = key_code_for(count, 3), .count = count, .bits = all_bits};
        speech_.say(MessageType::keys, keys);
    }
    void say_finish(bool right) {
        Digester digester{TransferKey{}};
        const Digest first = digester.of_segment(0, content);
        const Digest second = digester.of_zeros(1, segment_bytes);
        digester.begin_image(hostile_bytes);
        digester.add_segment(first);
        digester.add_segment(right ? second : first);
        speech_.say(MessageType::finish, digester.end_image());
    }

    // The fault, and the reason in `why`.
    Fault hear() { return world.receiver_hears(speech_, why).fault(); }
    void refused(const char* reason) {
        EXPECT_EQ(hear(), Fault::protocol_violation) << why;
        EXPECT_NE(why.find(reason), std::string::npos) << why;
        expect_nothing_written();
    }
    void expect_nothing_written() const {
        for (const std::byte byte : content_of(world.target)) {
            ASSERT_EQ(byte, std::byte{0});
        }
    }

    static constexpr image::Run all{.kind = RunKind::literal, .length = segment_bytes};
    static constexpr const char* no_recipe = "a recipe that does not make its segment";
    static constexpr const char* no_stream = "a segment that cannot be decompressed";
    TransferWorld world;
    std::string local = world.folder.path("local.raw");
    std::vector<std::byte> content;
    std::string why;

  private:
    Speech speech_;
    std::vector<image::Run> runs_;
    Recipe recipe_;
    StreamCompressor compressor_;
};

// So that the others fail for what they change.
TEST_F(HostileSource, WithoutALieIsBelieved) {
    say_segment({all}, {});
    say_zeros(1, 1);
    say_finish(true);
    EXPECT_EQ(hear(), Fault::none) << why;
    content.resize(hostile_bytes);
    EXPECT_EQ(content_of(world.target), content);
}

TEST_F(HostileSource, ThatSendsASegmentBeyondTheImage) {
    say_segment({all}, {.number = hostile_segments});
    refused("a segment that is not of this image");
}

TEST_F(HostileSource, WhoseRecipeMakesTooLittle) {
    say_segment({{.kind = RunKind::literal, .length = segment_bytes - 512}}, {});
    refused(no_recipe);
}

TEST_F(HostileSource, WhoseRecipeMakesTooMuch) {
    say_segment({{.kind = RunKind::zero, .length = segment_bytes}, {.kind = RunKind::literal, .length = 512}},
                {});
    refused(no_recipe);
}

TEST_F(HostileSource, ThatCountsItsLiteralsWrong) {
    say_segment(
        {{.kind = RunKind::zero, .length = 512}, {.kind = RunKind::literal, .length = segment_bytes - 512}},
        {.literal_bytes_more = 1});
    refused(no_recipe);
}

TEST_F(HostileSource, ThatCopiesFromBeyondAnImage) {
    say_segment({{.kind = RunKind::local, .length = 8192, .source_offset = 8192},
                 {.kind = RunKind::literal, .length = segment_bytes - 8192}},
                {});
    refused(no_recipe);
}

TEST_F(HostileSource, ThatCopiesFromAnImageThatIsNotThere) {
    say_segment({{.kind = RunKind::local, .local_image = 1, .length = 4096},
                 {.kind = RunKind::literal, .length = segment_bytes - 4096}},
                {});
    refused(no_recipe);
}

TEST_F(HostileSource, ThatCopiesWhatIsYetToCome) {
    say_segment({{.kind = RunKind::itself, .length = 4096, .source_offset = 8192},
                 {.kind = RunKind::literal, .length = segment_bytes - 4096}},
                {});
    refused(no_recipe);
}

TEST_F(HostileSource, ThatSendsMoreThanItsRecipeTakes) {
    say_segment({all}, {.bytes_more = 1});
    refused(no_stream);
}

TEST_F(HostileSource, ThatSendsLessThanItsRecipeTakes) {
    say_segment({all}, {.bytes_less = 1});
    refused(no_stream);
}

TEST_F(HostileSource, WhoseKeysCannotBeDecoded) {
    say_keys(5, std::byte{0xff});
    refused("keys that are not in order");
}

// It is told so, and sends the segment no more.
TEST_F(HostileSource, WhoseSegmentIsNotWhatItSays) {
    say_segment({all}, {.wrong_digest = true});
    EXPECT_EQ(hear(), Fault::connection_lost) << why;
    expect_nothing_written();
}

TEST_F(HostileSource, ThatSendsZerosBeyondTheImage) {
    say_zeros(hostile_segments + 1, 1);
    refused("zeros beyond the image");
}

TEST_F(HostileSource, ThatSendsMoreZerosThanTheImageHas) {
    say_zeros(1, hostile_segments);
    refused("zeros beyond the image");
}

TEST_F(HostileSource, ThatEndsBeforeAllHasCome) {
    say_zeros(1, 1);
    say_finish(true);
    refused("it ended before every segment had come");
}

TEST_F(HostileSource, WhoseWholeIsNotWhatItsSegmentsAre) {
    say_segment({all}, {});
    say_zeros(1, 1);
    say_finish(false);
    EXPECT_EQ(hear(), Fault::image_corrupt) << why;
    EXPECT_NE(why.find("the whole image does not verify"), std::string::npos) << why;
}

}  // namespace
}  // namespace ballast::image
