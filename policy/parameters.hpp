// What an operator may set of the policies, as a struct for the policies and as one table for everything that
// reads, checks, shows or keeps parameters: the command line's --set, the controller's configuration, HTTP.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/vocabulary.hpp"
#include "policy/resource.hpp"

namespace ballast::policy {

// A new parameter is a member here, a row in parameters.cpp and a row in docs/policies.md; nothing else.
struct Parameters {
    double critical_load = 0.8;           // utilisation at or above which a host is overloaded
    std::uint32_t window = 7;             // samples in a mean
    double guest_rate = 0;                // share of the guests that a rate rule selects; 0: the policy's own
    double host_rate = 0;                 // share of the hosts that B and C keep; 0: the policy's own
    std::uint32_t moves_max = 0;          // 0: no bound but the plan's buffer
    std::uint32_t cool_down_seconds = 0;  // a guest that moved less than this ago stays; 0: no cool-down
    std::uint32_t samples_min = 0;        // a source with fewer dom0 samples than this is not judged yet
    std::uint32_t in_flight_max = 1;      // migrations into, and out of, one host at a time

    // Thresholds of the policies that weigh several resources: above one a host is overloaded. 0:
    // critical_load.
    double cpu_threshold = 0;
    double net_threshold = 0;
    double memory_threshold = 0;
    double disk_threshold = 0;
    std::uint32_t weigh_disk = 0;  // 0: disk neither makes a host overloaded nor counts as load

    // Sandpiper: overloaded when `hot_samples` of the last `hot_window` samples are above a threshold and the
    // predicted next one is too.
    std::uint32_t hot_samples = 3;
    std::uint32_t hot_window = 5;

    // SCOA: what a guest's load is. 0: its mean, 1: its peak, the worst case.
    std::uint32_t scoa_load = 0;
    // SCOA: utilisation that an action may bring a target to, the paper's "hardware limit". 0: the threshold.
    double scoa_limit = 0;

    // The planner (docs/planner.md).
    std::uint32_t objective = 0;        // planner::ObjectiveKind: load, stddev, hbal
    std::uint32_t relief_seconds = 60;  // of load that make a host overloaded: a shorter spike moves nobody
    std::uint32_t balance_seconds = 5400;  // of load that balance looks at, as far as samples reach back
    std::uint32_t balance = 1;             // 0: only overloaded and draining hosts are relieved
    double weight_cpu = 1;                 // in the cost of a host's load
    double weight_net = 1;
    double weight_memory = 0.5;
    double weight_disk = 1;
    double hysteresis = 0.08;       // a host is relieved when it is above its threshold by more than this,
    double relief_margin = 0.04;    // down to its threshold less this; no host is filled above that
    std::uint32_t swap_counts = 2;  // so many migrations is a swap; 1: relief swaps as soon as it moves
    double price_per_move = 0.014;  // what a migration costs, in the unit of the cost: for itself,
    double price_per_gib = 0.004;   // for each GiB that it sends,
    double price_per_second = 0;    // and for each second that it takes
    double calm_price = 4;          // so many times as much when its host is far from overloaded
    std::uint32_t link_mbps = 0;    // of migrations; 0: the host's capacity
    std::uint32_t return_seconds = 7200;   // a guest does not go back to where it came from before this
    std::uint32_t keep_spare_host = 1;     // the largest host's guests must go on to fit on the others (N+1)
    std::uint32_t moves_from_minute = 0;   // of the day, UTC: guests are moved from here on …
    std::uint32_t moves_until_minute = 0;  // … until here; equal: at any time
    // Of the search, at a fixed number of evaluations a millisecond (planner.cpp), so that the same pool
    // gives the same plan on every machine; 0: until nothing improves.
    std::uint32_t time_budget_ms = 0;
};

// Whom a parameter is for. Bits of a mask.
enum class Family : std::uint8_t { none = 1, vds = 2, sandpiper = 4, scoa = 8, ballast = 16 };
using Families = std::uint8_t;
template <class... Family_>
constexpr Families families(Family_... each) noexcept {
    return static_cast<Families>((static_cast<unsigned>(each) | ...));
}
inline constexpr Families every_family =
    families(Family::none, Family::vds, Family::sandpiper, Family::scoa, Family::ballast);

struct ParameterInfo {
    std::string_view name;
    std::string_view unit;  // empty for words
    double min = 0;         // for words: index of the first
    double max = 0;
    Families families = every_family;
    std::string_view meaning;  // one sentence
    // Exactly one of the two.
    double Parameters::*number = nullptr;
    std::uint32_t Parameters::*count = nullptr;
    // For a count whose values have names: the word for 0, 1, …
    std::span<const std::string_view> words{};
};
std::span<const ParameterInfo> parameter_table() noexcept;
// Null when no parameter is called so. "max_moves" is moves_max.
const ParameterInfo* find_parameter(std::string_view name) noexcept;
constexpr bool takes(Family family, const ParameterInfo& info) noexcept {
    return (info.families & static_cast<Families>(family)) != 0;
}

double get(const Parameters& parameters, const ParameterInfo& info) noexcept;
double default_of(const ParameterInfo& info) noexcept;
// The value as `set` reads it: a word, a whole number, or the shortest decimals.
FixedString<31> text_of(const Parameters& parameters, const ParameterInfo& info) noexcept;

// A sentence for the operator: what was found and what was expected; lists of names are whole.
using ParameterError = FixedString<1023>;

// Sets one parameter. Nothing when done; otherwise nothing is changed. With a family, a parameter that the
// policies of that family do not take is an error as well. Errors name the valid parameters or the range.
std::optional<ParameterError> set(Parameters& parameters, std::string_view name, std::string_view value,
                                  std::optional<Family> family = std::nullopt) noexcept;
std::optional<ParameterError> set(Parameters& parameters, const ParameterInfo& info, double value) noexcept;

// Nothing when all are in range, else a sentence that names the parameter, its range and the value found.
std::optional<Detail> check(const Parameters& parameters) noexcept;

// How many samples of each series the policies of the family look at.
std::uint32_t samples_wanted(const Parameters& parameters, Family family) noexcept;

// The threshold of a resource: its own, else the critical load. Infinite for a disk that is not weighed.
double threshold(const Parameters& parameters, Resource resource) noexcept;
// For the planner, which weighs disk by its weight: infinite for a resource without weight.
double planner_threshold(const Parameters& parameters, Resource resource) noexcept;

}  // namespace ballast::policy
