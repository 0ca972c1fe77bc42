// Commands that need a host for a guest: create, start and migrate. The host is the operator's choice, or the
// least loaded one that can take the guest.
#include "base/mac.hpp"
#include "controller/core/step.hpp"
#include "policy/rule_words.hpp"

namespace ballast::controller {
namespace {

void add_reasons(const Tables& t, std::span<const policy::Rejection> rejected, Outcome& outcome) noexcept {
    for (const policy::Rejection& rejection : rejected) {
        const Reason reason{t.hosts[rejection.to].record.name, policy::to_string(rejection.constraint),
                            rejection.have, rejection.limit};
        if (!outcome.reasons.try_push(reason)) {
            ++outcome.reasons_left_out;
        }
    }
}

void refuse_placement(const Tables& t, const Placement& placement, std::uint64_t memory_mib,
                      Outcome& outcome) noexcept {
    refuse(outcome, Slug::no_capacity, Fault::no_memory, "no host can take this guest now");
    outcome.retry_after_seconds = 30;
    add_reasons(t, placement.rejected, outcome);
    std::uint64_t missing_mib = UINT64_MAX;
    HostName nearest;
    for (const policy::Rejection& rejection : placement.rejected) {
        if (rejection.constraint == policy::Constraint::destination_memory) {
            const auto over_mib = static_cast<std::uint64_t>(rejection.have - rejection.limit);
            if (over_mib < missing_mib) {
                missing_mib = over_mib;
                nearest = t.hosts[rejection.to].record.name;
            }
        }
    }
    if (!nearest.empty()) {
        outcome.would_help.push({compose("free ", missing_mib, " MiB on ", nearest),
                                 compose(nearest, " could take this guest of ", memory_mib, " MiB")});
    }
}

void record_placement(Step& step, const Command& command, std::string_view vm, const Placement& placement,
                      const Outcome& outcome) noexcept {
    if (command.dry_run) {
        return;
    }
    DecisionRow decision;
    decision.origin = JobOrigin::operator_request;
    decision.vm = Name{vm};
    decision.kind = placement.host == no_row ? DecisionKind::not_placed : DecisionKind::placed;
    decision.job_id = outcome.job_id;
    if (placement.host != no_row) {
        decision.chosen = step.t.hosts[placement.host].record.name;
        decision.why = "the least loaded host that can take it";
    } else {
        decision.why = "no host can take it";
    }
    add_rejections(step.t, placement.rejected, decision);
    decide(step, decision);
}

std::uint32_t named_host(const Tables& t, const Command& command, Outcome& outcome) noexcept {
    const auto uuid = parse_uuid(command.to.view());
    const std::uint32_t host =
        uuid ? t.hosts.find([&](const HostRow& row) { return row.record.uuid == *uuid; })
             : find_host_by_name(t, command.to);
    if (host == no_row) {
        refuse(outcome, Slug::validation_failed, Fault::not_found, compose("no host ", command.to));
        outcome.pointer = "/to";
    }
    return host;
}

// The refusal of a move that the operator asked for, by what one of its hosts is or does.
void refuse_move(const Tables& t, std::uint32_t at, const Obstacle& obstacle, Outcome& outcome) noexcept {
    using policy::Constraint;
    const HostRow& host = t.hosts[at];
    if (obstacle.constraint == Constraint::host_state && host.link == 0) {
        refuse(outcome, Slug::host_unreachable, Fault::host_unreachable,
               compose("the agent of ", host.record.name, " is not connected"));
    } else if (obstacle.constraint == Constraint::host_state) {
        refuse(outcome, Slug::state_conflict, Fault::host_draining,
               compose(host.record.name, " is ", to_string(host.state), ": ", host.state_reason));
    } else {
        const Fault fault = obstacle.constraint == Constraint::destination_memory ? Fault::no_memory
                            : obstacle.constraint == Constraint::capability       ? Fault::unsupported
                                                                                  : Fault::limit_reached;
        refuse(outcome, Slug::no_capacity, fault,
               compose("not possible now on ", host.record.name, ": ",
                       policy::rule_sentence(obstacle.constraint, obstacle.have, obstacle.limit,
                                             policy::Subject::travelling_guest)));
        outcome.retry_after_seconds = 30;
    }
    outcome.reasons.push(
        {host.record.name, policy::to_string(obstacle.constraint), obstacle.have, obstacle.limit});
}

struct Room {
    std::uint64_t used_mib;
    std::uint64_t may_mib;
};
Room room_on(Step& step, std::uint32_t host, std::uint32_t except_vm) noexcept {
    const policy::Pool pool = build_model(step.t, step.now);
    Room room{0, 0};
    for (std::uint32_t vm = 0; vm < pool.vms.size(); ++vm) {
        const policy::Vm& other = pool.vms[vm];
        if (vm != except_vm) {
            room.used_mib += other.host == host && policy::holds_memory(other) ? other.memory_mib : 0;
            room.used_mib += other.moving_to == host ? other.memory_mib : 0;
        }
    }
    const policy::Host& model = pool.hosts[host];
    room.may_mib =
        model.memory_mib > model.memory_reserved_mib ? model.memory_mib - model.memory_reserved_mib : 0;
    return room;
}

// The host for a guest that is nowhere. `no_row`: refused.
std::uint32_t host_for_new(Step& step, const Command& command, const wire::GuestSpec& spec, std::uint32_t vm,
                           Outcome& outcome) noexcept {
    if (command.to.empty()) {
        const Placement placement =
            vm == no_row ? place_new(step, spec) : place_vm(step, spec.type, spec.memory_mib, vm, no_row);
        if (placement.host == no_row) {
            refuse_placement(step.t, placement, spec.memory_mib, outcome);
            record_placement(step, command, spec.name, placement, outcome);
        }
        return placement.host;
    }
    const std::uint32_t host = named_host(step.t, command, outcome);
    if (host == no_row) {
        return no_row;
    }
    const HostRow& row = step.t.hosts[host];
    const Room room = room_on(step, host, vm);
    std::optional<Obstacle> obstacle;
    if (row.state != HostState::up) {
        obstacle = Obstacle{policy::Constraint::host_state, 0, 1, false};
    } else if (!host_capable(row, spec.type)) {
        obstacle = Obstacle{policy::Constraint::capability, 0, 1, false};
    } else if (room.used_mib + spec.memory_mib > room.may_mib) {
        obstacle = Obstacle{policy::Constraint::destination_memory,
                            static_cast<double>(room.used_mib + spec.memory_mib),
                            static_cast<double>(room.may_mib), false};
    }
    if (obstacle) {
        refuse_move(step.t, host, *obstacle, outcome);
        return no_row;
    }
    return host;
}

// The row and the definition of a guest that is to be created. False: refused.
bool define(Step& step, const wire::GuestSpec& spec, std::uint32_t& vm, Outcome& outcome) noexcept {
    vm = vm_row(step, spec.uuid, spec.name);
    if (vm == no_row) {
        refuse_limit(outcome, "vms");
        return false;
    }
    VmRow& row = step.t.vms[vm];
    row.definition = step.t.definitions.add();
    if (row.definition == no_row) {
        remove_vm(step, vm);
        vm = no_row;
        refuse_limit(outcome, "definitions");
        return false;
    }
    step.t.definitions[row.definition].spec = spec;
    row.record.ours = true;
    row.type = spec.type;
    row.memory_mib = spec.memory_mib;
    row.vcpus = spec.vcpus;
    refresh_vm(step, vm);
    persist_vm(step, vm);
    step.out.add(PersistDefinition{row.definition});
    return true;
}

bool new_guest_allowed(const Step& step, const Command& command, Outcome& outcome) noexcept {
    if (command.spec == nullptr || command.spec->uuid.nil() || !valid_name(command.spec->name) ||
        command.spec->memory_mib == 0) {
        refuse(outcome, Slug::validation_failed, Fault::invalid_argument,
               "spec: a name, a uuid and memory_mib are needed");
        return false;
    }
    bool ambiguous = false;
    const bool name_taken = find_vm_row(step.t, command.spec->name, ambiguous) != no_row || ambiguous;
    if (name_taken || step.t.vm_index.find(command.spec->uuid) != no_row) {
        refuse(outcome, Slug::state_conflict, Fault::already_exists,
               compose("a guest called ", command.spec->name, " or of this uuid exists"));
        return false;
    }
    for (const wire::Vif& vif : command.spec->vifs) {
        const std::optional<std::uint64_t> mac = parse_mac(vif.mac.view());
        if (!mac) {
            refuse(outcome, Slug::validation_failed, Fault::invalid_argument,
                   compose("vifs: no card can have the address ", vif.mac));
            return false;
        }
        if (const Name other = who_has_mac(step.t, *mac); !other.empty()) {
            refuse(outcome, Slug::state_conflict, Fault::already_exists,
                   compose("vifs: ", other, " has a card with the address ", vif.mac));
            return false;
        }
    }
    return true;
}

NewJob creation(std::uint32_t vm, std::uint32_t host) noexcept {
    NewJob wanted;
    wanted.kind = JobKind::create;
    wanted.vm = vm;
    wanted.host = host;
    wanted.expected.push(DomainState::absent);
    return wanted;
}

void start_known(Step& step, const Command& command, Outcome& outcome) noexcept {
    bool ambiguous = false;
    const std::uint32_t vm = find_vm_row(step.t, command.target, ambiguous);
    const VmRow& row = step.t.vms[vm];
    if (row.state != VmState::inactive || row.definition == no_row) {
        refuse(outcome, Slug::state_conflict, Fault::state_conflict,
               row.state != VmState::inactive
                   ? compose("the guest is ", to_string(row.state))
                   : compose("there is no definition of this guest: it was not created by ballast"));
        outcome.allowed_actions = actions_of(step.t, vm);
        return;
    }
    const std::uint32_t host =
        host_for_new(step, command, step.t.definitions[row.definition].spec, vm, outcome);
    if (host != no_row) {
        step.t.vms[vm].memory_mib = step.t.definitions[row.definition].spec.memory_mib;
        accept_job(step, command, creation(vm, host), outcome);
    }
}

}  // namespace

NewJob new_migration(const Command& command, std::uint32_t vm, std::uint32_t from,
                     std::uint32_t to) noexcept {
    NewJob wanted;
    wanted.kind = JobKind::migrate;
    wanted.vm = vm;
    wanted.host = from;
    wanted.destination = to;
    wanted.mode = command.mode;
    wanted.copy_storage = command.copy_storage;
    wanted.bandwidth_mbps = command.bandwidth_mbps;
    wanted.expected.push(DomainState::running);
    return wanted;
}

void create_command(Step& step, const Command& command, Outcome& outcome) noexcept {
    if (command.kind == CommandKind::vm_start) {
        start_known(step, command, outcome);
        return;
    }
    if (!new_guest_allowed(step, command, outcome)) {
        return;
    }
    outcome.vm_uuid = command.spec->uuid;
    const std::uint32_t host = host_for_new(step, command, *command.spec, no_row, outcome);
    if (host == no_row) {
        return;
    }
    if (const std::string_view limit = job_limit(step.t, host, no_row); !limit.empty()) {
        refuse_limit(outcome, limit);
        return;
    }
    std::uint32_t vm = no_row;
    if (command.dry_run) {
        outcome.kind = OutcomeKind::accepted;
        outcome.host = step.t.hosts[host].record.name;
    } else if (define(step, *command.spec, vm, outcome)) {
        accept_job(step, command, creation(vm, host), outcome);
    }
}

void migrate_command(Step& step, const Command& command, std::uint32_t vm, Outcome& outcome) noexcept {
    const VmRow& row = step.t.vms[vm];
    std::uint32_t to = no_row;
    if (!command.to.empty()) {
        to = named_host(step.t, command, outcome);
        if (to == no_row) {
            return;
        }
        if (to == row.host) {
            outcome.kind = OutcomeKind::already_so;
            outcome.host = step.t.hosts[to].record.name;
            outcome.detail = compose("the guest is on ", outcome.host, " already");
            return;
        }
    }
    if (row.state != VmState::running) {
        const bool paused = row.state == VmState::paused;
        refuse(outcome, Slug::state_conflict, paused ? Fault::guest_paused : Fault::state_conflict,
               compose("the guest is ", to_string(row.state), ": only a running one can move"));
        outcome.allowed_actions = actions_of(step.t, vm);
        return;
    }
    if (to != no_row) {
        if (const auto obstacle = move_obstacle(step, vm, row.host, to, Consent::operators)) {
            refuse_move(step.t, to, *obstacle, outcome);
            return;
        }
        accept_job(step, command, new_migration(command, vm, row.host, to), outcome);
        return;
    }
    const HostRow& source = step.t.hosts[row.host];
    const std::uint32_t in_flight_max = step.t.settings.balance.parameters.in_flight_max;
    if (source.migrations_out >= in_flight_max) {
        const Obstacle sending{policy::Constraint::source_in_flight, double(source.migrations_out) + 1,
                               double(in_flight_max), true};
        refuse_move(step.t, row.host, sending, outcome);
        return;
    }
    if (command.copy_storage) {
        migrate_with_images(step, command, vm, outcome);
        return;
    }
    const Placement placement = place_vm(step, row.type, row.memory_mib, vm, row.host);
    if (placement.host == no_row) {
        refuse_placement(step.t, placement, row.memory_mib, outcome);
    } else {
        add_reasons(step.t, placement.rejected, outcome);
        accept_job(step, command, new_migration(command, vm, row.host, placement.host), outcome);
    }
    record_placement(step, command, row.record.name, placement, outcome);
}

}  // namespace ballast::controller
