// The door to Xen on the stand-in for hypervisor and xenstored: what it asks, checks and refuses. What only
// real Xen can show (building, saving, restoring) is shown in the lab.
#include "xen_glue/xen/xen_hypervisor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "tests/xen/xen_hypervisor_fixture.hpp"
#include "xen_glue/xen/xenstore_area.hpp"

namespace ballast::xen {
namespace {

TEST_F(XenHypervisorTest, ListsDom0AndGuestsWithTheirTrueTypes) {
    put_guest(1, "a-pv", "pv");
    put_guest(2, "a-pvh", "pvh");
    put_guest(3, "an-hvm", "hvm");
    const auto list = std::make_unique<DomainList>();
    ASSERT_TRUE(xen_->list(*list).ok()) << xen_->last_error();
    ASSERT_EQ(list->size(), 4U);
    EXPECT_EQ((*list)[0].name, "Domain-0");
    EXPECT_TRUE((*list)[0].uuid.nil());
    EXPECT_EQ((*list)[0].memory_max_kib, 0U);
    EXPECT_EQ((*list)[0].type, GuestType::pv);  // libxl keeps no record of dom0's type
    EXPECT_EQ((*list)[1].type, GuestType::pv);
    EXPECT_EQ((*list)[2].type, GuestType::pvh);
    EXPECT_EQ((*list)[3].type, GuestType::hvm);
    EXPECT_EQ((*list)[3].name, "an-hvm");
    EXPECT_EQ((*list)[3].memory_kib, 131072U);
    EXPECT_EQ((*list)[3].vcpus, 2U);
    EXPECT_EQ((*list)[3].cpu_time_ns, 5'000'000U);
}

TEST_F(XenHypervisorTest, ReducesXensFlagsToOneState) {
    xen_stub::Domain& guest = put_guest(1, "desk");
    EXPECT_EQ(found(1).state, DomainState::running);
    guest.pauses = 1;
    EXPECT_EQ(found(1).state, DomainState::paused);
    guest.shutdown = true;  // outranks paused
    guest.shutdown_reason = reason_suspend;
    EXPECT_EQ(found(1).state, DomainState::suspended);
    guest.shutdown_reason = reason_poweroff;
    EXPECT_EQ(found(1).state, DomainState::powered_off);
    guest.shutdown_reason = reason_reboot;
    EXPECT_EQ(found(1).state, DomainState::rebooting);
    guest.shutdown_reason = reason_crash;
    EXPECT_EQ(found(1).state, DomainState::crashed);
    guest.dying = true;  // outranks all
    EXPECT_EQ(found(1).state, DomainState::dying);
}

TEST_F(XenHypervisorTest, KnowsItsOwnGuestsByTheirMark) {
    put_guest(1, "ours");
    put_guest(2, "foreign");
    xen_stub::put_node("/local/domain/1/vm-data/ballast", "1");
    EXPECT_TRUE(found(1).ours);
    EXPECT_FALSE(found(2).ours);
}

TEST_F(XenHypervisorTest, CompletesWhatItKnowsOfADomainThatWasStillBeingBuilt) {
    xen_stub::Domain& guest = put_guest(1, "", "");
    guest.cpu_time_ns = 0;
    guest.pauses = 1;
    EXPECT_EQ(found(1).type, GuestType::unknown);
    EXPECT_TRUE(found(1).name.empty());
    xen_stub::put_node("/libxl/1/type", "pvh");
    xen_stub::put_node("/local/domain/1/name", "desk");
    EXPECT_EQ(found(1).type, GuestType::pvh);
    EXPECT_EQ(found(1).name, "desk");
}

TEST_F(XenHypervisorTest, AReusedDomainIdIsNotTakenForTheOldGuest) {
    put_guest(1, "old");
    EXPECT_EQ(found(1).type, GuestType::pv);
    const Domain old = found(1);
    xen_stub::remove_domain(1);
    put_guest(1, "new", "pvh").uuid = uuid_number(99);
    EXPECT_EQ(found(99).type, GuestType::pvh);
    EXPECT_EQ(xen_->pause(old).fault(), Fault::not_found);
    EXPECT_EQ(xen_->destroy(old, progress_).fault(), Fault::not_found);
    EXPECT_EQ(xen_stub::find_domain(1)->pauses, 0U);
}

TEST_F(XenHypervisorTest, OfTwoDomainsWithOneUuidTheOneNotInFlightIsFound) {
    put_guest(1, "desk--migratedaway");
    put_guest(2, "desk").uuid = uuid_number(1);
    put_guest(3, "desk--incoming").uuid = uuid_number(1);
    EXPECT_EQ(found(1).domid, 2U);
}

TEST_F(XenHypervisorTest, PausingTwiceNeedsOneUnpause) {
    xen_stub::Domain& guest = put_guest(1, "desk");
    const Domain desk = found(1);
    EXPECT_TRUE(xen_->pause(desk).ok());
    EXPECT_TRUE(xen_->pause(desk).ok());
    EXPECT_EQ(guest.pauses, 1U);
    EXPECT_TRUE(xen_->unpause(desk).ok());
    EXPECT_TRUE(xen_->unpause(desk).ok());
    EXPECT_EQ(guest.pauses, 0U);
}

TEST_F(XenHypervisorTest, NothingIsEverDoneToDom0) {
    Domain dom0;
    ASSERT_TRUE(xen_->find(Uuid{}, dom0).ok());
    EXPECT_EQ(xen_->pause(dom0).fault(), Fault::invalid_argument);
    EXPECT_EQ(xen_->rename(dom0, "x").fault(), Fault::invalid_argument);
    EXPECT_EQ(xen_->shutdown(dom0, 1000, progress_).fault(), Fault::invalid_argument);
    EXPECT_EQ(xen_->destroy(dom0, progress_).fault(), Fault::invalid_argument);
    EXPECT_EQ(xen_->send_image(dom0, STDOUT_FILENO, MigrationMode::automatic, progress_).fault(),
              Fault::invalid_argument);
}

TEST_F(XenHypervisorTest, OnlyASuspendedDomainIsResumed) {
    put_guest(1, "desk");
    EXPECT_EQ(xen_->resume_suspended(found(1)).fault(), Fault::state_conflict);
}

TEST_F(XenHypervisorTest, OnlyARequestToSuspendThatNobodyHasTakenIsWithdrawn) {
    put_guest(1, "desk");
    const std::string request = "/local/domain/1/control/shutdown";
    EXPECT_EQ(xen_->withdraw_suspend(found(1)).fault(), Fault::state_conflict) << "no node at all";
    for (const char* other : {"poweroff", "suspended"}) {
        xen_stub::put_node(request, other);
        EXPECT_EQ(xen_->withdraw_suspend(found(1)).fault(), Fault::state_conflict);
        EXPECT_EQ(xen_stub::node(request), other);
    }
    xen_stub::put_node(request, "suspend");
    EXPECT_TRUE(xen_->withdraw_suspend(found(1)).ok());
    EXPECT_EQ(xen_stub::node(request), "");
    EXPECT_EQ(xen_->withdraw_suspend(found(1)).fault(), Fault::state_conflict);
    EXPECT_EQ(xen_stub::node(request), "withdrawn") << "until somebody asks again";
    EXPECT_EQ(xen_->withdraw_suspend(found(1)).fault(), Fault::state_conflict);
    EXPECT_EQ(xen_stub::node(request), "withdrawn");
}

TEST_F(XenHypervisorTest, AGuestThatIsAskedByAnEventIsNotMarkedAsOneThatNobodyHasAsked) {
    put_guest(1, "desk");
    const std::string request = "/local/domain/1/control/shutdown";
    xen_stub::put_node(request, "");
    xen_stub::put_node("/local/domain/1/device/suspend/event-channel", "5");
    EXPECT_EQ(xen_->withdraw_suspend(found(1)).fault(), Fault::state_conflict);
    EXPECT_EQ(xen_stub::node(request), "");
}

TEST_F(XenHypervisorTest, ItIsKnownWhetherANodeWasWrittenTo) {
    std::string why;
    Xenstore xenstore;
    ASSERT_TRUE(xenstore.open(why).ok()) << why;
    const std::string path = "/local/domain/1/control/shutdown";
    ASSERT_TRUE(xenstore.watch_writes(path).ok());
    EXPECT_FALSE(xenstore.written(path));
    ASSERT_TRUE(xenstore.watch_writes(path).ok());
    xen_stub::fire_watch(path);
    EXPECT_TRUE(xenstore.written(path));
}

TEST_F(XenHypervisorTest, RenamesOnlyTheDomainThatIsMeantAndOnlyToAFreeName) {
    put_guest(1, "desk");
    put_guest(2, "other");
    const Domain desk = found(1);
    EXPECT_EQ(xen_->rename(desk, "other").fault(), Fault::already_exists);
    EXPECT_EQ(xen_->rename(desk, "a/b").fault(), Fault::invalid_argument);
    Domain mistaken = desk;
    mistaken.name = "desk-before";
    EXPECT_EQ(xen_->rename(mistaken, "desk-after").fault(), Fault::state_conflict);
    EXPECT_EQ(xen_stub::node("/local/domain/1/name"), "desk");
    EXPECT_TRUE(xen_->rename(desk, "desk--migratedaway").ok()) << xen_->last_error();
    EXPECT_EQ(found(1).name, "desk--migratedaway");
}

TEST_F(XenHypervisorTest, TheConsoleIsWhereXenstoreSaysNow) {
    put_guest(1, "desk");
    ConsoleEndpoint endpoint;
    ASSERT_TRUE(xen_->console(found(1), endpoint).ok());
    EXPECT_EQ(endpoint.protocol, ConsoleEndpoint::Protocol::none);
    xen_stub::put_node("/local/domain/1/console/vnc-port", "5903");
    xen_stub::put_node("/local/domain/1/console/vnc-listen", "127.0.0.1");
    ASSERT_TRUE(xen_->console(found(1), endpoint).ok());
    EXPECT_EQ(endpoint.protocol, ConsoleEndpoint::Protocol::vnc);
    EXPECT_EQ(endpoint.password, "");
    xen_stub::put_node("/local/domain/1/console/vnc-pass", "geheim42");
    ASSERT_TRUE(xen_->console(found(1), endpoint).ok());
    EXPECT_EQ(endpoint.password, "geheim42");
    EXPECT_EQ(endpoint.port, 5903);
    EXPECT_EQ(endpoint.listen_address, "127.0.0.1");
    for (const char* port : {"", "0", "-1", "70000", "vnc"}) {
        xen_stub::put_node("/local/domain/1/console/vnc-port", port);
        ASSERT_TRUE(xen_->console(found(1), endpoint).ok());
        EXPECT_EQ(endpoint.protocol, ConsoleEndpoint::Protocol::none) << port;
    }
}

TEST_F(XenHypervisorTest, AGuestsWordIsBoundedAndPrintable) {
    put_guest(1, "desk");
    std::string value;
    ASSERT_TRUE(xen_->guest_read(found(1), "data/boot-complete", value).ok());
    EXPECT_EQ(value, "");
    xen_stub::put_node("/local/domain/1/data/boot-complete", std::string{"ok\n\0\x1b[31m\xff", 10});
    ASSERT_TRUE(xen_->guest_read(found(1), "data/boot-complete", value).ok());
    EXPECT_EQ(value, "ok???[31m?");
    xen_stub::put_node("/local/domain/1/data/boot-complete", std::string(5000, 'x'));
    ASSERT_TRUE(xen_->guest_read(found(1), "data/boot-complete", value).ok());
    EXPECT_EQ(value.size(), 1024U);
}

TEST_F(XenHypervisorTest, GuestPathsCannotLeaveTheGuestsArea) {
    put_guest(1, "desk");
    const Domain desk = found(1);
    std::string value;
    for (const char* path : {"", "/local/domain/0/name", "../0/name", "data//x", "data/", "data/../../0/name",
                             "data/a b", "data/\n", "./data"}) {
        EXPECT_EQ(xen_->guest_read(desk, path, value).fault(), Fault::invalid_argument) << path;
        EXPECT_EQ(xen_->guest_write(desk, path, "x").fault(), Fault::invalid_argument) << path;
    }
    // What the toolstack obeys is not written through this door.
    for (const char* path : {"control/shutdown", "memory/target", "name", "data"}) {
        EXPECT_EQ(xen_->guest_write(desk, path, "x").fault(), Fault::invalid_argument) << path;
    }
    EXPECT_TRUE(xen_->guest_write(desk, "data/nonce", "42").ok());
    EXPECT_EQ(xen_stub::node("/local/domain/1/data/nonce"), "42");
}

TEST_F(XenHypervisorTest, AWatcherIsWokenWhenAWatchedGuestWrites) {
    put_guest(1, "desk");
    put_guest(2, "other");
    pollfd descriptor{.fd = xen_->event_fd(), .events = POLLIN, .revents = 0};
    DomainList guests;
    ASSERT_TRUE(xen_->list(guests).ok());
    ASSERT_TRUE(xen_->watch_guests(guests).ok());
    HostEvents events = xen_->drain_events();
    EXPECT_EQ(events.guests.size(), 2U) << "each tells at once what is there";
    xen_stub::fire_watch("/local/domain/1/data/ballast/ready");
    xen_stub::fire_watch("/local/domain/1/data/ballast/nonce");
    EXPECT_EQ(poll(&descriptor, 1, 1000), 1);
    events = xen_->drain_events();
    EXPECT_FALSE(events.domains);
    EXPECT_FALSE(events.all_guests);
    ASSERT_EQ(events.guests.size(), 1U);
    EXPECT_EQ(events.guests[0], 1U);
    // A guest that floods costs one entry; more guests than fit become "all".
    for (std::uint32_t domid = 3; domid <= 40; ++domid) {
        put_guest(domid, ("guest" + std::to_string(domid)).c_str());
    }
    guests.clear();
    ASSERT_TRUE(xen_->list(guests).ok());
    ASSERT_TRUE(xen_->watch_guests(guests).ok());
    events = xen_->drain_events();
    EXPECT_TRUE(events.all_guests);
    xen_stub::fire_watch("@releaseDomain");
    EXPECT_TRUE(xen_->drain_events().domains);
    guests.clear();
    ASSERT_TRUE(xen_->watch_guests(guests).ok());
    EXPECT_TRUE(xen_->drain_events().guests.empty());
}

TEST_F(XenHypervisorTest, AWatcherIsWokenWhenADomainComesOrGoes) {
    pollfd descriptor{.fd = xen_->event_fd(), .events = POLLIN, .revents = 0};
    ASSERT_GE(descriptor.fd, 0);
    xen_->drain_events();
    EXPECT_EQ(poll(&descriptor, 1, 0), 0);
    for (const char* path : {"@introduceDomain", "@releaseDomain"}) {
        xen_stub::fire_watch(path);
        EXPECT_EQ(poll(&descriptor, 1, 1000), 1) << path;
        xen_->drain_events();
        EXPECT_EQ(poll(&descriptor, 1, 0), 0) << path;
    }
}

TEST_F(XenHypervisorTest, HostFactsCountScrubbedMemoryAsFreeAndClaimedAsTaken) {
    xen_stub::host().pages = 1000;
    xen_stub::host().free_pages = 500;
    xen_stub::host().scrub_pages = 100;
    xen_stub::host().outstanding_pages = 250;
    xen_stub::host().shadow = false;
    HostFacts facts;
    ASSERT_TRUE(xen_->host_facts(facts).ok());
    EXPECT_EQ(facts.memory_kib, 4000U);
    EXPECT_EQ(facts.memory_free_kib, 1400U);
    EXPECT_EQ(facts.cpu_count, 4U);
    EXPECT_TRUE(facts.can_hap);
    EXPECT_FALSE(facts.can_shadow);
    EXPECT_EQ(facts.hypervisor_version, "4.17.5");
    EXPECT_EQ(facts.hypervisor_kind, "xen");
    xen_stub::host().outstanding_pages = 10000;
    ASSERT_TRUE(xen_->host_facts(facts).ok());
    EXPECT_EQ(facts.memory_free_kib, 0U);
}

TEST_F(XenHypervisorTest, ASampleHasEveryDomainWithItsVcpus) {
    put_guest(1, "desk");
    xen_stub::Domain& building = put_guest(2, "", "");  // libxenstat leaves it out for having no name
    building.pauses = 1;
    const auto counters = std::make_unique<HostCounters>();
    ASSERT_TRUE(xen_->sample(*counters).ok()) << xen_->last_error();
    EXPECT_GT(counters->taken_mono_ns, 0);
    ASSERT_EQ(counters->domains.size(), 3U);
    const DomainCounters& desk = counters->domains[1];
    EXPECT_EQ(desk.domain.name, "desk");
    EXPECT_EQ(desk.domain.cpu_time_ns, 5'000'000U);
    ASSERT_EQ(desk.vcpu_time_ns.size(), 2U);
    EXPECT_EQ(desk.vcpu_time_ns[0], 2'500'000U);
    EXPECT_EQ(desk.domain.memory_kib, 131072U);
    EXPECT_EQ(counters->domains[2].domain.memory_kib, 131072U);
    EXPECT_TRUE(counters->domains[2].vcpu_time_ns.empty());
}

TEST_F(XenHypervisorTest, WhatLastsIsAskedOnceAndNotWithEverySample) {
    for (std::uint32_t domid = 1; domid <= 8; ++domid) {
        put_guest(domid, "desk-" + std::to_string(domid));
    }
    xen_stub::find_domain(0)->cpu_time_ns = 1;
    const auto counters = std::make_unique<HostCounters>();
    ASSERT_TRUE(xen_->sample(*counters).ok());
    const std::uint64_t before = xen_stub::xenstore_reads();
    ASSERT_TRUE(xen_->sample(*counters).ok());
    // Each name once, by libxenstat.
    EXPECT_EQ(xen_stub::xenstore_reads() - before, 9U);
}

TEST_F(XenHypervisorTest, ADeadXenstoredIsNotTakenForAnEmptyHost) {
    put_guest(1, "desk");
    const Domain desk = found(1);
    xen_stub::kill_xenstored();
    const auto list = std::make_unique<DomainList>();
    const auto counters = std::make_unique<HostCounters>();
    Domain domain;
    EXPECT_EQ(xen_->list(*list).fault(), Fault::hypervisor_unavailable);
    EXPECT_EQ(xen_->find(desk.uuid, domain).fault(), Fault::hypervisor_unavailable);
    EXPECT_EQ(xen_->sample(*counters).fault(), Fault::hypervisor_unavailable);
    std::string why;
    EXPECT_EQ(open({}, why), nullptr);
    EXPECT_FALSE(why.empty());
}

TEST_F(XenHypervisorTest, MoreDomainsThanTheLimitAreReportedNotHidden) {
    for (std::uint32_t domid = 1; domid <= limits::domains_per_host_max; ++domid) {
        put_guest(domid, "desk-" + std::to_string(domid));
    }
    const auto list = std::make_unique<DomainList>();
    EXPECT_EQ(xen_->list(*list).fault(), Fault::limit_reached);
    xen_stub::remove_domain(1);
    EXPECT_TRUE(xen_->list(*list).ok());
    EXPECT_EQ(list->size(), limits::domains_per_host_max);
}

}  // namespace
}  // namespace ballast::xen
