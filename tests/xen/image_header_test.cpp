#include "xen_glue/xen/image_header.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace ballast::xen {
namespace {

using Header = std::array<std::byte, image_header_bytes>;
using StreamHeader = std::array<std::byte, stream_header_bytes>;

constexpr std::string_view configuration = R"({"c_info":{"name":"desk-1"}})";

Header header_of(const std::string& head) {
    Header header{};
    std::memcpy(header.data(), head.data(), header.size());
    return header;
}

void put_word(Header& header, std::size_t offset, std::uint32_t word) {
    std::memcpy(header.data() + offset, &word, sizeof word);
}

StreamHeader stream_header(const char (&bytes)[17]) {
    StreamHeader header{};
    std::memcpy(header.data(), bytes, header.size());
    return header;
}

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span{text});
}

std::string optional_data(std::uint32_t claimed_length, const std::string& content) {
    std::string out(sizeof claimed_length, '\0');
    std::memcpy(out.data(), &claimed_length, sizeof claimed_length);
    return out + content;
}

TEST(ImageHead, HasTheBytesThatXlWrites) {
    const std::string head = format_image_head("{}");
    const std::string expected = std::string{"Xen saved domain, xl format\n \0 \r", 32} +
                                 std::string{"\x04\x03\x02\x01", 4} +  // byte order
                                 std::string{"\x03\0\0\0", 4} +        // mandatory flags
                                 std::string{"\0\0\0\0", 4} +          // optional flags
                                 std::string{"\x07\0\0\0", 4} +        // optional data
                                 std::string{"\x03\0\0\0", 4} + std::string{"{}\0", 3};
    EXPECT_EQ(head, expected);
}

TEST(ImageHead, IsReadBackAsItWasWritten) {
    const std::string head = format_image_head(configuration);
    std::string why;
    const Result<ImageHeader> header = parse_image_header(header_of(head), why);
    ASSERT_TRUE(header.ok()) << why;
    EXPECT_EQ(header.value().optional_data_bytes, head.size() - image_header_bytes);
    std::string_view text;
    const std::string optional = head.substr(image_header_bytes);
    ASSERT_TRUE(parse_optional_data(bytes_of(optional), text, why).ok()) << why;
    EXPECT_EQ(text, configuration);
}

TEST(ImageHead, IgnoresOptionalFlagsAndATailAfterTheConfiguration) {
    Header header = header_of(format_image_head(configuration));
    put_word(header, 40, 0xffffffff);
    std::string why;
    EXPECT_TRUE(parse_image_header(header, why).ok()) << why;
    std::string_view text;
    const std::string optional = optional_data(3, std::string{"{}\0more", 7});
    EXPECT_TRUE(parse_optional_data(bytes_of(optional), text, why).ok()) << why;
    EXPECT_EQ(text, "{}");
}

TEST(ImageHead, IsRefusedWhenAnyByteOfItsMagicDiffers) {
    const Header good = header_of(format_image_head(configuration));
    for (std::size_t i = 0; i < 36; ++i) {  // magic and byte order
        Header bad = good;
        bad[i] ^= std::byte{0x20};
        std::string why;
        EXPECT_FALSE(parse_image_header(bad, why).ok()) << i;
        EXPECT_FALSE(why.empty());
    }
}

TEST(ImageHead, IsRefusedWithOtherMandatoryFlags) {
    for (const std::uint32_t flags : {0U, 1U, 2U, 4U, 7U, 0x80000003U}) {
        Header header = header_of(format_image_head(configuration));
        put_word(header, 36, flags);
        std::string why;
        const Result<ImageHeader> parsed = parse_image_header(header, why);
        ASSERT_FALSE(parsed.ok()) << flags;
        EXPECT_EQ(parsed.fault(), Fault::image_corrupt);
    }
}

TEST(ImageHead, IsRefusedWhenItPromisesTooMuchOrTooLittle) {
    for (const std::uint32_t length :
         {0U, 3U, static_cast<std::uint32_t>(image_optional_bytes_max) + 1, 0xffffffffU}) {
        Header header = header_of(format_image_head(configuration));
        put_word(header, 44, length);
        std::string why;
        EXPECT_FALSE(parse_image_header(header, why).ok()) << length;
    }
}

TEST(ImageConfiguration, IsRefusedWhenItsLengthIsNotThere) {
    for (const std::uint32_t length : {0U, 1U, 4U, 100U, 0xffffffffU}) {
        std::string_view text;
        std::string why;
        const std::string optional = optional_data(length, std::string{"{}\0", 3});
        EXPECT_EQ(parse_optional_data(bytes_of(optional), text, why).fault(), Fault::image_corrupt) << length;
    }
    std::string_view text;
    std::string why;
    EXPECT_FALSE(parse_optional_data(bytes_of("abc"), text, why).ok());
    EXPECT_FALSE(parse_optional_data({}, text, why).ok());
}

TEST(ImageConfiguration, IsRefusedWithoutItsNulOrWithOneInTheMiddle) {
    std::string_view text;
    std::string why;
    EXPECT_FALSE(parse_optional_data(bytes_of(optional_data(3, "{} ")), text, why).ok());
    EXPECT_FALSE(parse_optional_data(bytes_of(optional_data(5, std::string{"{\0 }\0", 5})), text, why).ok());
}

TEST(StreamHeader, IsAcceptedOnlyAsLibxlVersionTwo) {
    std::string why;
    EXPECT_TRUE(check_stream_header(stream_header("LibxlFmt\0\0\0\2\0\0\0\0"), why).ok()) << why;
    EXPECT_FALSE(check_stream_header(stream_header("LibxlFmx\0\0\0\2\0\0\0\0"), why).ok());
    EXPECT_FALSE(check_stream_header(stream_header("LibxlFmt\2\0\0\0\0\0\0\0"), why).ok());  // byte order
    EXPECT_FALSE(check_stream_header(stream_header("LibxlFmt\0\0\0\1\0\0\0\0"), why).ok());
    EXPECT_FALSE(check_stream_header(stream_header("LibxlFmt\0\0\0\2\0\0\0\1"), why).ok());  // big-endian
    EXPECT_FALSE(
        check_stream_header(stream_header("LibxlFmt\0\0\0\2\0\0\0\2"), why).ok());  // from a legacy stream
    EXPECT_FALSE(check_stream_header(StreamHeader{}, why).ok());
}

}  // namespace
}  // namespace ballast::xen
