// The utilisation of every host over the last hour and the last day, in fixed memory: what a dashboard shows
// of the time before it was opened. Not kept over a restart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.hpp"
#include "base/uuid.hpp"
#include "controller/core/core.hpp"

namespace ballast::controller::http {

struct HistorySpan {
    std::string_view word;  // of ?span=
    std::int64_t step_seconds;
};
// Both have as many columns: one hour in steps of 15 s, one day in steps of 6 min.
inline constexpr std::size_t history_columns = 240;
inline constexpr std::array history_spans{HistorySpan{"hour", 15}, HistorySpan{"day", 360}};

// A host's means over one step, in percent. `none`: no sample came.
struct LoadCell {
    static constexpr std::uint8_t none = 255;
    std::uint8_t cpu = none;
    std::uint8_t memory = none;
};

class LoadHistory {
  public:
    LoadHistory(Arena& arena, std::uint32_t hosts) noexcept;

    // A sample of the host in this row (policy::HostLoad: utilisations, 0 to 1; above 2.5 is shown as that).
    void add(std::uint32_t host, const Uuid& uuid, double cpu, double memory, WallTime at) noexcept;
    // Columns end at this time from now on, samples or not.
    void advance(WallTime at) noexcept;

    // Step number of the newest column: unix time / step.
    std::int64_t newest_step(std::size_t span) const noexcept { return tiers_[span].newest; }
    // The host's cell of a step, from newest_step - history_columns + 1 to newest_step.
    // `uuid` guards against a row that another host had before.
    LoadCell cell(std::size_t span, std::uint32_t host, const Uuid& uuid, std::int64_t step) const noexcept;

  private:
    struct Sum {  // of the samples in the newest column
        double cpu = 0;
        double memory = 0;
        std::uint32_t samples = 0;
    };
    struct Tier {
        std::int64_t newest = 0;
        std::span<LoadCell> cells;  // by host, then by step modulo the columns
        std::span<Sum> sums;        // by host
    };
    void advance(Tier& tier, std::int64_t step) noexcept;
    void forget(std::uint32_t host) noexcept;

    std::array<Tier, history_spans.size()> tiers_;
    std::span<Uuid> owners_;  // by host row
};

}  // namespace ballast::controller::http
