// What is true in the simulated world, whatever anybody believes: hosts with their Xen and their disks, and
// the story of each guest.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/core/record.hpp"
#include "proto/messages.hpp"
#include "sim/engine.hpp"
#include "xen_glue/sim/sim_host.hpp"

namespace ballast::simulator {

// A guest's memory on its way, or in a file: what it did and how far it had come.
struct Image {
    sim::NewGuest guest;
    sim::Workload workload;
    std::int64_t executed_ns = 0;
    std::string used_by;   // the user who has had it; empty: nobody since it was created
    bool corrupt = false;  // its bytes are not what was written
};

struct SaveSlot {
    bool partial = false;
    bool sealed = false;  // the partial one is whole and synced
    bool complete = false;
    bool consumed = false;
    Image partial_image;
    Image complete_image;
    Image consumed_image;
};

// Copies of the two large messages, as small as what is in them.
struct HostFactsSent {
    wire::HostReport head;  // without its lists
    std::vector<wire::DomainInfo> domains;
    std::vector<wire::SavedGuest> saved;
};
struct SampleSent {
    std::uint64_t sequence = 0;
    std::int64_t taken_unix_ms = 0;
    std::uint64_t memory_free_kib = 0;
    bool rates_valid = false;
    double dom0_cpu_cores = 0;
    std::vector<wire::DomainSample> domains;
};

// A machine: what survives what. A crash of the agent takes nothing of it, a loss of power takes Xen's
// guests.
struct Machine {
    HostName name;
    Uuid uuid;
    bool powered = true;
    std::uint32_t boots = 0;
    std::int64_t booted_ns = 0;
    std::int64_t wall_offset_ms = 0;
    sim::SimHost xen;
    std::uint64_t changes_seen = 0;
    std::map<std::uint64_t, agent::JobRecord> journal;
    std::map<Uuid, SaveSlot> saves;
    std::map<Uuid, std::uint32_t> locks;  // guest -> worker
    // What is broken just now, counted: incidents overlap.
    std::uint32_t journal_fails = 0;
    std::uint32_t journal_fails_late = 0;
    std::int64_t journal_slow_ms = 0;
    std::uint32_t saves_full = 0;
    std::uint32_t hypervisor_silent = 0;
    std::uint32_t kernel_missing = 0;
    std::uint32_t guests_mute = 0;
    std::uint32_t guests_babble = 0;
    std::uint32_t shared_elsewhere = 0;

    std::int64_t mono_ms(std::int64_t now_ns) const noexcept { return (now_ns - booted_ns) / ms + 1000; }
};

// What became of a guest, as its hosts' records of execution tell.
struct Story {
    std::string name;
    bool alive = false;  // has executed, and has not ended by itself or by order
    std::uint32_t executing_on = UINT32_MAX;
    std::int64_t executed_ns = 0;  // how far it has come: nothing older may run again
    std::string used_by;           // desktops: who has had it since it was created
};

// Follows every execution, and every removal of a copy, and says when a promise is broken.
class Ledger {
  public:
    Ledger(Engine& engine, std::vector<Machine>& machines) : engine_{engine}, machines_{machines} {}

    void expect(const Uuid& uuid, const std::string& name) { stories_[uuid].name = name; }
    // Takes what the host's record of executions says since the last look.
    void follow(std::uint32_t host);
    // A copy (a domain or a file) is gone from a host; `wanted`: an operation that ends the guest was
    // ordered.
    void removed(const Uuid& uuid, bool wanted);
    // A guest of this identity has been made anew, out of nothing or out of a golden image: a new life
    // begins, and no copy of the one before may be left.
    void born(std::uint32_t host, const Uuid& uuid, std::string_view name, const std::string& used_by);
    // A user has got hold of the guest.
    void used(const Uuid& uuid, const std::string& user, bool resets);
    std::string used_by(const Uuid& uuid) const;
    // The disks that the guest writes to, wherever a domain of it is.
    void attach(const wire::GuestSpec& spec);
    void check_disks();
    // The host lost its power; the copy there had come so far.
    void died_with_host(std::uint32_t host, const Uuid& uuid, std::int64_t executed_ns);
    // Whether the system may end this guest here: a destroy or shutdown job is on this host's disk.
    bool end_ordered(std::uint32_t host, const Uuid& uuid) const;
    // Memory claimed on the host leaves what is to be kept free.
    void check_memory(std::uint32_t host);
    const std::map<Uuid, Story>& stories() const noexcept { return stories_; }
    // Whether any host still has the guest as it last was: a complete domain or a complete file.
    bool exists(const Uuid& uuid, const Story& story) const;

  private:
    bool holds_disks(const Machine& machine, const sim::Guest& guest) const;
    bool has_right_to_run(const Machine& machine, const Uuid& uuid) const;
    bool saved_under_temporary_name(const Machine& machine, const Uuid& uuid) const;
    void began(std::uint32_t host, const sim::Execution& execution);
    void stopped(std::uint32_t host, const sim::Execution& execution);

    Engine& engine_;
    std::vector<Machine>& machines_;
    std::map<Uuid, Story> stories_;
    std::map<Uuid, std::vector<std::string>> disks_;
};

inline constexpr std::uint64_t memory_reserved_mib = 256;  // on every host, by configuration

}  // namespace ballast::simulator
