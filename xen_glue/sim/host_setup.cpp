#include "xen_glue/sim/host_setup.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstdio>

#include "base/prng.hpp"
#include "xen_glue/sim/sim_host.hpp"

namespace ballast::sim {
namespace {

constexpr std::uint64_t memory_mib_min = 1024;
constexpr std::uint64_t memory_mib_max = 16 * 1024 * 1024;
constexpr std::uint64_t dom0_memory_mib_min = 256;
constexpr std::uint64_t speed_max = 1000;
constexpr std::uint64_t load_rate_max = 10'000;

struct Range {
    const char* name;
    std::uint64_t value;
    std::uint64_t min;
    std::uint64_t max;
};

template <std::size_t count>
std::string out_of_range(const std::string& where, const Range (&ranges)[count]) {
    for (const Range& range : ranges) {
        if (range.value < range.min || range.value > range.max) {
            return where + range.name + ": expected " + std::to_string(range.min) + " to " +
                   std::to_string(range.max) + ", found " + std::to_string(range.value);
        }
    }
    return {};
}

std::string complaint_about(const GuestGroup& group) {
    const std::string where = "guests \"" + group.name_prefix + "\": ";
    if (!valid(group.load)) {
        return where +
               "load: expected loads of 0 to 1000 permille, a period of 1 s to 7 days, and ascending points";
    }
    // Memory and vCPUs are checked with the guest's spec.
    return out_of_range(where, {{"count", group.count, 0, limits::domains_per_host_max - 1},
                                {"net_mbps", group.net_mbps, 0, load_rate_max},
                                {"disk_mbps", group.disk_mbps, 0, load_rate_max},
                                {"dirty_mib_per_s", group.dirty_mib_per_s, 0, load_rate_max}});
}

// The same name and seed give the same uuid wherever the host runs.
Uuid uuid_of(const Name& name, std::uint64_t seed) {
    Prng prng{XXH64(name.view().data(), name.size(), seed)};
    std::array<std::uint8_t, 16> bytes{};
    for (std::uint8_t& byte : bytes) {
        byte = static_cast<std::uint8_t>(prng.next());
    }
    return uuid_from_random(bytes);
}

DomainSpec first_guest_spec(const GuestGroup& group, std::uint32_t number, std::uint64_t seed) {
    char text[64];
    DomainSpec spec;
    std::snprintf(text, sizeof text, "%s%02u", group.name_prefix.c_str(), number);
    spec.name = text;
    spec.uuid = uuid_of(spec.name, seed);
    spec.type = group.type;
    spec.memory_mib = group.memory_mib;
    spec.vcpus = group.vcpus;
    if (group.type == GuestType::hvm) {
        spec.boot_order = "c";
    } else {
        spec.kernel = "/boot/vmlinuz-guest";
    }
    DiskSpec disk;
    disk.target = "/srv/";
    disk.target.append_cut(spec.name);
    disk.target.append_cut(".img");
    disk.device = "xvda";
    spec.disks.push(disk);
    const auto& id = spec.uuid.bytes;
    std::snprintf(text, sizeof text, "00:16:3e:%02x:%02x:%02x", id[0] & 0x7fU, static_cast<unsigned>(id[1]),
                  static_cast<unsigned>(id[2]));
    spec.vifs.push({text, "xenbr0"});
    return spec;
}

Workload workload_of(const GuestGroup& group, std::uint64_t seed, const Uuid& uuid) noexcept {
    Workload workload;
    workload.load = start_load(group.load, XXH64(uuid.bytes.data(), uuid.bytes.size(), seed));
    workload.net_mbps = group.net_mbps;
    workload.disk_mbps = group.disk_mbps;
    workload.dirty_mib_per_s = group.dirty_mib_per_s;
    workload.signals = group.signals;
    return workload;
}

bool start_guest(StateFile::Transaction& host, const GuestGroup& group, std::uint32_t number,
                 std::string& why) {
    const std::uint64_t seed = host.host().config.seed;
    const DomainSpec spec = first_guest_spec(group, number, seed);
    const NewGuest wanted = new_guest(spec, group.ours, workload_of(group, seed, spec.uuid));
    if (const auto complaint = validate(spec)) {
        why = std::string{complaint->view()};
        return false;
    }
    const Result<std::uint32_t> domid = begin_create(host.host(), wanted);
    if (!domid.ok()) {
        why = std::string{describe(domid.fault())};
        return false;
    }
    host.keep_spec(domid.value(), spec);
    const bool built = finish_create(host.host(), domid.value()).ok();
    Guest* guest = find_domid(host.host(), domid.value());
    return built && guest != nullptr && unpause(host.host(), *guest).ok();
}

}  // namespace

std::string complaint_about(const SimOptions& options) {
    if (options.state_file.empty()) {
        return "state_file: expected a path";
    }
    const std::string complaint = out_of_range(
        "", {{"cpus", options.cpus, 1, 1024},
             {"memory_mib", options.memory_mib, memory_mib_min, memory_mib_max},
             {"dom0_memory_mib", options.dom0_memory_mib, dom0_memory_mib_min, options.memory_mib / 2},
             {"link_mbps", options.link_mbps, 1, 100'000},
             {"disk_mbps", options.disk_mbps, 1, 100'000},
             {"operation_speed", options.operation_speed, 1, speed_max},
             {"load_speed", options.load_speed, 1, speed_max},
             {"image_bytes_per_page", options.image_bytes_per_page, 0, page_bytes},
             {"suspend_late_ms", options.suspend_late_ms, 0, 60'000}});
    if (!complaint.empty()) {
        return complaint;
    }
    for (const GuestGroup& group : options.guests) {
        if (std::string group_complaint = complaint_about(group); !group_complaint.empty()) {
            return group_complaint;
        }
    }
    return {};
}

bool set_up_host(const SimOptions& options, StateFile::Transaction& new_host, std::string& why) {
    HostConfig config;
    config.seed = options.seed;
    config.cpus = options.cpus;
    config.memory_kib = std::uint64_t{options.memory_mib} * 1024;
    config.dom0_memory_kib = std::uint64_t{options.dom0_memory_mib} * 1024;
    config.link_mbps = options.link_mbps;
    config.disk_mbps = options.disk_mbps;
    config.can_shadow = options.can_shadow;
    config.can_hap = options.can_hap;
    config.operation_speed = options.operation_speed;
    config.load_speed = options.load_speed;
    config.image_bytes_per_page = options.image_bytes_per_page;
    config.suspend_late_ms = options.suspend_late_ms;
    config.console_port = options.console_port;
    start(new_host.host(), config, boottime_ns());
    for (const GuestGroup& group : options.guests) {
        for (std::uint32_t number = 1; number <= group.count; ++number) {
            if (!start_guest(new_host, group, number, why)) {
                why = "guest " + std::to_string(number) + " of \"" + group.name_prefix +
                      "\" on a new simulated host: " + why;
                return false;
            }
        }
    }
    return true;
}

NewGuest new_guest(const DomainSpec& spec, bool ours, const Workload& workload) noexcept {
    NewGuest guest;
    guest.uuid = spec.uuid;
    guest.name = spec.name;
    guest.type = spec.type;
    guest.memory_kib = std::uint64_t{spec.memory_mib} * 1024;
    guest.vcpus = spec.vcpus;
    guest.cpu_weight = spec.cpu_weight;
    guest.cpu_cap_percent = spec.cpu_cap_percent;
    guest.ours = ours;
    guest.workload = workload;
    return guest;
}

Workload ordinary_workload(std::uint64_t seed, const Uuid& uuid) noexcept {
    return workload_of(GuestGroup{}, seed, uuid);
}

}  // namespace ballast::sim
