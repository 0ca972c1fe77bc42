#include "policy/planner/transfer.hpp"

#include <algorithm>

namespace ballast::policy::planner {
namespace {

// libxc sends the whole memory once, then what has been written meanwhile, five rounds in all at most.
constexpr int precopy_rounds = 5;
constexpr double mib_per_gib = 1024;
constexpr double bits_per_byte = 8;
constexpr double bytes_per_mib = 1024.0 * 1024.0;
constexpr double bits_per_megabit = 1e6;
// Where no capacity is known.
constexpr double link_unknown_mbps = 1000;

}  // namespace

Transfer estimate_transfer(double memory_mib, double dirty_mib_per_second, double link_mbps) noexcept {
    const double mib_per_second = link_mbps * bits_per_megabit / bits_per_byte / bytes_per_mib;
    double round_mib = memory_mib;
    Transfer out;
    for (int round = 0; round <= precopy_rounds && round_mib > 0; ++round) {
        const double seconds = round_mib / mib_per_second;
        out.sent_gib += round_mib / mib_per_gib;
        out.seconds += seconds;
        out.downtime_seconds = round > 0 ? seconds : 0;
        round_mib = std::min(memory_mib, dirty_mib_per_second * seconds);
    }
    return out;
}

Transfer estimate_transfer(const Vm& vm, const Pool& pool, const Parameters& parameters) noexcept {
    const double own = vm.host == no_index ? 0 : pool.hosts[vm.host].net_mbps;
    const double link = parameters.link_mbps > 0 ? parameters.link_mbps : own > 0 ? own : link_unknown_mbps;
    return estimate_transfer(static_cast<double>(vm.memory_mib), vm.dirty_mib_per_second, link);
}

bool outside_window(const Pool& pool, const Parameters& parameters) noexcept {
    const std::uint32_t from = parameters.moves_from_minute;
    const std::uint32_t until = parameters.moves_until_minute;
    if (!pool.minute_of_day || from == until) {
        return false;
    }
    const std::uint32_t now = *pool.minute_of_day;
    const bool inside = from < until ? now >= from && now < until : now >= from || now < until;
    return !inside;
}

}  // namespace ballast::policy::planner
