// The agent towards others: what comes from and goes to its controller, incoming data connections, and what
// its workers say.
#include <unistd.h>

#include <utility>

#include "agent/agent.hpp"
#include "shell/footprint.hpp"
#include "shell/log.hpp"

namespace ballast::agent {
namespace {

// Domain events come in bursts: a creation alone makes a dozen.
constexpr Duration inventory_pause = milliseconds(200);
// Guests can make events as fast as xenstored takes their writes.
constexpr Duration event_pause = milliseconds(20);
// A connection's first exchange and a few samples are over by then.
constexpr Duration settled_after = seconds(30);

std::string_view description(const Hypervisor& hypervisor) {
    return hypervisor.last_error().empty() ? "no reason given" : hypervisor.last_error();
}

}  // namespace

// ---- the controller ----

void Agent::on_controller_ready(const wire::HelloReply& reply) {
    send_inventory();
    handle(LinkUpEvent{});
    desktops_->on_controller_ready();
    send_sketches();
    const std::int64_t interval_ms = reply.sample_interval_ms == 0 ? 5000 : reply.sample_interval_ms;
    take_sample();
    sample_timer_.start_every(milliseconds(interval_ms < 100 ? 100 : interval_ms));
    footprint_timer_.start_once(settled_after);
}

void Agent::on_controller_message(const wire::Message& message) {
    if (const auto* order = std::get_if<wire::JobOrder>(&message)) {
        log_info("job {}: ordered {} of {}", order->job_id, order->kind, order->name);
        handle(OrderEvent{*order});
    } else if (const auto* cancel = std::get_if<wire::JobCancel>(&message)) {
        handle(CancelEvent{cancel->job_id});
    } else if (const auto* limit = std::get_if<wire::JobLimit>(&message)) {
        handle(LimitEvent{limit->job_id, limit->bandwidth_mbps});
    } else if (const auto* ack = std::get_if<wire::JobAck>(&message)) {
        handle(AckEvent{ack->job_id});
    } else if (const auto* query = std::get_if<wire::HandoverQuery>(&message)) {
        handle(QueryEvent{*query});
    } else if (const auto* answer = std::get_if<wire::HandoverAnswer>(&message)) {
        handle(AnswerEvent{*answer});
    } else {
        desktops_->take(message);
    }
}

void Agent::send_update(std::uint32_t row) {
    const JobRecord& record = core_->record(row);
    if (ended(record.state)) {
        log_notice("job {}: {} of {}: {} at '{}'{}{}", record.job_id, record.kind, record.name, record.state,
                   record.stage, record.detail.empty() ? "" : ": ", record.detail);
        inventory_changed();
        images_changed(record);
    } else {
        log_debug("job {}: {} of {}: '{}'", record.job_id, record.kind, record.name, record.stage);
    }
    if (!controller_ || !controller_->ready()) {
        return;
    }
    wire::JobUpdate update = core_->update(row);
    if (ended(record.state)) {
        view_->add_console(update.domain);
    }
    controller_->send(wire::Message{update});
}

void Agent::send_refusal(const Action& action) {
    log_notice("job {}: {} refused: {}: {}", action.job_id, action.job, action.fault, action.detail);
    if (!controller_) {
        return;
    }
    wire::JobUpdate update;
    update.job_id = action.job_id;
    update.kind = action.job;
    update.state = JobState::failed;
    update.step_name = "refused";
    update.fault = action.fault;
    update.detail = action.detail;
    update.uuid = action.uuid;
    controller_->send(wire::Message{update});
}

void Agent::on_host_events(const HostEvents& events) {
    if (events.domains) {
        inventory_changed();
    }
    if (events.all_guests || !events.guests.empty()) {
        desktops_->areas_changed(events);
    }
    domain_events_->set(Interest::none);
    event_timer_.start_once(event_pause);
}

void Agent::inventory_changed() {
    if (!inventory_timer_.active()) {
        inventory_timer_.start_once(inventory_pause);
    }
}

void Agent::send_inventory() {
    desktops_->guests_changed();
    if (!controller_ || !controller_->ready()) {
        return;
    }
    view_->report(*core_, outgoing_.emplace<wire::HostReport>());
    controller_->send(outgoing_);
}

// What this process has come to since its start.
void Agent::describe_self(wire::SampleReport& report) const {
    report.has_agent = true;
    wire::AgentFigures& figures = report.agent;
    figures.cpu_ms = cpu_ms();
    figures.resident_kib = resident_bytes() / 1024;
    const ConsoleBytes console = desktops_->console_bytes();
    figures.console_to_client_bytes = console.to_client;
    figures.console_from_client_bytes = console.from_client;
    const CallCounts& calls = hypervisor_->calls();
    for (std::uint32_t i = 0; i < calls.size(); ++i) {
        if (calls[i].count > 0) {
            figures.calls.push({i, calls[i].count, calls[i].errors, calls[i].total_us});
        }
    }
}

void Agent::take_sample() {
    auto& report = outgoing_.emplace<wire::SampleReport>();
    if (!view_->sample(report)) {
        log_warning("no sample: {}", description(*hypervisor_));
        hypervisor_answers_ = false;
        inventory_changed();  // says that the host is degraded
        return;
    }
    describe_self(report);
    controller_->send(outgoing_);
    if (view_->inventory_differs() || !hypervisor_answers_) {
        hypervisor_answers_ = true;  // and that it is so no more
        inventory_changed();
    }
}

// ---- data connections ----

void Agent::on_accept(int socket_fd) {
    if (workers_->incoming() >= config_.incoming_max) {
        log_warning("an incoming data connection was closed: {} others have not proven who they are yet",
                    config_.incoming_max);
        ::close(socket_fd);
        return;
    }
    WorkerSetup setup = base_setup();
    setup.op = WorkerOp::incoming;
    setup.time_left_ms = seconds(60).ms;
    last_incoming_ = (last_incoming_ + 1) & ~incoming_worker_bit;
    std::string why;
    if (!workers_->start(last_incoming_ | incoming_worker_bit, setup, socket_fd, why)) {
        log_error("an incoming data connection was closed: {}", why);
    }
}

// Its id is one of the shell's own, as those of incoming connections are: the core knows nothing of it.
WorkerId Agent::start_probe(const wire::StoreProbe& probe, std::string& why) {
    WorkerSetup setup = base_setup();
    setup.op = WorkerOp::store_probe;
    setup.probe = probe;
    last_incoming_ = (last_incoming_ + 1) & ~incoming_worker_bit;
    const WorkerId worker = last_incoming_ | incoming_worker_bit;
    return workers_->start(worker, setup, -1, why) ? worker : no_worker;
}

void Agent::start_sweep() {
    WorkerSetup setup = base_setup();
    setup.op = WorkerOp::image_sweep;
    last_incoming_ = (last_incoming_ + 1) & ~incoming_worker_bit;
    std::string why;
    if (sweeper_ != no_worker) {
        sweep_again_ = true;
    } else if (workers_->start(last_incoming_ | incoming_worker_bit, setup, -1, why)) {
        sweeper_ = last_incoming_ | incoming_worker_bit;
    } else {
        log_warning("kept images are looked through later: {}", why);
    }
}

void Agent::on_swept() {
    sweeper_ = no_worker;
    if (std::exchange(sweep_again_, false)) {
        start_sweep();
    } else {
        sketches_->send_host();
    }
}

void Agent::send_sketches() {
    if (sketches_ != nullptr) {
        sketches_->send_all([this](const Uuid& guest) { return view_->is_here(guest); });
    }
}

// What an image that comes here may be copied from is then another.
void Agent::images_changed(const JobRecord& ended) {
    const bool indexed = ended.kind == JobKind::image_index && ended.state == JobState::succeeded;
    if (sketches_ == nullptr || !(indexed || (ended.copy_storage && ended.state == JobState::succeeded))) {
        return;
    }
    if (indexed) {
        sketches_->send_guest(ended.uuid);
    }
    start_sweep();
}

StoreKeeper::Events Agent::store_events() {
    return {
        .start = [this](const wire::StoreProbe& probe, std::string& why) { return start_probe(probe, why); },
        .on_answer = [this](const wire::StoreAnswer& answer) { controller_->send(wire::Message{answer}); },
        .on_change = [this] { inventory_changed(); }};
}

void Agent::on_worker_report(WorkerId worker, const WorkerReport& report) {
    if (desktops_ != nullptr && desktops_->store().on_report(worker, report)) {
        return;
    }
    switch (report.kind) {
        case WorkerReport::Kind::news:
            handle(WorkerEvent{.worker = worker,
                               .news = report.news,
                               .fault = report.fault,
                               .detail = report.detail,
                               .effect = report.effect,
                               .journal_id = report.journal_id,
                               .verdict = report.verdict,
                               .suspend_asked = report.suspend_asked,
                               .file_ids = report.file_ids});
            return;
        case WorkerReport::Kind::incoming_open:
            handle(IncomingOpenEvent{worker, report.peer_name, report.open});
            return;
        case WorkerReport::Kind::incoming_ask:
            handle(IncomingAskEvent{worker, report.peer_name, report.ask});
            return;
    }
}

}  // namespace ballast::agent
