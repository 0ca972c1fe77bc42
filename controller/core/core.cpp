// The one function that changes anything: events go to the part that they concern.
#include "controller/core/core.hpp"

#include <new>

#include "base/overload.hpp"
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

void tick(Step& step) noexcept {
    tick_links(step);
    tick_hosts(step);
    tick_jobs(step);
    tick_vms(step);
    tick_store_proof(step);
    tick_desktops(step);
    tick_sessions(step);
    tick_pools(step);
    tick_handovers(step);
    tick_keys(step);
    run_plans(step);
    tick_predictions(step);
    tick_drain(step);
    tick_balancing(step);
}

// Messages of a connection whose hello was accepted.
Status on_message_of(Step& step, std::uint32_t host, const wire::Message& message) noexcept {
    return std::visit(
        Overload{
            [&](const wire::HostReport& report) { return on_host_report(step, host, report); },
            [&](const wire::SampleReport& report) { return on_sample_report(step, host, report); },
            [&](const wire::JobUpdate& update) { return on_job_update(step, host, update); },
            [&](const wire::HandoverQuery& query) { return on_handover_query(step, host, query); },
            [&](const wire::HandoverAnswer& answer) { return on_handover_answer(step, host, answer); },
            [&](const wire::RelayStatus& status) { return on_relay_status(step, host, status); },
            [&](const wire::StoreAnswer& answer) { return on_store_answer(step, host, answer); },
            [&](const wire::ImageSketch& sketch) { return on_image_sketch(step, host, sketch); },
            [&](const wire::GuestSignal& signal) { return on_guest_signal(step, host, signal); },
            [](const wire::Ping&) { return Status{}; }, [](const wire::Pong&) { return Status{}; },
            [](const std::monostate&) { return Status{}; },                      // of a newer protocol
            [](const auto&) { return Status{Err{Fault::protocol_violation}}; },  // never sent to a controller
        },
        message);
}

Status on_link_message(Step& step, const LinkMessage& event) noexcept {
    const std::uint32_t link = find_link(step.t, event.link);
    if (link == no_row || event.message == nullptr) {
        return Err{Fault::not_found};  // closed by us while the message was on its way
    }
    if (step.t.links[link].state == LinkState::awaiting_hello) {
        if (const auto* hello = std::get_if<wire::Hello>(event.message)) {
            return on_hello(step, link, *hello);
        }
        ++step.t.counters.protocol_faults;
        close_link(step, link, Fault::protocol_violation);
        return Err{Fault::protocol_violation};
    }
    const Status status = on_message_of(step, step.t.links[link].host, *event.message);
    // A job update that contradicts its job stays out, but says nothing against the rest of what this agent
    // tells.
    if (!status.ok() && !std::holds_alternative<wire::JobUpdate>(*event.message)) {
        ++step.t.counters.protocol_faults;
        close_link(step, link, status.fault());
    }
    return status;
}

}  // namespace

Core::Core(const Settings& settings, std::span<std::byte> memory) noexcept : tables_{nullptr} {
    BALLAST_ASSERT(policy::find_policy(settings.balance.policy) != nullptr);
    BALLAST_ASSERT(!policy::check(settings.balance.parameters));
    Arena arena{memory};
    const std::span<std::byte> place = arena.make_array<std::byte>(sizeof(Tables));
    tables_ = ::new (static_cast<void*>(place.data())) Tables(settings, arena);
}

Status Core::step(const Event& event, const Now& now, Actions& out) noexcept {
    out.clear();
    Step step{*tables_, now, out};
    ++tables_->counters.events;
    return std::visit(Overload{
                          [&](const Tick&) {
                              tick(step);
                              return Status{};
                          },
                          [&](const LinkUp& up) { return link_up(step, up); },
                          [&](const LinkMessage& message) { return on_link_message(step, message); },
                          [&](const LinkDown& down) { return link_down(step, down); },
                          [&](const Command* command) {
                              on_command(step, *command);
                              return Status{};
                          },
                      },
                      event);
}

}  // namespace ballast::controller
