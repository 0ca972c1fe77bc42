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

#include "tests/xen/stub/xen_stub.hpp"
#include "xen_glue/xen/image_header.hpp"

namespace ballast::xen {
namespace {

constexpr std::uint64_t pages_of_128_mib = 32768;
constexpr std::uint32_t reason_poweroff = 0;
constexpr std::uint32_t reason_reboot = 1;
constexpr std::uint32_t reason_suspend = 2;
constexpr std::uint32_t reason_crash = 3;

Uuid uuid_number(std::uint8_t number) {
    Uuid uuid;
    uuid.bytes[0] = 0xab;
    uuid.bytes[15] = number;
    return uuid;
}

class NoProgress final : public ProgressSink {
  public:
    void progress(std::uint64_t, std::uint32_t, bool) override {}
    void note(std::string_view line) override { notes += std::string{line} + "\n"; }
    std::string notes;
};

class XenHypervisorTest : public testing::Test {
  protected:
    void SetUp() override {
        xen_stub::reset();
        std::string why;
        xen_ = open(why);
        ASSERT_NE(xen_, nullptr) << why;
    }

    xen_stub::Domain& put_guest(std::uint32_t domid, const std::string& name,
                                const std::string& type = "pv") {
        xen_stub::put_domain({.domid = domid,
                              .uuid = uuid_number(static_cast<std::uint8_t>(domid)),
                              .pages = pages_of_128_mib,
                              .max_pages = pages_of_128_mib,
                              .cpu_time_ns = 5'000'000,
                              .vcpus = 2,
                              .hvm_container = type != "pv"},
                             name, type);
        return *xen_stub::find_domain(domid);
    }
    Domain found(std::uint32_t domid) {
        Domain domain;
        EXPECT_TRUE(xen_->find(uuid_number(static_cast<std::uint8_t>(domid)), domain).ok())
            << xen_->last_error();
        return domain;
    }

    std::unique_ptr<Hypervisor> xen_;
    NoProgress progress_;
};

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
    // Each name once for us and once for libxenstat.
    EXPECT_EQ(xen_stub::xenstore_reads() - before, 2U * 9);
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
    EXPECT_EQ(open(why), nullptr);
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

// ---- refused before anything is touched ----

class XenCreateTest : public XenHypervisorTest {
  protected:
    static DomainSpec spec() {
        DomainSpec out;
        out.name = "desk";
        out.uuid = uuid_number(50);
        out.type = GuestType::pv;
        out.memory_mib = 128;
        out.kernel = "/bin/sh";  // any file that exists
        return out;
    }
    Fault created(const DomainSpec& wanted) {
        Domain domain;
        return xen_->create(wanted, progress_, domain).fault();
    }
};

TEST_F(XenCreateTest, RefusesATakenNameOrUuid) {
    put_guest(1, "desk");
    EXPECT_EQ(created(spec()), Fault::already_exists);
    DomainSpec same_uuid = spec();
    same_uuid.name = "desk-2";
    same_uuid.uuid = uuid_number(1);
    EXPECT_EQ(created(same_uuid), Fault::already_exists);
    EXPECT_NE(xen_->last_error().find("in use on this host"), std::string_view::npos) << xen_->last_error();
}

TEST_F(XenCreateTest, RefusesAnInvalidSpecWithTheField) {
    DomainSpec wanted = spec();
    wanted.memory_mib = 1;
    EXPECT_EQ(created(wanted), Fault::invalid_argument);
    EXPECT_NE(xen_->last_error().find("memory_mib"), std::string_view::npos) << xen_->last_error();
}

TEST_F(XenCreateTest, RefusesAGuestThatDoesNotFit) {
    xen_stub::host().free_pages = pages_of_128_mib - 1;
    EXPECT_EQ(created(spec()), Fault::no_memory);
    EXPECT_NE(xen_->last_error().find("KiB free"), std::string_view::npos) << xen_->last_error();
    EXPECT_NE(progress_.notes.find("KiB free"), std::string::npos);
}

TEST_F(XenCreateTest, RefusesAMissingDiskAndAMissingBridge) {
    DomainSpec without_disk = spec();
    DiskSpec disk;
    disk.target = "/nonexistent/desk.img";
    disk.device = "xvda";
    without_disk.disks.push(disk);
    EXPECT_EQ(created(without_disk), Fault::storage_mismatch);
    DomainSpec without_bridge = spec();
    without_bridge.vifs.push({.mac = "00:16:3e:00:00:01", .bridge = "no-such-br"});
    EXPECT_EQ(created(without_bridge), Fault::unsupported);
    EXPECT_NE(xen_->last_error().find("no-such-br"), std::string_view::npos) << xen_->last_error();
}

class XenImageTest : public XenHypervisorTest {
  protected:
    void SetUp() override {
        XenHypervisorTest::SetUp();
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    }
    void TearDown() override {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    Fault sent(std::uint32_t domid, MigrationMode mode) {
        return xen_->send_image(found(domid), ends_[0], mode, progress_).fault();
    }
    Fault received(const std::string& image, std::string_view suffix = "--incoming") {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        EXPECT_EQ(::write(ends[1], image.data(), image.size()), static_cast<ssize_t>(image.size()));
        ::close(ends[1]);
        Domain domain;
        const Fault fault = xen_->receive_image(ends[0], suffix, progress_, domain).fault();
        ::close(ends[0]);
        return fault;
    }
    bool nothing_was_sent() {
        pollfd descriptor{.fd = ends_[1], .events = POLLIN, .revents = 0};
        return poll(&descriptor, 1, 0) == 0;
    }
    static std::string config_json(const std::string& name = "desk", const std::string& extra = "") {
        return R"({"c_info":{"type":"pv","name":")" + name +
               R"(","uuid":"6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01"},"b_info":{"max_vcpus":1,"max_memkb":131072,)"
               R"("target_memkb":131072,"type.pv":{}})" +
               extra + "}";
    }

    int ends_[2] = {-1, -1};
};

TEST_F(XenImageTest, AGuestThatCannotBeSuspendedIsRefusedBeforeAByteIsSent) {
    xen_stub::Domain& guest = put_guest(1, "desk");
    guest.pauses = 1;
    EXPECT_EQ(sent(1, MigrationMode::automatic), Fault::guest_paused);
    guest.pauses = 0;
    guest.shutdown = true;
    guest.shutdown_reason = reason_crash;
    EXPECT_EQ(sent(1, MigrationMode::automatic), Fault::guest_crashed);
    guest.shutdown_reason = reason_suspend;
    EXPECT_EQ(sent(1, MigrationMode::automatic), Fault::state_conflict);
    EXPECT_TRUE(nothing_was_sent());
}

TEST_F(XenImageTest, LiveIsRefusedWhereTheHypervisorCannotTrackWhatTheGuestWrites) {
    put_guest(1, "a-pv", "pv");
    put_guest(2, "a-pvh", "pvh");
    xen_stub::host().shadow = false;
    EXPECT_EQ(sent(1, MigrationMode::live), Fault::live_migration_unavailable);
    EXPECT_NE(xen_->last_error().find("shadow paging"), std::string_view::npos);
    EXPECT_NE(sent(2, MigrationMode::live), Fault::live_migration_unavailable);  // HAP is enough
    xen_stub::host().hap = false;
    EXPECT_EQ(sent(2, MigrationMode::live), Fault::live_migration_unavailable);
}

TEST_F(XenImageTest, AReceiverThatIsGoneIsSeenBeforeLibxlWrites) {
    put_guest(1, "desk");
    ::close(ends_[1]);
    ends_[1] = -1;
    EXPECT_EQ(sent(1, MigrationMode::automatic), Fault::connection_lost);
}

TEST_F(XenImageTest, AGuestOfAnotherToolstackCannotBeSent) {
    put_guest(1, "desk");  // without libxl's stored configuration
    EXPECT_EQ(sent(1, MigrationMode::stop_and_copy), Fault::unsupported);
    EXPECT_TRUE(nothing_was_sent());
}

TEST_F(XenImageTest, GarbageNeverReachesLibxl) {
    EXPECT_EQ(received(""), Fault::image_corrupt);
    EXPECT_EQ(received("garbage"), Fault::image_corrupt);
    EXPECT_EQ(received(std::string(4096, 'x')), Fault::image_corrupt);
    EXPECT_EQ(received(format_image_head("not json")), Fault::image_corrupt);
    EXPECT_EQ(received(format_image_head("{}")), Fault::image_corrupt);
    EXPECT_EQ(received(format_image_head("[]")), Fault::image_corrupt);
    EXPECT_EQ(received(format_image_head(config_json())), Fault::image_corrupt);  // no stream
    EXPECT_EQ(received(format_image_head(config_json()) + std::string(64, 'x')), Fault::image_corrupt);
    EXPECT_NE(xen_->last_error().find("LibxlFmt"), std::string_view::npos) << xen_->last_error();
}

TEST_F(XenImageTest, AConfigurationThatLacksWhatMattersIsRefused) {
    for (
        const char* json : {
            R"({"c_info":{"type":"pv"},"b_info":{"max_vcpus":1,"max_memkb":131072,"type.pv":{}}})",
            R"({"c_info":{"type":"pv","name":"../x","uuid":"6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01"},"b_info":{"max_vcpus":1,"max_memkb":131072,"type.pv":{}}})",
            R"({"c_info":{"type":"pv","name":"desk"},"b_info":{"max_vcpus":1,"max_memkb":131072,"type.pv":{}}})",
            R"({"c_info":{"type":"pv","name":"desk","uuid":"6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01"},"b_info":{"max_vcpus":1,"type.pv":{}}})",
            R"({"c_info":{"type":"pvh","name":"desk","uuid":"6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01"},"b_info":{"max_vcpus":1,"max_memkb":131072,"type.pv":{}}})",
            R"({"c_info":{"type":"pv","name":"desk","uuid":"6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01"},"b_info":{"max_vcpus":99999,"max_memkb":131072,"type.pv":{}}})",
        }) {
        EXPECT_EQ(received(format_image_head(json)), Fault::image_corrupt) << json;
    }
}

TEST_F(XenImageTest, AGuestWhoseNameOrUuidIsTakenIsRefused) {
    put_guest(1, "desk--incoming");
    EXPECT_EQ(received(format_image_head(config_json())), Fault::already_exists);
    xen_stub::Domain& same = put_guest(2, "other");
    same.uuid = parse_uuid("6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01").value();
    EXPECT_EQ(received(format_image_head(config_json()), ""), Fault::already_exists);
    xen_stub::remove_domain(1);
    // A move within one host: the same uuid under another name goes on to the stream, which is not there.
    EXPECT_EQ(received(format_image_head(config_json())), Fault::image_corrupt);
}

TEST_F(XenImageTest, AGuestThatDoesNotFitOrWhoseDiskIsMissingIsRefused) {
    EXPECT_EQ(received(format_image_head(
                  config_json("desk", R"(,"disks":[{"pdev_path":"/nonexistent/d.img","vdev":"xvda",)"
                                      R"("format":"raw","readwrite":1}])"))),
              Fault::storage_mismatch);
    xen_stub::host().free_pages = 100;
    EXPECT_EQ(received(format_image_head(config_json())), Fault::no_memory);
}

TEST_F(XenImageTest, ANameThatGrowsTooLongIsRefused) {
    EXPECT_EQ(received(format_image_head(config_json(std::string(60, 'n')))), Fault::invalid_argument);
}

}  // namespace
}  // namespace ballast::xen
