#include "xen_glue/sim/executions.hpp"

#include <algorithm>

#include "xen_glue/sim/sim_host.hpp"

namespace ballast::sim {
namespace {

// Calls `visit(uuid, interval)` for every execution in the records, until it says true.
template <class Visit>
bool any_interval(const SimHost& host, Visit visit) noexcept {
    const auto& records = host.executions;
    for (std::size_t i = 0; i < records.size(); ++i) {
        const Execution& record = records[i];
        Interval interval{record.at_ns, host.now_ns};
        if (record.began) {
            for (std::size_t later = i + 1; later < records.size(); ++later) {
                if (records[later].domid == record.domid && records[later].uuid == record.uuid) {
                    interval.end_ns = records[later].at_ns;
                    break;
                }
            }
        } else {
            bool begin_known = false;
            for (std::size_t earlier = 0; earlier < i; ++earlier) {
                begin_known |= records[earlier].domid == record.domid && records[earlier].uuid == record.uuid;
            }
            if (begin_known) {
                continue;
            }
            interval = {records[0].at_ns, record.at_ns};
        }
        if (visit(record.uuid, interval)) {
            return true;
        }
    }
    // Guests that have executed for so long that no record of it is left.
    for (const Guest& guest : host.guests) {
        bool recorded = false;
        for (std::size_t i = 0; i < records.size(); ++i) {
            recorded |= records[i].domid == guest.domid && records[i].uuid == guest.uuid;
        }
        if (executing(guest) && !recorded && !records.empty() &&
            visit(guest.uuid, Interval{records[0].at_ns, host.now_ns})) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::optional<Overlap> find_overlap(const SimHost& here, const SimHost& there) noexcept {
    std::optional<Overlap> found;
    any_interval(here, [&](const Uuid& uuid, const Interval& a) {
        return any_interval(there, [&](const Uuid& other, const Interval& b) {
            if (other != uuid || std::max(a.begin_ns, b.begin_ns) >= std::min(a.end_ns, b.end_ns)) {
                return false;
            }
            found = Overlap{uuid, a, b};
            return true;
        });
    });
    return found;
}

}  // namespace ballast::sim
