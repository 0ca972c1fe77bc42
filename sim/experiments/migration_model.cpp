#include "sim/experiments/migration_model.hpp"

#include "xen_glue/sim/precopy.hpp"

namespace ballast::experiments {

MigrationCost migration_cost(const MigrationModel& model, std::uint64_t memory_mib,
                             double cpu_cores) noexcept {
    if (model.instant) {
        return {0, 0, static_cast<double>(memory_mib)};
    }
    constexpr std::uint64_t pages_per_mib = 1024 * 1024 / sim::page_bytes;
    constexpr double bytes_per_megabit = 1e6 / 8;
    const std::uint64_t pages = memory_mib * pages_per_mib;
    const auto working_set = static_cast<std::uint64_t>(static_cast<double>(pages) * model.working_set_share);
    const auto writes_per_second = static_cast<std::uint64_t>(cpu_cores * model.dirty_pages_per_core);
    const auto bytes_per_second = static_cast<std::uint64_t>(model.link_mbps * bytes_per_megabit);
    const sim::PrecopyForecast forecast =
        sim::forecast_precopy(pages, working_set, writes_per_second, bytes_per_second, true);
    return {static_cast<double>(forecast.total_ns) * 1e-9, static_cast<double>(forecast.downtime_ns) * 1e-9,
            static_cast<double>(forecast.sent_pages) / static_cast<double>(pages_per_mib)};
}

}  // namespace ballast::experiments
