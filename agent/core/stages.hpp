// Where a job stands, as its journal says it. A stage is on disk before the step that it names is taken; what
// may follow what is a table, which the compiler checks (stages.cpp) for dead ends and for the ways that must
// not exist. The stages of a migration are those of docs/migration.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/vocabulary.hpp"

namespace ballast::agent {

// Lies in journals: never renumber, only append.
enum class Stage : std::uint8_t {
    none = 0,      // admitted to memory only: nothing has been done
    creating = 1,  // a domain of this uuid is a half-built one of ours
    created = 2,   // complete and paused: it is to run
    pausing = 3,
    unpausing = 4,
    saving = 5,         // FILE.tmp is being written; the guest's right to run lies in the domain
    save_complete = 6,  // the image is whole and synced; the right to run lies in the file
    restoring = 7,  // a domain of this uuid is a half-built one of ours; the right to run lies in the file
    consuming = 8,  // complete and paused: the right to run goes from the file to the domain
    stopping = 9,
    destroying = 10,
    // migrate_out
    connecting = 20,
    transferring = 21,
    commit_sent = 22,  // the right to run has been given away, or may have been
    started = 23,      // verdict `running`: the copy here is to be destroyed
    returned = 24,     // verdict `refused`: the copy here is to run on
    out_lost = 25,     // verdict `lost` or `unknown`: the copy here stays suspended for an operator
    // migrate_in
    expecting = 40,
    receiving = 41,
    restored = 42,
    committed = 43,  // the right to run is here
    running = 44,
    refused = 45,  // will never run here
    lost = 46,     // the right to run was here and the domain is gone, or in other hands
    // files of the store
    disk_creating = 50,  // a temporary file of this job may lie beside the disk's name
    disk_deleting = 51,
    golden_keeping = 52,  // as disk_creating
    cloning = 53,         // a domain of this uuid is a half-built one of ours; then `created`
    // migrations with the disk images, and their indexes (docs/wan_migration.md)
    copying = 60,   // migrate_out: images go to the destination while the guest runs
    fetching = 61,  // migrate_in: they come, under temporary names
    indexing = 62,
};
std::string_view to_string(Stage stage) noexcept;

struct Transition {
    Stage from;
    Stage to;
};

// One table for each kind of job. The first row starts at `none`.
inline constexpr std::array create_table{Transition{Stage::none, Stage::creating},
                                         Transition{Stage::creating, Stage::created}};
inline constexpr std::array pause_table{Transition{Stage::none, Stage::pausing}};
inline constexpr std::array unpause_table{Transition{Stage::none, Stage::unpausing}};
inline constexpr std::array save_table{Transition{Stage::none, Stage::saving},
                                       Transition{Stage::saving, Stage::save_complete}};
inline constexpr std::array restore_table{Transition{Stage::none, Stage::restoring},
                                          Transition{Stage::restoring, Stage::consuming}};
inline constexpr std::array shutdown_table{Transition{Stage::none, Stage::stopping}};
inline constexpr std::array destroy_table{Transition{Stage::none, Stage::destroying}};
inline constexpr std::array disk_create_table{Transition{Stage::none, Stage::disk_creating}};
inline constexpr std::array disk_delete_table{Transition{Stage::none, Stage::disk_deleting}};
inline constexpr std::array golden_keep_table{Transition{Stage::none, Stage::golden_keeping}};
inline constexpr std::array clone_table{Transition{Stage::none, Stage::cloning},
                                        Transition{Stage::cloning, Stage::created}};
inline constexpr std::array image_index_table{Transition{Stage::none, Stage::indexing}};
inline constexpr std::array migrate_out_table{
    Transition{Stage::none, Stage::connecting},          Transition{Stage::connecting, Stage::transferring},
    Transition{Stage::connecting, Stage::copying},       Transition{Stage::copying, Stage::transferring},
    Transition{Stage::transferring, Stage::commit_sent}, Transition{Stage::commit_sent, Stage::started},
    Transition{Stage::commit_sent, Stage::returned},     Transition{Stage::commit_sent, Stage::out_lost},
};
inline constexpr std::array migrate_in_table{
    Transition{Stage::none, Stage::expecting},     Transition{Stage::expecting, Stage::receiving},
    Transition{Stage::expecting, Stage::refused},  Transition{Stage::expecting, Stage::fetching},
    Transition{Stage::fetching, Stage::receiving}, Transition{Stage::fetching, Stage::refused},
    Transition{Stage::receiving, Stage::restored}, Transition{Stage::receiving, Stage::refused},
    Transition{Stage::receiving, Stage::lost},     Transition{Stage::restored, Stage::committed},
    Transition{Stage::restored, Stage::refused},   Transition{Stage::restored, Stage::lost},
    Transition{Stage::committed, Stage::running},  Transition{Stage::committed, Stage::lost},
    Transition{Stage::committed, Stage::refused},
};

constexpr std::span<const Transition> transitions(JobKind kind) noexcept {
    switch (kind) {
        case JobKind::create: return create_table;
        case JobKind::pause: return pause_table;
        case JobKind::unpause: return unpause_table;
        case JobKind::save: return save_table;
        case JobKind::restore: return restore_table;
        case JobKind::shutdown: return shutdown_table;
        case JobKind::destroy: return destroy_table;
        case JobKind::migrate_in: return migrate_in_table;
        case JobKind::migrate_out: return migrate_out_table;
        case JobKind::disk_create: return disk_create_table;
        case JobKind::disk_delete: return disk_delete_table;
        case JobKind::golden_keep: return golden_keep_table;
        case JobKind::clone: return clone_table;
        case JobKind::image_index: return image_index_table;
        case JobKind::none:
        case JobKind::migrate: return {};
    }
    return {};
}

constexpr bool allowed(JobKind kind, Stage from, Stage to) noexcept {
    for (const Transition& row : transitions(kind)) {
        if (row.from == from && row.to == to) {
            return true;
        }
    }
    return false;
}

// Whether a job of this kind can ever stand at `stage`.
constexpr bool belongs(JobKind kind, Stage stage) noexcept {
    for (const Transition& row : transitions(kind)) {
        if (row.to == stage) {
            return true;
        }
    }
    return false;
}

// Stages that a deadline or a cancel order may still end: nothing irreversible has been done.
constexpr bool abortable(Stage stage) noexcept {
    switch (stage) {
        case Stage::none:
        case Stage::creating:
        case Stage::pausing:
        case Stage::unpausing:
        case Stage::saving:
        case Stage::restoring:
        case Stage::stopping:
        case Stage::destroying:
        case Stage::connecting:
        case Stage::transferring:
        case Stage::expecting:
        case Stage::receiving:
        case Stage::restored:
        case Stage::disk_creating:
        case Stage::disk_deleting:
        case Stage::golden_keeping:
        case Stage::cloning:
        case Stage::copying:
        case Stage::fetching:
        case Stage::indexing: return true;
        case Stage::created:
        case Stage::save_complete:
        case Stage::consuming:
        case Stage::commit_sent:
        case Stage::started:
        case Stage::returned:
        case Stage::out_lost:
        case Stage::committed:
        case Stage::running:
        case Stage::refused:
        case Stage::lost: return false;
    }
    return false;
}

// Kinds that are about a file of the store and not about a domain.
constexpr bool on_store_only(JobKind kind) noexcept {
    return kind == JobKind::disk_create || kind == JobKind::disk_delete || kind == JobKind::golden_keep;
}

// Stages in which a domain of ours is still to take its memory from the host.
constexpr bool reserves_memory(Stage stage) noexcept {
    return stage == Stage::creating || stage == Stage::cloning || stage == Stage::restoring ||
           stage == Stage::expecting || stage == Stage::fetching || stage == Stage::receiving;
}

}  // namespace ballast::agent
