// A job as its journal keeps it: all that must survive the agent and its host.
#pragma once

#include <cstdint>
#include <type_traits>

#include "agent/core/stages.hpp"
#include "base/instant.hpp"
#include "base/uuid.hpp"
#include "proto/messages.hpp"

namespace ballast::agent {

// What a transfer cost and gained, as the worker measured it.
struct Effect {
    std::uint64_t memory_bytes = 0;  // fed into the stream
    std::uint64_t wire_bytes = 0;    // sent, without images
    std::uint32_t downtime_ms = 0;   // suspended here until started there
    std::uint32_t total_ms = 0;
    std::uint32_t rounds = 0;
    wire::Compression compression = wire::Compression::none;
    // Of the guest's disks that go along, or are indexed.
    std::uint64_t image_bytes = 0;
    std::uint64_t image_done_bytes = 0;  // of the round under way
    std::uint64_t image_wire_bytes = 0;  // in all rounds, both ways
    std::uint32_t image_rounds = 0;      // begun
    std::uint64_t time_left_ms = 0;      // of the round; 0: not known
    // Of memory_bytes, pages that did not travel because the destination has them.
    std::uint64_t referenced_bytes = 0;
};

// A disk of the guest that goes along with it. At the destination `path` lies below its own directory.
struct ImageDisk {
    FixedString<15> device;
    Path path;
    std::uint64_t size_bytes = 0;
    // migrate_in, once it is published: which file it is that came. 0: not known.
    std::uint64_t file_id = 0;
};
using ImageDisks = FixedVector<ImageDisk, limits::disks_per_domain_max>;

struct JobRecord {
    std::uint64_t job_id = 0;
    JobKind kind = JobKind::none;
    Stage stage = Stage::none;
    JobState state = JobState::queued;
    Fault fault = Fault::none;  // of an ended job; of an unfinished one: why it is being undone
    Detail detail{};
    Uuid uuid{};
    Name name{};  // without any in-flight suffix
    WallTime begun{};
    WallTime deadline{};        // calendar time, because it must survive a reboot
    bool acknowledged = false;  // kept beyond the controller's acknowledgement (out_lost only)
    bool only_a_file = false;   // destroy: no domain was expected here, the save file is to go
    // Create, restore and migrations: what the guest needs of a host.
    std::uint64_t memory_kib = 0;
    // Migrations only.
    Uuid migration_id{};
    HostName peer_host{};
    FixedString<63> peer_address{};                 // migrate_out
    std::uint16_t peer_port = 0;                    // migrate_out
    Uuid journal_id{};                              // migrate_out: the destination's, from `transferring` on
    MigrationMode mode = MigrationMode::automatic;  // from `connecting` on the one really used
    std::uint32_t link_mbps = 0;
    Effect effect{};
    // Jobs on files of the store, and clones.
    wire::Volume volume{};
    // Migrations with the disk images, and image_index.
    bool copy_storage = false;
    bool published = false;  // migrate_in: the images may have their final names
    std::uint32_t bandwidth_mbps = 0;
    ImageDisks disks{};
};
static_assert(std::is_trivially_copyable_v<JobRecord>);

}  // namespace ballast::agent
