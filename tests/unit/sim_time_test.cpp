#include "xen_glue/sim/sim_host.hpp"

#include <algorithm>
#include <string>

#include "base/prng.hpp"
#include "tests/unit/sim_model.hpp"
#include "xen_glue/sim/executions.hpp"

namespace ballast::sim {
namespace {

TEST(SimHostModel, HowTimeIsCutMakesNoDifference) {
    const auto build = [](TestHost& host) {
        for (int i = 0; i < 9; ++i) {
            NewGuest guest;
            guest.uuid.bytes[1] = static_cast<std::uint8_t>(i + 1);
            guest.name = std::string_view{"g" + std::to_string(i)};
            guest.memory_kib = 128 * 1024;
            LoadProfile profile;
            profile.kind = static_cast<LoadKind>(i % 5);
            profile.mean_permille = 700;
            profile.spread_permille = 250;
            profile.period_s = 40;
            guest.workload.load = start_load(profile, static_cast<std::uint64_t>(i));
            guest.workload.net_mbps = 333;
            guest.workload.dirty_mib_per_s = 77;
            host.add_running(guest);
        }
        EXPECT_TRUE(begin_shutdown(*host, (*host).guests[3]).ok());
    };
    TestHost once;
    TestHost often;
    build(once);
    build(often);
    once.pass(100 * second_ns + 12345);
    Prng prng{3};
    const std::int64_t end_ns = (*once).now_ns;
    while ((*often).now_ns < end_ns) {
        advance(*often, std::min<std::int64_t>(
                            end_ns, (*often).now_ns + static_cast<std::int64_t>(prng.below(777'777'777))));
    }
    for (std::size_t i = 0; i < (*once).guests.size(); ++i) {
        const Guest& a = (*once).guests[i];
        const Guest& b = (*often).guests[i];
        EXPECT_GT(a.cpu_time_ns.total, 0u);
        EXPECT_EQ(a.cpu_time_ns.total, b.cpu_time_ns.total);
        EXPECT_EQ(a.cpu_time_ns.remainder, b.cpu_time_ns.remainder);
        EXPECT_EQ(a.net_rx_bytes.total, b.net_rx_bytes.total);
        EXPECT_EQ(a.page_writes.total, b.page_writes.total);
        EXPECT_EQ(a.executed_ns, b.executed_ns);
        EXPECT_EQ(a.workload.load.load_permille, b.workload.load.load_permille);
        EXPECT_EQ(state_of(a), state_of(b));
    }
    EXPECT_EQ((*once).dom0_cpu_time_ns.total, (*often).dom0_cpu_time_ns.total);
    EXPECT_EQ((*once).executions.size(), (*often).executions.size());
}

TEST(SimHostModel, CountersAreLoadTimesTime) {
    TestHost host;
    Guest& guest = host.add_running(guest_called("g", 256, 500));
    host.pass(10 * second_ns);
    EXPECT_EQ(guest.cpu_time_ns.total, 5u * second_ns);
    EXPECT_EQ(guest.net_rx_bytes.total, 80u * 125'000 * 10 / 2);
    EXPECT_EQ(guest.disk_write_bytes.total, 8u * 125'000 * 10 / 2);
    EXPECT_EQ(guest.page_writes.total, 10u * 256 * 10 / 2);
    EXPECT_EQ((*host).nic_rx_bytes.total, guest.net_rx_bytes.total);
    EXPECT_EQ(guest.executed_ns, 10 * second_ns);
    EXPECT_EQ((*host).dom0_cpu_time_ns.total, 30'000u * 10'000) << "0.02 cores and 0.01 for the guest";

    HostCounters counters;
    count(*host, counters);
    ASSERT_EQ(counters.domains.size(), 2u);
    EXPECT_EQ(counters.domains[1].domain.cpu_time_ns, 5u * second_ns);
    EXPECT_EQ(counters.domains[1].vcpu_time_ns[0], 5u * second_ns);
}

TEST(SimHostModel, AGuestThatDoesNotExecuteGrowsNoCounterAndNoOlder) {
    TestHost host;
    Guest& guest = host.add_running(guest_called("g"));
    host.pass(second_ns);
    ASSERT_TRUE(pause(*host, guest).ok());
    const std::uint64_t cpu_time_ns = guest.cpu_time_ns.total;
    const std::uint64_t age_ms = guest.workload.load.age_ms;
    host.pass(60 * second_ns);
    EXPECT_EQ(guest.executed_ns, second_ns);
    EXPECT_EQ(guest.cpu_time_ns.total, cpu_time_ns);
    EXPECT_EQ(guest.workload.load.age_ms, age_ms);
}

TEST(SimHostModel, OnAnOverloadedHostGuestsGetLessThanTheyAskFor) {
    TestHost host;
    for (int i = 0; i < 8; ++i) {
        host.add_running(guest_called("g" + std::to_string(i), 64, 1000));
    }
    host.pass(10 * second_ns);
    std::uint64_t sum_ns = (*host).dom0_cpu_time_ns.total;
    for (const Guest& guest : (*host).guests) {
        EXPECT_LT(guest.cpu_time_ns.total, 10u * second_ns / 2 + 1);
        EXPECT_GT(guest.cpu_time_ns.total, 10u * second_ns * 45 / 100);
        sum_ns += guest.cpu_time_ns.total;
    }
    EXPECT_LE(sum_ns, 4u * 10 * second_ns) << "no more than there is";
    EXPECT_GT(sum_ns, 39u * second_ns) << "and nothing lies idle";
}

TEST(SimHostModel, ATransferCostsDom0Cpu) {
    TestHost host;
    Guest& guest = host.add_running(guest_called("g"));
    host.pass(second_ns);
    const std::uint64_t before = (*host).dom0_granted_ucores;
    ASSERT_TRUE(begin_send(*host, guest, MigrationMode::live, true).ok());
    host.pass(second_ns);
    EXPECT_EQ((*host).dom0_granted_ucores, before + 600'000);
}

TEST(SimHostModel, TransfersShareTheLinkAndTheDiskApart) {
    TestHost host;
    EXPECT_EQ(transfer_bytes_per_s(*host, true), 125'000'000u);
    Guest& one = host.add_running(guest_called("one"));
    Guest& two = host.add_running(guest_called("two"));
    ASSERT_TRUE(begin_send(*host, one, MigrationMode::live, true).ok());
    ASSERT_TRUE(begin_send(*host, two, MigrationMode::live, true).ok());
    EXPECT_EQ(transfer_bytes_per_s(*host, true), 62'500'000u);
    EXPECT_EQ(transfer_bytes_per_s(*host, false), 500'000'000u);
    ASSERT_TRUE(begin_receive(*host, guest_called("three"), incoming_suffix, true).ok());
    EXPECT_EQ(transfer_bytes_per_s(*host, true), 62'500'000u) << "what comes in uses the other direction";
}

TEST(SimHostModel, AGuestTellsThatItIsUpAfterItHasBootedAndAgainAfterItCameHere) {
    TestHost host;
    Guest& guest = host.add_running(guest_called("g"));
    host.pass(7 * second_ns);
    EXPECT_FALSE(signals_up(guest));
    host.pass(2 * second_ns);
    EXPECT_TRUE(signals_up(guest));
    const auto domid = begin_receive(*host, guest_called("h"), "", true);
    ASSERT_TRUE(finish_receive(*host, domid.value(), guest.workload, guest.executed_ns).ok());
    Guest& restored = *find_domid(*host, domid.value());
    EXPECT_FALSE(signals_up(restored));
    ASSERT_TRUE(unpause(*host, restored).ok());
    host.pass(3 * second_ns);
    EXPECT_TRUE(signals_up(restored));
}

TEST(SimHostModel, TheNextChangeIsWhenAGuestWillPowerOff) {
    TestHost host;
    Guest& guest = host.add_running(guest_called("g"));
    EXPECT_EQ(next_change_ns(*host), never_ns);
    ASSERT_TRUE(begin_shutdown(*host, guest).ok());
    const std::int64_t at_ns = next_change_ns(*host);
    EXPECT_EQ(at_ns, (*host).now_ns + 3 * second_ns);
    advance(*host, at_ns - 1);
    EXPECT_EQ(state_of(guest), DomainState::running);
    advance(*host, at_ns);
    EXPECT_EQ(state_of(guest), DomainState::powered_off);
    EXPECT_EQ(next_change_ns(*host), never_ns);
    EXPECT_FALSE((*host).executions.newest().began);
    EXPECT_EQ((*host).executions.newest().at_ns, at_ns);
}

TEST(SimHostModel, ForgottenBeginningsStillCountWhenExecutionsAreCompared) {
    TestHost here;
    TestHost there;
    const NewGuest twin = guest_called("twin");
    Guest& long_lived = here.add_running(twin);
    Guest& other = here.add_running(guest_called("other"));
    for (std::size_t i = 0; i < executions_kept; ++i) {
        here.pass(1000);
        ASSERT_TRUE((i % 2 == 0 ? pause(*here, other) : unpause(*here, other)).ok());
    }
    ASSERT_EQ((*here).executions[0].domid, other.domid) << "the twin's record must be forgotten";
    EXPECT_EQ(find_overlap(*here, *there), std::nullopt);
    there.pass(1000);
    there.add_running(twin);
    there.pass(1000 * executions_kept);
    const auto overlap = find_overlap(*here, *there);
    ASSERT_TRUE(overlap.has_value());
    EXPECT_EQ(overlap->uuid, long_lived.uuid);
    EXPECT_TRUE(find_overlap(*there, *here).has_value());
}

}  // namespace
}  // namespace ballast::sim
