#include "agent_world.hpp"

namespace ballast::agent::model {

const char* to_string(Failure failure) {
    switch (failure) {
        case Failure::source_agent: return "source agent";
        case Failure::destination_agent: return "destination agent";
        case Failure::both_agents: return "both agents";
        case Failure::source_worker: return "source worker";
        case Failure::destination_worker: return "destination worker";
        case Failure::connection: return "connection";
        case Failure::partition: return "partition";
        case Failure::source_host: return "source host";
        case Failure::destination_host: return "destination host";
        case Failure::source_disk: return "source disk";
        case Failure::source_disk_late: return "source disk, late";
        case Failure::destination_disk: return "destination disk";
        case Failure::destination_disk_late: return "destination disk, late";
        case Failure::cancel: return "cancel";
    }
    return "?";
}

void World::inject(Failure failure) {
    const auto lose = [this](std::size_t index) {
        crash_agent(index);
        hosts_[index].copy.reset();
        host_lost_[index] = true;
    };
    const auto disk = [this](std::size_t index, bool late) {
        hosts_[index].disk_fails = 1;
        hosts_[index].disk_fails_late = late;
    };
    switch (failure) {
        case Failure::source_agent: crash_agent(source); return;
        case Failure::destination_agent: crash_agent(destination); return;
        case Failure::both_agents:
            crash_agent(source);
            crash_agent(destination);
            return;
        case Failure::source_worker: kill_workers(source); return;
        case Failure::destination_worker: kill_workers(destination); return;
        case Failure::connection:
        case Failure::partition:
            for (const std::unique_ptr<Worker>& worker : workers_) {
                if (worker->connection) {
                    worker->connection->broken = true;
                    worker->connection->to[source].clear();
                    worker->connection->to[destination].clear();
                }
            }
            refused_dials_ = failure == Failure::partition ? 6 : 0;
            return;
        case Failure::source_host: lose(source); return;
        case Failure::destination_host: lose(destination); return;
        case Failure::source_disk: disk(source, false); return;
        case Failure::source_disk_late: disk(source, true); return;
        case Failure::destination_disk: disk(destination, false); return;
        case Failure::destination_disk_late: disk(destination, true); return;
        case Failure::cancel: cancelled_ = true; return;
    }
}

void World::check_end() {
    if (!violation_.empty()) {
        return;
    }
    const auto& s = hosts_[source];
    const auto& d = hosts_[destination];
    if (!s.final_report && s.ordered) {
        violation_ = "the source's job has no end";
    } else if (!d.final_report) {
        violation_ = "the destination's job has no end";
    }
    if (!violation_.empty()) {
        return;
    }
    const bool undecided = s.final_report && s.final_report->fault == Fault::handover_lost;
    const bool source_says = s.final_report && s.final_report->state == JobState::succeeded;
    const bool destination_says = d.final_report->state == JobState::succeeded;
    const int running = (copy_runs(source) ? 1 : 0) + (copy_runs(destination) ? 1 : 0);
    if (!host_lost_[source] && !host_lost_[destination] && running != 1) {
        violation_ = "no host was lost, and not exactly one copy runs";
    } else if (undecided && !host_lost_[destination]) {
        violation_ = "in doubt without a reason";
    } else if (undecided && !host_lost_[source] && (!s.copy || s.copy->state != DomainState::suspended)) {
        violation_ = "in doubt, and the source's copy is not kept suspended";
    } else if (!host_lost_[source] && !undecided && s.copy && s.copy->state != DomainState::running) {
        violation_ = "a copy that does not run is left at the source";
    } else if (d.copy && d.copy->state != DomainState::running) {
        violation_ = "a copy that does not run is left at the destination";
    } else if (!host_lost_[source] && !host_lost_[destination] &&
               (source_says != copy_runs(destination) || destination_says != copy_runs(destination))) {
        violation_ = "the final reports do not say where the guest runs";
    } else if (running == 0 && !undecided && !host_lost_[source] && !source_says) {
        violation_ = "the guest is lost though the source had the right to run it";
    } else if (images_ && s.image == Image::none) {
        violation_ = "the source's image is gone";
    } else if (images_ && s.copy && s.image != Image::final_name) {
        violation_ = "the source's guest has lost its image";
    } else if (images_ && copy_runs(destination) && d.image != Image::final_name) {
        violation_ = "the guest runs at the destination without its image";
    } else if (images_ && !undecided && !host_lost_[source] && copy_runs(destination) &&
               s.image != Image::left) {
        violation_ = "the guest runs at the destination, and the source's image is not set aside";
    } else if (images_ && !host_lost_[destination] && !d.copy && d.image == Image::final_name) {
        violation_ = "an image without a guest is left at the destination";
    } else if (s.copy && s.copy->state == DomainState::running && s.copy->name != guest_name) {
        violation_ = "the guest runs under a name that marks it as moved away";
    } else if (d.copy && d.copy->name != guest_name) {
        violation_ = "the guest runs under a name that marks it as incoming";
    }
}

std::string World::describe() const {
    std::string text = "after " + std::to_string(steps_) + " steps";
    for (std::size_t index : {source, destination}) {
        const Host& host = hosts_[index];
        text += std::string{"; "} + host_names[index] + ": ";
        text += images_ ? "image " + std::to_string(static_cast<int>(host.image)) + ", " : "";
        text +=
            host.copy ? std::string{ballast::to_string(host.copy->state)} + " " + host.copy->name : "no copy";
        for (const auto& [id, record] : host.disk) {
            text += std::string{", record "} + std::string{agent::to_string(record.stage)} + "/" +
                    std::string{ballast::to_string(record.state)};
        }
        if (host.final_report) {
            text += std::string{", reported "} + std::string{ballast::to_string(host.final_report->state)} +
                    " " + std::string{ballast::to_string(host.final_report->fault)};
        }
    }
    return text;
}

}  // namespace ballast::agent::model
