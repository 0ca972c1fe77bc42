#include "guest/xenbus.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "guest/report.hpp"

namespace ballast::guest {
namespace {

using namespace std::string_literals;

struct Header {
    std::uint32_t kind, request, transaction, length;
};
constexpr std::uint32_t read_kind = 2, watch_kind = 4, write_kind = 11, event_kind = 15, error_kind = 16;

// Plays xenstored at the other end of a socket, in a thread of its own, until the guest's end is closed.
class FakeXenstored {
  public:
    FakeXenstored() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        guest_fd = ends[0];
        fd_ = ends[1];
    }
    void start() {
        thread_ = std::thread{[this] { serve(); }};
    }
    ~FakeXenstored() {
        ::shutdown(guest_fd, SHUT_RDWR);
        if (thread_.joinable()) {
            thread_.join();
        }
        ::close(guest_fd);
        ::close(fd_);
    }
    void say(Header header, const std::string& text) const {
        header.length = header.length == 0 ? static_cast<std::uint32_t>(text.size()) : header.length;
        const std::string bytes = std::string{reinterpret_cast<const char*>(&header), sizeof header} + text;
        for (const char c : bytes) {  // the guest must put pieces together
            EXPECT_EQ(::send(fd_, &c, 1, MSG_NOSIGNAL), 1);
        }
    }

    int guest_fd = -1;
    std::map<std::string, std::string>
        nodes;  // to be looked at once the thread has ended, or before it begins
    std::vector<std::string> written;
    bool event_before_each_answer = false;
    std::string refuse_writes_with;

  private:
    bool hear(void* to, std::size_t bytes) const {
        return ::recv(fd_, to, bytes, MSG_WAITALL) == static_cast<ssize_t>(bytes);
    }
    void serve() {
        Header header{};
        while (hear(&header, sizeof header)) {
            std::string body(header.length, '\0');
            if (header.length > 4096 || !hear(body.data(), body.size())) {
                return;
            }
            if (event_before_each_answer) {
                say({event_kind, 0, 0, 0}, "vm-data/ballast\0ballast\0"s);
            }
            answer(header, body);
        }
    }
    void answer(const Header& header, const std::string& body) {
        const std::string path = body.substr(0, body.find('\0'));
        if (header.kind == write_kind && refuse_writes_with.empty()) {
            nodes[path] = body.substr(path.size() + 1);
            written.push_back(path);
            say({write_kind, header.request, 0, 0}, "OK\0"s);
        } else if (header.kind == watch_kind) {
            say({watch_kind, header.request, 0, 0}, "OK\0"s);
            say({event_kind, 0, 0, 0}, body);
        } else if (header.kind == read_kind && nodes.contains(path)) {
            say({read_kind, header.request, 0, 0}, nodes[path]);
        } else {
            say({error_kind, header.request, 0, 0},
                (header.kind == write_kind ? refuse_writes_with : "ENOENT"s) + '\0');
        }
    }

    int fd_ = -1;
    std::thread thread_;
};

class GuestXenbus : public ::testing::Test {
  protected:
    FakeXenstored xenstored;
    Xenbus bus{xenstored.guest_fd};
    char value[value_bytes_max + 1] = "";
};

TEST_F(GuestXenbus, ReadsWhatWasWritten) {
    xenstored.start();
    ASSERT_TRUE(bus.write("data/x", "some text"));
    ASSERT_TRUE(bus.read("data/x", value, sizeof value));
    EXPECT_STREQ(value, "some text");
    EXPECT_FALSE(bus.read("data/none", value, sizeof value));
    EXPECT_EQ(errno, ENOENT);
}

TEST_F(GuestXenbus, SortsEventsOutOfTheAnswers) {
    xenstored.event_before_each_answer = true;
    xenstored.start();
    ASSERT_TRUE(bus.write("data/x", "1"));
    ASSERT_TRUE(bus.read("data/x", value, sizeof value));
    EXPECT_STREQ(value, "1");
    EXPECT_EQ(bus.await_event(0), Awaited::event) << "one of those that came in between";
    EXPECT_EQ(bus.await_event(0), Awaited::nothing);
}

TEST_F(GuestXenbus, HearsOfChangesThatItWatches) {
    xenstored.start();
    ASSERT_TRUE(bus.watch(asked_directory));
    EXPECT_EQ(bus.await_event(5000), Awaited::event) << "at once";
    xenstored.say({event_kind, 0, 0, 0}, "vm-data/ballast/nonce\0ballast\0"s);
    EXPECT_EQ(bus.await_event(5000), Awaited::event);
    EXPECT_EQ(bus.await_event(1), Awaited::nothing);
}

TEST_F(GuestXenbus, SaysThatNothingWillBeHeardAnyMore) {
    ::shutdown(xenstored.guest_fd, SHUT_RD);
    EXPECT_EQ(bus.await_event(5000), Awaited::failed) << "where nobody is at the other end";
    EXPECT_EQ(errno, EPIPE);
    Xenbus closed{1 << 20};
    EXPECT_EQ(closed.await_event(5000), Awaited::failed) << "where there is no device";
    EXPECT_EQ(errno, EBADF);
}

TEST_F(GuestXenbus, RefusesWhatDoesNotFitInsteadOfCuttingIt) {
    xenstored.nodes["long"] = std::string(value_bytes_max + 1, 'x');
    xenstored.start();
    EXPECT_FALSE(bus.read("long", value, sizeof value));
    EXPECT_EQ(errno, E2BIG);
    EXPECT_FALSE(bus.write("data/x", std::string(value_bytes_max + 1, 'x').c_str()));
    EXPECT_EQ(errno, E2BIG);
    EXPECT_FALSE(bus.read(std::string(payload_bytes_max, 'p').c_str(), value, sizeof value));
    EXPECT_EQ(errno, E2BIG);
}

TEST_F(GuestXenbus, GivesUpOnAXenstoredThatSpeaksNonsense) {
    xenstored.say({read_kind, 1, 0, payload_bytes_max + 1}, "x");
    EXPECT_FALSE(bus.read("data/x", value, sizeof value));
    EXPECT_EQ(errno, EPROTO);
}

TEST_F(GuestXenbus, GivesUpWhenAnAnswerIsOfAnotherKind) {
    xenstored.say({write_kind, 1, 0, 0}, "OK");
    EXPECT_FALSE(bus.read("data/x", value, sizeof value));
    EXPECT_EQ(errno, EPROTO);
}

TEST_F(GuestXenbus, TellsTheNonceLast) {
    xenstored.nodes[asked_nonce] = "6f1f6ad4-9a9b-4b5e-8a53-4d4d9f0a7a11";
    xenstored.start();
    ASSERT_TRUE(Report{bus}.write("192.0.2.9"));
    EXPECT_EQ(xenstored.written, (std::vector<std::string>{told_address, told_ready, told_nonce}));
    EXPECT_EQ(xenstored.nodes[told_address], "192.0.2.9");
    EXPECT_EQ(xenstored.nodes[told_ready], "1");
    EXPECT_EQ(xenstored.nodes[told_nonce], xenstored.nodes[asked_nonce]);
}

TEST_F(GuestXenbus, TellsThatItIsUpAlsoWhenNobodyHasAsked) {
    xenstored.start();
    ASSERT_TRUE(Report{bus}.write(""));
    EXPECT_EQ(xenstored.nodes[told_ready], "1");
    EXPECT_EQ(xenstored.nodes[told_nonce], "");
}

TEST_F(GuestXenbus, SaysWhyItCannotTell) {
    xenstored.refuse_writes_with = "EACCES";
    xenstored.start();
    EXPECT_FALSE(Report{bus}.write("192.0.2.9"));
    EXPECT_EQ(errno, EACCES);
}

TEST(GuestAddress, IsOneThatOthersCanUse) {
    char address[address_bytes_max] = "untouched";
    own_address(address);
    EXPECT_NE(std::string{address}, "127.0.0.1");
    EXPECT_NE(std::string{address}.substr(0, 4), "fe80");
}

}  // namespace
}  // namespace ballast::guest
