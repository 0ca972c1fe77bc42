#include "xen_glue/sim/precopy.hpp"

#include <cmath>

#include "base/assert.hpp"

namespace ballast::sim {

Precopy begin_precopy(std::uint64_t memory_pages, bool live) noexcept {
    Precopy precopy;
    precopy.memory_pages = memory_pages;
    precopy.round_pages = memory_pages;
    precopy.guest_suspended = !live;
    return precopy;
}

bool end_live_round(Precopy& precopy, std::uint64_t dirty_pages) noexcept {
    BALLAST_ASSERT(!precopy.guest_suspended);
    precopy.sent_pages += precopy.round_pages;
    precopy.round_pages = dirty_pages;
    ++precopy.round;
    precopy.guest_suspended = dirty_pages < precopy_pages_left_min || precopy.round >= precopy_rounds_max;
    return precopy.guest_suspended;
}

std::uint64_t pages_touched(std::uint64_t writes, std::uint64_t working_set_pages) noexcept {
    if (writes == 0 || working_set_pages == 0) {
        return 0;
    }
    const auto set = static_cast<double>(working_set_pages);
    const auto touched = static_cast<std::uint64_t>(-set * std::expm1(-static_cast<double>(writes) / set));
    return touched < working_set_pages ? touched : working_set_pages;
}

PrecopyForecast forecast_precopy(std::uint64_t memory_pages, std::uint64_t working_set_pages,
                                 std::uint64_t page_writes_per_second, std::uint64_t bytes_per_second,
                                 bool live) noexcept {
    PrecopyForecast forecast;
    Precopy precopy = begin_precopy(memory_pages, live);
    const auto round_seconds = [&] {
        return static_cast<double>(precopy.round_pages * page_bytes) / static_cast<double>(bytes_per_second);
    };
    const auto to_ns = [](double seconds) { return static_cast<std::int64_t>(seconds * 1e9); };
    while (!precopy.guest_suspended) {
        const double seconds = round_seconds();
        forecast.total_ns += to_ns(seconds);
        const auto writes = static_cast<std::uint64_t>(seconds * static_cast<double>(page_writes_per_second));
        end_live_round(precopy, pages_touched(writes, working_set_pages));
    }
    forecast.downtime_ns = to_ns(round_seconds());
    forecast.total_ns += forecast.downtime_ns;
    forecast.rounds = precopy.round + 1;
    forecast.sent_pages = precopy.sent_pages + precopy.round_pages;
    return forecast;
}

}  // namespace ballast::sim
