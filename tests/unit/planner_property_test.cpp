// What holds for every plan of the planner, on pools drawn at random from printed seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "base/prng.hpp"
#include "policy/planner/planner.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

constexpr std::uint64_t seeds = 60;

// A pool with every kind of trouble in it; names are drawn through `rename` (a permutation of numbers).
void draw(PoolBook& book, std::uint64_t seed, bool troubles) {
    Prng random{seed};
    const std::size_t hosts = 2 + random.below(9);
    for (std::size_t h = 0; h < hosts; ++h) {
        Host& host = book.host("h" + std::to_string(100 + h), 8.0 + double(random.below(3)) * 8, 16384);
        host.net_mbps = 1000;
        host.disk_mbps = random.chance(0.8) ? 500 : 0;
        if (troubles && random.chance(0.15)) {
            host.state = random.chance(0.5) ? HostState::draining : HostState::cordoned;
        }
    }
    const std::size_t vms = random.below(hosts * 8);
    std::vector<std::uint64_t> used(hosts, 0);
    for (std::size_t v = 0; v < vms; ++v) {
        const auto on = static_cast<HostIndex>(random.below(random.chance(0.5) ? hosts : (hosts + 1) / 2));
        const std::uint64_t memory_mib = 256ULL << random.below(5);
        if (used[on] + memory_mib > 16384) {
            continue;
        }
        used[on] += memory_mib;
        Vm& vm = book.vm("vm" + std::to_string(1000 + v), on, random.unit() * random.unit() * 6, memory_mib);
        vm.net_mbps = book.keep({random.unit() * 200});
        vm.disk_mbps = book.keep({random.unit() * 80});
        vm.memory_used_mib = book.keep({random.unit() * double(memory_mib)});
        if (troubles) {
            vm.movable = random.chance(0.9);
            vm.session_active = random.chance(0.1);
            vm.anti_affinity = random.chance(0.3) ? (random.chance(0.5) ? "red" : "blue") : "";
            if (random.chance(0.2)) {
                vm.last_moved_seconds_ago = std::int64_t(random.below(4000));
                vm.came_from = static_cast<HostIndex>(random.below(hosts));
            }
        }
    }
    book.parameters.cool_down_seconds = 300;
    book.parameters.objective = static_cast<std::uint32_t>(random.below(3));
    book.parameters.price_per_move = random.chance(0.5) ? 0.02 : 0.1;
    book.parameters.swap_counts = random.chance(0.5) ? 1 : 2;
}

std::size_t of_group(const PoolBook& book, HostIndex host, std::string_view group) {
    return static_cast<std::size_t>(std::ranges::count_if(
        book.vm_list, [&](const Vm& vm) { return vm.host == host && vm.anti_affinity == group; }));
}

std::uint64_t used_mib(const PoolBook& book, HostIndex host) {
    std::uint64_t sum = 0;
    for (const Vm& vm : book.vm_list) {
        sum += vm.host == host && holds_memory(vm) ? vm.memory_mib : 0;
    }
    return sum;
}

// Carries one leg out on `book.vm_list` and checks every rule that could be broken by it.
void carry_out(PoolBook& book, const Leg& leg) {
    Vm& vm = book.vm_list[leg.vm];
    const Host& from = book.host_list[leg.from];
    const Host& to = book.host_list[leg.to];
    EXPECT_EQ(vm.host, leg.from) << vm.name;
    EXPECT_EQ(vm.state, VmState::running) << vm.name;
    EXPECT_TRUE(vm.movable) << vm.name;
    EXPECT_TRUE(from.state == HostState::up || from.state == HostState::draining) << from.name;
    EXPECT_EQ(to.state, HostState::up) << to.name;
    EXPECT_LE(used_mib(book, leg.to) + vm.memory_mib, memory_for_guests_mib(to)) << vm.name << ">" << to.name;
    const bool remembered = vm.last_moved_seconds_ago && *vm.last_moved_seconds_ago < 7200;
    EXPECT_FALSE(remembered && vm.came_from == leg.to) << vm.name << " goes back";
    EXPECT_FALSE(from.state == HostState::up && vm.last_moved_seconds_ago && *vm.last_moved_seconds_ago < 300)
        << vm.name << " moved just now";
    if (!vm.anti_affinity.empty()) {
        EXPECT_EQ(of_group(book, leg.to, vm.anti_affinity), 0U) << vm.name << ">" << to.name;
    }
    vm.host = leg.to;
}

TEST(PlannerProperty, APlanCarriedOutStepByStepNeverBreaksARule) {
    std::size_t moves = 0;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(seed);
        PoolBook book;
        draw(book, seed, true);
        ASSERT_TRUE(book.run("ballast").ok());
        const std::vector<Move> planned{book.plan.moves.items().begin(), book.plan.moves.items().end()};
        for (const Move& move : planned) {
            for (const Leg& leg : legs(move)) {
                carry_out(book, leg);
                ++moves;
            }
        }
    }
    EXPECT_GT(moves, 100U) << "the drawn pools are worth planning";
}

// Whether the guests of the host that holds most would find room, the largest first, each where most is.
bool restartable(const PoolBook& book) {
    HostIndex largest = 0;
    for (HostIndex h = 0; h < book.host_list.size(); ++h) {
        largest = used_mib(book, h) > used_mib(book, largest) ? h : largest;
    }
    std::vector<std::uint64_t> room;
    for (HostIndex h = 0; h < book.host_list.size(); ++h) {
        room.push_back(h == largest ? 0 : memory_for_guests_mib(book.host_list[h]) - used_mib(book, h));
    }
    std::vector<std::uint64_t> refugees;
    for (const Vm& vm : book.vm_list) {
        if (vm.host == largest) {
            refugees.push_back(vm.memory_mib);
        }
    }
    std::ranges::sort(refugees, std::greater{});
    return std::ranges::all_of(refugees, [&](std::uint64_t memory_mib) {
        const auto most = std::ranges::max_element(room);
        const bool fits = *most >= memory_mib;
        *most -= fits ? memory_mib : 0;
        return fits;
    });
}

// Four hosts, nearly as full as they may be if one of them is to be spared, and loads that ask for moves.
void draw_tight(PoolBook& book, std::uint64_t seed) {
    Prng random{seed};
    for (int h = 0; h < 4; ++h) {
        book.host("h" + std::to_string(h), 8, 4096);
    }
    std::uint64_t all_mib = 0;
    for (int v = 0; all_mib < 11'000; ++v) {
        const auto on = static_cast<HostIndex>(random.below(4));
        const std::uint64_t memory_mib = 256ULL << random.below(4);
        book.pool();
        if (used_mib(book, on) + memory_mib <= 3800) {
            book.vm("vm" + std::to_string(100 + v), on, random.unit() * random.unit() * (on == 0 ? 4 : 1.5),
                    memory_mib);
            all_mib += memory_mib;
        }
    }
    book.parameters.weight_memory = 0;
}

TEST(PlannerProperty, TheGuestsOfTheLargestHostCanBeRestartedAfterEveryMove) {
    std::size_t broken_without = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        SCOPED_TRACE(seed);
        for (const bool keep : {true, false}) {
            PoolBook book;
            draw_tight(book, seed);
            book.pool();
            if (!restartable(book)) {
                continue;
            }
            book.parameters.keep_spare_host = keep ? 1 : 0;
            ASSERT_TRUE(book.run("ballast").ok());
            for (const Move& move : book.plan.moves.items()) {
                for (const Leg& leg : legs(move)) {
                    book.vm_list[leg.vm].host = leg.to;
                }
                if (keep) {
                    EXPECT_TRUE(restartable(book)) << book.vm_list[move.vm].name;
                } else {
                    broken_without += restartable(book) ? 0 : 1;
                }
            }
        }
    }
    EXPECT_GT(broken_without, 10U) << "the drawn pools are tight enough to tell";
}

TEST(PlannerProperty, TheWavesKeepWithinTheLimitsOfEveryHost) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(seed);
        PoolBook book;
        draw(book, seed, true);
        ASSERT_TRUE(book.run("ballast").ok());
        std::map<std::uint32_t, std::vector<Move>> waves;
        for (const Move& move : book.plan.moves.items()) {
            waves[move.wave].push_back(move);
        }
        for (const auto& [wave, moves] : waves) {
            std::map<HostIndex, std::uint64_t> coming_mib;
            std::map<HostIndex, int> in;
            std::map<HostIndex, int> out;
            for (const Move& move : moves) {
                ++out[move.from];
                ++in[move.to];
                if (move.kind == MoveKind::migrate) {
                    coming_mib[move.to] += move.memory_mib;
                }
            }
            for (const auto& [host, count] : in) {
                EXPECT_LE(count, 1) << "wave " << wave;
                EXPECT_LE(out[host], 1) << "wave " << wave;
                EXPECT_LE(used_mib(book, host) + coming_mib[host],
                          memory_for_guests_mib(book.host_list[host]))
                    << "wave " << wave;
            }
            for (const Move& move : moves) {
                for (const Leg& leg : legs(move)) {
                    book.vm_list[leg.vm].host = leg.to;
                }
            }
        }
    }
}

TEST(PlannerProperty, PlannedAgainTheResultGivesNoMove) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(seed);
        PoolBook book;
        draw(book, seed, false);
        ASSERT_TRUE(book.run("ballast").ok());
        const std::size_t first = book.plan.moves.size();
        bool gave_up = false;
        for (const Rejection& rejection : book.plan.rejected.items()) {
            gave_up = gave_up || rejection.constraint == Constraint::no_way;
        }
        for (const Move& move : book.plan.moves.items()) {
            for (const Leg& leg : legs(move)) {
                book.vms[leg.vm].host = leg.to;
            }
        }
        if (!book.plan.unresolved.empty() || gave_up) {
            continue;  // a pool that cannot be helped in one round may be helped further in the next
        }
        // The second round balances what the first one relieved.
        const bool relieved = book.parameters.objective == 0 && first > 0;
        const std::string second = book.moves("ballast");
        for (const Move& move : book.plan.moves.items()) {
            for (const Leg& leg : legs(move)) {
                book.vms[leg.vm].host = leg.to;
            }
        }
        EXPECT_TRUE(relieved || second.empty()) << second;
        EXPECT_EQ(book.moves("ballast"), "");
    }
}

// A random order: element i of the result says where element i goes.
std::vector<std::uint32_t> permutation(std::size_t size, Prng& random) {
    std::vector<std::uint32_t> places(size);
    for (std::uint32_t i = 0; i < size; ++i) {
        const auto other = static_cast<std::uint32_t>(random.below(i + 1));
        places[i] = places[other];
        places[other] = i;
    }
    return places;
}

template <class Element>
std::deque<Element> rearranged(const std::deque<Element>& from, const std::vector<std::uint32_t>& places) {
    std::deque<Element> to(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
        to[places[i]] = from[i];
    }
    return to;
}

// The same pool with hosts and guests listed in another order.
TEST(PlannerProperty, TheOrderOfThePoolDoesNotMatter) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(seed);
        PoolBook book;
        draw(book, seed, true);
        const std::string planned = book.moves("ballast");
        Prng random{seed};
        const std::vector<std::uint32_t> places = permutation(book.hosts.size(), random);
        book.hosts = rearranged(book.hosts, places);
        book.vms = rearranged(book.vms, permutation(book.vms.size(), random));
        for (Vm& vm : book.vms) {
            vm.host = places[vm.host];
            vm.came_from = vm.came_from == no_index ? no_index : places[vm.came_from];
        }
        EXPECT_EQ(book.moves("ballast"), planned);
    }
}

// Names decide between equals only, and by their order alone: other names in the same order permute nothing.
TEST(PlannerProperty, OtherNamesInTheSameOrderGiveThePlanInThoseNames) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(seed);
        PoolBook book;
        draw(book, seed, true);
        const std::string planned = book.moves("ballast");
        std::deque<std::string> names;  // of the same length, with other digits
        const auto renamed = [&](std::string_view name) -> std::string_view {
            std::string& other = names.emplace_back(name);
            for (char& letter : other) {
                letter = static_cast<char>(letter + 7);
            }
            return other;
        };
        std::map<std::string, std::string, std::less<>> original;
        for (Host& host : book.hosts) {
            const std::string before{host.name};
            host.name = renamed(host.name);
            original.emplace(host.name, before);
        }
        for (Vm& vm : book.vms) {
            const std::string before{vm.name};
            vm.name = renamed(vm.name);
            original.emplace(vm.name, before);
        }
        EXPECT_TRUE(book.run("ballast").ok());
        std::string in_old_names;
        for (const Move& move : book.plan.moves.items()) {
            in_old_names += (in_old_names.empty() ? "" : " ") +
                            original.find(book.vm_list[move.vm].name)->second + ">" +
                            original.find(book.host_list[move.to].name)->second;
        }
        EXPECT_EQ(in_old_names, planned);
    }
}

TEST(PlannerProperty, MoreSamplesOfTheSameChangeNothing) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(seed);
        PoolBook book;
        draw(book, seed, false);
        const std::string planned = book.moves("ballast");
        for (Vm& vm : book.vms) {
            vm.cpu_cores = book.keep(std::vector<double>(60, vm.cpu_cores[0]));
            vm.net_mbps = book.keep(std::vector<double>(60, vm.net_mbps[0]));
            vm.disk_mbps = book.keep(std::vector<double>(60, vm.disk_mbps[0]));
            vm.memory_used_mib = book.keep(std::vector<double>(60, vm.memory_used_mib[0]));
        }
        EXPECT_EQ(book.moves("ballast"), planned);
    }
}

TEST(PlannerProperty, TheBudgetOfAStepChangesNothing) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(seed);
        PoolBook book;
        draw(book, seed, true);
        const std::string planned = book.moves("ballast");
        const Pool pool = book.pool();
        book.plan.clear();
        planner::Planner& planner = *book.workspace.planner;
        planner.begin(pool, book.parameters, book.workspace, book.plan);
        while (!planner.step(1)) {
        }
        planner.finish();
        std::string in_steps;
        for (const Move& move : book.plan.moves.items()) {
            in_steps += (in_steps.empty() ? "" : " ") + std::string{pool.vms[move.vm].name} + ">" +
                        std::string{pool.hosts[move.to].name};
        }
        EXPECT_EQ(in_steps, planned);
    }
}

}  // namespace
}  // namespace ballast::policy::test
