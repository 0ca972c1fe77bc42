#include "agent_world.hpp"

#include <algorithm>
#include <array>

namespace ballast::agent::model {
namespace {

constexpr std::size_t steps_max = 20'000;
constexpr std::uint64_t job_of[2] = {11, 22};
const char* const host_names[2] = {"h1", "h2"};
const char* const guest_name = "guest";

Uuid uuid_of(std::uint8_t number) {
    Uuid uuid;
    uuid.bytes.fill(number);
    return uuid;
}
const Uuid guest = uuid_of(7);
const Uuid migration = uuid_of(9);
const Uuid journals[2] = {uuid_of(1), uuid_of(2)};

}  // namespace

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

World::World(Schedule schedule, std::uint64_t seed) : schedule_{schedule}, random_{seed} {
    hosts_[source].copy = Copy{.state = DomainState::running, .name = guest_name};
    boot(source);
    boot(destination);
}

// ---- hosts ----

void World::boot(std::size_t index) {
    Host& host = hosts_[index];
    const CoreSettings settings{.host_name = host_names[index], .journal_id = journals[index]};
    Arena counting;
    (void)Core{counting, settings};
    host.memory.assign(counting.used_bytes() + 64, {});
    Arena arena{host.memory};
    host.core = std::make_unique<Core>(arena, settings);
    for (const auto& [id, record] : host.disk) {
        if (!host.core->recover(record, now()).ok()) {
            violation_ = "a record on disk is not accepted at start";
        }
    }
    Actions actions;
    host.core->start(now(), actions);
    host.todo.assign(actions.begin(), actions.end());
    host.inbox.push_back([this, index](Host&) { feed(index, LinkUpEvent{}); });
    host.ordered = host.final_report.has_value();  // the controller repeats what has no result yet
}

void World::crash_agent(std::size_t index) {
    Host& host = hosts_[index];
    kill_workers(index);
    host.core.reset();
    host.todo.clear();
    host.answers.clear();
    host.inbox.clear();
    host.disk_fails = 0;
}

void World::kill_workers(std::size_t index) {
    for (const std::unique_ptr<Worker>& worker : workers_) {
        if (worker->host == index && !worker->exited) {
            leave(*worker);
        }
    }
}

bool World::copy_runs(std::size_t index) const {
    return hosts_[index].copy && hosts_[index].copy->state == DomainState::running;
}

void World::watch() {
    if (copy_runs(source) && copy_runs(destination) && violation_.empty()) {
        violation_ = "the guest executes on both hosts";
    }
}

void World::feed(std::size_t index, const Event& event) {
    Host& host = hosts_[index];
    Actions actions;
    (void)host.core->step(event, now(), actions);
    host.todo.insert(host.todo.end(), actions.begin(), actions.end());
}

void World::post(std::size_t index, WorkerEvent event) {
    hosts_[index].inbox.push_back([this, index, event](Host&) { feed(index, event); });
}

void World::call(std::size_t index, Answer& answer, Call what) {
    std::optional<Copy>& copy = hosts_[index].copy;
    if (!copy) {
        answer.fault = Fault::not_found;
        return;
    }
    switch (what) {
        case Call::pause: copy->state = DomainState::paused; break;
        case Call::unpause:
            answer.fault = copy->state == DomainState::paused ? Fault::none : Fault::state_conflict;
            copy->state = copy->state == DomainState::paused ? DomainState::running : copy->state;
            break;
        case Call::resume:
            answer.fault = copy->state == DomainState::suspended ? Fault::none : Fault::state_conflict;
            copy->state = copy->state == DomainState::suspended ? DomainState::running : copy->state;
            break;
        case Call::rename_away: copy->name = std::string{guest_name} + "--migratedaway"; break;
        case Call::rename_back:
        case Call::rename_final: copy->name = guest_name; break;
    }
}

void World::perform(std::size_t index, const Action& action) {
    Host& host = hosts_[index];
    Answer answer{.kind = action.kind, .row = action.row, .survey = action.survey};
    switch (action.kind) {
        case ActionKind::persist: {
            const JobRecord& record = host.core->record(action.row);
            answer.ok = host.disk_fails == 0;
            host.disk_fails -= host.disk_fails > 0 ? 1 : 0;
            if (answer.ok || host.disk_fails_late) {
                host.disk[record.job_id] = record;
            }
            host.answers.push_back(answer);
            return;
        }
        case ActionKind::forget: host.disk.erase(action.job_id); return;
        case ActionKind::look:
        case ActionKind::file: host.answers.push_back(answer); return;
        case ActionKind::call:
            call(index, answer, action.call);
            host.answers.push_back(answer);
            return;
        case ActionKind::start_worker:
            workers_.push_back(
                std::make_unique<Worker>(Worker{.op = action.op, .host = index, .id = action.worker}));
            return;
        case ActionKind::tell_worker:
        case ActionKind::kill_worker:
            for (const std::unique_ptr<Worker>& worker : workers_) {
                if (worker->host == index && worker->id == action.worker && !worker->exited) {
                    if (action.kind == ActionKind::kill_worker) {
                        leave(*worker);
                        break;
                    }
                    worker->told.push_back(action);
                }
            }
            return;
        case ActionKind::report: {
            const wire::JobUpdate update = host.core->update(action.row);
            host.ready = host.ready || update.ready;
            if (ended(update.state)) {
                host.final_report = update;
            }
            return;
        }
        case ActionKind::refuse: {
            wire::JobUpdate update;
            update.state = JobState::failed;
            update.fault = action.fault;
            host.final_report = update;
            return;
        }
        case ActionKind::ask_controller: queries_.push_back(host.core->query(action.row)); return;
        case ActionKind::answer_controller:
            answers_.push_back({action.migration_id, action.host, action.verdict});
            return;
    }
}

void World::answer(std::size_t index, const Answer& given) {
    const std::optional<Copy>& copy = hosts_[index].copy;
    if (given.kind == ActionKind::persist) {
        feed(index, PersistedEvent{given.row, given.ok});
    } else if (given.kind == ActionKind::call) {
        feed(index, CalledEvent{given.row, given.fault, {}});
    } else if (given.kind == ActionKind::look) {
        Truth truth;
        truth.domain.uuid = guest;
        truth.domain.type = GuestType::pv;
        truth.domain.state = copy ? copy->state : DomainState::absent;
        truth.domain.name = copy ? std::string_view{copy->name} : std::string_view{};
        truth.domain.memory_kib = 131072;
        truth.can_pv = truth.can_shadow = true;
        truth.memory_free_kib = 1u << 20;
        feed(index, TruthEvent{given.row, truth});
    } else {
        feed(index, FiledEvent{given.row, Fault::none});
    }
}

bool World::step_host(std::size_t index) {
    Host& host = hosts_[index];
    if (!host.core) {
        return false;
    }
    if (!host.todo.empty()) {
        const Action action = host.todo.front();
        host.todo.pop_front();
        perform(index, action);
        return true;
    }
    if (!host.answers.empty()) {
        const Answer given = host.answers.front();
        host.answers.pop_front();
        answer(index, given);
        return true;
    }
    if (!host.inbox.empty()) {
        const auto deliver = host.inbox.front();
        host.inbox.pop_front();
        deliver(host);
        return true;
    }
    return false;
}

bool World::step_restart(std::size_t index) {
    if (hosts_[index].core) {
        return false;
    }
    boot(index);
    return true;
}

// ---- workers ----

void World::leave(Worker& worker) {
    worker.exited = true;
    if (worker.connection) {
        worker.connection->broken = true;  // what was sent before still arrives
    }
    if (hosts_[worker.host].core) {
        hosts_[worker.host].inbox.push_back([this, index = worker.host, id = worker.id](Host&) {
            feed(index, WorkerGoneEvent{id, {}});
        });
    }
}

bool World::told(Worker& worker, Action& out) {
    if (worker.told.empty()) {
        return false;
    }
    out = worker.told.front();
    worker.told.pop_front();
    return true;
}

void World::say(Worker& worker, Word word, wire::Verdict verdict) {
    if (!worker.connection->broken) {
        worker.connection->to[1 - worker.host].push_back({word, verdict});
    }
}

std::optional<World::Message> World::take(Worker& worker) {
    std::deque<Message>& queue = worker.connection->to[worker.host];
    if (queue.empty()) {
        return std::nullopt;
    }
    const Message message = queue.front();
    queue.pop_front();
    return message;
}

bool World::connect(Worker& worker) {
    if (refused_dials_ > 0 || !hosts_[destination].core) {
        refused_dials_ -= refused_dials_ > 0 ? 1 : 0;
        post(worker.host,
             {.worker = worker.id, .news = WorkerNews::failed, .fault = Fault::host_unreachable});
        leave(worker);
        return false;
    }
    Host& other = hosts_[destination];
    worker.connection = std::make_shared<Connection>();
    other.last_incoming += 1;
    workers_.push_back(std::make_unique<Worker>(Worker{.op = WorkerOp::incoming,
                                                       .host = destination,
                                                       .id = other.last_incoming | incoming_worker_bit,
                                                       .connection = worker.connection}));
    return true;
}

bool World::step_source(Worker& worker) {
    Action command;
    const auto fail = [&](Fault fault) {
        post(worker.host, {.worker = worker.id, .news = WorkerNews::failed, .fault = fault});
        leave(worker);
        return true;
    };
    if (worker.phase == 0) {
        if (connect(worker)) {
            say(worker, Word::open);
            worker.phase = 1;
        }
        return true;
    }
    const bool waits_for_peer = worker.phase == 1 || worker.phase == 5 || worker.phase == 7;
    if (waits_for_peer) {
        const std::optional<Message> message = take(worker);
        if (!message) {
            return worker.connection->broken && fail(Fault::connection_lost);
        }
        if (worker.phase == 1 && message->word == Word::accept) {
            post(worker.host,
                 {.worker = worker.id, .news = WorkerNews::accepted, .journal_id = journals[destination]});
            worker.phase = 2;
        } else if (worker.phase == 5 && message->word == Word::ready) {
            post(worker.host, {.worker = worker.id, .news = WorkerNews::ready});
            worker.phase = 6;
        } else if (worker.phase == 7 && (message->word == Word::started || message->word == Word::aborted)) {
            const bool started = message->word == Word::started;
            post(worker.host, {.worker = worker.id,
                               .news = started ? WorkerNews::started : WorkerNews::aborted,
                               .fault = started ? Fault::none : Fault::peer_refused});
            leave(worker);
        } else {
            return fail(Fault::peer_refused);
        }
        return true;
    }
    std::optional<Copy>& copy = hosts_[worker.host].copy;
    switch (worker.phase) {
        case 2:
        case 6:
            if (!told(worker, command)) {
                return false;
            }
            if (worker.phase == 6) {
                say(worker, Word::commit);
            }
            ++worker.phase;
            return true;
        case 3:  // the last round begins
            if (worker.connection->broken || !copy || copy->state != DomainState::running) {
                return fail(Fault::connection_lost);
            }
            copy->state = DomainState::suspended;
            worker.phase = 4;
            return true;
        case 4:
            if (worker.connection->broken) {
                return fail(Fault::connection_lost);
            }
            say(worker, Word::end);
            worker.phase = 5;
            return true;
        default: return false;
    }
}

bool World::step_incoming(Worker& worker) {
    Action command;
    std::optional<Copy>& copy = hosts_[worker.host].copy;
    const auto fail = [&](Fault fault) {
        post(worker.host, {.worker = worker.id, .news = WorkerNews::failed, .fault = fault});
        worker.phase = 9;
        return true;
    };
    if (worker.phase == 0 || worker.phase == 3 || worker.phase == 6) {
        const std::optional<Message> message = take(worker);
        if (!message && !worker.connection->broken) {
            return false;
        }
        if (worker.phase == 0 && !message) {
            leave(worker);
        } else if (worker.phase == 0) {
            const bool ask = message->word == Word::ask;
            const std::size_t index = worker.host;
            hosts_[index].inbox.push_back([this, index, ask, id = worker.id](Host&) {
                if (ask) {
                    feed(index, IncomingAskEvent{id,
                                                 {},
                                                 {limits::protocol_version, migration, guest,
                                                  host_names[source], journals[destination]}});
                } else {
                    feed(index, IncomingOpenEvent{id,
                                                  {},
                                                  {limits::protocol_version, migration, guest, guest_name,
                                                   host_names[source], 131072, true, true}});
                }
            });
            worker.phase = 1;
        } else if (worker.phase == 3) {
            if (!message) {
                return fail(Fault::connection_lost);
            }
            copy->state = DomainState::paused;
            post(worker.host, {.worker = worker.id, .news = WorkerNews::restored});
            worker.phase = 5;
        } else if (!message) {
            post(worker.host,
                 {.worker = worker.id, .news = WorkerNews::failed, .fault = Fault::connection_lost});
            leave(worker);
        } else {
            post(worker.host, {.worker = worker.id, .news = WorkerNews::commit});
            worker.phase = 9;
        }
        return true;
    }
    if (worker.phase == 2) {  // the half-built copy appears
        copy = Copy{.state = DomainState::paused, .name = std::string{guest_name} + "--incoming"};
        say(worker, Word::accept);
        worker.phase = 3;
        return true;
    }
    if (!told(worker, command)) {
        return false;
    }
    switch (command.tell) {
        case Tell::accept: worker.phase = 2; return true;
        case Tell::ready:
            say(worker, Word::ready);
            worker.phase = 6;
            return true;
        case Tell::refuse: say(worker, Word::decline); break;
        case Tell::started: say(worker, Word::started); break;
        case Tell::aborted: say(worker, Word::aborted); break;
        case Tell::verdict: say(worker, Word::verdict, command.verdict); break;
        case Tell::go:
        case Tell::commit: break;
    }
    leave(worker);
    return true;
}

bool World::step_asking(Worker& worker) {
    if (worker.phase == 0) {
        if (connect(worker)) {
            say(worker, Word::ask);
            worker.phase = 1;
        }
        return true;
    }
    const std::optional<Message> message = take(worker);
    if (!message && !worker.connection->broken) {
        return false;
    }
    if (message && message->word == Word::verdict) {
        post(worker.host, {.worker = worker.id, .news = WorkerNews::verdict, .verdict = message->verdict});
    }
    leave(worker);
    return true;
}

bool World::step_worker(Worker& worker) {
    if (worker.exited || !hosts_[worker.host].core) {
        return false;
    }
    switch (worker.op) {
        case WorkerOp::migrate_out: return step_source(worker);
        case WorkerOp::incoming: return step_incoming(worker);
        case WorkerOp::ask: return step_asking(worker);
        case WorkerOp::destroy: {
            // The guest's lock: an older worker that still writes to the copy must be gone first.
            for (const std::unique_ptr<Worker>& other : workers_) {
                if (other->host == worker.host && !other->exited && other->op == WorkerOp::incoming &&
                    other->phase == 3) {
                    return false;
                }
            }
            if (copy_runs(worker.host) && violation_.empty()) {
                violation_ = "a running copy is destroyed";
            }
            hosts_[worker.host].copy.reset();
            post(worker.host, {.worker = worker.id, .news = WorkerNews::done});
            leave(worker);
            return true;
        }
        case WorkerOp::create:
        case WorkerOp::shutdown:
        case WorkerOp::save:
        case WorkerOp::restore: break;
    }
    violation_ = "a worker that no migration needs";
    return false;
}

bool World::step_network() {
    std::erase_if(workers_, [](const std::unique_ptr<Worker>& worker) { return worker->exited; });
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (step_worker(*workers_[i])) {
            return true;
        }
    }
    return false;
}

// ---- controller, time ----

void World::order(std::size_t index) {
    hosts_[index].ordered = true;
    hosts_[index].inbox.push_back([this, index](Host&) {
        wire::JobOrder order;
        order.job_id = job_of[index];
        order.kind = index == source ? JobKind::migrate_out : JobKind::migrate_in;
        order.uuid = guest;
        order.name = guest_name;
        order.deadline_ms = 60'000;
        order.migration_id = migration;
        order.peer_host = host_names[1 - index];
        order.peer_address = "127.0.0.1";
        order.peer_port = 1;
        order.memory_kib = 131072;
        feed(index, OrderEvent{order});
    });
}

bool World::step_controller() {
    Host& s = hosts_[source];
    Host& d = hosts_[destination];
    if (d.core && !d.ordered && !d.final_report) {
        order(destination);
        return true;
    }
    if (s.core && !s.ordered && !s.final_report && d.ready) {
        order(source);
        return true;
    }
    if (cancelled_ && !cancel_sent_ && s.core && d.core) {
        cancel_sent_ = true;
        s.inbox.push_back([this](Host&) { feed(source, CancelEvent{job_of[source]}); });
        d.inbox.push_back([this](Host&) { feed(destination, CancelEvent{job_of[destination]}); });
        return true;
    }
    if (!queries_.empty() && d.core) {
        const wire::HandoverQuery query = queries_.front();
        queries_.pop_front();
        d.inbox.push_back([this, query](Host&) { feed(destination, QueryEvent{query}); });
        return true;
    }
    if (!answers_.empty() && s.core) {
        const wire::HandoverAnswer given = answers_.front();
        answers_.pop_front();
        s.inbox.push_back([this, given](Host&) { feed(source, AnswerEvent{given}); });
        return true;
    }
    return false;
}

bool World::step_time() {
    std::optional<Instant> next;
    for (const Host& host : hosts_) {
        const std::optional<Instant> wake = host.core ? host.core->next_wake() : std::nullopt;
        next = wake && (!next || *wake < *next) ? wake : next;
    }
    if (!next) {
        return false;
    }
    now_ms_ = std::max(now_ms_ + 1, next->ms);
    for (std::size_t index : {source, destination}) {
        hosts_[index].inbox.push_back([this, index](Host&) { feed(index, TickEvent{}); });
    }
    return true;
}

bool World::step() {
    ++steps_;
    // "Agents" are restarted, and time passes, only when nothing else moves; in the random schedule a restart
    // may come at any time.
    std::array<int, 4> turns{0, 1, 2, 3};
    if (schedule_ == Schedule::destination_first) {
        turns = {1, 0, 2, 3};
    } else if (schedule_ == Schedule::network_first) {
        turns = {2, 3, 1, 0};
    } else if (schedule_ == Schedule::random) {
        for (std::size_t i = turns.size(); i-- > 1;) {
            std::swap(turns[i], turns[random_.below(i + 1)]);
        }
        if (random_.chance(0.1) && (step_restart(source) || step_restart(destination))) {
            return true;
        }
    }
    bool moved = false;
    for (std::size_t i = 0; i < turns.size() && !moved; ++i) {
        moved = turns[i] == 0   ? step_host(source)
                : turns[i] == 1 ? step_host(destination)
                : turns[i] == 2 ? step_network()
                                : step_controller();
    }
    moved = moved || step_restart(source) || step_restart(destination) || step_time();
    watch();
    return moved && violation_.empty();
}

bool World::run_to_quiescence() {
    while (steps_ < steps_max) {
        const bool over = hosts_[source].final_report && hosts_[destination].final_report;
        if (over && hosts_[source].todo.empty() && hosts_[destination].todo.empty() && hosts_[source].core &&
            hosts_[destination].core) {
            return true;
        }
        if (!step()) {
            return violation_.empty();
        }
    }
    violation_ = "it does not come to rest";
    return false;
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
