// What the agent and its worker processes say to each other: plain structs over a SOCK_SEQPACKET pair, one
// message a datagram. Both ends are the same build of the same program (exec of /proc/self/exe), so layouts
// agree; the receiver checks size and kind all the same.
#pragma once

#include <cstdint>
#include <type_traits>

#include "agent/compression.hpp"
#include "agent/core/events.hpp"
#include "agent/disks/store.hpp"
#include "agent/hypervisors.hpp"

namespace ballast::agent {

inline constexpr int worker_channel_fd = 3;
inline constexpr int worker_peer_fd = 4;  // WorkerOp::incoming: the accepted connection

// The first datagram, from the agent.
struct WorkerSetup {
    WorkerOp op = WorkerOp::create;
    std::int64_t agent_pid = 0;
    std::int64_t time_left_ms = 0;  // until the job's deadline, as a limit for waiting on peers and guests
    JobRecord record;
    wire::GuestSpec spec;  // create, clone
    bool again = false;    // see Action::again
    Path store_directory;
    StoreIdentity store;     // as it was proven
    wire::StoreProbe probe;  // store_probe
    HostName host_name;
    Uuid journal_id;
    bool plain = false;
    Path tls_ca;
    Path tls_certificate;
    Path tls_key;
    Path run_dir;
    Path save_dir;
    CompressionSetting compression = CompressionSetting::automatic;
    HypervisorKind hypervisor = HypervisorKind::xen;
    bool quick_vif_script = true;
    Path sim_state_file;  // it exists: the other options of the simulated host are in it
    std::uint64_t sim_seed = 0;
    Path images_directory;
    std::uint32_t images_keep_hours = 0;
    Path image_secret;  // a file
    bool page_references = false;
    Path sketches;  // a directory
};

// Later ones, from the agent.
struct WorkerCommand {
    Tell tell = Tell::go;
    wire::Verdict verdict = wire::Verdict::unknown;
    Fault fault = Fault::none;
    Detail detail;
    // accept: what the receiving worker could not know when it was started.
    Uuid uuid;
    std::int64_t time_left_ms = 0;
    // limit, and go of a source
    std::uint32_t bandwidth_mbps = 0;
};

// From the worker.
struct WorkerReport {
    enum class Kind : std::uint8_t { news = 0, incoming_open = 1, incoming_ask = 2 };
    Kind kind = Kind::news;
    WorkerNews news = WorkerNews::progress;
    Fault fault = Fault::none;
    Detail detail;
    Effect effect;
    Uuid journal_id;
    wire::Verdict verdict = wire::Verdict::unknown;
    bool suspend_asked = true;                                           // failed
    std::array<std::uint64_t, limits::disks_per_domain_max> file_ids{};  // fetched
    HostName peer_name;
    wire::MigrationOpen open;
    wire::MigrationAsk ask;
    StoreFacts store;  // store_probe
};

static_assert(std::is_trivially_copyable_v<WorkerSetup> && std::is_trivially_copyable_v<WorkerCommand> &&
              std::is_trivially_copyable_v<WorkerReport>);

}  // namespace ballast::agent
