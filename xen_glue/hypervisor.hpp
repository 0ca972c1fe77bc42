// The only door to a hypervisor. Everything above it (agent, workers, tests) sees domains through this
// interface; behind it are Xen (xen_glue/xen: libxl, libxenstat, xenstore, sysfs) and a simulated host
// (xen_glue/sim) with the same state rules.
//
// Two kinds of calls:
//  - short ones (milliseconds) may be made on the agent's loop;
//  - LONG ones may take minutes and, on Xen, may take the calling process down with them (libxl 4.17 can jump
//  through
//    a null callback on a broken stream, and exits on memory shortage): they are made in worker processes
//    only.
// After any failed or interrupted LONG call, the truth is what `find` says, not the returned fault.
//
// Not thread-safe: one object serves one thread. Objects in different processes may work on one host at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fixed_vector.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "base/vocabulary.hpp"

namespace ballast {

// While a guest is in flight its name on the destination ends in "--incoming" (paused, not yet ours to run),
// and on the source, from the moment the right to run is given away, in "--migratedaway". `xl` uses the same
// words.
inline constexpr std::string_view incoming_suffix = "--incoming";
inline constexpr std::string_view migrated_away_suffix = "--migratedaway";

struct HostFacts {
    std::uint32_t cpu_count = 0;  // physical CPUs online
    std::uint64_t memory_kib = 0;
    std::uint64_t memory_free_kib =
        0;  // free and scrubbed, minus memory already claimed for domains being built
    bool can_pv = false;
    bool can_hvm = false;
    bool can_hap = false;     // hardware-assisted paging: PVH guests, and live migration of PVH and HVM
    bool can_shadow = false;  // shadow paging: live migration of PV
    FixedString<47> hypervisor_version;  // "4.17.5"
    FixedString<15> hypervisor_kind;     // "xen" or "sim"
};

// One domain as the hypervisor describes it now. Dom0 is included in lists (domid 0, nil uuid).
struct Domain {
    Uuid uuid;
    std::uint32_t domid = 0;
    Name name;  // may be empty while a domain is being built or destroyed
    GuestType type = GuestType::unknown;
    DomainState state = DomainState::unknown;
    std::uint64_t memory_kib = 0;      // current
    std::uint64_t memory_max_kib = 0;  // 0: no limit (dom0)
    std::uint32_t vcpus = 0;           // online
    std::uint64_t cpu_time_ns = 0;     // over all vCPUs since the domain's creation on this host
    // Created by Ballast. The mark is part of the configuration: it follows the guest through save, restore
    // and migration, and a guest that somebody else created stays without it. The guest cannot change it.
    bool ours = false;
};
using DomainList = FixedVector<Domain, limits::domains_per_host_max>;

// Raw counters of one domain at one instant. They restart at 0 on creation, reboot and migration.
// Network is from the guest's point of view (rx = received by the guest).
struct DomainCounters {
    Domain domain;
    std::uint64_t net_rx_bytes = 0;
    std::uint64_t net_tx_bytes = 0;
    std::uint64_t disk_read_bytes = 0;
    std::uint64_t disk_write_bytes = 0;
    FixedVector<std::uint64_t, 16> vcpu_time_ns;  // of the first 16 vCPUs; may be empty
};
struct HostCounters {
    std::int64_t taken_mono_ns = 0;  // midpoint of the sampling, CLOCK_BOOTTIME
    HostFacts facts;
    FixedVector<DomainCounters, limits::domains_per_host_max> domains;  // dom0 included
    std::uint64_t nic_rx_bytes = 0;                                     // the host's physical network cards
    std::uint64_t nic_tx_bytes = 0;
};

// A disk of a guest. `target` is a path on the host.
struct DiskSpec {
    enum class Format : std::uint8_t { raw = 0, qcow2 = 1, phy = 2 };
    Format format = Format::raw;
    Path target;
    FixedString<15> device;  // "xvda"
    bool writable = true;
};
using DiskList = FixedVector<DiskSpec, limits::disks_per_domain_max>;
struct VifSpec {
    FixedString<17> mac;  // "00:16:3e:xx:xx:xx"; required: it is part of the guest's identity
    FixedString<15> bridge;
};
struct VncSpec {
    bool enabled = false;
    FixedString<15> listen = "127.0.0.1";
    FixedString<15> password;  // empty: none
};
// What a guest is to be. Strict: `validate` refuses everything that libxl would silently ignore.
struct DomainSpec {
    Name name;
    Uuid uuid;
    GuestType type = GuestType::pv;
    std::uint32_t memory_mib = 0;
    std::uint32_t vcpus = 1;
    Path kernel;  // direct boot (PV, PVH); empty with a bootloader or HVM
    Path ramdisk;
    FixedString<511> cmdline;
    Path bootloader;            // "pygrub" for PV/PVH instead of a kernel
    FixedString<7> boot_order;  // HVM: "cd"
    DiskList disks;
    FixedVector<VifSpec, limits::vifs_per_domain_max> vifs;
    VncSpec vnc;
    std::uint32_t cpu_weight = 256;
    std::uint32_t cpu_cap_percent = 0;  // of one CPU; 0: none
};
// The first rule that the spec breaks, as a sentence that names the field; nothing when it is valid.
std::optional<Detail> validate(const DomainSpec& spec) noexcept;

struct ConsoleEndpoint {
    enum class Protocol : std::uint8_t { none = 0, vnc = 1 };
    Protocol protocol = Protocol::none;
    FixedString<63> listen_address;
    std::uint16_t port = 0;    // changes with every restore and migration
    FixedString<15> password;  // what the server asks for; empty: nothing
};

// What woke whoever waits for `event_fd`.
struct HostEvents {
    bool domains = false;                   // some may have appeared, died or shut down
    bool all_guests = false;                // of any watched guest the area may have changed
    FixedVector<std::uint32_t, 32> guests;  // or of these (domid)
};

// Where a LONG call says how far it is. Called often, on the calling thread; must be cheap.
class ProgressSink {
  public:
    virtual ~ProgressSink() = default;
    // `done_bytes` counts guest memory sent or received so far, over all pre-copy rounds (so it may exceed
    // the guest's memory). `round` counts from 0. `guest_suspended` becomes true when the guest stops for the
    // last round.
    virtual void progress(std::uint64_t done_bytes, std::uint32_t round, bool guest_suspended) = 0;
    // A line of the toolstack's log worth keeping with the operation (errors and warnings).
    virtual void note(std::string_view line) = 0;
};

class Hypervisor {
  public:
    virtual ~Hypervisor() = default;

    // ---- short calls ----
    virtual Status host_facts(HostFacts& out) = 0;
    virtual Status list(DomainList& out) = 0;
    // `not_found` when no domain has this uuid (any more). With two of one uuid (a migration within one host)
    // the one whose name carries no in-flight suffix wins.
    virtual Status find(const Uuid& uuid, Domain& out) = 0;
    virtual Status sample(HostCounters& out) = 0;

    // These check the uuid behind `domid` first (`not_found` when it is another's) and never act on dom0.
    // Idempotent: pausing a paused domain is a success and does not count twice.
    virtual Status pause(const Domain& domain) = 0;
    virtual Status unpause(const Domain& domain) = 0;
    // Lets a suspended domain run on here as if nothing had happened. `state_conflict` when it is not
    // suspended. `if_withdrawn`: also when somebody has asked it to suspend itself since a `withdraw_suspend`
    // came too late, or when that cannot be told.
    virtual Status resume_suspended(const Domain& domain, bool if_withdrawn = false) = 0;
    // Takes back what an interrupted send_image may have asked of a guest: to suspend itself. Success: it
    // will not do so any more. `state_conflict`: it may have taken the request already, or it cannot be told
    // whether one was made; a guest that has taken one suspends itself soon, or never.
    virtual Status withdraw_suspend(const Domain& domain) = 0;
    // `state_conflict` when the domain's name is not `domain.name`; `already_exists` when `new_name` is
    // taken.
    virtual Status rename(const Domain& domain, std::string_view new_name) = 0;
    // What the domain is configured with. `unsupported` when another toolstack made it and left no record.
    virtual Status disks(const Domain& domain, DiskList& out) = 0;
    virtual Status console(const Domain& domain, ConsoleEndpoint& out) = 0;
    // The guest's own xenstore area, relative path ("data/boot-complete"). The content is the guest's word:
    // bounded to 1024 bytes and to printable characters here, not trusted anywhere. Empty when absent.
    virtual Status guest_read(const Domain& domain, std::string_view relative_path, std::string& out) = 0;
    virtual Status guest_write(const Domain& domain, std::string_view relative_path,
                               std::string_view value) = 0;

    // A descriptor that becomes readable when domains may have appeared, died or shut down, or a watched
    // guest's area may have changed: call `drain_events`, then look and compare. Spurious wake-ups are
    // allowed, missed ones are not. Owned by the object.
    virtual int event_fd() = 0;
    virtual HostEvents drain_events() = 0;
    // From now on events also tell of changes below "data/ballast" of these guests (dom0 is skipped), and of
    // no others; of those that are new at once.
    virtual Status watch_guests(const DomainList& guests) = 0;

    // ---- LONG calls: worker processes only ----
    // The new domain is left paused.
    virtual Status create(const DomainSpec& spec, ProgressSink& progress, Domain& out) = 0;
    // Asks the guest to power off and waits until it has, then releases its memory. `guest_unresponsive`
    // after `timeout_ms`; the guest is then left as it is.
    virtual Status shutdown(const Domain& domain, std::int64_t timeout_ms, ProgressSink& progress) = 0;
    virtual Status destroy(const Domain& domain, ProgressSink& progress) = 0;
    // Writes header, configuration and memory to `fd` (file, pipe or socket), in the form that `xl restore`
    // reads. Success leaves the guest suspended: then exactly one of `resume_suspended` and `destroy` must
    // follow. After a failure look at the domain: it may be running or suspended, or, when `suspend_asked`,
    // about to suspend itself.
    virtual Status send_image(const Domain& domain, int fd, MigrationMode mode, ProgressSink& progress) = 0;
    // Whether this object's last send_image may have asked the guest to suspend itself.
    virtual bool suspend_asked() const = 0;
    // Reads what send_image (or `xl save`) wrote, checking it before libxl sees it. The domain is left paused
    // and is called its configured name + `name_suffix`. A failed restore leaves no domain behind. Of disks
    // named in `moved` (by `device`), `target` is where they lie here; `image_corrupt` when the guest has no
    // such disk.
    virtual Status receive_image(int fd, std::string_view name_suffix, const DiskList& moved,
                                 ProgressSink& progress, Domain& out) = 0;

    // Reads a saved guest's image in a file, from its first byte to the end of its stream, and says whose it
    // is: uuid, name, type, vCPUs and memory. `image_bytes` is where the image ends. Nothing is restored.
    // `image_corrupt` when it is cut or none.
    virtual Status identify_image(int fd, Domain& out, std::uint64_t& image_bytes) = 0;
    // The disks that the guest in such an image is configured with; of the file only the configuration is
    // read (at most 1 MiB).
    virtual Status disks_in_image(int fd, DiskList& out) = 0;

    // The same for a clone: the domain gets name, uuid, disks (by device) and network interfaces (by
    // position) of `identity` instead of those in the image, which must have the same type, memory and number
    // of each. `image_corrupt` when it has not. What the guest remembers of itself in its memory stays as it
    // was.
    virtual Status receive_image_as(int fd, const DomainSpec& identity, ProgressSink& progress,
                                    Domain& out) = 0;

    // The log lines of the last failed call on this object, newest last, for the operator; never parsed.
    virtual std::string_view last_error() const = 0;
};

}  // namespace ballast
