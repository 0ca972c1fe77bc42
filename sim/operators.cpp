#include "sim/operators.hpp"

#include <algorithm>

#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::uint64_t people_part = 6;
// A client waits so long for an answer before it asks again with the same key.
constexpr std::int64_t answer_within_ns = 5 * second;
constexpr std::int64_t again_after_min_ns = 10 * second;
constexpr std::int64_t again_after_max_ns = 60 * second;
// When everything is mended: after whatever was asked for before has been heard.
constexpr std::int64_t reopen_after_ns = 20 * second;
// People cancel jobs by numbers that they have seen: about so many are made in a run.
constexpr std::uint64_t jobs_guessed = 24;

}  // namespace

Operators::Request& Operators::make(controller::CommandKind kind) {
    Request& request = requests_.emplace_back();
    const std::uint64_t number = requests_.size();
    request.random = dice(world_.scenario.seed, people_part, number, 0);
    request.command.kind = kind;
    request.command.command_id = number;
    request.command.idempotency_key = {world_.scenario.seed + 1, number};
    request.command.idempotency_body = {number, static_cast<std::uint64_t>(kind) + 1};
    return request;
}

void Operators::send(std::uint32_t request, std::int64_t delay_ns) {
    world_.engine.after(delay_ns, EventKind::request, request);
}

void Operators::begin(const Incident& incident) {
    using controller::CommandKind;
    Request& request = make(incident.command);
    request.repeat = incident.repeated;
    controller::Command& command = request.command;
    command.target = FixedString<63>{fmt::format("g{}", incident.guest)};
    if (incident.command == CommandKind::host_cordon || incident.command == CommandKind::host_uncordon ||
        incident.command == CommandKind::host_drain) {
        command.target = FixedString<63>{fmt::format("h{}", incident.host)};
    } else if (incident.command == CommandKind::vm_migrate && incident.amount % 2 == 0) {
        command.to = FixedString<63>{fmt::format("h{}", incident.host)};
    } else if (incident.command == CommandKind::vm_create) {
        request.spec = world_.spec_of(incident.guest);
        command.spec = &request.spec;
        world_.ledger.expect(request.spec.uuid, fmt::format("g{}", incident.guest));
    } else if (incident.command == CommandKind::job_cancel) {
        command.id = first_job_id + static_cast<std::uint64_t>(incident.amount) % jobs_guessed;
    }
    command.force = true;
    command.flag = incident.amount % 2 == 0;
    if (incident.command >= CommandKind::pool_create) {
        address_desktops(incident, command);
    }
    send(static_cast<std::uint32_t>(requests_.size() - 1), 0);
}

void Operators::on_request(const Event& event) {
    Request& request = requests_[event.target];
    if (!request.open) {
        return;
    }
    if (world_.controller.up() && world_.engine.now_ns - request.sent_ns >= answer_within_ns) {
        request.sent_ns = world_.engine.now_ns;
        world_.controller.ask(event.target);
    }
    send(event.target, answer_within_ns + between(request.random, 0, second));
}

void Operators::answered(std::uint32_t index, const controller::Outcome& outcome) {
    using controller::OutcomeKind;
    if (index >= requests_.size()) {
        return;
    }
    Request& request = requests_[index];
    const bool effect = outcome.kind != OutcomeKind::problem;
    world_.engine.log("answer to {} {}: {} job {} {}", controller::to_string(request.command.kind),
                      request.command.target.view(), static_cast<int>(outcome.kind), outcome.job_id,
                      outcome.detail.view());
    if (request.acted && (outcome.kind != request.kind || outcome.job_id != request.job_id ||
                          outcome.plan_id != request.plan_id || outcome.session_id != request.session_id)) {
        world_.engine.broken(Invariant::durable,
                             "{} was sent again with its key, and acted again: job {} then, job {} now ({})",
                             controller::to_string(request.command.kind), request.job_id, outcome.job_id,
                             outcome.detail.view());
    }
    if (effect && !request.acted) {
        request.acted = true;
        request.kind = outcome.kind;
        request.job_id = outcome.job_id;
        request.plan_id = outcome.plan_id;
        request.session_id = outcome.session_id;
    }
    if (const std::uint32_t visit = std::exchange(request.visit, UINT32_MAX); visit != UINT32_MAX) {
        world_.users.answered(visit, outcome);
    }
    // Who was denied a session asks for another one, not for this one again.
    request.repeat =
        request.repeat && (effect || request.command.kind != controller::CommandKind::session_open);
    request.open = request.repeat;
    if (request.repeat) {
        request.repeat = false;
        request.sent_ns = world_.engine.now_ns + again_after_min_ns - answer_within_ns;
        send(index, between(request.random, again_after_min_ns, again_after_max_ns));
    }
}

std::string_view Operators::unanswered() const noexcept {
    for (const Request& request : requests_) {
        if (request.open) {
            return controller::to_string(request.command.kind);
        }
    }
    return {};
}

void Operators::uncordon_all() {
    for (std::uint32_t host = 0; host < world_.hosts(); ++host) {
        make(controller::CommandKind::host_uncordon).command.target =
            FixedString<63>{fmt::format("h{}", host)};
        send(static_cast<std::uint32_t>(requests_.size() - 1), second);
    }
    if (world_.scenario.pool.desktops.users > 0) {
        for (const auto kind :
             {controller::CommandKind::pool_targets, controller::CommandKind::pool_enable}) {
            controller::Command& command = make(kind).command;
            command.target = FixedString<63>{common_pool};
            command.targets = common_.targets;
            send(static_cast<std::uint32_t>(requests_.size() - 1), reopen_after_ns);
        }
        assign_private_desktops(reopen_after_ns);
    }
}

}  // namespace ballast::simulator
