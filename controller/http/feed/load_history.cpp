#include "controller/http/feed/load_history.hpp"

#include <algorithm>
#include <cmath>

namespace ballast::controller::http {

namespace {

std::uint8_t percent(double share) noexcept {
    constexpr double percent_max = 250;
    return static_cast<std::uint8_t>(std::lround(std::clamp(share * 100, 0.0, percent_max)));
}

std::size_t place(std::uint32_t host, std::int64_t step) noexcept {
    return host * history_columns + static_cast<std::size_t>(step) % history_columns;
}

}  // namespace

LoadHistory::LoadHistory(Arena& arena, std::uint32_t hosts) noexcept
    : owners_{arena.make_array<Uuid>(hosts)} {
    for (Tier& tier : tiers_) {
        tier.cells = arena.make_array<LoadCell>(hosts * history_columns);
        tier.sums = arena.make_array<Sum>(hosts);
    }
}

// A clock that was set back goes on in the newest column until it has caught up.
void LoadHistory::advance(Tier& tier, std::int64_t step) noexcept {
    if (step <= tier.newest) {
        return;
    }
    const std::int64_t passed = std::min<std::int64_t>(step - tier.newest, history_columns);
    for (std::int64_t fresh = step - passed + 1; fresh <= step; ++fresh) {
        for (std::uint32_t host = 0; host < owners_.size(); ++host) {
            tier.cells[place(host, fresh)] = {};
        }
    }
    std::fill(tier.sums.begin(), tier.sums.end(), Sum{});
    tier.newest = step;
}

void LoadHistory::advance(WallTime at) noexcept {
    for (std::size_t i = 0; i < tiers_.size(); ++i) {
        advance(tiers_[i], at.unix_ms / 1000 / history_spans[i].step_seconds);
    }
}

void LoadHistory::forget(std::uint32_t host) noexcept {
    for (Tier& tier : tiers_) {
        std::fill_n(tier.cells.begin() + static_cast<std::ptrdiff_t>(host * history_columns), history_columns,
                    LoadCell{});
        tier.sums[host] = {};
    }
}

void LoadHistory::add(std::uint32_t host, const Uuid& uuid, double cpu, double memory, WallTime at) noexcept {
    if (owners_[host] != uuid) {
        forget(host);
        owners_[host] = uuid;
    }
    advance(at);
    for (Tier& tier : tiers_) {
        Sum& sum = tier.sums[host];
        sum.cpu += cpu;
        sum.memory += memory;
        ++sum.samples;
        tier.cells[place(host, tier.newest)] = {percent(sum.cpu / sum.samples),
                                                percent(sum.memory / sum.samples)};
    }
}

LoadCell LoadHistory::cell(std::size_t span, std::uint32_t host, const Uuid& uuid,
                           std::int64_t step) const noexcept {
    const Tier& tier = tiers_[span];
    if (owners_[host] != uuid || step > tier.newest ||
        step <= tier.newest - static_cast<std::int64_t>(history_columns)) {
        return {};
    }
    return tier.cells[place(host, step)];
}

}  // namespace ballast::controller::http
