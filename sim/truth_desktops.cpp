// The promises about desktops: one writer a disk, and a reset between users.
#include "sim/truth.hpp"

namespace ballast::simulator {

void Ledger::born(std::uint32_t host, const Uuid& uuid, std::string_view name, const std::string& used_by) {
    Story& story = stories_[uuid];
    if (story.name.empty()) {
        story.name = std::string{name};
    }
    if (!used_by.empty()) {
        engine_.broken(Invariant::reset_between, "{} is made of an image that {} has used", story.name,
                       used_by);
    }
    for (std::uint32_t other = 0; other < machines_.size(); ++other) {
        const Machine& machine = machines_[other];
        for (const sim::Guest& guest : machine.xen.guests) {
            if (guest.uuid == uuid && guest.built && !guest.dying &&
                (other != host || &guest != sim::find_uuid(machine.xen, uuid))) {
                engine_.broken(Invariant::one_copy, "{} is made anew on h{}, and lives on h{}", story.name,
                               host, other);
            }
        }
        const auto slot = machine.saves.find(uuid);
        if (slot != machine.saves.end() && slot->second.complete) {
            engine_.broken(Invariant::one_copy, "{} is made anew on h{}, and lies in a file on h{}",
                           story.name, host, other);
        }
    }
    story.alive = false;
    story.executed_ns = 0;
    story.used_by.clear();
}

void Ledger::used(const Uuid& uuid, const std::string& user, bool resets) {
    Story& story = stories_[uuid];
    if (resets && !story.used_by.empty() && story.used_by != user) {
        engine_.broken(Invariant::reset_between, "{} goes from {} to {} without a reset", story.name,
                       story.used_by, user);
    }
    story.used_by = user;
}

std::string Ledger::used_by(const Uuid& uuid) const {
    const auto story = stories_.find(uuid);
    return story == stories_.end() ? std::string{} : story->second.used_by;
}

void Ledger::attach(const wire::GuestSpec& spec) {
    std::vector<std::string>& disks = disks_[spec.uuid];
    disks.clear();
    for (const wire::Disk& disk : spec.disks) {
        if (disk.writable) {
            disks.emplace_back(disk.target.view());
        }
    }
    if (disks.empty()) {
        disks_.erase(spec.uuid);
    }
}

// Whoever executes writes; a domain that is being built or destroyed has its disks too. Only a migration's
// record says that another copy is to write instead.
bool Ledger::holds_disks(const Machine& machine, const sim::Guest& guest) const {
    if (sim::executing(guest)) {
        return true;
    }
    for (const auto& [id, record] : machine.journal) {
        if (record.uuid == guest.uuid &&
            (record.kind == JobKind::migrate_in || record.kind == JobKind::migrate_out)) {
            return false;
        }
    }
    return true;
}

void Ledger::check_disks() {
    if (disks_.empty()) {
        return;
    }
    std::map<std::string_view, std::uint32_t> holders;
    for (std::uint32_t host = 0; host < machines_.size(); ++host) {
        for (const sim::Guest& guest : machines_[host].xen.guests) {
            const auto disks = disks_.find(guest.uuid);
            if (disks == disks_.end() || !holds_disks(machines_[host], guest)) {
                continue;
            }
            for (const std::string& disk : disks->second) {
                const auto [holder, is_first] = holders.try_emplace(disk, host);
                if (!is_first) {
                    engine_.broken(Invariant::one_copy, "{} is attached on h{} and on h{} ({})", disk,
                                   holder->second, host, guest.name.view());
                }
            }
        }
    }
}

}  // namespace ballast::simulator
