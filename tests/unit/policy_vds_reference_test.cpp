// The VDS rules a second time, written down as plainly as their text, on random pools: both must agree move
// for move. Loads are whole eighths, so that sums do not depend on their order.
#include "policy/vds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

struct Rules {
    int guests;  // 1 to 4
    bool spread;
    int guest_percent;
    int host_percent;
};
const std::map<std::string, Rules> rules{{"vds-1a", {1, false, 0, 0}},  {"vds-2a", {2, false, 50, 0}},
                                         {"vds-2b", {2, true, 50, 50}}, {"vds-3a", {3, false, 40, 0}},
                                         {"vds-3b", {3, true, 40, 50}}, {"vds-4a", {4, false, 10, 0}},
                                         {"vds-4c", {4, true, 10, 10}}};

std::size_t round_up(std::size_t count, int percent) {
    return (count * static_cast<std::size_t>(percent) + 99) / 100;
}

class Reference {
  public:
    Reference(const std::vector<Host>& hosts, const std::vector<Vm>& vms, const Parameters& parameters)
        : hosts_{hosts}, vms_{vms}, window_{parameters.window}, critical_{parameters.critical_load} {}

    std::string moves(const Rules& rule) const {
        const int source = find_source();
        if (source < 0) {
            return {};
        }
        const std::vector<std::size_t> guests = choose_guests(static_cast<std::size_t>(source), rule);
        const std::vector<std::size_t> destinations =
            choose_destinations(static_cast<std::size_t>(source), rule);
        std::string text;
        std::map<std::size_t, double> cpu_added;
        std::map<std::size_t, std::uint64_t> memory_added;
        for (std::size_t i = 0; i < guests.size() && !destinations.empty(); ++i) {
            const Vm& guest = vms_[guests[i]];
            const std::size_t start = rule.spread ? i % destinations.size() : 0;
            for (std::size_t step = 0; step < destinations.size(); ++step) {
                const std::size_t to = destinations[(start + step) % destinations.size()];
                const Host& host = hosts_[to];
                if (memory_in_use(to) + memory_added[to] + host.memory_reserved_mib + guest.memory_mib >
                    host.memory_mib) {
                    continue;
                }
                const double after = host_cpu(to) + (cpu_added[to] + mean(guest.cpu_cores)) / host.cpu_cores;
                if (after > host_cpu(static_cast<std::size_t>(source)) + 1e-12) {
                    break;  // given up
                }
                cpu_added[to] += mean(guest.cpu_cores);
                memory_added[to] += guest.memory_mib;
                text += (text.empty() ? "" : " ") + std::string{guest.name} + ">" + std::string{host.name};
                break;
            }
        }
        return text;
    }

  private:
    double mean(Series series) const {
        const std::size_t count = std::min<std::size_t>(series.size(), window_);
        double sum = 0;
        for (std::size_t i = series.size() - count; i < series.size(); ++i) {
            sum += series[i];
        }
        return count == 0 ? 0 : sum / static_cast<double>(count);
    }
    double at(Series series, std::size_t before_newest) const {
        return before_newest < series.size() ? series[series.size() - 1 - before_newest] : 0;
    }
    double host_cpu(std::size_t h) const {
        std::size_t longest = hosts_[h].dom0_cpu_cores.size();
        for (const Vm& vm : vms_) {
            longest = vm.host == h ? std::max(longest, vm.cpu_cores.size()) : longest;
        }
        const std::size_t instants = std::min<std::size_t>(window_, longest);
        double sum = 0;
        for (std::size_t back = 0; back < instants; ++back) {
            sum += at(hosts_[h].dom0_cpu_cores, back);
            for (const Vm& vm : vms_) {
                sum += vm.host == h ? at(vm.cpu_cores, back) : 0;
            }
        }
        return instants == 0 ? 0 : sum / static_cast<double>(instants) / hosts_[h].cpu_cores;
    }
    std::uint64_t memory_in_use(std::size_t h) const {
        std::uint64_t sum = 0;
        for (const Vm& vm : vms_) {
            sum += vm.host == h && vm.state != VmState::saved ? vm.memory_mib : 0;
        }
        return sum;
    }
    int find_source() const {
        int best = -1;
        for (std::size_t h = 0; h < hosts_.size(); ++h) {
            if (hosts_[h].state != HostState::up || host_cpu(h) < critical_) {
                continue;
            }
            const auto b = static_cast<std::size_t>(best);
            if (best < 0 || host_cpu(h) > host_cpu(b) ||
                (host_cpu(h) == host_cpu(b) && hosts_[h].name < hosts_[b].name)) {
                best = static_cast<int>(h);
            }
        }
        return best;
    }
    std::vector<std::size_t> choose_guests(std::size_t source, const Rules& rule) const {
        std::vector<std::size_t> order;
        for (std::size_t v = 0; v < vms_.size(); ++v) {
            if (vms_[v].host == source && vms_[v].state == VmState::running && vms_[v].movable) {
                order.push_back(v);
            }
        }
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            const double cpu_a = mean(vms_[a].cpu_cores);
            const double cpu_b = mean(vms_[b].cpu_cores);
            return cpu_a > cpu_b || (cpu_a == cpu_b && vms_[a].name < vms_[b].name);
        });
        const std::size_t taken = rule.guests == 1 ? 1 : round_up(order.size(), rule.guest_percent);
        const auto cut = static_cast<std::ptrdiff_t>(std::min(taken, order.size()));
        if (rule.guests == 2) {
            return {order.end() - cut, order.end()};
        }
        const std::ptrdiff_t first = rule.guests == 3 && cut > 0 ? 1 : 0;
        return {order.begin() + first, order.begin() + cut};
    }
    std::vector<std::size_t> choose_destinations(std::size_t source, const Rules& rule) const {
        std::vector<std::size_t> order;
        for (std::size_t h = 0; h < hosts_.size(); ++h) {
            if (h != source && hosts_[h].state == HostState::up) {
                order.push_back(h);
            }
        }
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return host_cpu(a) < host_cpu(b) ||
                   (host_cpu(a) == host_cpu(b) && hosts_[a].name < hosts_[b].name);
        });
        if (rule.spread) {
            order.resize(round_up(order.size(), rule.host_percent));
        }
        return order;
    }

    const std::vector<Host>& hosts_;
    const std::vector<Vm>& vms_;
    std::size_t window_;
    double critical_;
};

std::vector<double> eighths(Prng& random, std::uint64_t length_max, std::uint64_t most) {
    std::vector<double> series;
    for (std::uint64_t i = random.below(length_max + 1); i > 0; --i) {
        series.push_back(static_cast<double>(random.below(most + 1)) / 8);
    }
    return series;
}

void fill(PoolBook& book, Prng& random) {
    const std::uint64_t hosts = 1 + random.below(10);
    for (std::uint64_t h = 0; h < hosts; ++h) {
        Host& host =
            book.host("h" + std::to_string(random.below(1000)) + "x" + std::to_string(h),
                      static_cast<double>(std::uint64_t{4} << random.below(3)), 2048 + random.below(8192));
        host.memory_reserved_mib = random.below(1024);
        host.dom0_cpu_cores = book.keep(eighths(random, 10, 4));
        host.state = random.chance(0.9) ? HostState::up : static_cast<HostState>(random.below(5));
    }
    for (std::uint64_t v = random.below(80); v > 0; --v) {
        // Skewed, so that some host is overloaded.
        const auto on = static_cast<HostIndex>(std::min(random.below(hosts), random.below(hosts)));
        Vm& vm = book.vm("v" + std::to_string(random.below(1000)) + "x" + std::to_string(v), on,
                         eighths(random, 10, 16), 64 * random.below(16));
        vm.net_mbps = book.keep(eighths(random, 10, 100));
        vm.movable = random.chance(0.9);
        vm.state = random.chance(0.9) ? VmState::running : static_cast<VmState>(random.below(13));
    }
}

TEST(VdsReference, AgreesMoveForMoveOnRandomPools) {
    Prng random{20081};
    std::size_t moves = 0;
    for (int round = 0; round < 300; ++round) {
        PoolBook book;
        fill(book, random);
        // A power of two keeps means exact as well; other lengths come from the series.
        book.parameters.window = random.chance(0.5) ? 4 : 8;
        book.parameters.critical_load = static_cast<double>(2 + random.below(7)) / 8;
        for (const auto& [name, rule] : rules) {
            const std::string ours = book.moves(name);
            const Reference reference{book.host_list, book.vm_list, book.parameters};
            ASSERT_EQ(ours, reference.moves(rule)) << name << " in round " << round;
            moves += book.plan.moves.size();
        }
    }
    EXPECT_GT(moves, 400U) << "the pools must be worth planning for";
}

}  // namespace
}  // namespace ballast::policy::test
