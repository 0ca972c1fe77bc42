// The rules of a simulated Xen host: what may be done in which state, and what time does. Pure: no I/O, no
// clock, no heap; the same calls with the same times give the same state, byte for byte.
//
// Every call acts at `state.now_ns`: `advance` first. LONG operations are split into a beginning, steps and
// an end, so that real time (sim_hypervisor.hpp) and virtual time (a simulator of many hosts) can drive them
// alike; the *_ns functions say how long to wait in between. What is simulated and after what:
// docs/simulated_host.md.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "xen_glue/hypervisor.hpp"
#include "xen_glue/sim/sim_state.hpp"

namespace ballast::sim {

inline constexpr std::uint64_t hypervisor_memory_kib = 64 * 1024;  // Xen's own heap and frame table
inline constexpr std::uint64_t guest_overhead_kib = 2 * 1024;      // what libxl adds to a guest's memory
inline constexpr std::int64_t never_ns = INT64_MAX;

// A guest to be built: from a spec, or out of an image.
struct NewGuest {
    Uuid uuid;
    Name name;
    GuestType type = GuestType::pv;
    std::uint64_t memory_kib = 0;
    std::uint32_t vcpus = 1;
    std::uint32_t cpu_weight = 256;
    std::uint32_t cpu_cap_percent = 0;
    bool ours = false;  // Domain::ours
    Workload workload;
};

// ---- time ----
void start(SimHost& state, const HostConfig& config, std::int64_t now_ns) noexcept;
// Brings the host to `now_ns`; an earlier time changes nothing.
void advance(SimHost& state, std::int64_t now_ns) noexcept;
// When the list of domains will change by itself next (a guest powers off), or `never_ns`.
std::int64_t next_change_ns(const SimHost& state) noexcept;

// When a guest will tell next that it is up (signals_up), or `never_ns`.
std::int64_t next_signal_ns(const SimHost& state) noexcept;

// ---- looking ----
DomainState state_of(const Guest& guest) noexcept;
bool executing(const Guest& guest) noexcept;
HostFacts facts(const SimHost& state) noexcept;
std::uint64_t memory_free_kib(const SimHost& state) noexcept;
Domain describe(const Guest& guest) noexcept;
Domain describe_dom0(const SimHost& state) noexcept;
void count(const SimHost& state, HostCounters& out) noexcept;  // all but `taken_mono_ns`
// Null when there is none.
Guest* find_domid(SimHost& state, std::uint32_t domid) noexcept;
// With two of one uuid the one that is neither dying nor named as in flight wins.
const Guest* find_uuid(const SimHost& state, const Uuid& uuid) noexcept;
const Guest* find_name(const SimHost& state, std::string_view name) noexcept;
// Whether the guest has told (since it was created or came here) that it is up.
bool signals_up(const Guest& guest) noexcept;

// ---- short operations: the door's rules (hypervisor.hpp) ----
Status pause(SimHost& state, Guest& guest) noexcept;
Status unpause(SimHost& state, Guest& guest) noexcept;
Status resume_suspended(SimHost& state, Guest& guest, bool if_withdrawn = false) noexcept;
// `state_conflict` when the guest has taken a request, also when it is suspended already.
Status withdraw_suspend(SimHost& state, Guest& guest) noexcept;
Status rename(SimHost& state, Guest& guest, std::string_view old_name, std::string_view new_name) noexcept;

// ---- what guests do by themselves, or an operator behind our back ----
void crash(SimHost& state, Guest& guest) noexcept;
void reboot(SimHost& state, Guest& guest) noexcept;
void power_off(SimHost& state, Guest& guest) noexcept;
// As `xl pause`: counted, so that as many unpauses are needed.
void pause_counted(SimHost& state, Guest& guest) noexcept;

// ---- LONG operations ----
std::int64_t create_ns(const HostConfig& config, std::uint64_t memory_kib) noexcept;
std::int64_t build_ns(const HostConfig& config) noexcept;  // of an empty domain, before an image flows in
std::int64_t destroy_ns(const HostConfig& config, std::uint64_t memory_kib) noexcept;
std::int64_t suspend_ns(const HostConfig& config) noexcept;          // until a guest acknowledges
std::int64_t suspend_timeout_ns(const HostConfig& config) noexcept;  // until one that does not is given up

// The new domain's id. Its memory is claimed and its name taken from here on; it is paused and half-built.
Result<std::uint32_t> begin_create(SimHost& state, const NewGuest& guest) noexcept;
Status finish_create(SimHost& state, std::uint32_t domid) noexcept;

// The same for a guest that comes in, over the link or from a disk; its name is `guest.name` + `name_suffix`.
Result<std::uint32_t> begin_receive(SimHost& state, const NewGuest& guest, std::string_view name_suffix,
                                    bool over_link) noexcept;
Status finish_receive(SimHost& state, std::uint32_t domid, const Workload& workload,
                      std::int64_t executed_ns) noexcept;
// A failed build leaves no domain behind.
void cancel_build(SimHost& state, std::uint32_t domid) noexcept;

// Sending. The bytes of a round flow at `transfer_bytes_per_s`; then `end_send_round`. When the last round is
// due (`precopy.guest_suspended`), `ask_to_suspend` and, `suspend_ns` later, `suspend_for_send` come before
// its bytes; after it, `finish_send`.
Status begin_send(SimHost& state, Guest& guest, MigrationMode mode, bool over_link) noexcept;
Status end_send_round(SimHost& state, std::uint32_t domid) noexcept;
Status ask_to_suspend(SimHost& state, std::uint32_t domid) noexcept;
// `guest_unresponsive` when the guest has not suspended itself (yet): `suspends_at_ns` says when it will.
Status suspend_for_send(SimHost& state, std::uint32_t domid) noexcept;
Status finish_send(SimHost& state, std::uint32_t domid) noexcept;
// What one transfer gets of the link or the disk now, shared evenly with the others.
std::uint64_t transfer_bytes_per_s(const SimHost& state, bool over_link) noexcept;
// Puts a transfer's bytes on the network card's counters.
void note_link_bytes(SimHost& state, std::uint64_t sent_bytes, std::uint64_t received_bytes) noexcept;

// The guest gets the request to power off; it does so by itself, if it executes and listens.
Status begin_shutdown(SimHost& state, Guest& guest) noexcept;
Status begin_destroy(SimHost& state, Guest& guest) noexcept;
Status finish_destroy(SimHost& state, std::uint32_t domid) noexcept;

// The process that carried out the guest's activity is gone. What it leaves behind is what a dead toolstack
// process leaves behind on Xen: a half-built paused domain, a guest that runs on or stays suspended, a dying
// domain.
void abandon(SimHost& state, Guest& guest) noexcept;

}  // namespace ballast::sim
