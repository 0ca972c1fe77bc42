// What the tests of the simulated host share: hosts in a directory of their own, worker processes, and
// streams.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "xen_glue/sim/inspect.hpp"
#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/sim_hypervisor.hpp"

namespace ballast::sim {

struct SilentProgress : ProgressSink {
    void progress(std::uint64_t, std::uint32_t, bool) override {}
    void note(std::string_view) override {}
};

// A child process that carries out `work` and ends with its fault as exit code.
class Worker {
  public:
    explicit Worker(const std::function<Fault()>& work) : pid_{fork()} {
        if (pid_ == 0) {
            _exit(static_cast<int>(work()));
        }
    }
    ~Worker() {
        if (pid_ > 0) {
            kill_9();
        }
    }
    void kill_9() {
        kill(pid_, SIGKILL);
        wait();
    }
    // The exit code, or minus the signal that ended it.
    int wait() {
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    Fault fault() { return static_cast<Fault>(wait()); }

  private:
    pid_t pid_;
};

class SimFixture : public testing::Test {
  protected:
    SimFixture() {
        signal(SIGPIPE, SIG_IGN);
        char name[] = "/tmp/ballast-sim-XXXXXX";
        directory_ = mkdtemp(name);
    }
    ~SimFixture() override { std::filesystem::remove_all(directory_); }

    // A fast host with two guests of 64 MiB, called NAME-01 and NAME-02.
    SimOptions options(const std::string& name) const {
        SimOptions out;
        out.state_file = directory_ + "/" + name;
        out.memory_mib = 2048;
        out.operation_speed = 50;
        GuestGroup group;
        group.count = 2;
        group.name_prefix = name + "-";
        group.memory_mib = 64;
        out.guests = {group};
        return out;
    }
    std::unique_ptr<Hypervisor> open_host(const std::string& name) const { return open_host(options(name)); }
    static std::unique_ptr<Hypervisor> open_host(const SimOptions& options) {
        std::string why;
        auto host = open(options, why);
        EXPECT_NE(host, nullptr) << why;
        return host;
    }
    SimHost look(const std::string& name) const {
        std::string why;
        const auto state = inspect(directory_ + "/" + name, why);
        EXPECT_NE(state, nullptr) << why;
        return *state;
    }
    void edit(const std::string& name, const std::function<void(SimHost&)>& change) const {
        std::string why;
        EXPECT_TRUE(meddle(directory_ + "/" + name, change, why)) << why;
    }
    void order(const std::string& name, const FaultRule& rule) const {
        edit(name, [&](SimHost& host) { host.fault_rules.push(rule); });
    }
    static Domain domain_named(Hypervisor& host, std::string_view name) {
        DomainList domains;
        EXPECT_TRUE(host.list(domains).ok());
        for (const Domain& domain : domains) {
            if (domain.name == name) {
                return domain;
            }
        }
        return {};
    }
    static DomainState state_of_uuid(Hypervisor& host, const Uuid& uuid) {
        Domain domain;
        return host.find(uuid, domain).ok() ? domain.state : DomainState::absent;
    }

    std::string directory_;
};

// Two connected sockets.
struct Pair {
    int near = -1;
    int far = -1;
    Pair() {
        int fds[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        near = fds[0];
        far = fds[1];
    }
    ~Pair() {
        close_near();
        close_far();
    }
    void close_near() { close_one(near); }
    void close_far() { close_one(far); }

  private:
    static void close_one(int& fd) {
        if (fd >= 0) {
            close(fd);
        }
        fd = -1;
    }
};

}  // namespace ballast::sim
