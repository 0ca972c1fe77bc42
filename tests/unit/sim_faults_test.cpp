// What is left when processes of a simulated host die, links break and faults are ordered.
#include <fcntl.h>
#include <poll.h>

#include <string>
#include <vector>

#include "tests/unit/sim_fixture.hpp"
#include "xen_glue/sim/executions.hpp"

namespace ballast::sim {
namespace {

FaultRule rule_of(Call call, FaultAction action, std::uint32_t at_permille,
                  Fault fault = Fault::hypervisor_failed) {
    FaultRule rule;
    rule.call = call;
    rule.action = action;
    rule.fault = fault;
    rule.at_permille = at_permille;
    return rule;
}

// Tells through a pipe when the transfer has come to the last round (or, `suspended` false, has begun).
struct Announcer : ProgressSink {
    Announcer(int fd_, bool suspended_) : fd{fd_}, suspended{suspended_} {}
    void progress(std::uint64_t, std::uint32_t, bool guest_suspended) override {
        if (!announced && (guest_suspended || !suspended)) {
            announced = write(fd, "!", 1) == 1;
        }
    }
    void note(std::string_view) override {}
    int fd;
    bool suspended;
    bool announced = false;
};

bool await_byte(int fd) {
    pollfd poll_fd{fd, POLLIN, 0};
    char byte = 0;
    return poll(&poll_fd, 1, 10'000) == 1 && read(fd, &byte, 1) == 1;
}

int null_device() {
    return ::open("/dev/null", O_WRONLY | O_CLOEXEC);
}

class SimFaults : public SimFixture {
  protected:
    Fault send(const std::string& host_name, const std::string& guest, int fd, ProgressSink& sink) {
        auto host = open_host(host_name);
        return host->send_image(domain_named(*host, guest), fd, MigrationMode::live, sink).fault();
    }
    Fault send(const std::string& host_name, const std::string& guest, int fd) {
        SilentProgress silent;
        return send(host_name, guest, fd, silent);
    }
    Fault receive(const std::string& host_name, int fd) {
        auto host = open_host(host_name);
        SilentProgress silent;
        Domain out;
        return host->receive_image(fd, incoming_suffix, {}, silent, out).fault();
    }
    // What an agent does when a transfer has ended: the guest runs, and nobody asks it to suspend itself.
    static void let_run_on(Hypervisor& host, const Domain& guest) {
        if (host.withdraw_suspend(guest).ok()) {
            return;
        }
        Domain left;
        do {  // it has taken the request
            ASSERT_TRUE(host.find(guest.uuid, left).ok());
        } while (left.state == DomainState::running);
        EXPECT_EQ(left.state, DomainState::suspended);
        EXPECT_TRUE(host.resume_suspended(left).ok());
    }
};

TEST_F(SimFaults, AKilledSenderLeavesTheGuestRunningOrSuspendedAndNeverLosesIt) {
    auto host = open_host("a");
    const Domain guest = domain_named(*host, "a-01");
    const int nowhere = null_device();
    for (const std::uint32_t at : {1U, 450U, 899U, 900U, 950U, 1000U}) {
        order("a", rule_of(Call::send, FaultAction::die, at));
        Worker worker{[&] { return send("a", "a-01", nowhere); }};
        EXPECT_EQ(worker.wait(), -SIGKILL) << at;
        Domain left;
        ASSERT_TRUE(host->find(guest.uuid, left).ok());
        EXPECT_EQ(left.domid, guest.domid);
        EXPECT_EQ(left.state, at < 900 ? DomainState::running : DomainState::suspended) << at;
        EXPECT_EQ(look("a").guests[0].activity, Activity::none);
        if (left.state == DomainState::suspended) {
            ASSERT_TRUE(host->resume_suspended(left).ok());
        }
    }
    // Nothing of the dead transfers stands in the way of the next.
    EXPECT_EQ(send("a", "a-01", nowhere), Fault::none);
    close(nowhere);
}

TEST_F(SimFaults, ARequestToSuspendOutlivesItsSenderUntilItIsTakenBackOrHeeded) {
    auto host = open_host("a");
    const Domain guest = domain_named(*host, "a-01");
    const int nowhere = null_device();
    order("a", rule_of(Call::suspend, FaultAction::die, 0));
    Worker worker{[&] { return send("a", "a-01", nowhere); }};
    EXPECT_EQ(worker.wait(), -SIGKILL);
    let_run_on(*host, guest);
    EXPECT_TRUE(host->withdraw_suspend(guest).ok()) << "there is none";
    EXPECT_EQ(send("a", "a-01", nowhere), Fault::none);
    close(nowhere);
}

TEST_F(SimFaults, ASenderKilledFromOutsideIsNoticedByTheNextLook) {
    auto host = open_host("a");
    const Domain guest = domain_named(*host, "a-01");
    const int nowhere = null_device();
    SilentProgress silent;
    for (const bool suspended : {false, true}) {
        order("a", rule_of(Call::send, FaultAction::stall, suspended ? 950 : 1));
        Pair news;
        Worker worker{[&] {
            Announcer announcer{news.far, suspended};
            return send("a", "a-01", nowhere, announcer);
        }};
        ASSERT_TRUE(await_byte(news.near));
        EXPECT_EQ(host->send_image(guest, nowhere, MigrationMode::live, silent).fault(),
                  Fault::domain_in_use);
        EXPECT_EQ(look("a").guests[0].activity, Activity::sending);
        worker.kill_9();
        Domain left;
        ASSERT_TRUE(host->find(guest.uuid, left).ok());
        EXPECT_EQ(left.state, suspended ? DomainState::suspended : DomainState::running);
        if (suspended) {
            EXPECT_TRUE(host->resume_suspended(left).ok());
        }
    }
    close(nowhere);
}

TEST_F(SimFaults, AKilledReceiverLeavesAHalfBuiltPausedDomainThatOnlyDestroyHelps) {
    open_host("a");
    auto target = open_host("b");
    const std::uint64_t free_kib = memory_free_kib(look("b"));
    for (const std::uint32_t at : {1U, 500U, 950U, 1000U}) {
        order("b", rule_of(Call::receive, FaultAction::die, at));
        Pair link;
        Worker receiver{[&] {
            link.close_near();
            return receive("b", link.far);
        }};
        link.close_far();
        const Fault sent = send("a", "a-01", link.near);
        link.close_near();  // a receiver that was sent nothing ends too
        EXPECT_EQ(receiver.wait(), -SIGKILL);
        auto source = open_host("a");
        const Domain guest = domain_named(*source, "a-01");
        ASSERT_TRUE(guest.state == DomainState::running || guest.state == DomainState::suspended) << at;
        EXPECT_TRUE(sent == Fault::none || sent == Fault::connection_lost) << to_string(sent);
        let_run_on(*source, guest);

        const Domain half = domain_named(*target, "a-01--incoming");
        ASSERT_NE(half.domid, 0u) << at;
        EXPECT_EQ(half.uuid, guest.uuid);
        EXPECT_EQ(half.state, DomainState::paused);
        EXPECT_LT(memory_free_kib(look("b")), free_kib);
        EXPECT_EQ(target->unpause(half).fault(), Fault::hypervisor_failed);
        SilentProgress silent;
        ASSERT_TRUE(target->destroy(half, silent).ok());
        EXPECT_EQ(memory_free_kib(look("b")), free_kib);
    }
    EXPECT_EQ(find_overlap(look("a"), look("b")), std::nullopt);
}

TEST_F(SimFaults, AKilledCreatorLeavesAHalfBuiltDomainAndAKilledDestroyerADyingOne) {
    auto host = open_host("a");
    DomainSpec spec;
    spec.name = "new";
    spec.uuid.bytes[0] = 9;
    spec.memory_mib = 64;
    spec.kernel = "/boot/vmlinuz";
    const auto create = [&] {
        SilentProgress silent;
        Domain out;
        return open_host("a")->create(spec, silent, out).fault();
    };
    order("a", rule_of(Call::create, FaultAction::die, 500));
    EXPECT_EQ(Worker{create}.wait(), -SIGKILL);
    const Domain half = domain_named(*host, "new");
    EXPECT_EQ(half.state, DomainState::paused);
    EXPECT_EQ(host->unpause(half).fault(), Fault::hypervisor_failed);
    EXPECT_EQ(create(), Fault::already_exists);

    order("a", rule_of(Call::destroy, FaultAction::die, 500));
    SilentProgress silent;
    Worker destroyer{[&] { return open_host("a")->destroy(half, silent).fault(); }};
    EXPECT_EQ(destroyer.wait(), -SIGKILL);
    Domain dying;
    ASSERT_TRUE(host->find(spec.uuid, dying).ok());
    EXPECT_EQ(dying.state, DomainState::dying);
    EXPECT_TRUE(dying.name.empty());
    EXPECT_TRUE(host->destroy(dying, silent).ok());
    EXPECT_EQ(host->find(spec.uuid, dying).fault(), Fault::not_found);
    EXPECT_EQ(create(), Fault::none);
}

TEST_F(SimFaults, ProcessesKilledAtAnyTimeLeaveAWholeState) {
    open_host("a");
    auto host = open_host("a");
    for (int round = 0; round < 40; ++round) {
        Pair news;
        Worker busy{[&] {
            auto own = open_host("a");
            const Domain guest = domain_named(*own, "a-01");
            for (std::uint32_t i = 0;; ++i) {
                if (i == 3 && write(news.far, "!", 1) != 1) {
                    return Fault::io_failed;
                }
                (void)own->pause(guest);
                (void)own->guest_write(guest, "data/note", std::to_string(i));
                (void)own->unpause(guest);
            }
        }};
        ASSERT_TRUE(await_byte(news.near));
        busy.kill_9();
        DomainList domains;
        ASSERT_TRUE(host->list(domains).ok());
        ASSERT_EQ(domains.size(), 3u);
        EXPECT_EQ(domains[1].name, "a-01");
        EXPECT_EQ(domains[2].state, DomainState::running);
        const SimHost state = look("a");
        const Execution& last = state.executions.newest();
        EXPECT_EQ(last.began, domains[1].state == DomainState::running) << "the record agrees with the state";
    }
}

TEST_F(SimFaults, AHangUpOfThePeerEndsASendAtOnce) {
    SimOptions slow = options("a");
    slow.operation_speed = 1;
    slow.link_mbps = 1;
    auto host = open_host(slow);
    const Domain guest = domain_named(*host, "a-01");
    Pair link;
    Pair news;
    Worker sender{[&] {
        link.close_near();
        Announcer announcer{news.far, false};
        return send("a", "a-01", link.far, announcer);
    }};
    link.close_far();
    ASSERT_TRUE(await_byte(news.near));
    link.close_near();
    EXPECT_EQ(sender.fault(), Fault::connection_lost);
    EXPECT_EQ(state_of_uuid(*host, guest.uuid), DomainState::running);
}

TEST_F(SimFaults, AReceiverWithoutItsSenderLeavesNoDomainBehind) {
    open_host("a");
    auto target = open_host("b");
    const std::uint64_t free_kib = memory_free_kib(look("b"));
    order("a", rule_of(Call::send, FaultAction::die, 950));
    Pair link;
    Worker sender{[&] {
        link.close_near();
        return send("a", "a-01", link.far);
    }};
    link.close_far();
    EXPECT_EQ(receive("b", link.near), Fault::connection_lost);
    EXPECT_EQ(sender.wait(), -SIGKILL);
    DomainList domains;
    ASSERT_TRUE(target->list(domains).ok());
    EXPECT_EQ(domains.size(), 3u);
    EXPECT_EQ(memory_free_kib(look("b")), free_kib);
}

TEST_F(SimFaults, ADomainDestroyedByAnotherEndsItsTransfer) {
    auto host = open_host("a");
    const Domain guest = domain_named(*host, "a-01");
    edit("a", [](SimHost& state) { state.config.link_mbps = 1; });
    Pair link;
    Pair news;
    Worker sender{[&] {
        Announcer announcer{news.far, false};
        return send("a", "a-01", link.far, announcer);
    }};
    ASSERT_TRUE(await_byte(news.near));
    SilentProgress silent;
    EXPECT_TRUE(host->destroy(guest, silent).ok());
    EXPECT_EQ(sender.fault(), Fault::hypervisor_failed);
    EXPECT_EQ(state_of_uuid(*host, guest.uuid), DomainState::absent);
}

TEST_F(SimFaults, ADeafGuestIsGivenUpAndRunsOn) {
    SimOptions fast = options("a");
    fast.operation_speed = 1000;
    auto host = open_host(fast);
    edit("a", [](SimHost& state) { state.guests[0].workload.unresponsive = true; });
    const int nowhere = null_device();
    EXPECT_EQ(send("a", "a-01", nowhere), Fault::guest_unresponsive);
    close(nowhere);
    EXPECT_EQ(domain_named(*host, "a-01").state, DomainState::running);
}

TEST_F(SimFaults, OrderedFaultsStrikeTheCallsThatTheyAreMeantFor) {
    auto host = open_host("a");
    const Domain guest = domain_named(*host, "a-01");
    FaultRule second_pause = rule_of(Call::pause, FaultAction::fail, 0, Fault::hypervisor_failed);
    second_pause.skip = 1;
    order("a", second_pause);
    EXPECT_TRUE(host->pause(guest).ok());
    EXPECT_EQ(host->pause(guest).fault(), Fault::hypervisor_failed);
    EXPECT_EQ(host->last_error(),
              "simulated pause: the hypervisor's toolstack refused or failed the operation "
              "(ordered fault)");
    EXPECT_TRUE(host->pause(guest).ok());
    EXPECT_TRUE(host->unpause(guest).ok());

    order("a", rule_of(Call::send, FaultAction::fail, 950, Fault::no_disk_space));
    const int nowhere = null_device();
    EXPECT_EQ(send("a", "a-01", nowhere), Fault::no_disk_space);
    EXPECT_EQ(state_of_uuid(*host, guest.uuid), DomainState::suspended);
    EXPECT_TRUE(host->resume_suspended(guest).ok());
    EXPECT_EQ(send("a", "a-01", nowhere), Fault::none);
    close(nowhere);
}

TEST_F(SimFaults, AHypervisorThatDoesNotAnswerAnswersLaterWithTheSameGuests) {
    auto host = open_host("a");
    edit("a", [](SimHost& state) { state.unavailable_until_ns = never_ns; });
    DomainList domains;
    EXPECT_EQ(host->list(domains).fault(), Fault::hypervisor_unavailable);
    HostCounters counters;
    EXPECT_EQ(host->sample(counters).fault(), Fault::hypervisor_unavailable);
    edit("a", [](SimHost& state) { state.unavailable_until_ns = 0; });
    ASSERT_TRUE(host->list(domains).ok());
    EXPECT_EQ(domains.size(), 3u);
}

}  // namespace
}  // namespace ballast::sim
