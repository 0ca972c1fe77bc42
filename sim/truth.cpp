#include "sim/truth.hpp"

#include <algorithm>

namespace ballast::simulator {

bool Ledger::end_ordered(std::uint32_t host, const Uuid& uuid) const {
    for (const auto& [id, record] : machines_[host].journal) {
        if (record.uuid == uuid && (record.kind == JobKind::destroy || record.kind == JobKind::shutdown)) {
            return true;
        }
    }
    return false;
}

// A copy that is coming in counts only once the right to run has come with it.
bool Ledger::has_right_to_run(const Machine& machine, const Uuid& uuid) const {
    for (const auto& [id, record] : machine.journal) {
        if (record.uuid == uuid && record.kind == JobKind::migrate_in &&
            (record.stage == agent::Stage::expecting || record.stage == agent::Stage::receiving ||
             record.stage == agent::Stage::restored || record.stage == agent::Stage::refused)) {
            return false;
        }
    }
    return true;
}

// Whether the right to run lies in the unpublished save file. Until its record says so it lies in the domain,
// and goes with it when the host dies: a whole file may then be of a guest that has run on since.
bool Ledger::saved_under_temporary_name(const Machine& machine, const Uuid& uuid) const {
    return std::any_of(machine.journal.begin(), machine.journal.end(), [&](const auto& entry) {
        return entry.second.uuid == uuid && entry.second.stage == agent::Stage::save_complete;
    });
}

bool Ledger::exists(const Uuid& uuid, const Story& story) const {
    for (const Machine& machine : machines_) {
        for (const sim::Guest& guest : machine.xen.guests) {
            if (guest.uuid == uuid && guest.built && !guest.dying && guest.executed_ns >= story.executed_ns &&
                has_right_to_run(machine, uuid)) {
                return true;
            }
        }
        if (const auto slot = machine.saves.find(uuid); slot != machine.saves.end()) {
            const SaveSlot& files = slot->second;
            // A consumed image is kept for an operator where a guest may have been lost: it is not lost then.
            if ((files.sealed && files.partial && saved_under_temporary_name(machine, uuid) &&
                 files.partial_image.executed_ns >= story.executed_ns) ||
                (files.complete && files.complete_image.executed_ns >= story.executed_ns) ||
                (files.consumed && files.consumed_image.executed_ns >= story.executed_ns)) {
                return true;
            }
        }
    }
    return false;
}

void Ledger::began(std::uint32_t host, const sim::Execution& execution) {
    Story& story = stories_[execution.uuid];
    if (story.executing_on != UINT32_MAX) {
        engine_.broken(Invariant::one_copy, "{} executes on h{} and on h{}", story.name, story.executing_on,
                       host);
    }
    if (execution.executed_ns < story.executed_ns) {
        engine_.broken(Invariant::never_lost, "an older image of {} runs on h{}: {} ms of its life are lost",
                       story.name, host, (story.executed_ns - execution.executed_ns) / ms);
    }
    story.alive = true;
    story.executing_on = host;
    story.executed_ns = execution.executed_ns;
    engine_.log("h{}: {} executes", host, story.name);
}

void Ledger::stopped(std::uint32_t host, const sim::Execution& execution) {
    Story& story = stories_[execution.uuid];
    story.executing_on = UINT32_MAX;
    story.executed_ns = execution.executed_ns;
    const sim::Guest* guest = sim::find_domid(machines_[host].xen, execution.domid);
    engine_.log("h{}: {} executes no more ({})", host, story.name,
                to_string(guest == nullptr ? DomainState::absent : sim::state_of(*guest)));
    if (guest == nullptr) {
        return;
    }
    if (guest->shutdown == sim::ShutdownReason::crash || guest->shutdown == sim::ShutdownReason::poweroff) {
        story.alive = false;  // it ended by itself
    } else if (guest->dying) {
        if (!end_ordered(host, execution.uuid)) {
            engine_.broken(Invariant::never_lost,
                           "{} is destroyed while it runs on h{}, and nobody asked for it", story.name, host);
        }
        story.alive = false;
    }
}

void Ledger::follow(std::uint32_t host) {
    sim::SimHost& xen = machines_[host].xen;
    if (xen.executions.empty()) {
        return;
    }
    for (std::size_t i = 0; i < xen.executions.size(); ++i) {
        const sim::Execution execution = xen.executions[i];
        execution.began ? began(host, execution) : stopped(host, execution);
    }
    xen.executions.clear();
}

void Ledger::removed(const Uuid& uuid, bool wanted) {
    Story& story = stories_[uuid];
    if (!story.alive || story.executing_on != UINT32_MAX || exists(uuid, story)) {
        return;
    }
    if (!wanted) {
        engine_.broken(Invariant::never_lost, "the last copy of {} is gone", story.name);
    }
    story.alive = false;
}

void Ledger::died_with_host(std::uint32_t host, const Uuid& uuid, std::int64_t executed_ns) {
    Story& story = stories_[uuid];
    if (story.executing_on == host) {
        story.executing_on = UINT32_MAX;
        story.executed_ns = std::max(story.executed_ns, executed_ns);
    }
    story.alive = story.alive && (story.executing_on != UINT32_MAX || exists(uuid, story));
    engine_.log("{} {}", story.name, story.alive ? "has a copy elsewhere" : "died with its host");
}

void Ledger::check_memory(std::uint32_t host) {
    const std::uint64_t free_kib = sim::memory_free_kib(machines_[host].xen);
    if (free_kib < memory_reserved_mib * 1024) {
        engine_.broken(Invariant::memory, "h{} has {} MiB free, and {} MiB are to be kept", host,
                       free_kib / 1024, memory_reserved_mib);
    }
}

}  // namespace ballast::simulator
