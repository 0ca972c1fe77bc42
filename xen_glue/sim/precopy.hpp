// How a live transfer of a guest's memory goes: rounds of sending what was written since the round before,
// then a last one with the guest suspended. Pure arithmetic, after the default policy of libxc (xen_glue/sim
// is measured against it in docs/simulated_host.md): at most 5 rounds while the guest runs, or until fewer
// than 50 pages are left.
#pragma once

#include <cstdint>

namespace ballast::sim {

inline constexpr std::uint32_t page_bytes = 4096;
inline constexpr std::uint32_t precopy_rounds_max = 5;
inline constexpr std::uint64_t precopy_pages_left_min = 50;

struct Precopy {
    std::uint64_t memory_pages = 0;
    std::uint64_t round_pages = 0;  // to be sent in this round
    std::uint64_t sent_pages = 0;   // in all rounds that have ended
    std::uint32_t round = 0;        // counts from 0
    bool guest_suspended = false;   // this is the last round
};

// The first round sends everything; without `live` it is the last one as well.
Precopy begin_precopy(std::uint64_t memory_pages, bool live) noexcept;
// Ends a live round in which the guest wrote to `dirty_pages` different pages. Returns whether the guest must
// be suspended now: then `round_pages` is what is left for the last round.
bool end_live_round(Precopy& precopy, std::uint64_t dirty_pages) noexcept;

// How many different pages `writes` page writes touch when they fall evenly on a working set of W pages:
// W (1 - e^(-writes / W)).
std::uint64_t pages_touched(std::uint64_t writes, std::uint64_t working_set_pages) noexcept;

// A whole transfer in advance, for a steady write rate and bandwidth.
struct PrecopyForecast {
    std::uint32_t rounds = 0;  // the last one included
    std::uint64_t sent_pages = 0;
    std::int64_t total_ns = 0;
    std::int64_t downtime_ns = 0;  // the last round
};
// REQUIRES: bytes_per_second > 0.
PrecopyForecast forecast_precopy(std::uint64_t memory_pages, std::uint64_t working_set_pages,
                                 std::uint64_t page_writes_per_second, std::uint64_t bytes_per_second,
                                 bool live) noexcept;

}  // namespace ballast::sim
