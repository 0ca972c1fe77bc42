#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/relay/rfb_handshake.hpp"
#include "agent/relay/rfb_input.hpp"

namespace ballast::agent {
namespace {

using namespace std::string_literals;

std::string take_all(ByteQueue& queue) {
    const std::span<const std::byte> waiting = queue.waiting();
    std::string text{reinterpret_cast<const char*>(waiting.data()), waiting.size()};
    queue.drop(waiting.size());
    return text;
}

VncChallenge counting_challenge() {
    VncChallenge challenge{};
    for (std::size_t i = 0; i < challenge.size(); ++i) {
        challenge[i] = static_cast<std::byte>(i);
    }
    return challenge;
}

std::string text_of(const VncChallenge& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(VncAuthentication, AnswersLikeEveryOtherImplementation) {
    // openssl enc -des-ecb, with each byte of the password mirrored.
    const VncChallenge expected = {std::byte{0x76}, std::byte{0xd8}, std::byte{0x90}, std::byte{0x3b},
                                   std::byte{0x0b}, std::byte{0x4f}, std::byte{0x2e}, std::byte{0xba},
                                   std::byte{0x08}, std::byte{0xcc}, std::byte{0x66}, std::byte{0x61},
                                   std::byte{0x8a}, std::byte{0x8f}, std::byte{0xec}, std::byte{0x89}};
    EXPECT_EQ(vnc_response(counting_challenge(), "geheim42").value(), expected);
    EXPECT_EQ(vnc_response(counting_challenge(), "geheim42 and more").value(), expected)
        << "only 8 bytes count";
    EXPECT_NE(vnc_response(counting_challenge(), "geheim41").value(), expected);
    EXPECT_NE(new_vnc_challenge(), new_vnc_challenge());
}

TEST(ByteQueue, KeepsTheOrderWhenItsRoomIsUsedAgain) {
    ByteQueue queue{8};
    std::string sent;
    std::string received;
    for (int i = 0; i < 50; ++i) {
        const std::string part = std::to_string(i);
        queue.put(part);
        sent += part;
        if (queue.size() > 4) {
            received += std::string{reinterpret_cast<const char*>(queue.waiting().data()), 3};
            queue.drop(3);
        }
    }
    EXPECT_EQ(received + take_all(queue), sent);
    queue.put("12345678");
    EXPECT_TRUE(queue.full());
    EXPECT_TRUE(queue.space().empty());
}

// ---- towards a client ----

class ClientGreetingTest : public ::testing::Test {
  protected:
    using Step = ClientGreeting::Step;
    ClientGreetingTest() { greeting.begin(out); }
    Step say(std::string_view words) {
        Step step = Step::more;
        for (const char c : words) {  // byte by byte: no message may be needed as a whole
            in.put(std::string_view{&c, 1});
            step = greeting.feed(in, out);
        }
        return step;
    }
    ByteQueue in{64};
    ByteQueue out{handshake_bytes_max};
    ClientGreeting greeting{counting_challenge()};
};

TEST_F(ClientGreetingTest, TalksToClientsOfEveryVersion) {
    const struct {
        std::string_view version;
        std::string before;  // the security type or types
        std::string choice;
        std::string refusal;  // after "no"
    } rows[]{
        {"RFB 003.003\n", "\0\0\0\2"s, "", "\0\0\0\1"s},
        {"RFB 003.005\n", "\0\0\0\2"s, "", "\0\0\0\1"s},
        {"RFB 003.007\n", "\1\2", "\2", "\0\0\0\1"s},
        {"RFB 003.008\n", "\1\2", "\2", "\0\0\0\1\0\0\0\2no"s},
        {"RFB 003.889\n", "\1\2", "\2", "\0\0\0\1\0\0\0\2no"s},
        {"RFB 004.001\n", "\1\2", "\2", "\0\0\0\1\0\0\0\2no"s},
    };
    for (const auto& row : rows) {
        greeting = ClientGreeting{counting_challenge()};
        take_all(out);
        greeting.begin(out);
        EXPECT_EQ(take_all(out), "RFB 003.008\n");
        EXPECT_EQ(say(row.version), Step::more);
        EXPECT_EQ(say(row.choice), Step::more);
        EXPECT_EQ(take_all(out), row.before + text_of(counting_challenge())) << row.version;
        EXPECT_EQ(say("0123456789abcdef"), Step::answered);
        EXPECT_EQ(text_of(greeting.response()), "0123456789abcdef");
        greeting.reject("no", out);
        EXPECT_EQ(take_all(out), row.refusal) << row.version;
        greeting.admit(out);
        EXPECT_EQ(take_all(out), "\0\0\0\0"s);
    }
}

TEST_F(ClientGreetingTest, LeavesTheClientInitForTheGuest) {
    say("RFB 003.008\n\2");
    in.put("0123456789abcdef\1"s);
    EXPECT_EQ(greeting.feed(in, out), Step::answered);
    EXPECT_EQ(take_all(in), "\1");
}

TEST_F(ClientGreetingTest, RefusesWhatIsNotRfb) {
    for (const std::string& words :
         {"GET / HTTP/1.1\r\n"s, "RFB 003,008\n"s, "RFB 002.008\n"s, "RFB 003.00x\n"s, "RFB 003.0080"s,
          "\0\0\0\0\0\0\0\0\0\0\0\0"s, "RFB 003.008\n\1"s}) {
        greeting = ClientGreeting{counting_challenge()};
        take_all(in);
        Step step = Step::more;
        for (std::size_t i = 0; i < words.size() && step == Step::more; ++i) {
            step = say(words.substr(i, 1));
        }
        EXPECT_EQ(step, Step::broken) << words;
    }
}

// ---- towards the guest's server ----

class ServerGreetingTest : public ::testing::Test {
  protected:
    using Step = ServerGreeting::Step;
    Step hear(ServerGreeting& greeting, const std::string& words) {
        Step step = Step::more;
        for (const char c : words) {
            in.put(std::string_view{&c, 1});
            step = greeting.feed(in, out);
            if (step != Step::more) {
                break;
            }
        }
        return step;
    }
    ByteQueue in{512};
    ByteQueue out{handshake_bytes_max};
    const std::string challenge = text_of(counting_challenge());
    const std::string response = text_of(vnc_response(counting_challenge(), "guest").value());
};

TEST_F(ServerGreetingTest, GetsInByEveryWayThatServersOffer) {
    const struct {
        std::string heard;
        std::string said;
    } rows[]{
        {"RFB 003.008\n\1\1\0\0\0\0"s, "RFB 003.008\n\1"},
        {"RFB 003.008\n\2\2\1\0\0\0\0"s, "RFB 003.008\n\1"},
        {"RFB 003.008\n\1\2"s + challenge + "\0\0\0\0"s, "RFB 003.008\n\2" + response},
        {"RFB 003.007\n\1\1", "RFB 003.007\n\1"},
        {"RFB 003.007\n\1\2"s + challenge + "\0\0\0\0"s, "RFB 003.007\n\2" + response},
        {"RFB 003.003\n\0\0\0\1"s, "RFB 003.003\n"},
        {"RFB 003.003\n\0\0\0\2"s + challenge + "\0\0\0\0"s, "RFB 003.003\n" + response},
    };
    for (const auto& row : rows) {
        ServerGreeting greeting{"guest"};
        EXPECT_EQ(hear(greeting, row.heard), Step::ready) << row.heard;
        EXPECT_EQ(take_all(out), row.said);
        EXPECT_TRUE(in.empty());
    }
}

TEST_F(ServerGreetingTest, SaysWhyItDoesNotGetIn) {
    const struct {
        std::string heard;
        std::string_view problem;
    } rows[]{
        {"SSH-2.0-OpenSSH_9\n", "does not speak RFB"},
        {"RFB 003.008\n\0"s, "refuses"},
        {"RFB 003.008\n\2\x10\x13"s, "kind of security"},
        {"RFB 003.003\n\0\0\0\0"s, "refuses"},
        {"RFB 003.008\n\1\2"s + challenge, "a password that this host does not know"},
        {"RFB 003.008\n\1\1\0\0\0\1"s, "did not take"},
    };
    for (const auto& row : rows) {
        ServerGreeting greeting{""};
        EXPECT_EQ(hear(greeting, row.heard), Step::broken) << row.heard;
        EXPECT_NE(greeting.problem().find(row.problem), std::string_view::npos) << greeting.problem();
        take_all(in);
        take_all(out);
    }
}

TEST_F(ServerGreetingTest, HoldsTheLongestListOfSecurityTypes) {
    ServerGreeting greeting{""};
    const std::string types(254, '\x10');
    EXPECT_EQ(hear(greeting, "RFB 003.008\n\xff" + types + "\1" + "\0\0\0\0"s), Step::ready);
}

// ---- what the user does ----

class RfbInputTest : public ::testing::Test {
  protected:
    bool saw(const std::string& words) { return input.saw_input(std::as_bytes(std::span{words})); }
    RfbInput input;
};

const std::string key_event = "\4\1\0\0\0\0\0a"s;
const std::string pointer_event = "\5\0\0\1\0\1"s;
const std::string update_request = "\3\1\0\0\0\0\4\0\3\0"s;

TEST_F(RfbInputTest, TellsTheUserFromTheProgram) {
    EXPECT_FALSE(saw("\1"));  // ClientInit
    EXPECT_FALSE(saw("\0\0\0\0\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0"s)) << "SetPixelFormat";
    EXPECT_FALSE(saw("\2\0\0\2\0\0\0\0\0\0\0\4"s)) << "SetEncodings whose bytes look like a key";
    EXPECT_FALSE(saw(update_request));
    EXPECT_TRUE(saw(key_event));
    EXPECT_FALSE(saw(update_request));
    EXPECT_TRUE(saw(pointer_event));
    EXPECT_TRUE(saw("\6\0\0\0\0\0\0\4text"s)) << "clipboard";
    EXPECT_TRUE(saw("\6\0\0\0\xff\xff\xff\xfc"s + "\1\0\0\0"s)) << "extended clipboard";
    EXPECT_FALSE(saw("\x96\1\0\0\0\0\0\1\0\1"s)) << "EnableContinuousUpdates";
    EXPECT_FALSE(saw("\xf8\0\0\0\0\0\0\0\3abc"s)) << "ClientFence";
    EXPECT_FALSE(saw("\xfb\0\4\0\3\0\1\0"s + std::string(16, '\4'))) << "SetDesktopSize";
    EXPECT_FALSE(saw("\xfa\0\1\2"s)) << "xvp";
    EXPECT_TRUE(saw("\xff\0\0\1\0\0\0a\0\0\0\x1e"s)) << "QEMU's key with scan code";
    EXPECT_FALSE(saw("\xff\1\0\0"s)) << "QEMU's audio";
    EXPECT_FALSE(saw("\xff\1\0\2\0\2\0\0\xac\x44"s)) << "QEMU's audio format";
    EXPECT_FALSE(saw(update_request)) << "still in step";
}

TEST_F(RfbInputTest, SeesTheSameHoweverTheBytesAreCut) {
    const std::string all = "\1" + update_request + "\2\0\0\1\0\0\0\5"s + key_event + update_request;
    for (std::size_t piece = 1; piece <= all.size(); ++piece) {
        RfbInput each;
        int seen = 0;
        for (std::size_t at = 0; at < all.size(); at += piece) {
            const std::string part = all.substr(at, piece);
            seen += each.saw_input(std::as_bytes(std::span{part})) ? 1 : 0;
        }
        EXPECT_EQ(seen, 1) << piece;
    }
}

TEST_F(RfbInputTest, TakesEverythingForTheUserAfterAMessageThatItDoesNotKnow) {
    EXPECT_TRUE(saw("\1\x63"));
    EXPECT_TRUE(saw(update_request));
}

TEST_F(RfbInputTest, IsNotMadeToWaitByTheLargestClipboard) {
    EXPECT_TRUE(saw("\1\6\0\0\0\x7f\xff\xff\xff"s));
    EXPECT_FALSE(saw(std::string(100000, '\4'))) << "a part of the clipboard's text";
}

}  // namespace
}  // namespace ballast::agent
