#include "policy/parameters.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/compose.hpp"

namespace ballast::policy {
namespace {

constexpr std::array<std::string_view, 2> no_yes{"no", "yes"};
constexpr std::array<std::string_view, 2> mean_peak{"mean", "peak"};
constexpr std::array<std::string_view, 3> objectives{"load", "stddev", "hbal"};

constexpr Families vds_only = families(Family::vds);
constexpr Families weighing_families = families(Family::sandpiper, Family::scoa, Family::ballast);
constexpr Families papers = families(Family::sandpiper, Family::scoa);
constexpr Families moving = families(Family::vds, Family::sandpiper, Family::scoa, Family::ballast);

constexpr double samples_max = limits::window_samples_max;
constexpr double hour_ms = 3'600'000;
constexpr double day_seconds = 86400;
constexpr double moves_bound = 1'000'000;
constexpr double in_flight_bound = 16;
constexpr double load_min = 0.01;
constexpr Families planner_only = families(Family::ballast);
constexpr double weight_max = 1000;
constexpr double price_max = 1000;
constexpr double link_max_mbps = 1'000'000;
constexpr double minute_last = 1439;

using P = Parameters;
constexpr std::array table{
    ParameterInfo{"critical_load", "utilisation", load_min, 1, every_family,
                  "at or above it a host is overloaded", &P::critical_load},
    ParameterInfo{"window", "samples", 1, samples_max, every_family, "length of every mean", nullptr,
                  &P::window},
    ParameterInfo{"guest_rate", "share", 0, 1, vds_only,
                  "share of the guests that a guest rule selects; 0: the policy's own", &P::guest_rate},
    ParameterInfo{"host_rate", "share", 0, 1, vds_only,
                  "share of the hosts that B and C keep; 0: the policy's own", &P::host_rate},
    ParameterInfo{"moves_max", "moves", 0, moves_bound, moving, "a round stops after so many; 0: no bound",
                  nullptr, &P::moves_max},
    ParameterInfo{"cool_down_seconds", "seconds", 0, day_seconds, moving,
                  "a guest that moved less than this ago stays; 0: no cool-down", nullptr,
                  &P::cool_down_seconds},
    ParameterInfo{"samples_min", "samples", 0, samples_max, moving,
                  "a host with fewer samples is no source yet", nullptr, &P::samples_min},
    ParameterInfo{"in_flight_max", "migrations", 1, in_flight_bound, moving,
                  "into, and out of, one host at a time", nullptr, &P::in_flight_max},
    ParameterInfo{"cpu_threshold", "utilisation", 0, 1, weighing_families,
                  "above it a host's CPU is overloaded; 0: critical_load", &P::cpu_threshold},
    ParameterInfo{"net_threshold", "utilisation", 0, 1, weighing_families,
                  "above it a host's network is overloaded; 0: critical_load", &P::net_threshold},
    ParameterInfo{"memory_threshold", "utilisation", 0, 1, weighing_families,
                  "above it a host's memory in use is overloaded; 0: critical_load", &P::memory_threshold},
    ParameterInfo{"disk_threshold", "utilisation", 0, 1, weighing_families,
                  "above it a host's disk is overloaded; 0: critical_load", &P::disk_threshold},
    ParameterInfo{"weigh_disk", "", 0, 1, papers, "whether disk counts beside CPU, network and memory",
                  nullptr, &P::weigh_disk, no_yes},
    ParameterInfo{"hot_samples", "samples", 1, samples_max, families(Family::sandpiper),
                  "so many of the last hot_window must be above a threshold", nullptr, &P::hot_samples},
    ParameterInfo{"hot_window", "samples", 1, samples_max, families(Family::sandpiper),
                  "the samples that hot_samples are counted in", nullptr, &P::hot_window},
    ParameterInfo{"scoa_load", "", 0, 1, families(Family::scoa),
                  "what a guest's load is: its mean, or its peak (the worst case)", nullptr, &P::scoa_load,
                  mean_peak},
    ParameterInfo{"scoa_limit", "utilisation", 0, 1, families(Family::scoa),
                  "an action may bring a target up to it; 0: its threshold", &P::scoa_limit},
    ParameterInfo{"objective", "", 0, 2, planner_only, "what is minimised", nullptr, &P::objective,
                  objectives},
    ParameterInfo{"relief_seconds", "seconds", 1, day_seconds, planner_only,
                  "the mean load of so long makes a host overloaded", nullptr, &P::relief_seconds},
    ParameterInfo{"balance_seconds", "seconds", 1, day_seconds, planner_only,
                  "balance looks at the mean load of so long, as far as samples reach back", nullptr,
                  &P::balance_seconds},
    ParameterInfo{"balance", "", 0, 1, planner_only,
                  "whether hosts that are not overloaded are evened out too", nullptr, &P::balance, no_yes},
    ParameterInfo{"weight_cpu", "", 0, weight_max, planner_only, "of CPU in the cost", &P::weight_cpu},
    ParameterInfo{"weight_net", "", 0, weight_max, planner_only, "of network in the cost", &P::weight_net},
    ParameterInfo{"weight_memory", "", 0, weight_max, planner_only, "of memory in use in the cost",
                  &P::weight_memory},
    ParameterInfo{"weight_disk", "", 0, weight_max, planner_only, "of disk in the cost", &P::weight_disk},
    ParameterInfo{"hysteresis", "utilisation", 0, 1, planner_only,
                  "a host is relieved when it is above its threshold by more than this", &P::hysteresis},
    ParameterInfo{"relief_margin", "utilisation", 0, 1, planner_only,
                  "an overloaded host is relieved to its threshold less this", &P::relief_margin},
    ParameterInfo{"swap_counts", "migrations", 1, 2, planner_only,
                  "so many a swap counts as; 1: overloaded hosts are relieved by swaps as soon as by moves",
                  nullptr, &P::swap_counts},
    ParameterInfo{"price_per_move", "cost", 0, price_max, planner_only, "of a migration for itself",
                  &P::price_per_move},
    ParameterInfo{"price_per_gib", "cost", 0, price_max, planner_only, "of each GiB that it sends",
                  &P::price_per_gib},
    ParameterInfo{"price_per_second", "cost", 0, price_max, planner_only, "of each second that it takes",
                  &P::price_per_second},
    ParameterInfo{
        "calm_price", "", 1, price_max, planner_only,
        "so many times as much costs a migration from a host whose load stays below its thresholds as "
        "it swings",
        &P::calm_price},
    ParameterInfo{"link_mbps", "Mb/s", 0, link_max_mbps, planner_only,
                  "speed of migrations; 0: the capacity of the host", nullptr, &P::link_mbps},
    ParameterInfo{"return_seconds", "seconds", 0, day_seconds, planner_only,
                  "a guest does not go back to the host that it came from before this", nullptr,
                  &P::return_seconds},
    ParameterInfo{"keep_spare_host", "", 0, 1, planner_only,
                  "whether the largest host's guests must go on to fit on the others", nullptr,
                  &P::keep_spare_host, no_yes},
    ParameterInfo{"moves_from_minute", "minute of the day (UTC)", 0, minute_last, planner_only,
                  "guests are moved from here on", nullptr, &P::moves_from_minute},
    ParameterInfo{"moves_until_minute", "minute of the day (UTC)", 0, minute_last, planner_only,
                  "guests are moved until here; equal: at any time", nullptr, &P::moves_until_minute},
    ParameterInfo{"time_budget_ms", "milliseconds", 0, hour_ms, planner_only,
                  "of the search for what is worth moving; 0: until nothing improves", nullptr,
                  &P::time_budget_ms},
};

bool whole(const ParameterInfo& info) noexcept {
    return info.count != nullptr;
}

// Also false for NaN.
bool in_range(const ParameterInfo& info, double value) noexcept {
    return value >= info.min && value <= info.max && (!whole(info) || value == std::floor(value));
}

template <std::size_t n>
void append_names(FixedString<n>& out, std::optional<Family> family) noexcept {
    bool first = true;
    for (const ParameterInfo& info : table) {
        if (!family || takes(*family, info)) {
            detail::append(out, first ? "" : ", ");
            detail::append(out, info.name);
            first = false;
        }
    }
}

template <std::size_t n>
void append_number(FixedString<n>& out, double value) noexcept {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append_cut({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

template <std::size_t n>
void append_expected(FixedString<n>& out, const ParameterInfo& info) noexcept {
    detail::append(out, info.name);
    detail::append(out, ": expected ");
    if (!info.words.empty()) {
        for (std::size_t i = 0; i < info.words.size(); ++i) {
            detail::append(out, i == 0 ? "" : " or ");
            detail::append(out, info.words[i]);
        }
        return;
    }
    append_number(out, info.min);
    detail::append(out, " to ");
    append_number(out, info.max);
    detail::append(out, whole(info) ? " whole " : " ");
    detail::append(out, info.unit);
}

ParameterError out_of_range(const ParameterInfo& info, std::string_view found) noexcept {
    ParameterError error;
    append_expected(error, info);
    detail::append(error, ", found \"");
    detail::append(error, found.substr(0, limits::name_bytes_max));
    detail::append(error, "\"");
    return error;
}

std::optional<double> parse(const ParameterInfo& info, std::string_view text) noexcept {
    for (std::size_t i = 0; i < info.words.size(); ++i) {
        if (info.words[i] == text) {
            return static_cast<double>(i);
        }
    }
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool all = error == std::errc{} && end == text.data() + text.size() && !text.empty();
    return all && info.words.empty() ? std::optional{value} : std::nullopt;
}

}  // namespace

std::span<const ParameterInfo> parameter_table() noexcept {
    return table;
}

const ParameterInfo* find_parameter(std::string_view name) noexcept {
    name = name == "max_moves" ? "moves_max" : name;
    for (const ParameterInfo& info : table) {
        if (info.name == name) {
            return &info;
        }
    }
    return nullptr;
}

double get(const Parameters& parameters, const ParameterInfo& info) noexcept {
    return whole(info) ? double(parameters.*info.count) : parameters.*info.number;
}

double default_of(const ParameterInfo& info) noexcept {
    return get(Parameters{}, info);
}

FixedString<31> text_of(const Parameters& parameters, const ParameterInfo& info) noexcept {
    FixedString<31> out;
    if (whole(info) && parameters.*info.count < info.words.size()) {
        detail::append(out, info.words[parameters.*info.count]);
    } else {
        append_number(out, get(parameters, info));
    }
    return out;
}

std::optional<ParameterError> set(Parameters& parameters, std::string_view name, std::string_view value,
                                  std::optional<Family> family) noexcept {
    const ParameterInfo* info = find_parameter(name);
    if (info == nullptr || (family && !takes(*family, *info))) {
        ParameterError error = compose<ParameterError::capacity()>(
            info == nullptr ? "no parameter is called \"" : "this policy takes no parameter \"",
            name.substr(0, limits::name_bytes_max), "\"; expected one of ");
        append_names(error, family);
        return error;
    }
    const std::optional<double> number = parse(*info, value);
    if (!number || !in_range(*info, *number)) {
        return out_of_range(*info, value);
    }
    return set(parameters, *info, *number);
}

std::optional<ParameterError> set(Parameters& parameters, const ParameterInfo& info, double value) noexcept {
    if (!in_range(info, value)) {
        FixedString<31> found;
        append_number(found, value);
        return out_of_range(info, found);
    }
    if (whole(info)) {
        parameters.*info.count = static_cast<std::uint32_t>(value);
    } else {
        parameters.*info.number = value;
    }
    return std::nullopt;
}

std::optional<Detail> check(const Parameters& parameters) noexcept {
    for (const ParameterInfo& info : table) {
        if (!in_range(info, get(parameters, info))) {
            Detail error;
            append_expected(error, info);
            detail::append(error, ", found ");
            append_number(error, get(parameters, info));
            return error;
        }
    }
    if (parameters.hot_samples > parameters.hot_window) {
        return compose("hot_samples: expected at most hot_window (", parameters.hot_window, "), found ",
                       parameters.hot_samples);
    }
    return std::nullopt;
}

std::uint32_t samples_wanted(const Parameters& parameters, Family family) noexcept {
    switch (family) {
        case Family::none:
        case Family::vds:
        case Family::scoa: break;
        case Family::sandpiper: return std::max(parameters.window, parameters.hot_window);
        case Family::ballast: return static_cast<std::uint32_t>(limits::window_samples_max);
    }
    return parameters.window;
}

double threshold(const Parameters& parameters, Resource resource) noexcept {
    const auto own_or_critical = [&](double own) { return own > 0 ? own : parameters.critical_load; };
    switch (resource) {
        case Resource::cpu: return own_or_critical(parameters.cpu_threshold);
        case Resource::net: return own_or_critical(parameters.net_threshold);
        case Resource::memory: return own_or_critical(parameters.memory_threshold);
        case Resource::disk:
            return parameters.weigh_disk != 0 ? own_or_critical(parameters.disk_threshold)
                                              : std::numeric_limits<double>::infinity();
    }
    return std::numeric_limits<double>::infinity();
}

double planner_threshold(const Parameters& parameters, Resource resource) noexcept {
    const auto own = [&](double weight, double limit) {
        return weight > 0 ? (limit > 0 ? limit : parameters.critical_load)
                          : std::numeric_limits<double>::infinity();
    };
    switch (resource) {
        case Resource::cpu: return own(parameters.weight_cpu, parameters.cpu_threshold);
        case Resource::net: return own(parameters.weight_net, parameters.net_threshold);
        case Resource::memory: return own(parameters.weight_memory, parameters.memory_threshold);
        case Resource::disk: return own(parameters.weight_disk, parameters.disk_threshold);
    }
    return std::numeric_limits<double>::infinity();
}

}  // namespace ballast::policy
