// What the agent says to a worker that does not listen just now: the last limit arrives, and everything else
// arrives or ends the worker.
#include "agent/worker_pool.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace ballast::agent {
namespace {

template <class T>
bool next_datagram(T& out) {
    ssize_t size = -1;
    do {
        size = ::recv(worker_channel_fd, &out, sizeof out, 0);
    } while (size < 0 && errno == EINTR);
    return size == static_cast<ssize_t>(sizeof out);
}

// A pool starts its own program again as a worker: this one then listens only when the test lets it, and
// repeats what it heard.
[[gnu::constructor]] void be_a_worker(int argc, char** argv) {
    if (argc != 2 || std::strcmp(argv[1], "--worker") != 0) {
        return;
    }
    static WorkerSetup setup;
    char gate = 0;
    if (!next_datagram(setup) || ::read(worker_peer_fd, &gate, 1) != 1) {
        ::_exit(1);
    }
    WorkerCommand heard;
    while (next_datagram(heard)) {
        WorkerReport report;
        report.fault = heard.fault;
        report.effect.rounds = static_cast<std::uint32_t>(heard.tell);
        report.effect.memory_bytes = heard.bandwidth_mbps;
        if (::send(worker_channel_fd, &report, sizeof report, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    ::_exit(0);
}

class AgentWorkerPool : public testing::Test {
  protected:
    struct Heard {
        Tell tell = Tell::go;
        std::uint32_t bandwidth_mbps = 0;
    };

    AgentWorkerPool() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        gate_.reset(ends[0]);
        std::string why;
        EXPECT_TRUE(pool_.start(the_worker, WorkerSetup{}, ends[1], why)) << why;
        too_long_.start_once(seconds(120));
    }
    void tell(Tell what, std::uint32_t mbps = 0) {
        WorkerCommand command;
        command.tell = what;
        command.bandwidth_mbps = mbps;
        pool_.tell(the_worker, command);
    }
    void listen() { EXPECT_EQ(::write(gate_.get(), "x", 1), 1); }

    static constexpr WorkerId the_worker = 7;
    std::vector<Heard> heard_;
    std::string end_;
    std::function<void()> on_heard_;
    Loop loop_;
    WorkerPool pool_{loop_,
                     {.on_report =
                          [this](WorkerId, const WorkerReport& report) {
                              heard_.push_back({static_cast<Tell>(report.effect.rounds),
                                                static_cast<std::uint32_t>(report.effect.memory_bytes)});
                              on_heard_();
                          },
                      .on_gone =
                          [this](WorkerId, const Detail& how) {
                              end_ = how.view();
                              loop_.stop();
                          }}};
    UniqueFd gate_;
    Timer too_long_{loop_, [this] {
                        ADD_FAILURE() << "nothing happened in time";
                        loop_.stop();
                    }};
};

TEST_F(AgentWorkerPool, AnyNumberOfLimitsKeepsNothingElseOutAndTheLastOneArrives) {
    constexpr std::uint32_t limits_told = 5000;
    for (std::uint32_t mbps = 1; mbps <= limits_told; ++mbps) {
        tell(Tell::limit, mbps);
    }
    tell(Tell::commit);
    bool committed = false;
    bool last_limit = false;
    on_heard_ = [&] {
        committed = committed || heard_.back().tell == Tell::commit;
        last_limit = last_limit || heard_.back().bandwidth_mbps == limits_told;
        if (committed && last_limit) {
            loop_.stop();
        }
    };
    listen();
    loop_.run();
    EXPECT_TRUE(committed);
    EXPECT_TRUE(last_limit);
    EXPECT_EQ(end_, "");
    std::uint32_t before = 0;
    for (const Heard& one : heard_) {
        if (one.tell == Tell::limit) {
            EXPECT_GT(one.bandwidth_mbps, before);
            before = one.bandwidth_mbps;
        }
    }
}

TEST_F(AgentWorkerPool, AWorkerThatCannotBeToldSomethingElseIsEnded) {
    on_heard_ = [] {};
    for (int i = 0; i < 5000; ++i) {
        tell(Tell::ready);
    }
    loop_.run();
    EXPECT_NE(end_.find("signal 9"), std::string::npos) << end_;
    EXPECT_TRUE(heard_.empty());
}

}  // namespace
}  // namespace ballast::agent
