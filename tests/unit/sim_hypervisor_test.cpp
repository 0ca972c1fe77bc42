#include "xen_glue/sim/sim_hypervisor.hpp"

#include <fcntl.h>
#include <poll.h>

#include <fstream>

#include "tests/unit/sim_fixture.hpp"
#include "xen_glue/sim/executions.hpp"

namespace ballast::sim {
namespace {

DomainSpec small_spec(std::string_view name) {
    DomainSpec spec;
    spec.name = name;
    spec.uuid.bytes[0] = 7;
    spec.memory_mib = 64;
    spec.kernel = "/boot/vmlinuz";
    return spec;
}

class SimHypervisorTest : public SimFixture {
  protected:
    SilentProgress progress_;
};

TEST_F(SimHypervisorTest, ANewHostRunsItsFirstGuestsBesideDom0) {
    auto host = open_host("a");
    DomainList domains;
    ASSERT_TRUE(host->list(domains).ok());
    ASSERT_EQ(domains.size(), 3u);
    EXPECT_EQ(domains[0].domid, 0u);
    EXPECT_TRUE(domains[0].uuid.nil());
    EXPECT_EQ(domains[1].name, "a-01");
    EXPECT_EQ(domains[1].state, DomainState::running);
    EXPECT_EQ(domains[2].memory_kib, 64u * 1024);
    HostFacts facts;
    ASSERT_TRUE(host->host_facts(facts).ok());
    EXPECT_EQ(facts.cpu_count, 8u);
    EXPECT_EQ(facts.hypervisor_kind, "sim");
}

TEST_F(SimHypervisorTest, GuestsSurviveTheProcessThatOpenedThem) {
    open_host("a");
    Worker other{[this] { return open_host("a")->pause(domain_named(*open_host("a"), "a-01")).fault(); }};
    EXPECT_EQ(other.fault(), Fault::none);
    auto host = open_host("a");
    EXPECT_EQ(domain_named(*host, "a-01").state, DomainState::paused);
    EXPECT_EQ(domain_named(*host, "a-02").state, DomainState::running);
}

TEST_F(SimHypervisorTest, OptionsAndFilesThatCannotBeAreRefusedWithASentence) {
    std::string why;
    SimOptions bad = options("a");
    bad.operation_speed = 0;
    EXPECT_EQ(open(bad, why), nullptr);
    EXPECT_EQ(why, "operation_speed: expected 1 to 1000, found 0");
    bad = options("a");
    bad.guests[0].count = 40;
    EXPECT_EQ(open(bad, why), nullptr);
    EXPECT_NE(why.find("guest 15 of \"a-\""), std::string::npos) << why;
    EXPECT_NE(why.find("memory"), std::string::npos) << why;
    bad = options("b");
    std::ofstream{bad.state_file} << "somebody's letters";
    EXPECT_EQ(open(bad, why), nullptr);
    EXPECT_NE(why.find("expected the state file of a simulated host"), std::string::npos) << why;
    bad.state_file = directory_ + "/none/x";
    EXPECT_EQ(open(bad, why), nullptr);
    EXPECT_NE(why.find("No such file"), std::string::npos) << why;
    EXPECT_EQ(inspect(directory_ + "/nothing", why), nullptr);
}

TEST_F(SimHypervisorTest, EqualSeedsGiveEqualGuests) {
    auto first = options("a");
    auto second = options("a");
    second.state_file += "-again";
    auto third = options("a");
    third.state_file += "-other";
    third.seed = 2;
    const Uuid uuid = domain_named(*open_host(first), "a-01").uuid;
    EXPECT_EQ(domain_named(*open_host(second), "a-01").uuid, uuid);
    EXPECT_NE(domain_named(*open_host(third), "a-01").uuid, uuid);
}

TEST_F(SimHypervisorTest, ACreatedGuestIsPausedAndOursAndCanBeShutDown) {
    auto host = open_host("a");
    Domain created;
    ASSERT_TRUE(host->create(small_spec("new"), progress_, created).ok()) << host->last_error();
    EXPECT_EQ(created.state, DomainState::paused);
    EXPECT_TRUE(created.ours);
    Domain again;
    EXPECT_EQ(host->create(small_spec("other"), progress_, again).fault(), Fault::already_exists);
    ASSERT_TRUE(host->unpause(created).ok());
    ASSERT_TRUE(host->shutdown(created, 5000, progress_).ok()) << host->last_error();
    EXPECT_EQ(host->find(created.uuid, again).fault(), Fault::not_found);
    EXPECT_EQ(host->pause(created).fault(), Fault::not_found);
}

TEST_F(SimHypervisorTest, ASpecThatIsNotValidIsRefusedWithItsField) {
    auto host = open_host("a");
    DomainSpec spec = small_spec("new");
    spec.kernel = "../vmlinuz";
    Domain out;
    EXPECT_EQ(host->create(spec, progress_, out).fault(), Fault::invalid_argument);
    EXPECT_NE(host->last_error().find("kernel: expected an absolute path"), std::string_view::npos)
        << host->last_error();
}

TEST_F(SimHypervisorTest, APausedOrDeafGuestDoesNotShutDown) {
    auto host = open_host("a");
    const Domain paused = domain_named(*host, "a-01");
    ASSERT_TRUE(host->pause(paused).ok());
    EXPECT_EQ(host->shutdown(paused, 150, progress_).fault(), Fault::guest_unresponsive);
    EXPECT_EQ(state_of_uuid(*host, paused.uuid), DomainState::paused);
    edit("a", [](SimHost& state) { state.guests[1].workload.unresponsive = true; });
    const Domain deaf = domain_named(*host, "a-02");
    EXPECT_EQ(host->shutdown(deaf, 150, progress_).fault(), Fault::guest_unresponsive);
    EXPECT_EQ(state_of_uuid(*host, deaf.uuid), DomainState::running);
}

TEST_F(SimHypervisorTest, NothingIsEverDoneToDom0) {
    auto host = open_host("a");
    const Domain dom0 = domain_named(*host, "Domain-0");
    ASSERT_EQ(dom0.domid, 0u);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(host->pause(dom0).fault(), Fault::invalid_argument);
    EXPECT_EQ(host->destroy(dom0, progress_).fault(), Fault::invalid_argument);
    EXPECT_EQ(host->shutdown(dom0, 10, progress_).fault(), Fault::invalid_argument);
    EXPECT_EQ(host->send_image(dom0, nowhere, MigrationMode::live, progress_).fault(),
              Fault::invalid_argument);
    EXPECT_EQ(host->rename(dom0, "x").fault(), Fault::invalid_argument);
    close(nowhere);
}

TEST_F(SimHypervisorTest, ASavedGuestGoesOnWhereItStopped) {
    auto host = open_host("a");
    const Domain before = domain_named(*host, "a-01");
    ASSERT_TRUE(host->guest_write(before, "data/load", "burn").ok());
    const std::string path = directory_ + "/image";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_TRUE(host->send_image(before, fd, MigrationMode::stop_and_copy, progress_).ok())
        << host->last_error();
    EXPECT_EQ(state_of_uuid(*host, before.uuid), DomainState::suspended);
    EXPECT_EQ(host->unpause(before).fault(), Fault::state_conflict);
    const std::int64_t executed_ns = look("a").guests[0].executed_ns;
    EXPECT_GT(executed_ns, 0);
    ASSERT_TRUE(host->destroy(before, progress_).ok());

    lseek(fd, 0, SEEK_SET);
    Domain after;
    ASSERT_TRUE(host->receive_image(fd, "", {}, progress_, after).ok()) << host->last_error();
    close(fd);
    EXPECT_EQ(after.state, DomainState::paused);
    EXPECT_EQ(after.name, "a-01");
    EXPECT_EQ(after.uuid, before.uuid);
    EXPECT_GT(after.domid, before.domid);
    EXPECT_EQ(after.cpu_time_ns, 0u);
    EXPECT_TRUE(after.ours);
    // What dom0 and the guest had written is gone; what the guest does is not.
    std::string value;
    ASSERT_TRUE(host->guest_read(after, "data/load", value).ok());
    EXPECT_EQ(value, "");
    const SimHost state = look("a");
    EXPECT_EQ(state.guests[1].executed_ns, executed_ns);
    EXPECT_EQ(state.guests[1].workload.load.load_permille, 1000u);
    ASSERT_TRUE(host->unpause(after).ok());
    EXPECT_EQ(state_of_uuid(*host, before.uuid), DomainState::running);
}

TEST_F(SimHypervisorTest, AResumedGuestRunsOnAsIfNothingHadHappened) {
    auto host = open_host("a");
    const Domain guest = domain_named(*host, "a-01");
    EXPECT_EQ(host->resume_suspended(guest).fault(), Fault::state_conflict);
    const int fd = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ASSERT_TRUE(host->send_image(guest, fd, MigrationMode::live, progress_).ok());
    close(fd);
    ASSERT_TRUE(host->resume_suspended(guest).ok());
    EXPECT_EQ(state_of_uuid(*host, guest.uuid), DomainState::running);
    EXPECT_EQ(domain_named(*host, "a-01").domid, guest.domid);
}

TEST_F(SimHypervisorTest, AMigratedGuestNeverExecutesTwiceAndLosesNoTick) {
    auto source = open_host("a");
    auto target = open_host("b");
    const Domain guest = domain_named(*source, "a-01");
    Pair link;
    Domain incoming;
    Status received;
    std::thread receiver{
        [&] { received = target->receive_image(link.far, incoming_suffix, {}, progress_, incoming); }};
    const Status sent = source->send_image(guest, link.near, MigrationMode::live, progress_);
    receiver.join();
    ASSERT_TRUE(sent.ok()) << source->last_error();
    ASSERT_TRUE(received.ok()) << target->last_error();
    EXPECT_EQ(incoming.name, "a-01--incoming");
    EXPECT_EQ(incoming.state, DomainState::paused);
    ASSERT_TRUE(target->rename(incoming, "a-01").ok());
    ASSERT_TRUE(target->find(guest.uuid, incoming).ok());
    ASSERT_TRUE(target->unpause(incoming).ok());
    ASSERT_TRUE(source->destroy(domain_named(*source, "a-01"), progress_).ok());

    const SimHost here = look("a");
    const SimHost there = look("b");
    EXPECT_EQ(find_overlap(here, there), std::nullopt);
    const Execution& stopped = here.executions.newest();
    const Execution& began = there.executions.newest();
    EXPECT_FALSE(stopped.began);
    EXPECT_TRUE(began.began);
    EXPECT_EQ(stopped.uuid, began.uuid);
    EXPECT_EQ(stopped.executed_ns, began.executed_ns);
    EXPECT_GT(began.at_ns, stopped.at_ns);
    // The transfer is on both cards' counters: at least all memory, once.
    EXPECT_GE(here.nic_tx_bytes.total, 64u << 20);
    EXPECT_GE(there.nic_rx_bytes.total, 64u << 20);
}

TEST_F(SimHypervisorTest, TwoExecutionsAtOnceWouldBeFound) {
    auto source = open_host("a");
    auto target = open_host("b");
    const Domain guest = domain_named(*source, "a-01");
    const std::string path = directory_ + "/image";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_TRUE(source->send_image(guest, fd, MigrationMode::live, progress_).ok());
    lseek(fd, 0, SEEK_SET);
    Domain copy;
    ASSERT_TRUE(target->receive_image(fd, "", {}, progress_, copy).ok()) << target->last_error();
    close(fd);
    EXPECT_EQ(find_overlap(look("a"), look("b")), std::nullopt);
    ASSERT_TRUE(target->unpause(copy).ok());
    ASSERT_TRUE(source->resume_suspended(guest).ok());
    const auto overlap = find_overlap(look("a"), look("b"));
    ASSERT_TRUE(overlap.has_value());
    EXPECT_EQ(overlap->uuid, guest.uuid);
}

TEST_F(SimHypervisorTest, LiveTransferIsRefusedWhereTheHypervisorCannotTrackMemory) {
    SimOptions no_shadow = options("a");
    no_shadow.can_shadow = false;
    auto host = open_host(no_shadow);
    const Domain guest = domain_named(*host, "a-01");
    const int fd = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(host->send_image(guest, fd, MigrationMode::live, progress_).fault(),
              Fault::live_migration_unavailable);
    EXPECT_EQ(state_of_uuid(*host, guest.uuid), DomainState::running);
    EXPECT_TRUE(host->send_image(guest, fd, MigrationMode::automatic, progress_).ok());
    EXPECT_EQ(state_of_uuid(*host, guest.uuid), DomainState::suspended);
    close(fd);
}

TEST_F(SimHypervisorTest, WhatHangsOnADomainIsItsOwn) {
    auto host = open_host("a");
    DomainSpec spec = small_spec("new");
    spec.vnc = {true, "127.0.0.1", "secret"};
    Domain created;
    ASSERT_TRUE(host->create(spec, progress_, created).ok());
    ConsoleEndpoint console;
    ASSERT_TRUE(host->console(created, console).ok());
    EXPECT_EQ(console.protocol, ConsoleEndpoint::Protocol::vnc);
    EXPECT_EQ(console.port, 5900 + created.domid);
    const Domain plain = domain_named(*host, "a-01");
    ASSERT_TRUE(host->console(plain, console).ok());
    EXPECT_EQ(console.protocol, ConsoleEndpoint::Protocol::none);

    std::string value;
    ASSERT_TRUE(host->guest_write(plain, "data/note", "x\ny").ok());
    ASSERT_TRUE(host->guest_read(plain, "data/note", value).ok());
    EXPECT_EQ(value, "x?y");
    ASSERT_TRUE(host->guest_read(created, "data/note", value).ok());
    EXPECT_EQ(value, "");
    EXPECT_EQ(host->guest_write(plain, "name", "x").fault(), Fault::invalid_argument);
    EXPECT_EQ(host->guest_write(plain, "data/../name", "x").fault(), Fault::invalid_argument);
    EXPECT_EQ(host->guest_read(plain, "/local/domain/0", value).fault(), Fault::invalid_argument);
}

bool readable(int fd, int timeout_ms) {
    pollfd poll_fd{fd, POLLIN, 0};
    return poll(&poll_fd, 1, timeout_ms) == 1;
}

TEST_F(SimHypervisorTest, TheEventDescriptorWakesForOtherProcessesAndForTime) {
    auto host = open_host("a");
    // Guests that are up already: the first word of one would wake us too.
    edit("a", [](SimHost& state) {
        for (Guest& guest : state.guests) {
            guest.signals_at_executed_ns = 0;
        }
    });
    const int fd = host->event_fd();
    host->drain_events();
    EXPECT_FALSE(readable(fd, 0));
    // Looking changes nothing and wakes nobody, not even oneself.
    HostCounters counters;
    ASSERT_TRUE(host->sample(counters).ok());
    EXPECT_FALSE(readable(fd, 0));

    Worker other{[this] {
        auto own = open_host("a");
        return own->pause(domain_named(*own, "a-01")).fault();
    }};
    EXPECT_TRUE(readable(fd, 5000));
    EXPECT_EQ(other.fault(), Fault::none);
    host->drain_events();
    EXPECT_EQ(domain_named(*host, "a-01").state, DomainState::paused);
    EXPECT_FALSE(readable(fd, 0));

    // A guest that powers off after its worker is gone: nobody's commit announces it.
    edit("a", [](SimHost& state) { ASSERT_TRUE(begin_shutdown(state, state.guests[1]).ok()); });
    bool was_running = false;
    DomainState now = DomainState::running;
    while (now == DomainState::running) {
        ASSERT_TRUE(readable(fd, 5000)) << "a change was missed";
        host->drain_events();
        now = domain_named(*host, "a-02").state;
        was_running |= now == DomainState::running;
    }
    EXPECT_TRUE(was_running);
    EXPECT_EQ(now, DomainState::powered_off);
}

}  // namespace
}  // namespace ballast::sim
