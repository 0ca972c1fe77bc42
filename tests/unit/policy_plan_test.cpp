// Means, summaries, placement, refusals, and what holds for every policy on every pool.
#include "policy/policy.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/prng.hpp"
#include "policy/means.hpp"
#include "policy/placement.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

TEST(PolicyMeans, OfAGuestAreOverTheSamplesThatExist) {
    const std::vector<double> series{9, 1, 2, 3};
    EXPECT_DOUBLE_EQ(mean_of_last(series, 3), 2);
    EXPECT_DOUBLE_EQ(mean_of_last(series, 7), 15.0 / 4);
    EXPECT_DOUBLE_EQ(mean_of_last({}, 7), 0);
}

TEST(PolicyMeans, OfAHostAreAlignedAtTheNewestAndMissingInstantsCountZero) {
    PoolBook book;
    book.host("h1").dom0_cpu_cores = book.keep({1, 1, 1, 1});
    book.vm("young", 0, std::vector<double>{4, 4});
    book.parameters.window = 7;
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, (4 + 8) / 4.0 / 10)
        << "4 instants, 2 of them with the guest";
    book.parameters.window = 2;
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, 0.5);
}

TEST(PolicySummary, ShowsHostsAndTheirSpreadBeforeAndAfter) {
    PoolBook book;
    book.host("h1").net_mbps = 100;
    book.host("h2").net_mbps = 100;
    book.host("off").state = HostState::down;
    book.vm("a", 0, 4.0, 1000).net_mbps = book.keep({10});
    book.vm("b", 0, 4.0, 1000);
    ASSERT_EQ(book.moves("vds-1a"), "a>h2");
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, 0.8);
    EXPECT_DOUBLE_EQ(book.plan.before.cpu_stddev, 0.4) << "over the two hosts that are up";
    EXPECT_DOUBLE_EQ(book.plan.after.hosts[1].cpu, 0.4);
    EXPECT_DOUBLE_EQ(book.plan.after.hosts[1].memory, 0.1);
    EXPECT_DOUBLE_EQ(book.plan.after.hosts[1].net, 0.1);
    EXPECT_DOUBLE_EQ(book.plan.after.cpu_stddev, 0);
    EXPECT_TRUE(book.plan.unresolved.empty());
}

TEST(PolicyPlan, RefusesParametersAndPoolsThatMakeNoSense) {
    PoolBook book;
    book.host("h1");
    for (const double load : {0.0, -1.0, 1.01, std::nan("")}) {
        book.parameters = Parameters{};
        book.parameters.critical_load = load;
        EXPECT_EQ(book.run("vds-3b").fault(), Fault::invalid_argument) << load;
    }
    book.parameters = Parameters{};
    book.parameters.window = 0;
    EXPECT_TRUE(
        check(book.parameters)->view().starts_with("window: expected 1 to 60 whole samples, found 0"));
    book.parameters.window = 61;
    EXPECT_EQ(book.run("vds-3b").fault(), Fault::invalid_argument);
    book.parameters = Parameters{};
    book.vm("a", 7, 1.0);
    EXPECT_EQ(book.run("vds-3b").fault(), Fault::invalid_argument) << "on a host that is not there";
    book.vms.clear();
    book.hosts[0].cpu_cores = 0;
    EXPECT_EQ(book.run("vds-3b").fault(), Fault::invalid_argument) << "an up host without cores";
    book.hosts[0].cpu_cores = 8;
    book.hosts[0].memory_mib = memory_mib_max + 1;
    EXPECT_EQ(book.run("vds-3b").fault(), Fault::invalid_argument) << "more memory than there is";
    for (int i = 0; i < 64; ++i) {
        book.host("x" + std::to_string(i));
    }
    EXPECT_EQ(book.run("vds-3b").fault(), Fault::limit_reached);
}

TEST(PolicyPlan, TooManyRejectionsAreCountedNotLost) {
    PoolBook book;
    book.host("h1");
    for (int i = 0; i < 60; ++i) {
        book.host("full" + std::to_string(i), 10, 50);
    }
    for (int i = 0; i < 40; ++i) {
        book.vm("g" + std::to_string(i), 0, 0.225);
    }
    EXPECT_EQ(book.moves("vds-2a"), "");
    EXPECT_EQ(book.plan.rejected.size() + book.plan.rejected.left_out(), 20U * 60U);
}

TEST(PolicyPlacement, TakesTheLeastLoadedHostThatFitsAndExplainsTheOthers) {
    PoolBook book;
    book.host("from");
    book.host("idle", 10, 50);
    book.host("busy");
    book.host("off").state = HostState::cordoned;
    book.host("b");
    book.host("a");
    book.vm("x", 2, 5.0);
    std::vector<Rejection> storage(8);
    BoundedList<Rejection> rejected{storage};
    const HostIndex to =
        place(book.pool(), {0, 100, no_index, {}}, book.parameters, book.workspace, rejected);
    EXPECT_EQ(to, 5U) << "a before b by name";
    ASSERT_EQ(rejected.size(), 2U);
    EXPECT_EQ(rejected[0].constraint, Constraint::destination_memory);
    EXPECT_EQ(rejected[1].constraint, Constraint::host_state);
}

PoolBook random_pool(Prng& random) {
    PoolBook book;
    const std::uint64_t hosts = 2 + random.below(12);
    for (std::uint64_t h = 0; h < hosts; ++h) {
        Host& host = book.host("h" + std::to_string(h), 1.0 + static_cast<double>(random.below(16)),
                               1024 * (1 + random.below(16)));
        host.memory_reserved_mib = random.below(512);
        host.state = random.chance(0.8) ? HostState::up : static_cast<HostState>(random.below(5));
        host.migrations_in = random.chance(0.1) ? 1 : 0;
    }
    for (std::uint64_t v = random.below(100); v > 0; --v) {
        std::vector<double> series;
        for (std::uint64_t i = random.below(10); i > 0; --i) {
            series.push_back(random.unit() * 2);
        }
        Vm& vm = book.vm("v" + std::to_string(v), static_cast<HostIndex>(random.below(hosts)),
                         std::move(series), 64 * (1 + random.below(16)));
        vm.movable = random.chance(0.9);
        vm.state = random.chance(0.9) ? VmState::running : VmState::saved;
    }
    return book;
}

// Carries the plan out one guest after the other and looks at everything that must hold on the way. A policy
// that plans ahead also empties draining hosts, and may take a guest to its place in two steps.
void walk(PoolBook& book, bool plans_ahead) {
    std::vector<std::uint64_t> memory(book.host_list.size(), 0);
    std::vector<HostIndex> at(book.vm_list.size());
    std::vector<int> moved(book.vm_list.size(), 0);
    for (std::size_t v = 0; v < book.vm_list.size(); ++v) {
        const Vm& vm = book.vm_list[v];
        at[v] = vm.host;
        memory[vm.host] += holds_memory(vm) ? vm.memory_mib : 0;
    }
    for (const Move& move : book.plan.moves.items()) {
        EXPECT_FALSE(move.why.empty());
        for (const Leg& leg : legs(move)) {
            const Vm& vm = book.vm_list[leg.vm];
            const Host& to = book.host_list[leg.to];
            EXPECT_EQ(at[leg.vm], leg.from);
            EXPECT_TRUE(vm.movable && vm.state == VmState::running);
            EXPECT_EQ(to.state, HostState::up);
            const HostState from = book.host_list[leg.from].state;
            EXPECT_TRUE(from == HostState::up || (plans_ahead && from == HostState::draining));
            EXPECT_EQ(to.migrations_in, 0U);
            EXPECT_LE(++moved[leg.vm], plans_ahead ? 2 : 1) << "a guest moves once";
            memory[leg.to] += vm.memory_mib;
            EXPECT_LE(memory[leg.to] + to.memory_reserved_mib, to.memory_mib) << "on both sides on its way";
            memory[leg.from] -= vm.memory_mib;
            at[leg.vm] = leg.to;
        }
        EXPECT_EQ(book.plan.hosts[move.from].kind, Verdict::Kind::moves);
        EXPECT_EQ(book.plan.vms[move.vm].kind, Verdict::Kind::moves);
    }
}

// Every guest and host has moved or is told why not; the counts add up.
void verdicts_are_complete(const PoolBook& book) {
    std::size_t stays = 0;
    std::size_t counted = 0;
    for (std::size_t v = 0; v < book.vm_list.size(); ++v) {
        EXPECT_NE(book.plan.vms[v].kind, Verdict::Kind::none) << v;
        stays += book.plan.vms[v].kind == Verdict::Kind::stays ? 1 : 0;
    }
    for (const std::uint32_t count : book.plan.vms_by_rule) {
        counted += count;
    }
    EXPECT_EQ(stays, counted);
    EXPECT_FALSE(book.plan.conclusion.empty());
}

TEST(PolicyProperties, HoldForEveryPolicyOnRandomPools) {
    Prng random{20260711};
    std::size_t moves = 0;
    for (int round = 0; round < 300; ++round) {
        PoolBook book = random_pool(random);
        book.parameters.critical_load = 0.3 + random.unit() * 0.7;
        for (const Policy& policy : policies()) {
            SCOPED_TRACE(policy.name);
            const std::string first = book.moves(policy.name);
            moves += book.plan.moves.size();
            walk(book, policy.family == Family::ballast);
            verdicts_are_complete(book);
            EXPECT_EQ(book.moves(policy.name), first) << "the same pool gives the same plan";
        }
    }
    EXPECT_GT(moves, 200U) << "the pools must be worth planning for";
}

TEST(PolicyProperties, VdsRelievesOneHostAndMakesNoneBusierThanThatWas) {
    Prng random{4};
    for (int round = 0; round < 200; ++round) {
        PoolBook book = random_pool(random);
        book.parameters.critical_load = 0.3 + random.unit() * 0.7;
        for (const Policy& policy : policies()) {
            if (policy.family != Family::vds) {
                continue;
            }
            (void)book.moves(policy.name);
            for (const Move& move : book.plan.moves.items()) {
                EXPECT_EQ(move.from, book.plan.source);
                // Sums of floating point differ in the last digits by their order.
                EXPECT_LE(book.plan.after.hosts[move.to].cpu, book.plan.before.hosts[move.from].cpu + 1e-9);
            }
        }
    }
}

TEST(PolicyProperties, SandpiperAndScoaOverloadNoDestinationAndAreDoneWhenTheySaySo) {
    Prng random{11};
    std::size_t solved = 0;
    for (int round = 0; round < 300; ++round) {
        PoolBook book = random_pool(random);
        book.parameters.critical_load = 0.3 + random.unit() * 0.6;
        // One sample: means, peaks and predictions are the same. And none above what the host has: such a one
        // counts as that, and would count as more on a larger host.
        for (Vm& vm : book.vms) {
            if (!vm.cpu_cores.empty()) {
                vm.cpu_cores = book.keep({std::min(vm.cpu_cores[0], book.hosts[vm.host].cpu_cores)});
            }
        }
        for (const std::string_view name : {"sandpiper", "scoa"}) {
            (void)book.moves(name);
            for (const Move& move : book.plan.moves.items()) {
                EXPECT_LE(move.to_after.cpu, book.parameters.critical_load + 1e-9);
                EXPECT_LE(move.to_after.memory_used, book.parameters.critical_load + 1e-9);
            }
            if (book.plan.moves.empty() || !book.plan.unresolved.empty()) {
                continue;
            }
            ++solved;
            PoolBook next = book;
            for (const Move& move : book.plan.moves.items()) {
                for (const Leg& leg : legs(move)) {
                    next.vms[leg.vm].host = leg.to;
                }
            }
            EXPECT_EQ(next.moves(name), "") << "nothing is left to do";
        }
    }
    EXPECT_GT(solved, 30U);
}

TEST(PolicyProperties, TheOrderInWhichHostsAndGuestsAreListedDoesNotMatter) {
    Prng random{7};
    for (int round = 0; round < 100; ++round) {
        PoolBook book = random_pool(random);
        for (Vm& vm : book.vms) {  // sums of quarters are exact, whatever their order
            std::vector<double> exact(4, static_cast<double>(random.below(8)) * 0.25);
            vm.cpu_cores = book.keep(std::move(exact));
        }
        std::vector<std::string> straight;
        for (const std::string_view name : {"vds-3b", "vds-2a", "sandpiper", "scoa"}) {
            straight.push_back(book.moves(name));
        }
        const auto last = static_cast<HostIndex>(book.hosts.size() - 1);
        std::reverse(book.hosts.begin(), book.hosts.end());
        std::reverse(book.vms.begin(), book.vms.end());
        for (Vm& vm : book.vms) {
            vm.host = last - vm.host;
        }
        EXPECT_EQ(book.moves("vds-3b"), straight[0]);
        EXPECT_EQ(book.moves("vds-2a"), straight[1]);
        EXPECT_EQ(book.moves("sandpiper"), straight[2]);
        EXPECT_EQ(book.moves("scoa"), straight[3]);
    }
}

}  // namespace
}  // namespace ballast::policy::test
