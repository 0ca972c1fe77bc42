// What the planner says that the best move of a guest would save, beside all its places looked at one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/prng.hpp"
#include "policy/planner/planner.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

constexpr double hot_above = 0.8;
constexpr double filled_up_to = hot_above - 0.04;
constexpr double dear_above = hot_above - 0.1;
constexpr double amounts_rounded = 1e-5;  // amounts are multiples of 2^-20

double cost_at(double u) {
    const double over = std::max(0.0, u - dear_above);
    return u * u + 10 * over * over;
}

// Hosts of two sizes, some of them alike, that use nothing but processors.
void draw_processors(PoolBook& book, std::uint64_t seed) {
    Prng random{seed};
    const std::size_t hosts = 2 + random.below(30);
    std::vector<double> room;
    for (std::size_t h = 0; h < hosts; ++h) {
        const double cores = random.chance(0.7) ? 16 : 32;
        book.host("h" + std::to_string(100 + h), cores, 100'000);
        room.push_back(random.chance(0.2) ? 0 : cores * hot_above * random.unit());
    }
    for (std::size_t v = 0; v < 10 * hosts; ++v) {
        const auto on = static_cast<HostIndex>(random.below(hosts));
        const double cores = 2 * random.unit() * random.unit();
        if (cores < room[on]) {
            room[on] -= cores;
            book.vm("vm" + std::to_string(1000 + v), on, cores);
        }
    }
    book.parameters.weight_memory = 0;
    book.parameters.keep_spare_host = 0;
    book.parameters.price_per_move = random.chance(0.5) ? 0.014 : 0.1;
}

std::vector<double> utilisations(const PoolBook& book) {
    std::vector<double> out(book.host_list.size());
    for (const Vm& vm : book.vm_list) {
        out[vm.host] += vm.cpu_cores.back() / book.host_list[vm.host].cpu_cores;
    }
    return out;
}

double best_saving(const PoolBook& book, const Vm& vm, const std::vector<double>& at) {
    const double cores = vm.cpu_cores.back();
    const double source = at[vm.host];
    const double left = source - cores / book.host_list[vm.host].cpu_cores;
    double most = 0;
    for (HostIndex to = 0; to < at.size(); ++to) {
        const double full = at[to] + cores / book.host_list[to].cpu_cores;
        if (to != vm.host && full <= source && full <= filled_up_to) {
            most = std::max(most, cost_at(source) - cost_at(left) + cost_at(at[to]) - cost_at(full));
        }
    }
    return most;
}

TEST(PlannerSavings, OfGuestsThatStayAreThoseOfTheBestOfAllPlaces) {
    std::size_t some = 0;
    std::size_t none = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        SCOPED_TRACE(seed);
        PoolBook book;
        draw_processors(book, seed);
        ASSERT_TRUE(book.run("ballast").ok());
        for (const Move& move : book.plan.moves.items()) {
            for (const Leg& leg : legs(move)) {
                book.vm_list[leg.vm].host = leg.to;
            }
        }
        const std::vector<double> at = utilisations(book);
        for (VmIndex v = 0; v < book.vm_list.size(); ++v) {
            const Verdict& verdict = book.plan.vms[v];
            if (verdict.constraint == Constraint::gain_too_small && verdict.kind == Verdict::Kind::stays) {
                EXPECT_NEAR(verdict.have, best_saving(book, book.vm_list[v], at), amounts_rounded)
                    << book.vm_list[v].name;
                (verdict.have > 0 ? some : none) += 1;
            }
        }
    }
    EXPECT_GT(some, 1000U);
    EXPECT_GT(none, 100U);
}

}  // namespace
}  // namespace ballast::policy::test
