// The keys of ballast-pool/1: name, kind, whether required, and range.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace ballast::cli::offline {

enum class FieldKind : std::uint8_t { text, whole, number, flag, series, host_state, vm_state, list };

struct FieldInfo {
    std::string_view name;
    FieldKind kind = FieldKind::text;
    bool required = false;
    double max = 0;      // of numbers; the least is 0
    std::size_t id = 0;  // position in its table
};

inline constexpr double memory_mib_max = 1U << 30U;  // a pebibyte
inline constexpr double cpu_cores_max = 65'536;
inline constexpr double rate_max = 1e9;
inline constexpr double seconds_max = 1e12;

namespace pool_field {
enum Id : std::size_t { format, taken_at, sample_interval_seconds, hosts, vms };
inline constexpr std::array table{
    FieldInfo{"format", FieldKind::text, true, 0, format},
    FieldInfo{"taken_at", FieldKind::text, false, 0, taken_at},
    FieldInfo{"sample_interval_seconds", FieldKind::number, false, 86'400, sample_interval_seconds},
    FieldInfo{"hosts", FieldKind::list, true, 0, hosts},
    FieldInfo{"vms", FieldKind::list, true, 0, vms},
};
}  // namespace pool_field

namespace host_field {
enum Id : std::size_t {
    name,
    state,
    cpu_cores,
    memory_mib,
    memory_reserved_mib,
    net_mbps,
    disk_mbps,
    dom0_cpu_cores,
    site
};
inline constexpr std::array table{
    FieldInfo{"name", FieldKind::text, true, 0, name},
    FieldInfo{"state", FieldKind::host_state, false, 0, state},
    FieldInfo{"cpu_cores", FieldKind::number, true, cpu_cores_max, cpu_cores},
    FieldInfo{"memory_mib", FieldKind::whole, true, memory_mib_max, memory_mib},
    FieldInfo{"memory_reserved_mib", FieldKind::whole, false, memory_mib_max, memory_reserved_mib},
    FieldInfo{"net_mbps", FieldKind::number, false, rate_max, net_mbps},
    FieldInfo{"disk_mbps", FieldKind::number, false, rate_max, disk_mbps},
    FieldInfo{"dom0_cpu_cores", FieldKind::series, false, 0, dom0_cpu_cores},
    FieldInfo{"site", FieldKind::text, false, 0, site},
};
}  // namespace host_field

namespace vm_field {
enum Id : std::size_t {
    name,
    host,
    state,
    memory_mib,
    vcpus,
    cpu_cores,
    net_mbps,
    disk_mbps,
    memory_used_mib,
    movable,
    anti_affinity,
    last_moved_seconds_ago,
    started_seconds_ago,
    came_from,
    session_active,
    dirty_mib_per_second
};
inline constexpr std::array table{
    FieldInfo{"name", FieldKind::text, true, 0, name},
    FieldInfo{"host", FieldKind::text, true, 0, host},
    FieldInfo{"state", FieldKind::vm_state, false, 0, state},
    FieldInfo{"memory_mib", FieldKind::whole, true, memory_mib_max, memory_mib},
    FieldInfo{"vcpus", FieldKind::whole, false, cpu_cores_max, vcpus},
    FieldInfo{"cpu_cores", FieldKind::series, false, 0, cpu_cores},
    FieldInfo{"net_mbps", FieldKind::series, false, 0, net_mbps},
    FieldInfo{"disk_mbps", FieldKind::series, false, 0, disk_mbps},
    FieldInfo{"memory_used_mib", FieldKind::series, false, 0, memory_used_mib},
    FieldInfo{"movable", FieldKind::flag, false, 0, movable},
    FieldInfo{"anti_affinity", FieldKind::text, false, 0, anti_affinity},
    FieldInfo{"last_moved_seconds_ago", FieldKind::whole, false, seconds_max, last_moved_seconds_ago},
    FieldInfo{"started_seconds_ago", FieldKind::whole, false, seconds_max, started_seconds_ago},
    FieldInfo{"came_from", FieldKind::text, false, 0, came_from},
    FieldInfo{"session_active", FieldKind::flag, false, 0, session_active},
    FieldInfo{"dirty_mib_per_second", FieldKind::number, false, rate_max, dirty_mib_per_second},
};
}  // namespace vm_field

}  // namespace ballast::cli::offline
