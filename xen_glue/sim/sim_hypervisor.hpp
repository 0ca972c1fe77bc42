// A simulated Xen host behind the door of xen_glue/hypervisor.hpp. Its state lies in a file that all
// processes of one host map (the agent and its workers), so that simulated guests survive the end of any of
// them, as real ones do. What is simulated and how: docs/simulated_host.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "xen_glue/hypervisor.hpp"
#include "xen_glue/sim/load.hpp"
#include "xen_glue/sim/sim_state.hpp"

namespace ballast::sim {

// Guests that a new host starts with, running. They are called prefix + number ("desk-01", "desk-02"...).
struct GuestGroup {
    std::uint32_t count = 0;          // 0..255, and they must fit the host's memory
    std::string name_prefix = "vm-";  // must be different on every host of a pool
    GuestType type = GuestType::pv;
    std::uint32_t memory_mib = 512;  // 32..1048576
    std::uint32_t vcpus = 1;         // 1..128
    LoadProfile load;
    std::uint32_t net_mbps = 20;   // at full load, each way; 0..10000
    std::uint32_t disk_mbps = 40;  // at full load, each way; 0..10000
    Signals signals = Signals::normal;
    bool ours = true;                   // as if Ballast had created them (Domain::ours)
    std::uint32_t dirty_mib_per_s = 8;  // memory written at full load; 0..10000
};

struct SimOptions {
    // Created when it does not exist. Holds the host's whole state; to begin anew, delete it while nothing
    // uses it. A file of an earlier boot of this machine is begun anew by itself: a host's guests do not
    // outlive its power.
    std::string state_file;
    std::uint64_t seed = 1;  // equal seeds and names of guests: equal loads and uuids

    // All that follows matters only when the file is created; afterwards the file's own values hold.
    std::uint32_t cpus = 8;                // 1..1024
    std::uint32_t memory_mib = 16384;      // 1024..16777216
    std::uint32_t dom0_memory_mib = 1024;  // 256..memory_mib / 2
    std::uint32_t link_mbps = 1000;        // what migrations share; 1..100000
    std::uint32_t disk_mbps = 4000;        // megabit per second, what saves and restores share; 1..100000
    bool can_shadow = true;                // live migration of PV
    bool can_hap = true;                   // live migration of PVH and HVM, and PVH at all
    std::uint32_t operation_speed = 1;  // creation, transfers and so on last this many times shorter; 1..1000
    std::uint32_t load_speed = 1;       // loads change this many times faster; 1..1000
    // Bytes that a memory page takes in a guest's image: 4096 would be true to Xen, few keep loopback pools
    // cheap.
    std::uint32_t image_bytes_per_page = 16;  // 0..4096
    std::uint32_t suspend_late_ms = 0;        // what guests take to suspend themselves; 0..60000
    // Where every guest's VNC console answers: whoever listens there plays it. 0: a port where nobody does.
    std::uint16_t console_port = 0;
    std::vector<GuestGroup> guests;
};

// Opens (and creates when needed) the host. Null with a sentence in `why` when an option is out of its range,
// the file cannot be opened or mapped, or is not a simulated host's. Open after fork, never before: processes
// are told apart by their own open file. A process that sends images must ignore SIGPIPE.
std::unique_ptr<Hypervisor> open(const SimOptions& options, std::string& why);

}  // namespace ballast::sim
