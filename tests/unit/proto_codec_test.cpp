#include "proto/codec.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/unit/proto_generator.hpp"

namespace ballast::wire {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text});
}

std::span<const std::byte> payload_of(std::string_view frame) {
    return bytes_of(frame.substr(frame_header_bytes));
}

std::string frame_of(Codec& codec, const Message& message) {
    std::string frame;
    EXPECT_TRUE(codec.encode(message, limits::frame_bytes_max, frame).ok());
    return frame;
}

// Payloads written by hand: protobuf fields of type bytes and of a number type.
std::string varint(std::uint64_t value) {
    std::string text;
    for (; value >= 0x80; value >>= 7) {
        text.push_back(static_cast<char>((value & 0x7f) | 0x80));
    }
    text.push_back(static_cast<char>(value));
    return text;
}
std::string field(std::uint64_t number, std::string_view bytes) {
    return varint(number << 3 | 2).append(varint(bytes.size())).append(bytes);
}
std::string number_field(std::uint64_t number, std::uint64_t value) {
    return varint(number << 3).append(varint(value));
}

constexpr std::uint64_t hello_number = 1;
constexpr std::uint64_t sample_report_number = 3;
constexpr std::uint64_t migration_chunk_number = 34;
constexpr std::uint64_t ping_number = 48;

class ProtoCodec : public ::testing::Test {
  protected:
    Fault decode(std::string_view payload) { return codec.decode(bytes_of(payload), message, chunk).fault(); }

    Codec codec;
    Message message;
    Chunk chunk;
};

TEST_F(ProtoCodec, BringsEveryKindOfMessageBackUnchanged) {
    MessageGenerator generate{20261121};
    for (int round = 0; round < 40; ++round) {
        generate.each_kind([&](const Message& sent) {
            const std::string frame = frame_of(codec, sent);
            const auto length = frame_length(bytes_of(frame), limits::frame_bytes_max);
            ASSERT_TRUE(length.ok());
            ASSERT_EQ(length.value(), frame.size());
            ASSERT_TRUE(codec.decode(payload_of(frame), message, chunk).ok()) << "kind " << sent.index();
            ASSERT_TRUE(sent == message) << "kind " << sent.index() << " round " << round;
        });
    }
}

TEST_F(ProtoCodec, KeepsNothingOfTheMessageBefore) {
    MessageGenerator generate{7};
    const Message full = generate.full_host_report();
    ASSERT_TRUE(codec.decode(payload_of(frame_of(codec, full)), message, chunk).ok());
    ASSERT_TRUE(codec.decode(payload_of(frame_of(codec, HostReport{})), message, chunk).ok());
    EXPECT_TRUE(Message{HostReport{}} == message);
}

TEST_F(ProtoCodec, FitsTheFullestHostIntoAFrame) {
    MessageGenerator generate{8};
    EXPECT_LE(frame_of(codec, generate.full_host_report()).size(),
              frame_header_bytes + limits::frame_bytes_max);
    EXPECT_LE(frame_of(codec, generate.full_sample_report()).size(),
              frame_header_bytes + limits::frame_bytes_max);
}

TEST_F(ProtoCodec, RefusesToEncodeAboveTheBoundAndLeavesTheBufferAsItWas) {
    std::string out = "before";
    EXPECT_EQ(codec.encode(Message{Hello{.software = "x"}}, 4, out).fault(), Fault::limit_reached);
    EXPECT_EQ(out, "before");
}

TEST_F(ProtoCodec, RefusesToEncodeRatesThatAreNotNumbers) {
    std::string out;
    for (const double rate :
         {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -0.5}) {
        SampleReport report;
        report.dom0_cpu_cores = rate;
        EXPECT_EQ(codec.encode(Message{report}, limits::frame_bytes_max, out).fault(),
                  Fault::invalid_argument);
    }
    EXPECT_TRUE(out.empty());
}

TEST_F(ProtoCodec, RefusesToEncodeAnEnumeratorThatDoesNotExist) {
    std::string out;
    const JobOrder order{.kind = static_cast<JobKind>(200)};
    EXPECT_EQ(codec.encode(Message{order}, limits::frame_bytes_max, out).fault(), Fault::invalid_argument);
}

TEST_F(ProtoCodec, SendsTextThatIsNotUtf8WithQuestionMarks) {
    const struct {
        std::string_view sent;
        std::string_view received;
    } rows[]{
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
         "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xff"
         "a",
         "?a"},                        // never a first byte
        {"\xc0\xaf", "??"},            // overlong
        {"\xed\xa0\x80", "???"},       // surrogate
        {"\xf4\x90\x80\x80", "????"},  // beyond U+10FFFF
        {"cut \xe2\x82", "cut ??"},    // cut in the middle
        {std::string_view{"a\0b", 3}, "a?b"},
    };
    for (const auto& row : rows) {
        ASSERT_TRUE(
            codec.decode(payload_of(frame_of(codec, HelloReply{.detail = row.sent})), message, chunk).ok());
        EXPECT_EQ(std::get<HelloReply>(message).detail.view(), row.received);
    }
}

TEST_F(ProtoCodec, TellsHowLongAFrameIs) {
    const auto length = [](std::string_view received) { return frame_length(bytes_of(received), 1000); };
    EXPECT_EQ(length("").value(), 0U);
    EXPECT_EQ(length(std::string_view{"\x05\0\0", 3}).value(), 0U);
    EXPECT_EQ(length(std::string_view{"\x05\0\0\0", 4}).value(), 9U);
    EXPECT_EQ(length(std::string_view{"\xe8\x03\0\0", 4}).value(), 1004U);
    EXPECT_EQ(length(std::string_view{"\xe9\x03\0\0", 4}).fault(), Fault::protocol_violation);
    EXPECT_EQ(length(std::string_view{"\0\0\0\0", 4}).fault(), Fault::protocol_violation);
    EXPECT_EQ(length("\xff\xff\xff\xff").fault(), Fault::protocol_violation);
}

TEST_F(ProtoCodec, IgnoresABodyOfANewerProtocol) {
    EXPECT_EQ(decode(field(4000, "whatever")), Fault::none);
    EXPECT_TRUE(std::holds_alternative<std::monostate>(message));
    EXPECT_EQ(decode(number_field(4001, 12) + field(ping_number, number_field(1, 9)) + field(4002, "x")),
              Fault::none);
    EXPECT_EQ(std::get<Ping>(message).nonce, 9U);
}

TEST_F(ProtoCodec, IgnoresANewerFieldInAKnownBody) {
    EXPECT_EQ(decode(field(ping_number, number_field(1, 9) + field(300, "newer"))), Fault::none);
    EXPECT_EQ(std::get<Ping>(message).nonce, 9U);
}

TEST_F(ProtoCodec, RefusesTwoBodiesInOneFrame) {
    EXPECT_EQ(decode(field(ping_number, "") + field(ping_number + 1, "")), Fault::protocol_violation);
    EXPECT_EQ(decode(field(ping_number, "") + field(ping_number, "")), Fault::protocol_violation);
}

TEST_F(ProtoCodec, RefusesValuesThatDoNotFit) {
    const std::string nan{"\0\0\0\0\0\0\xf8\x7f", 8};
    std::string many_domains;
    for (std::size_t i = 0; i <= limits::domains_per_host_max; ++i) {
        many_domains += field(11, "");
    }
    const struct {
        const char* what;
        std::string payload;
    } rows[]{
        {"a host name that is too long", field(hello_number, field(3, std::string(64, 'h')))},
        {"a uuid of 15 bytes", field(hello_number, field(4, std::string(15, 'u')))},
        {"a uuid of 17 bytes", field(hello_number, field(4, std::string(17, 'u')))},
        {"a port above 65535", field(hello_number, number_field(7, 65536))},
        {"a zero byte in a name", field(hello_number, field(3, std::string_view{"a\0b", 3}))},
        {"a name that is not UTF-8", field(hello_number, field(3, "\xff"))},
        {"an unknown fault", field(16, number_field(2, 255))},
        {"a fault that would wrap", field(16, number_field(2, 256))},
        {"an unknown domain state", field(2, field(11, number_field(5, 9)))},
        {"more domains than a host has", field(2, many_domains)},
        {"more expected states than fit", field(17, field(5, std::string(9, '\1')))},
        {"an unknown expected state", field(17, field(5, "\x63"))},
        {"a rate that is not a number", field(sample_report_number, "\x31" + nan)},
        {"an unknown verdict", field(41, number_field(2, 6))},
        {"a VNC password that VNC would cut", field(20, field(3, "123456789"))},
        {"an unknown state of a relay", field(7, number_field(3, 3))},
        {"an unknown source of a disk", field(17, field(15, number_field(2, 3)))},
        {"an unknown step of a probe", field(23, number_field(2, 3))},
        {"a nonce of 15 bytes", field(22, field(2, std::string(15, 'n')))},
        {"a body cut short", field(hello_number, "\x1a\x05zz")},
        {"a frame cut short", "\x0a\x05z"},
        {"a group that never ends", "\x0b"},
        {"field number zero", std::string(2, '\2')},
        {"noise", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(decode(row.payload), Fault::protocol_violation) << row.what;
    }
}

TEST_F(ProtoCodec, AcceptsAbsentUuidsAsNil) {
    EXPECT_EQ(decode(field(hello_number, field(3, "h1"))), Fault::none);
    EXPECT_TRUE(std::get<Hello>(message).host_uuid.nil());
}

TEST_F(ProtoCodec, BringsChunksBackWithoutCopyingThem) {
    const std::string data = "pages of memory";
    for (const auto compression : {Compression::none, Compression::zstd, Compression::lz4}) {
        const Chunk sent{bytes_of(data), compression, compression == Compression::none ? 0U : 4096U};
        std::string frame;
        ASSERT_TRUE(codec.encode(sent, limits::frame_bytes_max, frame).ok());
        ASSERT_EQ(frame_length(bytes_of(frame), limits::frame_bytes_max).value(), frame.size());
        ASSERT_TRUE(codec.decode(payload_of(frame), message, chunk).ok());
        EXPECT_TRUE(std::holds_alternative<std::monostate>(message));
        EXPECT_EQ((std::string_view{reinterpret_cast<const char*>(chunk.data.data()), chunk.data.size()}),
                  data);
        EXPECT_GE(chunk.data.data(), bytes_of(frame).data());
        EXPECT_LT(chunk.data.data(), bytes_of(frame).data() + frame.size());
        EXPECT_EQ(chunk.compression, compression);
        EXPECT_EQ(chunk.plain_bytes, compression == Compression::none ? data.size() : 4096U);
    }
}

TEST_F(ProtoCodec, RefusesChunksThatLie) {
    EXPECT_EQ(decode(field(migration_chunk_number, field(1, "abc") + number_field(3, 4))),
              Fault::protocol_violation);
    EXPECT_EQ(decode(field(migration_chunk_number, field(1, "abc") + number_field(2, 3))),
              Fault::protocol_violation);
    const std::string bomb = number_field(2, 1) + number_field(3, chunk_plain_bytes_max + 1);
    EXPECT_EQ(decode(field(migration_chunk_number, field(1, "abc") + bomb)), Fault::protocol_violation);
}

TEST_F(ProtoCodec, RefusesAChunkAboveTheFrameBound) {
    const std::string data(1000, 'd');
    EXPECT_TRUE(encode_chunk_head(Chunk{bytes_of(data)}, 1000 + chunk_head_bytes_max).ok());
    EXPECT_EQ(encode_chunk_head(Chunk{bytes_of(data)}, 999 + chunk_head_bytes_max).fault(),
              Fault::limit_reached);
}

TEST_F(ProtoCodec, SurvivesEverySingleBitFlippedAndEveryCut) {
    MessageGenerator generate{99};
    generate.each_kind([&](const Message& sent) {
        const std::string frame = frame_of(codec, sent);
        std::string payload = frame.substr(frame_header_bytes, 400);
        for (std::size_t cut = 0; cut < payload.size(); ++cut) {
            static_cast<void>(decode(payload.substr(0, cut)));
        }
        for (std::size_t bit = 0; bit < payload.size() * 8; ++bit) {
            const auto flip = static_cast<char>(1U << bit % 8);
            payload[bit / 8] = static_cast<char>(payload[bit / 8] ^ flip);
            if (decode(payload) == Fault::none && !std::holds_alternative<std::monostate>(message)) {
                // What is accepted can be said again.
                std::string again;
                ASSERT_TRUE(codec.encode(message, limits::frame_bytes_max, again).ok());
            }
            payload[bit / 8] = static_cast<char>(payload[bit / 8] ^ flip);
        }
    });
}

}  // namespace
}  // namespace ballast::wire
