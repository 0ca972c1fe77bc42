#include "sim/controller.hpp"

#include <algorithm>

#include "sim/digest.hpp"
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::uint64_t controller_part = 5;
constexpr std::int64_t controller_step_max_ns = 100 * us;
constexpr std::int64_t commit_min_ns = 500 * us;
constexpr std::int64_t commit_max_ns = 5 * ms;
constexpr std::int64_t tick_ns = second;
constexpr std::size_t memory_alignment = 64;

bool tells_somebody(const controller::Action& action) noexcept {
    return std::holds_alternative<controller::Send>(action) ||
           std::holds_alternative<controller::SendOrder>(action) ||
           std::holds_alternative<controller::Reply>(action) ||
           std::holds_alternative<controller::JobChanged>(action);
}

std::span<std::byte> block(std::vector<std::byte>& memory, std::size_t bytes, std::byte fill) {
    memory.assign(bytes + memory_alignment, fill);
    void* start = memory.data();
    std::size_t room = memory.size();
    std::align(memory_alignment, bytes, start, room);
    return {static_cast<std::byte*>(start), bytes};
}

}  // namespace

Controller::Controller(World& world) : world_{world} {
    store_.content.identity = {uuid_of(0xc0, world.scenario.seed), first_job_id, 1, first_session_id};
}

controller::Settings Controller::settings(const World& world) {
    controller::Settings settings;
    settings.limits = {.hosts = 8,
                       .vms = 64,
                       .links = 24,
                       .jobs = 48,
                       .definitions = 32,
                       .plans = 8,
                       .moves_per_plan = 16,
                       .rejected_per_plan = 16,
                       .decisions = 16,
                       .idempotency_keys = 512,
                       .handover_queries = 16,
                       .window_samples = 3,
                       .desktop_pools = 4,
                       .desktops = 24,
                       .sessions = 24,
                       .history_per_vm = 4};
    settings.memory_reserved_mib = memory_reserved_mib;
    settings.deadlines = {seconds(30), seconds(40), seconds(15), seconds(15), seconds(60),
                          seconds(60), seconds(40), seconds(30), seconds(90), seconds(90),
                          seconds(90), seconds(40), seconds(20), seconds(40), seconds(40)};
    settings.deadline_grace = seconds(10);
    settings.drain_retry = seconds(20);
    settings.desktops = {.host_operations_max = 3,
                         .probe = seconds(10),
                         .opening = seconds(60),
                         .closing = seconds(10),
                         .retry_first = seconds(2),
                         .retry_max = seconds(20)};
    settings.balance.enabled = world.scenario.pool.balance;
    settings.balance.parameters.window = 3;
    settings.balance.parameters.samples_min = 3;
    settings.balance.parameters.critical_load = 0.3;
    settings.balance.parameters.cool_down_seconds = 30;
    return settings;
}

Now Controller::now() const noexcept {
    return {{(world_.engine.now_ns - booted_ns_) / ms + 1000},
            {wall_start_ms + world_.engine.now_ns / ms + wall_offset_ms}};
}

void Controller::start() {
    if (up() || !powered) {
        return;
    }
    const controller::Settings wanted = settings(world_);
    const std::size_t bytes = controller::Core::bytes_needed(wanted);
    random_ = dice(world_.scenario.seed, controller_part, ++life_, 0);
    core_ = std::make_unique<controller::Core>(wanted, block(memory_, bytes, std::byte{0xa5}));
    twin_ = std::make_unique<controller::Core>(wanted, block(twin_memory_, bytes, std::byte{0x5a}));
    for (controller::Core* core : {core_.get(), twin_.get()}) {
        if (const std::string_view table = store_.content.restore_into(*core); !table.empty()) {
            world_.engine.broken(Invariant::durable, "the controller does not take its own {} at start",
                                 table);
        }
        core->start(now());
    }
    world_.engine.log("the controller starts with {} jobs in its store", store_.content.jobs.size());
    actions_->clear();
    next_action_ = 0;
    dies_in_steps_ = 0;
    committing_ = false;
    run_due_ = false;
    check_memory_of_answers();
    world_.engine.after(tick_ns, EventKind::controller_tick, 0, life_);
}

void Controller::kill(bool power_lost) {
    if (!up()) {
        return;
    }
    world_.engine.log("the controller dies");
    if (committing_ && random_.chance(0.5)) {
        store_.commit();
    }
    store_.roll_back();
    core_.reset();
    twin_.reset();
    mail_.clear();
    for (const auto& [id, link] : links_) {
        if (world_.network.life(link.connection) == link.life) {
            world_.network.close(link.connection, Side::listener, power_lost);
        }
    }
    links_.clear();
    actions_->clear();
    next_action_ = 0;
    asked_ = UINT32_MAX;
    committing_ = false;
    ++life_;
    if (power_lost) {
        booted_ns_ = world_.engine.now_ns;
    }
}

// ---- the loop ----

void Controller::post(ControllerMail&& mail) {
    if (up()) {
        mail_.push_back(std::move(mail));
        schedule();
    }
}

void Controller::schedule() {
    if (!run_due_ && up()) {
        run_due_ = true;
        const std::int64_t at_ns =
            std::max(busy_until_ns_, world_.engine.now_ns) + between(random_, 1, controller_step_max_ns);
        world_.engine.queue.push(at_ns, EventKind::controller_run, 0, life_);
    }
}

void Controller::on_tick(const Event& event) {
    if (up() && event.life == life_) {
        post(TickDue{});
        world_.engine.after(tick_ns, EventKind::controller_tick, 0, life_);
    }
}

bool Controller::commit() {
    committing_ = true;
    std::int64_t took_ns = between(random_, commit_min_ns, commit_max_ns);
    if (store_slow_ms > 0) {
        took_ns += between(random_, 0, store_slow_ms) * ms;
    }
    busy_until_ns_ = world_.engine.now_ns + took_ns;
    return true;
}

void Controller::fail_store() {
    world_.engine.log("the store cannot be written: the controller stops");
    if (store_fails_late > 0) {
        store_.commit();
    }
    committing_ = false;
    kill();
    world_.engine.after(between(random_, second, 3 * second), EventKind::controller_start);
}

void Controller::on_run(const Event& event) {
    if (!up() || event.life != life_) {
        return;
    }
    run_due_ = false;
    if (dies_in_steps_ > 0 && --dies_in_steps_ == 0) {
        kill();
        world_.engine.after(between(random_, 50 * ms, 4 * second), EventKind::controller_start);
        return;
    }
    const std::span<const controller::Action> list = actions_->list();
    if (committing_) {
        if (store_fails > 0 || store_fails_late > 0) {
            fail_store();
            return;
        }
        committing_ = false;
        store_.commit();
    } else if (next_action_ < list.size()) {
        if (tells_somebody(list[next_action_]) && store_.dirty()) {
            (void)commit();
        } else {
            perform(list[next_action_++]);
        }
    } else if (store_.dirty()) {
        (void)commit();
    } else if (!mail_.empty()) {
        ControllerMail mail = std::move(mail_.front());
        mail_.pop_front();
        open(std::move(mail));
    }
    if (up() && (committing_ || next_action_ < actions_->list().size() || store_.dirty() || !mail_.empty())) {
        schedule();
    }
}

controller::LinkId Controller::link_of(std::uint32_t connection, std::uint32_t life) const {
    for (const auto& [id, link] : links_) {
        if (link.connection == connection && link.life == life) {
            return id;
        }
    }
    return 0;
}

void Controller::accept(std::uint32_t connection) {
    links_[next_link_++] = {connection, world_.network.life(connection)};
    post(Accepted{connection});
}

void Controller::hear(std::uint32_t connection, Letter&& letter) {
    post(Heard{connection, world_.network.life(connection), std::move(letter)});
}

void Controller::lost(std::uint32_t connection) {
    post(Lost{connection, world_.network.life(connection)});
    world_.network.close(connection, Side::listener);
}

void Controller::open(ControllerMail&& mail) {
    if (std::holds_alternative<TickDue>(mail)) {
        step(controller::Tick{});
        check_jobs();
        check_sessions();
        check_deadlines_of_desktops();
    } else if (const auto* accepted = std::get_if<Accepted>(&mail)) {
        for (const auto& [id, link] : links_) {
            if (link.connection == accepted->connection &&
                link.life == world_.network.life(link.connection)) {
                controller::LinkUp event;
                event.link = id;
                event.remote_address = "10.0.0.1";
                step(event);
                return;
            }
        }
    } else if (const auto* heard = std::get_if<Heard>(&mail)) {
        const controller::LinkId link = link_of(heard->connection, heard->life);
        if (link == 0) {
            return;
        }
        if (const auto* report = std::get_if<std::shared_ptr<const HostFactsSent>>(&heard->letter)) {
            hear_report(link, **report);
        } else if (const auto* sample = std::get_if<std::shared_ptr<const SampleSent>>(&heard->letter)) {
            hear_sample(link, **sample);
        } else {
            std::visit(
                [&](const auto& letter) {
                    if constexpr (std::is_constructible_v<wire::Message, decltype(letter)>) {
                        *message_ = letter;
                        step(controller::LinkMessage{link, message_.get()});
                    }
                },
                heard->letter);
        }
    } else if (const auto* gone = std::get_if<Lost>(&mail)) {
        if (const controller::LinkId link = link_of(gone->connection, gone->life); link != 0) {
            links_.erase(link);
            step(controller::LinkDown{link, Fault::connection_lost});
        }
    } else if (const auto* wanted = std::get_if<Asked>(&mail)) {
        asked_ = wanted->request;
        step(&world_.operators.command(wanted->request));
    }
}

// ---- actions ----

void Controller::step(const controller::Event& event) {
    const Status status = core_->step(event, now(), *actions_);
    next_action_ = 0;
    compare_twin(event);
    if (!status.ok() && status.fault() == Fault::protocol_violation) {
        world_.engine.broken(Invariant::every_job_ends,
                             "the controller takes an honest agent's word for a breach");
    }
    for (const controller::Action& action : actions_->list()) {
        check_admission(action);
    }
}

void Controller::compare_twin(const controller::Event& event) {
    Now at = now();
    if (world_.scenario.mutation == Mutation::second_clock) {
        at.wall.unix_ms += 1000;
    }
    (void)twin_->step(event, at, *twin_actions_);
    const std::uint64_t decided = digest(*core_, *actions_, now());
    world_.engine.note(decided);
    if (decided != digest(*twin_, *twin_actions_, at)) {
        world_.engine.broken(Invariant::same_decisions, "two cores decide differently on the same events");
    }
}

void Controller::transmit(controller::LinkId link, Letter&& letter) {
    if (const auto found = links_.find(link); found != links_.end()) {
        world_.network.send(found->second.connection, Side::listener, std::move(letter));
    }
}

void Controller::perform(const controller::Action& action) {
    const bool key = std::holds_alternative<controller::PersistIdempotency>(action);
    if (key && world_.scenario.mutation == Mutation::forget_keys) {
        return;
    }
    if (const auto* over = std::get_if<controller::ForgetSession>(&action)) {
        sessions_answered_.erase(over->id);
    }
    if (const auto* forgotten = std::get_if<controller::ForgetJob>(&action)) {
        const auto stored = store_.content.jobs.find(forgotten->id);
        if (stored != store_.content.jobs.end() && !ended(stored->second.state)) {
            world_.engine.broken(Invariant::durable, "job {} is forgotten before it has ended",
                                 forgotten->id);
        }
        settled_.insert(forgotten->id);
    }
    if (store_.stage(*core_, action, world_.scenario.mutation)) {
        return;
    }
    if (const auto* send = std::get_if<controller::Send>(&action)) {
        if (world_.scenario.mutation == Mutation::acks_lost &&
            std::holds_alternative<wire::JobAck>(send->message)) {
            return;
        }
        std::visit(
            [&](const auto& message) {
                static_assert(std::is_constructible_v<Letter, decltype(message)>);
                transmit(send->link, message);
            },
            send->message);
    } else if (const auto* order = std::get_if<controller::SendOrder>(&action)) {
        auto message = std::make_shared<wire::JobOrder>();
        core_->fill_order(*order, now(), *message);
        world_.engine.log("controller: job {}: order {} of {}", message->job_id, to_string(message->kind),
                          message->name.view());
        transmit(order->link, std::shared_ptr<const wire::JobOrder>{std::move(message)});
    } else if (const auto* closing = std::get_if<controller::CloseLink>(&action)) {
        if (const auto found = links_.find(closing->link); found != links_.end()) {
            world_.network.close(found->second.connection, Side::listener);
            links_.erase(found);
        }
    } else if (const auto* report = std::get_if<controller::Report>(&action)) {
        world_.engine.log("controller: {} {} {}: {}", report->what, report->name.view(), report->id,
                          report->detail.view());
    } else if (std::holds_alternative<controller::Reply>(action)) {
        reply();
    }
}

void Controller::reply() {
    const controller::Outcome& outcome = actions_->outcome;
    if (outcome.job_id != 0 && outcome.kind == controller::OutcomeKind::accepted) {
        const std::uint32_t row = core_->find_job(outcome.job_id);
        if (row != controller::no_row) {
            answered_[outcome.job_id] = core_->job(row).record.vm_uuid;
        }
    }
    if (outcome.kind == controller::OutcomeKind::session) {
        sessions_answered_[outcome.session_id] = world_.operators.command(asked_).user;
    }
    world_.operators.answered(asked_, outcome);
    asked_ = UINT32_MAX;
}

}  // namespace ballast::simulator
