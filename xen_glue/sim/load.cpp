#include "xen_glue/sim/load.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/prng.hpp"

namespace ballast::sim {
namespace {

constexpr std::array<std::string_view, 6> kind_words{"constant", "random_walk", "ramp",
                                                     "steps",    "bursts",      "schedule"};
constexpr std::uint32_t period_s_max = 7 * 24 * 3600;

constexpr std::uint32_t cut(std::int64_t permille) noexcept {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(permille, 0, load_full_permille));
}
std::uint32_t low(const LoadProfile& p) noexcept {
    return cut(std::int64_t{p.mean_permille} - p.spread_permille);
}
std::uint32_t high(const LoadProfile& p) noexcept {
    return cut(std::int64_t{p.mean_permille} + p.spread_permille);
}

std::uint64_t draw(LoadGenerator& load) noexcept {
    Prng prng{load.random_state};
    const std::uint64_t value = prng.next();
    // SplitMix64 adds this constant on every draw: the state is all that has to be kept.
    load.random_state += 0x9e3779b97f4a7c15ULL;
    return value;
}

// An autoregressive step: a quarter of the way back to the mean, plus uniform noise of +-w. Its variance
// settles at (w^2 / 3) / (1 - (3/4)^2) = 0.762 w^2, so w = 1.146 spread makes the spread its standard
// deviation.
std::uint32_t walk(LoadGenerator& load) noexcept {
    const LoadProfile& p = load.profile;
    const std::uint64_t width = std::uint64_t{p.spread_permille} * 1146 / 1000;
    const auto noise =
        static_cast<std::int64_t>(draw(load) % (2 * width + 1)) - static_cast<std::int64_t>(width);
    const std::int64_t back = (std::int64_t{p.mean_permille} - load.own_permille) / 4;
    return cut(load.own_permille + back + noise);
}

std::uint32_t burst(LoadGenerator& load, std::uint32_t step_ms) noexcept {
    const LoadProfile& p = load.profile;
    if (load.burst_left_ms == 0 && draw(load) % (std::uint64_t{p.period_s} * 1000) < step_ms) {
        load.burst_left_ms = p.period_s * 1000 / 8;
    }
    if (load.burst_left_ms == 0) {
        return low(p);
    }
    load.burst_left_ms -= std::min(load.burst_left_ms, step_ms);
    return high(p);
}

std::uint32_t on_line(SchedulePoint a, SchedulePoint b, std::uint64_t at_s) noexcept {
    const std::int64_t rise = std::int64_t{b.load_permille} - a.load_permille;
    return cut(a.load_permille + rise * static_cast<std::int64_t>(at_s - a.at_s) / (b.at_s - a.at_s));
}

std::uint32_t scheduled(const LoadProfile& p, std::uint64_t at_s) noexcept {
    if (p.schedule.empty()) {
        return p.mean_permille;
    }
    for (std::size_t i = 1; i < p.schedule.size(); ++i) {
        if (at_s >= p.schedule[i - 1].at_s && at_s < p.schedule[i].at_s) {
            return on_line(p.schedule[i - 1], p.schedule[i], at_s);
        }
    }
    // The line from the last point leads over the end of the period to the first one.
    SchedulePoint first = p.schedule[0];
    const std::uint64_t unwrapped_s = at_s < first.at_s ? at_s + p.period_s : at_s;
    first.at_s += p.period_s;
    return on_line(p.schedule[p.schedule.size() - 1], first, unwrapped_s);
}

std::uint32_t profile_load(LoadGenerator& load, std::uint32_t step_ms) noexcept {
    const LoadProfile& p = load.profile;
    const std::uint64_t period_ms = std::uint64_t{p.period_s} * 1000;
    switch (p.kind) {
        case LoadKind::constant: return p.mean_permille;
        case LoadKind::random_walk: return walk(load);
        case LoadKind::ramp: {
            const std::uint64_t age_ms = std::min(load.age_ms, period_ms);
            return cut(static_cast<std::int64_t>(low(p) + (high(p) - low(p)) * age_ms / period_ms));
        }
        case LoadKind::steps: return load.age_ms % period_ms < period_ms / 2 ? low(p) : high(p);
        case LoadKind::bursts: return burst(load, step_ms);
        case LoadKind::schedule: return scheduled(p, load.age_ms % period_ms / 1000);
    }
    return p.mean_permille;
}

}  // namespace

std::string_view to_string(LoadKind kind) noexcept {
    return kind_words[static_cast<std::size_t>(kind)];
}

std::optional<LoadKind> parse_load_kind(std::string_view text) noexcept {
    const auto found = std::find(kind_words.begin(), kind_words.end(), text);
    if (found == kind_words.end()) {
        return std::nullopt;
    }
    return static_cast<LoadKind>(found - kind_words.begin());
}

LoadGenerator start_load(const LoadProfile& profile, std::uint64_t seed) noexcept {
    LoadGenerator load;
    load.profile = profile;
    load.random_state = seed;
    load.own_permille = profile.mean_permille;
    // Guests of one profile are not in step: each begins somewhere else in its period. A ramp begins at its
    // foot.
    if (profile.kind == LoadKind::steps || profile.kind == LoadKind::bursts) {
        load.age_ms = draw(load) % (std::uint64_t{profile.period_s} * 1000);
    }
    load.own_permille = profile_load(load, 1);
    load.load_permille = load.own_permille;
    return load;
}

void step_load(LoadGenerator& load, std::uint32_t step_ms) noexcept {
    load.age_ms += step_ms;
    // The profile goes on underneath an override, so that ending one returns to the curve and not to its
    // past.
    load.own_permille = profile_load(load, step_ms);
    load.load_permille = load.overridden ? load.override_permille : load.own_permille;
}

bool override_load(LoadGenerator& load, std::string_view word) noexcept {
    if (word == "auto") {
        load.overridden = false;
        load.load_permille = load.own_permille;
        return true;
    }
    std::uint32_t percent = 0;
    if (word == "burn") {
        percent = 100;
    } else if (word != "idle") {
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), percent);
        if (error != std::errc{} || end != word.data() + word.size() || percent > 100) {
            return false;
        }
    }
    load.overridden = true;
    load.override_permille = percent * 10;
    load.load_permille = load.override_permille;
    return true;
}

bool valid(const LoadProfile& profile) noexcept {
    if (static_cast<std::size_t>(profile.kind) >= kind_words.size() ||
        profile.mean_permille > load_full_permille || profile.spread_permille > load_full_permille ||
        profile.period_s == 0 || profile.period_s > period_s_max) {
        return false;
    }
    std::uint32_t earliest_s = 0;
    for (const SchedulePoint& point : profile.schedule) {
        if (point.at_s < earliest_s || point.at_s >= profile.period_s ||
            point.load_permille > load_full_permille) {
            return false;
        }
        earliest_s = point.at_s + 1;
    }
    return true;
}

}  // namespace ballast::sim
