// When the world has come to rest, and what must be true then.
#include "sim/world.hpp"

namespace ballast::simulator {

std::string World::restless() {
    if (!controller.up() || !controller.core().ready(controller.now())) {
        return "the controller is not ready";
    }
    for (std::uint32_t host = 0; host < hosts(); ++host) {
        if (!agents.up(host) || !agents.connected(host)) {
            return fmt::format("the agent of h{} is not connected", host);
        }
        for (const auto& [id, record] : machines[host].journal) {
            if (!record.acknowledged) {
                return fmt::format("h{} holds a record of job {}: {} at '{}', {}", host, id,
                                   to_string(record.kind), agent::to_string(record.stage),
                                   to_string(record.state));
            }
        }
        if (agents.core(host)->jobs() != machines[host].journal.size()) {
            return fmt::format("the agent of h{} knows {} jobs, and its journal has {} records", host,
                               agents.core(host)->jobs(), machines[host].journal.size());
        }
    }
    const controller::Core& core = controller.core();
    for (const controller::JobRow& job : core.jobs()) {
        if (job.in_use && !job.settled()) {
            return fmt::format("job {} ({} of {}) is {} and not settled: source {}, destination {}",
                               job.record.id, to_string(job.record.kind), job.record.vm_name.view(),
                               to_string(job.record.state), controller::to_string(job.record.source.state),
                               controller::to_string(job.record.destination.state));
        }
    }
    for (const controller::PlanRow& plan : core.plans()) {
        if (plan.in_use && plan.record.state == controller::PlanState::applying) {
            return fmt::format("plan {} is being carried out", plan.record.id);
        }
    }
    for (const controller::HostRow& host : core.hosts()) {
        if (host.in_use && !host.inventory_known) {
            return fmt::format("{} has not reported its guests", host.record.name.view());
        }
    }
    if (workers.any()) {
        return "a worker is at work";
    }
    if (const std::string_view request = operators.unanswered(); !request.empty()) {
        return fmt::format("a request ({}) has no answer", request);
    }
    return restless_desktops();
}

void World::check_rest() {
    for (std::uint32_t host = 0; host < hosts(); ++host) {
        sim::advance(machines[host].xen, engine.now_ns);
        ledger.follow(host);
        for (const sim::Guest& guest : machines[host].xen.guests) {
            if (!guest.built || guest.dying) {
                engine.broken(Invariant::never_lost, "h{} is left with a {} domain of {}", host,
                              guest.dying ? "dying" : "half-built", guest.name.view());
            }
        }
    }
    check_desktops_at_rest();
    for (const auto& [uuid, story] : ledger.stories()) {
        if (story.alive) {
            check_guest_at_rest(uuid, story);
        }
    }
}

// Alive: it is in one place, and the controller says which.
void World::check_guest_at_rest(const Uuid& uuid, const Story& story) {
    std::uint32_t domains = 0;
    std::uint32_t files = 0;
    std::uint32_t consumed = 0;
    std::uint32_t place = 0;
    DomainState state = DomainState::absent;
    bool explained = false;
    for (std::uint32_t host = 0; host < hosts(); ++host) {
        for (const sim::Guest& guest : machines[host].xen.guests) {
            if (guest.uuid == uuid) {
                ++domains;
                place = host;
                state = sim::state_of(guest);
                explained = agents.core(host)->in_flight(uuid) == wire::InFlight::departing;
            }
        }
        if (const auto slot = machines[host].saves.find(uuid); slot != machines[host].saves.end()) {
            files += slot->second.complete ? 1 : 0;
            consumed += slot->second.consumed ? 1 : 0;
            place = slot->second.complete ? host : place;
        }
    }
    // A guest whose place is in doubt after the loss of a host waits, suspended, for an operator.
    if (domains == 0 && files == 0 && consumed == 1) {
        return;  // kept aside: its host lost power between the last two steps of a restore
    }
    const bool runs = state == DomainState::running || state == DomainState::paused;
    if (domains + files != 1 || (domains == 1 && !runs && !explained)) {
        engine.broken(Invariant::never_lost, "at rest, {} is in {} domains ({}) and {} files", story.name,
                      domains, to_string(state), files);
        return;
    }
    const std::uint32_t row = controller.core().find_vm(to_text(uuid).view());
    if (row == controller::no_row) {
        engine.broken(Invariant::never_lost, "at rest, the controller does not know {}", story.name);
        return;
    }
    const controller::VmRow& vm = controller.core().vm(row);
    const VmState expected = files == 1                      ? VmState::saved
                             : state == DomainState::running ? VmState::running
                             : state == DomainState::paused  ? VmState::paused
                                                             : vm.state;
    const bool right_place =
        vm.host != controller::no_row && controller.core().host(vm.host).record.name == machines[place].name;
    if (vm.state != expected || !right_place) {
        engine.broken(
            Invariant::never_lost, "at rest, {} is {} on h{}, and the controller says {} on {}", story.name,
            to_string(expected), place, to_string(vm.state),
            vm.host == controller::no_row ? "no host" : controller.core().host(vm.host).record.name.view());
    }
}

}  // namespace ballast::simulator
