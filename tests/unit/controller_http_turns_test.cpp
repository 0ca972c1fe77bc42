#include "controller/http/server.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shell/link.hpp"
#include "shell/loop_turns.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::controller::http {
namespace {

// Each request takes longer than the part may have of a turn.
class SlowService final : public Service {
  public:
    Caller authenticate(const Credentials&) override { return {}; }
    Answer handle(const Request& request) override {
        const std::int64_t began = mono_ns();
        while (mono_ns() - began < Loop::part_budget.ms * 1'000'000) {
        }
        paths.push_back(request.path);
        ++this_turn;
        if (request.path == "/stream") {
            Stream stream;
            stream.format = Format::ndjson;
            return stream;
        }
        Reply reply;
        reply.body = request.path;
        return reply;
    }
    bool over(const Wait&) override { return true; }
    Reply conclude(const Request&, const Wait&) override { return {}; }
    Reading read(Stream&, std::span<char>, std::size_t&) override { return Reading::over; }

    std::vector<std::string> paths;
    std::size_t this_turn = 0;
};

// Sends its one request before the loop turns, and reads until the server closes.
struct Client {
    Client(Loop& loop, std::uint16_t port, const std::string& path, std::function<void()> on_end)
        : Client(loop, port, "GET", path, std::move(on_end)) {}
    Client(Loop& loop, std::uint16_t port, const std::string& method, const std::string& path,
           std::function<void()> on_end) {
        std::string why;
        fd.reset(start_connect("127.0.0.1", port, why));
        watch = std::make_unique<FdWatch>(loop, fd.get(), Interest::write,
                                          [this, method, path, on_end](Interest ready) {
                                              ready == Interest::write ? ask(method, path) : hear(on_end);
                                          });
    }
    void ask(const std::string& method, const std::string& path) {
        const std::string request =
            method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        ASSERT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), std::ssize(request));
        watch->set(Interest::read);
    }
    void hear(const std::function<void()>& on_end) {
        std::array<char, 4096> bytes{};
        const ssize_t got = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
        if (got > 0) {
            answer.append(bytes.data(), static_cast<std::size_t>(got));
        } else if (got == 0) {
            watch->set(Interest::none);
            on_end();
        }
    }
    UniqueFd fd;
    std::unique_ptr<FdWatch> watch;
    std::string answer;
};

HttpConfig config_on_loopback() {
    HttpConfig config;
    config.listen = "127.0.0.1";
    config.plain = true;
    config.connections_max = 16;
    config.connections_per_address_max = 16;
    config.header_bytes_max = 4096;
    config.body_bytes_max = 4096;
    config.idle_timeout = seconds(30);
    config.request_timeout = seconds(30);
    return config;
}

TEST(HttpTurns, RequestsBeyondATurnsTimeAreAnsweredInLaterOnes) {
    Loop loop;
    constexpr auto names = std::to_array<std::string_view>({"other", "http"});
    const LoopTurns turns{loop, names};
    Timer too_long{loop, [&] {
                       ADD_FAILURE() << "not everybody was answered";
                       loop.stop();
                   }};
    too_long.start_once(seconds(30));
    SlowService service;
    std::string why;
    (void)loop.enter(1);
    const std::unique_ptr<Server> server = Server::open(loop, config_on_loopback(), service, why);
    (void)loop.enter(0);
    ASSERT_NE(server, nullptr) << why;
    std::size_t most_in_a_turn = 0;
    TurnEnd turn_end{loop,
                     [&] { most_in_a_turn = std::max(most_in_a_turn, std::exchange(service.this_turn, 0)); }};
    std::size_t ended = 0;
    std::vector<std::unique_ptr<Client>> clients;
    const std::vector<std::string> asked{"/a", "/b", "/stream", "/c", "/d", "/e"};
    for (const std::string& path : asked) {
        clients.push_back(std::make_unique<Client>(loop, server->port(), path, [&] {
            if (++ended == asked.size()) {
                loop.stop();
            }
        }));
    }
    loop.run();
    EXPECT_EQ(most_in_a_turn, 1U) << "each of them takes as long as a turn has";
    EXPECT_EQ(service.paths.size(), asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
        EXPECT_TRUE(clients[i]->answer.starts_with("HTTP/1.1 200")) << asked[i] << ": " << clients[i]->answer;
        if (asked[i] != "/stream") {
            EXPECT_TRUE(clients[i]->answer.ends_with("\r\n\r\n" + asked[i])) << clients[i]->answer;
        }
    }
    EXPECT_EQ(server->counters().waiting_now, 0U);
    EXPECT_EQ(server->counters().readers_now, 0U);
}

// What it decides is on disk when the test says so.
class StoringService final : public Service {
  public:
    Caller authenticate(const Credentials&) override { return {}; }
    Answer handle(const Request& request) override {
        if (request.method != Method::get) {
            ++decided_;
            on_change();
        }
        return Reply{};
    }
    bool over(const Wait&) override { return true; }
    Reply conclude(const Request&, const Wait&) override { return {}; }
    Reading read(Stream&, std::span<char>, std::size_t&) override { return Reading::over; }
    std::uint64_t decided() const override { return decided_; }
    std::uint64_t stored() const override { return stored_; }
    std::uint64_t noted() const override { return records ? decided_ : 0; }
    std::uint64_t recorded() const override { return recorded_; }
    Landing landing() const override { return {handed_ns, handed_ns + 3'000'000}; }

    std::function<void()> on_change;
    std::uint64_t decided_ = 0;
    std::uint64_t stored_ = 0;
    std::uint64_t recorded_ = 0;
    bool records = false;
    std::int64_t handed_ns = 0;
};

// Asks one request and turns the loop until it is answered; what was decided is stored, or lost, in a turn of
// its own.
void ask_once(const std::string& method, bool stored, ServerCounters& counters) {
    Loop loop;
    StoringService service;
    std::string why;
    const std::unique_ptr<Server> server = Server::open(loop, config_on_loopback(), service, why);
    ASSERT_NE(server, nullptr) << why;
    Timer lands{loop, [&] {
                    service.stored_ = service.decided_;
                    server->release(stored);
                }};
    service.on_change = [&] {
        service.handed_ns = mono_ns();
        lands.start_once(milliseconds(0));
    };
    Client client{loop, server->port(), method, "/x", [&loop] { loop.stop(); }};
    loop.run();
    EXPECT_TRUE(client.answer.starts_with("HTTP/1.1 200")) << client.answer;
    counters = server->counters();
}

TEST(HttpTurns, ChangesAreTimedByWhatTheyWaitFor) {
    ServerCounters counters;
    ask_once("POST", true, counters);
    for (const Histogram& took : counters.changes_took) {
        EXPECT_EQ(took.count(), 1U);
    }
    EXPECT_EQ(counters.changes_took[static_cast<std::size_t>(ChangePart::store)].sum_us(), 3000U);
}

TEST(HttpTurns, WhatIsReadAndWhatIsLostIsNotTimedAsAChange) {
    for (const auto& [method, stored] : {std::pair{"GET", true}, std::pair{"POST", false}}) {
        ServerCounters counters;
        ask_once(method, stored, counters);
        for (const Histogram& took : counters.changes_took) {
            EXPECT_EQ(took.count(), 0U) << method;
        }
    }
}

// Whichever of the two is on disk last: only then is the change answered.
TEST(HttpTurns, AChangeIsAnsweredWhenItIsStoredAndRecorded) {
    for (const bool record_first : {true, false}) {
        Loop loop;
        StoringService service;
        service.records = true;
        std::string why;
        const std::unique_ptr<Server> server = Server::open(loop, config_on_loopback(), service, why);
        ASSERT_NE(server, nullptr) << why;
        std::size_t sent_after_one = 0;
        Timer second{loop, [&] {
                         sent_after_one = server->counters().replies_by_class[2];
                         service.stored_ = service.recorded_ = service.decided_;
                         server->release(true);
                     }};
        Timer first{loop, [&] {
                        (record_first ? service.recorded_ : service.stored_) = service.decided_;
                        server->release(true);
                        second.start_once(milliseconds(0));
                    }};
        service.on_change = [&] { first.start_once(milliseconds(0)); };
        Client client{loop, server->port(), "POST", "/x", [&loop] { loop.stop(); }};
        loop.run();
        EXPECT_EQ(sent_after_one, 0U) << record_first;
        EXPECT_TRUE(client.answer.starts_with("HTTP/1.1 200")) << client.answer;
    }
}

}  // namespace
}  // namespace ballast::controller::http
