#include "sim/agents.hpp"

#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::uint64_t agent_part = 3;
constexpr std::int64_t agent_step_max_ns = 150 * us;
constexpr std::int64_t journal_write_min_ns = 300 * us;
constexpr std::int64_t journal_write_max_ns = 4 * ms;
constexpr std::int64_t call_max_ns = 15 * ms;
constexpr std::int64_t inventory_pause_ns = 200 * ms;

}  // namespace

Agents::Agents(World& world) : world_{world}, agents_(world.scenario.pool.hosts) {}

void Agents::start(std::uint32_t host) {
    Process& process = agents_[host];
    Machine& machine = world_.machine(host);
    if (process.core != nullptr || !machine.powered) {
        return;
    }
    const std::uint32_t life = process.life + 1;
    process = Process{};
    process.life = life;
    process.random = dice(world_.scenario.seed, agent_part, host, life);
    const agent::CoreSettings settings{.host_name = machine.name,
                                       .journal_id = uuid_of(journal_uuids, host + 1),
                                       .memory_reserved_kib = memory_reserved_mib * 1024,
                                       .store_directory = Path{store_directory}};
    Arena counting;
    (void)agent::Core{counting, settings};
    process.memory.assign(counting.used_bytes() + 64, std::byte{0xa5});
    Arena arena{process.memory};
    process.core = std::make_unique<agent::Core>(arena, settings);
    const Now now = world_.host_now(host);
    for (const auto& [id, record] : machine.journal) {
        if (!process.core->recover(record, now).ok()) {
            world_.engine.broken(Invariant::durable, "h{}: record of job {} is not accepted at start", host,
                                 id);
        }
    }
    process.core->start(now, process.actions);
    world_.engine.log("h{}: the agent starts with {} records", host, machine.journal.size());
    dial(host);
    schedule(host);
}

void Agents::kill(std::uint32_t host, bool power_lost) {
    Process& process = agents_[host];
    if (process.core == nullptr) {
        return;
    }
    world_.engine.log("h{}: the agent dies", host);
    // A record on its way to the disk has reached it, or not.
    for (const Answer& given : process.answers) {
        if (given.write_late && process.random.chance(0.5)) {
            world_.machine(host).journal[given.write_late->job_id] = *given.write_late;
        }
    }
    if (process.connection != no_connection) {
        world_.network.close(process.connection, Side::dialler, power_lost);
    }
    for (const RelayPort& relay : process.desktops.relays) {
        world_.users.cut_off(relay.visit);
    }
    process.desktops = DesktopSide{};
    process.core.reset();
    process.answers.clear();
    process.mail.clear();
    process.actions.clear();
    process.connection = no_connection;
    process.state = LinkState::down;
    ++process.life;
    world_.workers.kill_all(host, power_lost);
}

bool Agents::idle(std::uint32_t host) const {
    const Process& process = agents_[host];
    return process.next_action == process.actions.size() && process.answers.empty() && process.mail.empty() &&
           !process.armed[static_cast<std::size_t>(Timer::inventory)];
}

agent::WorkerId Agents::next_incoming(std::uint32_t host) {
    return ++agents_[host].last_incoming | agent::incoming_worker_bit;
}

void Agents::post(std::uint32_t host, AgentMail&& mail) {
    if (agents_[host].core != nullptr) {
        agents_[host].mail.push_back(std::move(mail));
        schedule(host);
    }
}

// ---- the loop: actions, then answers, then what comes from outside; each is one event ----

void Agents::schedule(std::uint32_t host) {
    Process& process = agents_[host];
    if (process.run_due || process.core == nullptr) {
        return;
    }
    process.run_due = true;
    const std::int64_t at_ns =
        std::max(process.busy_until_ns, world_.engine.now_ns) + between(process.random, 1, agent_step_max_ns);
    world_.engine.queue.push(at_ns, EventKind::agent_run, host, process.life);
}

void Agents::on_run(const Event& event) {
    const std::uint32_t host = event.target;
    Process& process = agents_[host];
    if (process.core == nullptr || process.life != event.life) {
        return;
    }
    process.run_due = false;
    if (process.dies_in_steps > 0 && --process.dies_in_steps == 0) {
        kill(host);
        world_.engine.after(between(process.random, 50 * ms, 4 * second), EventKind::agent_start, host);
        return;
    }
    if (process.next_action < process.actions.size()) {
        perform(host, process.actions[process.next_action++]);
    } else if (!process.answers.empty()) {
        const Answer given = process.answers.front();
        process.answers.pop_front();
        answer(host, given);
    } else if (!process.mail.empty()) {
        AgentMail mail = std::move(process.mail.front());
        process.mail.pop_front();
        open_mail(host, std::move(mail));
    }
    if (process.core == nullptr) {
        return;
    }
    if (process.next_action < process.actions.size() || !process.answers.empty() || !process.mail.empty()) {
        schedule(host);
    } else {
        arm_wake(host);
    }
}

void Agents::step(std::uint32_t host, const agent::Event& event) {
    Process& process = agents_[host];
    process.actions.clear();
    process.next_action = 0;
    (void)process.core->step(event, world_.host_now(host), process.actions);
    for (const agent::Action& action : process.actions) {
        world_.engine.note(static_cast<std::uint64_t>(action.kind) << 32 | action.row);
    }
}

void Agents::arm(std::uint32_t host, Timer timer, std::int64_t delay_ns) {
    Process& process = agents_[host];
    const auto index = static_cast<std::size_t>(timer);
    process.armed[index] = true;
    world_.engine.after(delay_ns, EventKind::agent_timer, host, process.life,
                        std::uint64_t{index} << 32 | ++process.stamps[index]);
}

void Agents::arm_wake(std::uint32_t host) {
    const std::optional<Instant> next = agents_[host].core->next_wake();
    if (next) {
        const std::int64_t wait_ms = next->ms - world_.host_now(host).mono.ms;
        arm(host, Timer::wake, std::max<std::int64_t>(wait_ms, 1) * ms);
    }
}

void Agents::on_timer(const Event& event) {
    Process& process = agents_[event.target];
    const auto index = static_cast<std::size_t>(event.item >> 32);
    if (process.core != nullptr && process.life == event.life &&
        process.stamps[index] == static_cast<std::uint32_t>(event.item)) {
        post(event.target, TimerDue{static_cast<Timer>(index)});
    }
}

void Agents::on_due(std::uint32_t host, Timer timer) {
    Process& process = agents_[host];
    process.armed[static_cast<std::size_t>(timer)] = false;
    switch (timer) {
        case Timer::wake: step(host, agent::TickEvent{}); return;
        case Timer::inventory:
            close_orphaned_relays(host);
            send_inventory(host);
            look_at_guests(host);
            return;
        case Timer::sample:
            if (process.state == LinkState::ready) {
                take_sample(host);
                arm(host, Timer::sample, process.sample_every_ns);
            }
            return;
        case Timer::redial: dial(host); return;
        case Timer::signals:
        case Timer::relays:
        case Timer::store: desktop_timer(host, timer); return;
    }
}

void Agents::inventory_changed(std::uint32_t host) {
    if (agents_[host].core != nullptr && !agents_[host].armed[static_cast<std::size_t>(Timer::inventory)]) {
        arm(host, Timer::inventory, inventory_pause_ns);
    }
}

void Agents::open_mail(std::uint32_t host, AgentMail&& mail) {
    Process& process = agents_[host];
    if (const auto* due = std::get_if<TimerDue>(&mail)) {
        on_due(host, due->timer);
    } else if (const auto* dialled = std::get_if<Dialled>(&mail)) {
        process.connection = dialled->connection;
        if (dialled->connection == no_connection) {
            drop_link(host);
            return;
        }
        process.state = LinkState::awaiting_reply;
        wire::Hello hello;
        hello.version = limits::protocol_version;
        hello.host_name = world_.machine(host).name;
        hello.host_uuid = world_.machine(host).uuid;
        hello.migration_address = world_.machine(host).name.view();
        hello.migration_port = 1;
        hello.boot_ms = static_cast<std::uint64_t>(world_.host_now(host).mono.ms);
        hello.jobs_max = limits::agent_jobs_max;
        hello.watches_life = true;
        world_.network.send(process.connection, Side::dialler, hello);
    } else if (std::holds_alternative<LinkLost>(mail)) {
        drop_link(host);
    } else if (const auto* letter = std::get_if<Letter>(&mail)) {
        hear(host, *letter);
    } else if (const auto* news = std::get_if<agent::WorkerEvent>(&mail)) {
        step(host, *news);
    } else if (const auto* gone = std::get_if<agent::WorkerGoneEvent>(&mail)) {
        step(host, *gone);
    } else if (const auto* open = std::get_if<agent::IncomingOpenEvent>(&mail)) {
        step(host, *open);
    } else if (const auto* ask = std::get_if<agent::IncomingAskEvent>(&mail)) {
        step(host, *ask);
    }
}

// ---- actions ----

void Agents::persist(std::uint32_t host, const agent::Action& action) {
    Process& process = agents_[host];
    Machine& machine = world_.machine(host);
    const agent::JobRecord& record = process.core->record(action.row);
    Answer given{.kind = action.kind, .row = action.row};
    const bool fails = machine.journal_fails > 0 || machine.journal_fails_late > 0;
    const bool written = machine.journal_fails == 0 && world_.scenario.mutation != Mutation::journal_lies;
    given.fault = fails ? Fault::io_failed : Fault::none;
    if (record.stage == agent::Stage::none) {
        if (!fails) {
            machine.journal.erase(record.job_id);
        }
    } else if (written && process.random.chance(0.5)) {
        machine.journal[record.job_id] = record;
    } else if (written) {
        given.write_late = record;
    }
    std::int64_t took_ns = between(process.random, journal_write_min_ns, journal_write_max_ns);
    if (machine.journal_slow_ms > 0) {
        took_ns += between(process.random, 0, machine.journal_slow_ms) * ms;
    }
    process.busy_until_ns = world_.engine.now_ns + took_ns;
    process.answers.push_back(given);
    world_.engine.log("h{}: job {} ({} {}): {} {}{}", host, record.job_id, to_string(record.kind),
                      record.name.view(), agent::to_string(record.stage), to_string(record.state),
                      fails ? ", not written" : "");
}

void Agents::perform(std::uint32_t host, const agent::Action& action) {
    Process& process = agents_[host];
    Answer given{.kind = action.kind, .row = action.row, .survey = action.survey};
    switch (action.kind) {
        case agent::ActionKind::persist: persist(host, action); return;
        case agent::ActionKind::forget: world_.machine(host).journal.erase(action.job_id); return;
        case agent::ActionKind::look: process.answers.push_back(given); return;
        case agent::ActionKind::call:
            given.fault = call(host, action.call, process.core->record(action.row));
            process.busy_until_ns = world_.engine.now_ns + between(process.random, ms, call_max_ns);
            process.answers.push_back(given);
            return;
        case agent::ActionKind::file:
            given.fault = file(host, action.file, process.core->record(action.row).uuid);
            process.busy_until_ns =
                world_.engine.now_ns + between(process.random, journal_write_min_ns, journal_write_max_ns);
            process.answers.push_back(given);
            return;
        case agent::ActionKind::start_worker:
            world_.workers.start(host, action, process.core->record(action.row),
                                 process.core->order(action.row).spec);
            return;
        case agent::ActionKind::tell_worker: {
            const bool accepts = action.tell == agent::Tell::accept;
            world_.workers.tell(host, action, accepts ? &process.core->record(action.row) : nullptr);
            return;
        }
        case agent::ActionKind::kill_worker: world_.workers.kill(host, action.worker); return;
        case agent::ActionKind::report: {
            const wire::JobUpdate update = process.core->update(action.row);
            if (ended(update.state)) {
                inventory_changed(host);
            }
            say(host, update);
            return;
        }
        case agent::ActionKind::refuse: {
            wire::JobUpdate update;
            update.job_id = action.job_id;
            update.kind = action.job;
            update.state = JobState::failed;
            update.step_name = "refused";
            update.fault = action.fault;
            update.detail = action.detail;
            update.uuid = action.uuid;
            world_.engine.log("h{}: job {} refused: {}", host, action.job_id, action.detail.view());
            say(host, update);
            return;
        }
        case agent::ActionKind::ask_controller: say(host, process.core->query(action.row)); return;
        case agent::ActionKind::answer_controller:
            say(host, wire::HandoverAnswer{.migration_id = action.migration_id,
                                           .source_host = action.host,
                                           .verdict = action.verdict});
            return;
    }
}

void Agents::answer(std::uint32_t host, const Answer& given) {
    if (given.kind == agent::ActionKind::persist) {
        if (given.write_late) {
            world_.machine(host).journal[given.write_late->job_id] = *given.write_late;
        }
        step(host, agent::PersistedEvent{given.row, given.fault == Fault::none});
    } else if (given.kind == agent::ActionKind::look) {
        look(host, given.row, given.survey, truth_);
        step(host, agent::TruthEvent{given.row, truth_});
    } else if (given.kind == agent::ActionKind::call) {
        step(host, agent::CalledEvent{given.row, given.fault, {}});
    } else {
        step(host, agent::FiledEvent{given.row, given.fault});
    }
}

}  // namespace ballast::simulator
