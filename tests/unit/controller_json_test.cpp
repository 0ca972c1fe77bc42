#include "controller/http/json_body.hpp"

#include <gtest/gtest.h>

#include "controller/http/guest_spec.hpp"
#include "controller/http/json_out.hpp"

namespace ballast::controller::http {
namespace {

std::string nested(std::size_t depth) {
    std::string text = "{\"a\":";
    for (std::size_t i = 1; i < depth; ++i) {
        text += '[';
    }
    text += '1';
    text.append(depth - 1, ']');
    return text + '}';
}

TEST(JsonBody, TakesAnEmptyBodyForAnEmptyObject) {
    JsonBody body{""};
    ASSERT_TRUE(body.parsed());
    body.root().finish();
    EXPECT_TRUE(body.valid());
}

TEST(JsonBody, SaysWhereTheTextIsNoJson) {
    JsonBody body{"{\"a\": nonsense}"};
    EXPECT_FALSE(body.parsed());
    EXPECT_NE(body.syntax_error().find("at byte 7"), std::string::npos) << body.syntax_error();
}

TEST(JsonBody, RefusesWhatIsNoObject) {
    for (const char* text : {"[]", "1", "null", "\"x\"", "true"}) {
        EXPECT_FALSE(JsonBody{text}.parsed()) << text;
    }
}

TEST(JsonBody, RefusesTruncatedTextTextBehindTheEndNulBytesAndBrokenUtf8) {
    using namespace std::string_view_literals;
    for (const std::string_view text : {"{\"a\":1"sv, "{\"a\":1} x"sv, "{\"a\":\0}"sv,
                                        "{\"a\":\"\xff\xfe\"}"sv, "{\"a\":\"\xc0\xaf\"}"sv, "{a:1}"sv}) {
        EXPECT_FALSE(JsonBody{text}.parsed()) << text;
    }
}

TEST(JsonBody, BoundsTheNestingAndTheNumberOfValues) {
    EXPECT_TRUE(JsonBody{nested(json_depth_max)}.parsed());
    EXPECT_FALSE(JsonBody{nested(json_depth_max + 1)}.parsed());
    EXPECT_FALSE(JsonBody{nested(30'000)}.parsed());
    std::string many = "{\"a\":[0";
    for (std::size_t i = 0; i < json_values_max; ++i) {
        many += ",0";
    }
    JsonBody body{many + "]}"};
    EXPECT_FALSE(body.parsed());
    EXPECT_NE(body.syntax_error().find("too many values"), std::string::npos);
}

TEST(JsonBody, HoldsTheLargestBodyThatTheBoundsAllow) {
    std::string text = "{";
    for (std::size_t i = 0; i < json_values_max / 2 - 1; ++i) {
        text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":" + std::to_string(i);
    }
    JsonBody body{text + "}"};
    ASSERT_TRUE(body.parsed()) << body.syntax_error();
    JsonFields fields = body.root();
    EXPECT_EQ(fields.integer("k0", true, 0, 10), 0);
    EXPECT_EQ(fields.integer("k200", true, 0, 1000), 200);
}

TEST(JsonBody, NamesEveryFieldThatIsWrongWithItsPointer) {
    JsonBody body{R"({"count":"three","rate":2,"flag":1,"name":7,"a/b~c":1,"list":[{"x":"y"},4]})"};
    JsonFields fields = body.root();
    EXPECT_FALSE(fields.integer("count", true, 1, 5).has_value());
    EXPECT_FALSE(fields.number("rate", true, 0, 1).has_value());
    EXPECT_FALSE(fields.flag("flag", true).has_value());
    EXPECT_FALSE(fields.text("name", true, 10).has_value());
    EXPECT_FALSE(fields.text("missing", true, 10).has_value());
    fields.objects("list", 4, [](JsonFields& each) { each.integer("x", true, 0, 1); });
    fields.finish();
    std::vector<std::string> pointers;
    for (const FieldError& error : body.errors()) {
        pointers.push_back(error.pointer);
    }
    EXPECT_EQ(pointers, (std::vector<std::string>{"/count", "/rate", "/flag", "/name", "/missing",
                                                  "/list/0/x", "/list/1", "/a~1b~0c"}));
    EXPECT_EQ(body.errors()[0].detail, "expected an integer from 1 to 5");
}

TEST(JsonBody, RefusesAFieldGivenTwice) {
    JsonBody body{R"({"a":1,"a":2})"};
    JsonFields fields = body.root();
    fields.integer("a", true, 0, 9);
    ASSERT_EQ(body.errors().size(), 1U);
    EXPECT_EQ(body.errors()[0].detail, "given twice");
}

TEST(JsonBody, RefusesNumbersThatAreNoIntegersOrDoNotFit) {
    for (const char* text :
         {R"({"a":1.5})", R"({"a":1e3})", R"({"a":99999999999999999999})", R"({"a":-1})"}) {
        JsonBody body{text};
        ASSERT_TRUE(body.parsed()) << text;
        JsonFields fields = body.root();
        EXPECT_FALSE(fields.integer("a", true, 0, 1'000'000).has_value()) << text;
    }
}

TEST(JsonOut, RepairsTextThatIsNoUtf8) {
    std::string out;
    JsonOut json{out, 1000};
    json.object();
    json.member("name", std::string_view{"a\xff\xe2\x82z\"\n\xe2\x82\xac"});
    json.foreign_key("\"\xff");
    json.null();
    json.end_object();
    EXPECT_EQ(
        out,
        "{\"name\":\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\\\"\\n\xe2\x82\xac\",\"\\\"\xef\xbf\xbd\":null}");
}

TEST(JsonOut, RoundsNumbersToThreeDecimalsAndKeepsWholeOnesWhole) {
    std::string out;
    JsonOut json{out, 1000};
    json.array();
    for (const double value :
         {0.0, 1.0, 0.12345, 2.9996, -0.5, -0.0004, -12.04, 1234567.891, 7.1, 1.0 / 0.0}) {
        json.number(value);
    }
    json.end_array();
    EXPECT_EQ(out, "[0,1,0.123,3,-0.5,0,-12.04,1234567.891,7.1,null]");
}

TEST(JsonOut, NeverWritesBeyondItsBound) {
    std::string out;
    JsonOut json{out, 10};
    json.object();
    json.member("a_long_name", std::string_view{"and a long value"});
    json.end_object();
    EXPECT_EQ(out.size(), 10U);
    EXPECT_TRUE(json.overflowed());
}

TEST(JsonOut, EscapesEveryCharacterThatNeedsItWhereverItStands) {
    for (int c = 0; c < 0x80; ++c) {
        for (std::size_t at = 0; at < 20; ++at) {
            std::string text(20, '~');
            text[at] = static_cast<char>(c);
            std::string out;
            JsonOut json{out, 1000};
            json.array();
            json.text(text);
            json.end_array();
            const bool as_it_is = out == "[\"" + text + "\"]";
            EXPECT_EQ(as_it_is, c >= 0x20 && c != '"' && c != '\\') << c << " at " << at << ": " << out;
        }
    }
}

TEST(JsonOut, WritesTextsAsTheyAreWhereverItsBlocksEnd) {
    for (std::size_t length = 4080; length < 4100; ++length) {
        const std::string plain(length, 'x');
        std::string out;
        JsonOut json{out, 20'000};
        json.array();
        json.text(plain);
        json.text(plain + '"');
        json.end_array();
        json.next_document();
        EXPECT_EQ(out, "[\"" + plain + "\",\"" + plain + "\\\"\"]\n");
        EXPECT_FALSE(json.overflowed());
    }
}

TEST(JsonOut, WritesTimesAsRfc3339) {
    EXPECT_EQ(rfc3339({1'795'248'000'007}), "2026-11-21T08:00:00.007Z");
    EXPECT_EQ(rfc3339({0}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(rfc3339({951'782'399'999}), "2000-02-28T23:59:59.999Z");
    EXPECT_EQ(rfc3339({951'782'400'000}), "2000-02-29T00:00:00.000Z");
    EXPECT_EQ(rfc3339({253'402'300'799'999}), "9999-12-31T23:59:59.999Z");
    EXPECT_EQ(rfc3339({253'402'300'800'000}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(rfc3339({-1}), "1970-01-01T00:00:00.000Z");
}

TEST(GuestSpec, ReadsAWholeSpec) {
    JsonBody body{
        R"({"name":"web1","uuid":"11111111-2222-3333-4444-555555555555","type":"pvh","memory_mib":512,
        "vcpus":2,"kernel":"/boot/guest","ramdisk":"/boot/rd","cmdline":"console=hvc0",
        "disks":[{"format":"qcow2","target":"/srv/web1.qcow2","device":"xvda"}],
        "vifs":[{"mac":"00:16:3e:00:00:01","bridge":"xenbr0"}],"vnc":{"listen":"0.0.0.0"},"cpu_weight":512})"};
    wire::GuestSpec spec;
    JsonFields fields = body.root();
    read_guest_spec(fields, spec);
    fields.finish();
    ASSERT_TRUE(body.valid()) << body.errors()[0].pointer << body.errors()[0].detail;
    EXPECT_EQ(spec.name, "web1");
    EXPECT_EQ(spec.type, GuestType::pvh);
    EXPECT_EQ(spec.memory_mib, 512U);
    ASSERT_EQ(spec.disks.size(), 1U);
    EXPECT_EQ(spec.disks[0].format, wire::Disk::Format::qcow2);
    EXPECT_TRUE(spec.disks[0].writable);
    EXPECT_EQ(spec.vifs[0].bridge, "xenbr0");
    EXPECT_TRUE(spec.vnc);
    EXPECT_EQ(spec.vnc_listen, "0.0.0.0");
    EXPECT_EQ(spec.cpu_weight, 512U);
}

TEST(GuestSpec, MakesUpWhatIdentifiesTheGuestWhenItIsLeftOut) {
    JsonBody body{
        R"({"name":"a","type":"pv","memory_mib":64,"kernel":"/k","vifs":[{"bridge":"b"},{"bridge":"b"}]})"};
    wire::GuestSpec spec;
    JsonFields fields = body.root();
    read_guest_spec(fields, spec);
    ASSERT_TRUE(body.valid());
    EXPECT_FALSE(spec.uuid.nil());
    EXPECT_TRUE(spec.vifs[0].mac.view().starts_with("00:16:3e:"));
    EXPECT_NE(spec.vifs[0].mac, spec.vifs[1].mac);
}

TEST(GuestSpec, RefusesAddressesThatNoCardCanHaveAndThoseOfAnotherOne) {
    JsonBody body{R"({"name":"a","type":"pv","memory_mib":64,"kernel":"/k","vifs":[
        {"mac":"00:16:3e:00:00:01","bridge":"b"},
        {"mac":"00:16:3E:00:00:01","bridge":"b"},
        {"mac":"01:00:5e:00:00:01","bridge":"b"},
        {"mac":"00:00:00:00:00:00","bridge":"b"},
        {"mac":"00:16:3e:00:00","bridge":"b"},
        {"mac":"00-16-3e-00-00-02","bridge":"b"},
        {"mac":"00:16:3e:00:00:0g","bridge":"b"},
        {"mac":"02:16:3e:00:00:01","bridge":"b"}]})"};
    wire::GuestSpec spec;
    JsonFields fields = body.root();
    read_guest_spec(fields, spec);
    std::vector<std::string> pointers;
    for (const FieldError& error : body.errors()) {
        pointers.push_back(error.pointer);
    }
    EXPECT_EQ(pointers, (std::vector<std::string>{"/vifs/1/mac", "/vifs/2/mac", "/vifs/3/mac", "/vifs/4/mac",
                                                  "/vifs/5/mac", "/vifs/6/mac"}));
}

TEST(GuestSpec, RefusesWhatLibxlWouldIgnore) {
    JsonBody body{R"({"name":"../x","type":"vm","memory_mib":0,"kernel":"relative","disks":[{"format":"vhd"}],
        "vifs":[{"mac":"nonsense","bridge":"b"}],"memorymib":5})"};
    wire::GuestSpec spec;
    JsonFields fields = body.root();
    read_guest_spec(fields, spec);
    fields.finish();
    std::vector<std::string> pointers;
    for (const FieldError& error : body.errors()) {
        pointers.push_back(error.pointer);
    }
    EXPECT_EQ(pointers,
              (std::vector<std::string>{"/name", "/type", "/memory_mib", "/kernel", "/disks/0/format",
                                        "/disks/0/target", "/disks/0/device", "/vifs/0/mac", "/memorymib"}));
}

}  // namespace
}  // namespace ballast::controller::http
