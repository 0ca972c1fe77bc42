#include "agent/core/stages.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace ballast::agent {
namespace {

// Whether `to` can follow `from` in any number of steps without passing `avoiding`.
constexpr bool reachable(JobKind kind, Stage from, Stage to, Stage avoiding = Stage::none) noexcept {
    const std::span<const Transition> table = transitions(kind);
    std::array<bool, 64> seen{};
    seen[static_cast<std::size_t>(from)] = true;
    for (std::size_t round = 0; round < table.size(); ++round) {
        for (const Transition& row : table) {
            if (seen[static_cast<std::size_t>(row.from)] && row.to != avoiding) {
                seen[static_cast<std::size_t>(row.to)] = true;
            }
        }
    }
    return seen[static_cast<std::size_t>(to)];
}

constexpr bool every_stage_is_reachable(JobKind kind) noexcept {
    for (const Transition& row : transitions(kind)) {
        if (!reachable(kind, Stage::none, row.from) || !reachable(kind, Stage::none, row.to) ||
            row.from == row.to || row.to == Stage::none) {
            return false;
        }
    }
    return !transitions(kind).empty();
}

static_assert(every_stage_is_reachable(JobKind::create) && every_stage_is_reachable(JobKind::pause) &&
              every_stage_is_reachable(JobKind::unpause) && every_stage_is_reachable(JobKind::save) &&
              every_stage_is_reachable(JobKind::restore) && every_stage_is_reachable(JobKind::shutdown) &&
              every_stage_is_reachable(JobKind::destroy) && every_stage_is_reachable(JobKind::migrate_in) &&
              every_stage_is_reachable(JobKind::migrate_out) && every_stage_is_reachable(JobKind::clone) &&
              every_stage_is_reachable(JobKind::disk_create) &&
              every_stage_is_reachable(JobKind::image_index) &&
              every_stage_is_reachable(JobKind::disk_delete) &&
              every_stage_is_reachable(JobKind::golden_keep));
static_assert(!reachable(JobKind::migrate_in, Stage::none, Stage::running, Stage::committed),
              "a destination must not run a guest without having the right to run on disk");
static_assert(!reachable(JobKind::migrate_in, Stage::refused, Stage::committed) &&
                  !reachable(JobKind::migrate_in, Stage::refused, Stage::running) &&
                  !reachable(JobKind::migrate_in, Stage::lost, Stage::refused),
              "a refused or lost migration stays so");
static_assert(!reachable(JobKind::migrate_in, Stage::running, Stage::refused),
              "what ran at the destination cannot be given back");
static_assert(!reachable(JobKind::migrate_out, Stage::none, Stage::started, Stage::commit_sent),
              "a source must not destroy its copy before it gave the right to run away");
static_assert(!reachable(JobKind::migrate_out, Stage::started, Stage::returned) &&
                  !reachable(JobKind::migrate_out, Stage::returned, Stage::started) &&
                  !reachable(JobKind::migrate_out, Stage::out_lost, Stage::returned),
              "a verdict is final");
static_assert(!reachable(JobKind::save, Stage::save_complete, Stage::saving) &&
                  !reachable(JobKind::restore, Stage::consuming, Stage::restoring),
              "the right to run goes from domain to file, or back, once");

}  // namespace

std::string_view to_string(Stage stage) noexcept {
    switch (stage) {
        case Stage::none: return "none";
        case Stage::creating: return "creating";
        case Stage::created: return "created";
        case Stage::pausing: return "pausing";
        case Stage::unpausing: return "unpausing";
        case Stage::saving: return "saving";
        case Stage::save_complete: return "save_complete";
        case Stage::restoring: return "restoring";
        case Stage::consuming: return "consuming";
        case Stage::stopping: return "stopping";
        case Stage::destroying: return "destroying";
        case Stage::connecting: return "connecting";
        case Stage::transferring: return "transferring";
        case Stage::commit_sent: return "commit_sent";
        case Stage::started: return "started";
        case Stage::returned: return "returned";
        case Stage::out_lost: return "lost";
        case Stage::expecting: return "expecting";
        case Stage::receiving: return "receiving";
        case Stage::restored: return "restored";
        case Stage::committed: return "committed";
        case Stage::running: return "running";
        case Stage::refused: return "refused";
        case Stage::lost: return "lost";
        case Stage::disk_creating: return "disk_creating";
        case Stage::disk_deleting: return "disk_deleting";
        case Stage::golden_keeping: return "golden_keeping";
        case Stage::cloning: return "cloning";
        case Stage::copying: return "copying";
        case Stage::fetching: return "fetching";
        case Stage::indexing: return "indexing";
    }
    return "invalid";
}

}  // namespace ballast::agent
