// The messages of proto/ballast.proto as plain structs: what the cores see. Fixed size, trivially copyable;
// strings and lists that do not fit are refused by the decoder (never cut). Field comments live in
// ballast.proto.
#pragma once

#include <cstdint>
#include <variant>

#include "base/fault.hpp"
#include "base/fixed_vector.hpp"
#include "base/uuid.hpp"
#include "base/vocabulary.hpp"
#include "proto/desktop_messages.hpp"

namespace ballast::wire {

enum class InFlight : std::uint8_t { no = 0, incoming = 1, departing = 2 };

// What a destination knows of a migration. Lies in journals and on the wire: only append.
enum class Verdict : std::uint8_t {
    unknown =
        0,  // never heard of it, or closed long ago: after the right to run was given, this settles nothing
    pending = 1,    // in transfer or restored, right to run not received
    committed = 2,  // right to run received; will run here
    running = 3,    // runs (or ran, and ended by itself) here: the source destroys its copy
    refused = 4,    // will never run here; no copy is left here: the source may resume
    lost = 5,       // right to run received, and the domain is gone: an operator decides
};

enum class ImageStep : std::uint8_t {
    begin = 0,     // S -> D: a conversation about one disk
    result = 1,    // D -> S: how it ended there
    complete = 2,  // S -> D: all images are there but for what the guest still writes
};

enum class Compression : std::uint8_t { none = 0, zstd = 1, lz4 = 2 };

struct Hello {
    std::uint32_t version = 0;
    FixedString<63> software;
    HostName host_name;
    Uuid host_uuid;
    std::uint32_t frame_bytes_max = 0;
    FixedString<63> migration_address;
    std::uint16_t migration_port = 0;
    std::uint64_t boot_ms = 0;
    std::uint32_t jobs_max = 0;
    bool watches_life = false;
    friend bool operator==(const Hello&, const Hello&) = default;
};
struct HelloReply {
    bool accepted = false;
    Fault fault = Fault::none;
    Detail detail;
    std::uint32_t version = 0;
    std::uint32_t frame_bytes_max = 0;
    std::uint32_t sample_interval_ms = 0;
    friend bool operator==(const HelloReply&, const HelloReply&) = default;
};

struct DomainInfo {
    Uuid uuid;
    std::uint32_t domid = 0;
    Name name;
    GuestType type = GuestType::unknown;
    DomainState state = DomainState::unknown;
    std::uint64_t memory_kib = 0;
    std::uint32_t vcpus = 0;
    bool ours = false;
    InFlight in_flight = InFlight::no;
    std::uint16_t console_port = 0;
    FixedString<63> console_address;
    friend bool operator==(const DomainInfo&, const DomainInfo&) = default;
};
struct SavedGuest {
    Uuid uuid;
    Name name;
    std::uint64_t memory_kib = 0;
    GuestType type = GuestType::unknown;
    std::uint32_t vcpus = 0;
    friend bool operator==(const SavedGuest&, const SavedGuest&) = default;
};
struct HostReport {
    std::uint64_t sequence = 0;
    std::uint32_t cpu_count = 0;
    std::uint64_t memory_kib = 0;
    std::uint64_t memory_free_kib = 0;
    bool can_pv = false;
    bool can_hvm = false;
    bool can_hap = false;
    bool can_shadow = false;
    FixedString<47> hypervisor_version;
    FixedString<15> hypervisor_kind;
    FixedVector<DomainInfo, limits::domains_per_host_max> domains;
    FixedVector<SavedGuest, limits::domains_per_host_max> saved;
    std::uint32_t net_mbps = 0;
    bool degraded = false;
    Path store_path;
    bool store_proven = false;
    std::uint64_t store_free_mib = 0;
    friend bool operator==(const HostReport&, const HostReport&) = default;
};

struct DomainSample {
    Uuid uuid;
    std::uint32_t domid = 0;
    std::uint64_t cpu_time_ns = 0;
    std::uint64_t net_rx_bytes = 0;
    std::uint64_t net_tx_bytes = 0;
    std::uint64_t disk_read_bytes = 0;
    std::uint64_t disk_write_bytes = 0;
    bool rates_valid = false;
    double cpu_cores = 0;
    double net_mbps = 0;
    double disk_mbps = 0;
    std::uint64_t memory_kib = 0;
    DomainState state = DomainState::unknown;
    friend bool operator==(const DomainSample&, const DomainSample&) = default;
};
// What an agent's calls of one kind came to, since its start. `call` is a HypervisorCall, or one that only
// newer agents make.
struct CallFigures {
    std::uint32_t call = 0;
    std::uint64_t count = 0;
    std::uint64_t errors = 0;
    std::uint64_t total_us = 0;
    friend bool operator==(const CallFigures&, const CallFigures&) = default;
};
// The agent's own process, since its start.
struct AgentFigures {
    std::uint64_t cpu_ms = 0;  // workers left out
    std::uint64_t resident_kib = 0;
    FixedVector<CallFigures, 16> calls;
    std::uint64_t console_to_client_bytes = 0;
    std::uint64_t console_from_client_bytes = 0;
    friend bool operator==(const AgentFigures&, const AgentFigures&) = default;
};
struct SampleReport {
    std::uint64_t sequence = 0;
    std::int64_t taken_unix_ms = 0;
    std::uint32_t interval_ms = 0;
    std::uint64_t memory_free_kib = 0;
    bool rates_valid = false;
    double dom0_cpu_cores = 0;
    double net_mbps = 0;
    FixedVector<DomainSample, limits::domains_per_host_max> domains;
    bool has_agent = false;
    AgentFigures agent;
    friend bool operator==(const SampleReport&, const SampleReport&) = default;
};

// Mirrors DomainSpec of xen_glue without depending on it: the controller includes no hypervisor header.
struct Disk {
    enum class Format : std::uint8_t { raw = 0, qcow2 = 1, phy = 2 };
    Format format = Format::raw;
    Path target;
    FixedString<15> device;
    bool writable = true;
    friend bool operator==(const Disk&, const Disk&) = default;
};
struct Vif {
    FixedString<17> mac;
    FixedString<15> bridge;
    friend bool operator==(const Vif&, const Vif&) = default;
};
struct GuestSpec {
    Name name;
    Uuid uuid;
    GuestType type = GuestType::pv;
    std::uint32_t memory_mib = 0;
    std::uint32_t vcpus = 1;
    Path kernel;
    Path ramdisk;
    FixedString<511> cmdline;
    Path bootloader;
    FixedString<7> boot_order;
    FixedVector<Disk, limits::disks_per_domain_max> disks;
    FixedVector<Vif, limits::vifs_per_domain_max> vifs;
    bool vnc = false;
    FixedString<15> vnc_listen;
    FixedString<15> vnc_password;
    std::uint32_t cpu_weight = 256;
    std::uint32_t cpu_cap_percent = 0;
    friend bool operator==(const GuestSpec&, const GuestSpec&) = default;
};

struct JobOrder {
    std::uint64_t job_id = 0;
    JobKind kind = JobKind::none;
    Uuid uuid;
    Name name;
    FixedVector<DomainState, 8> expected_states;
    std::uint32_t deadline_ms = 0;
    bool has_spec = false;
    GuestSpec spec;
    Uuid migration_id;
    HostName peer_host;
    FixedString<63> peer_address;
    std::uint16_t peer_port = 0;
    MigrationMode mode = MigrationMode::automatic;
    std::uint64_t memory_kib = 0;
    std::uint32_t link_mbps = 0;
    bool has_volume = false;
    Volume volume;
    bool copy_storage = false;
    std::uint32_t bandwidth_mbps = 0;
    friend bool operator==(const JobOrder&, const JobOrder&) = default;
};
struct JobCancel {
    std::uint64_t job_id = 0;
    friend bool operator==(const JobCancel&, const JobCancel&) = default;
};
struct JobLimit {
    std::uint64_t job_id = 0;
    std::uint32_t bandwidth_mbps = 0;
    friend bool operator==(const JobLimit&, const JobLimit&) = default;
};
struct JobAck {
    std::uint64_t job_id = 0;
    friend bool operator==(const JobAck&, const JobAck&) = default;
};
struct JobUpdate {
    std::uint64_t job_id = 0;
    JobKind kind = JobKind::none;
    JobState state = JobState::queued;
    std::uint32_t step = 0;
    FixedString<31> step_name;
    std::uint32_t percent = 0;
    Fault fault = Fault::none;
    Detail detail;
    bool has_domain = false;
    DomainInfo domain;
    bool ready = false;
    std::uint64_t memory_bytes = 0;
    std::uint64_t wire_bytes = 0;
    std::uint32_t downtime_ms = 0;
    std::uint32_t total_ms = 0;
    std::uint32_t rounds = 0;
    MigrationMode mode = MigrationMode::automatic;
    Compression compression = Compression::none;
    Uuid uuid;
    std::uint64_t image_bytes = 0;
    std::uint64_t image_done_bytes = 0;
    std::uint64_t image_wire_bytes = 0;
    std::uint32_t image_rounds = 0;
    std::uint64_t time_left_ms = 0;
    std::uint64_t referenced_bytes = 0;
    friend bool operator==(const JobUpdate&, const JobUpdate&) = default;
};

inline constexpr std::size_t sketch_keys_max = 8192;
struct ImageSketch {
    Uuid uuid;
    std::uint32_t images = 0;
    std::uint64_t image_bytes = 0;
    std::uint64_t data_blocks = 0;
    std::uint64_t distinct = 0;
    std::uint32_t compressed_permille = 0;
    std::int64_t built_unix_ms = 0;
    std::uint64_t read_bytes_per_second = 0;
    std::uint64_t write_bytes_per_second = 0;
    FixedVector<std::uint64_t, sketch_keys_max> keys;
    friend bool operator==(const ImageSketch&, const ImageSketch&) = default;
};

struct HandoverQuery {
    Uuid migration_id;
    HostName destination_host;
    HostName source_host;
    Uuid uuid;
    Uuid journal_id;
    friend bool operator==(const HandoverQuery&, const HandoverQuery&) = default;
};
struct HandoverAnswer {
    Uuid migration_id;
    HostName source_host;
    Verdict verdict = Verdict::unknown;
    friend bool operator==(const HandoverAnswer&, const HandoverAnswer&) = default;
};

struct MigrationDisk {
    FixedString<15> device;
    Path path;
    std::uint64_t size_bytes = 0;
    friend bool operator==(const MigrationDisk&, const MigrationDisk&) = default;
};
struct MigrationOpen {
    std::uint32_t version = 0;
    Uuid migration_id;
    Uuid uuid;
    Name name;
    HostName source_host;
    std::uint64_t memory_kib = 0;
    bool can_zstd = false;
    bool can_lz4 = false;
    bool copy_storage = false;
    FixedVector<MigrationDisk, limits::disks_per_domain_max> disks;
    bool page_references = false;
    FixedVector<MigrationDisk, limits::disks_per_domain_max> staying;
    friend bool operator==(const MigrationOpen&, const MigrationOpen&) = default;
};
struct MigrationAccept {
    bool accepted = false;
    Fault fault = Fault::none;
    Detail detail;
    Uuid journal_id;
    bool page_references = false;
    friend bool operator==(const MigrationAccept&, const MigrationAccept&) = default;
};
struct MigrationEnd {
    std::uint64_t plain_bytes = 0;
    std::uint64_t plain_digest = 0;  // XXH64 of them all in their order; 0: none given
    friend bool operator==(const MigrationEnd&, const MigrationEnd&) = default;
};
struct MigrationImage {
    ImageStep step = ImageStep::begin;
    std::uint32_t disk = 0;
    bool last = false;
    Fault fault = Fault::none;
    Detail detail;
    friend bool operator==(const MigrationImage&, const MigrationImage&) = default;
};
struct MigrationReady {
    friend bool operator==(const MigrationReady&, const MigrationReady&) = default;
};
struct MigrationCommit {
    Uuid migration_id;
    friend bool operator==(const MigrationCommit&, const MigrationCommit&) = default;
};
struct MigrationStarted {
    Uuid migration_id;
    friend bool operator==(const MigrationStarted&, const MigrationStarted&) = default;
};
struct MigrationAborted {
    Uuid migration_id;
    Fault fault = Fault::none;
    Detail detail;
    friend bool operator==(const MigrationAborted&, const MigrationAborted&) = default;
};
struct MigrationAsk {
    std::uint32_t version = 0;
    Uuid migration_id;
    Uuid uuid;
    HostName source_host;
    Uuid journal_id;
    friend bool operator==(const MigrationAsk&, const MigrationAsk&) = default;
};
struct MigrationVerdict {
    Uuid migration_id;
    Verdict verdict = Verdict::unknown;
    friend bool operator==(const MigrationVerdict&, const MigrationVerdict&) = default;
};
struct Ping {
    std::uint64_t nonce = 0;
    friend bool operator==(const Ping&, const Ping&) = default;
};
struct Pong {
    std::uint64_t nonce = 0;
    friend bool operator==(const Pong&, const Pong&) = default;
};

// Everything but MigrationChunk, whose bulk is passed by reference (see codec.hpp).
using Message =
    std::variant<std::monostate, Hello, HelloReply, HostReport, SampleReport, JobOrder, JobCancel, JobAck,
                 JobUpdate, HandoverQuery, HandoverAnswer, MigrationOpen, MigrationAccept, MigrationEnd,
                 MigrationReady, MigrationCommit, MigrationStarted, MigrationAborted, MigrationAsk,
                 MigrationVerdict, RelayOpen, RelayClose, RelayStatus, GuestNote, GuestSignal, StoreProbe,
                 StoreAnswer, JobLimit, MigrationImage, ImageSketch, Ping, Pong>;

}  // namespace ballast::wire
