#include "agent_world.hpp"

#include <algorithm>
#include <array>

#include "tests/unit/sealed_heap.hpp"

namespace ballast::agent::model {
namespace {

constexpr std::size_t steps_max = 20'000;
constexpr const char* images_directory = "/images";
// There is one migration: tables of the usual size would take most of the time of thousands of worlds.
constexpr std::uint32_t jobs_max = 4;

// One list and one size for all worlds: to make either takes longer than most steps.
Actions& no_actions_yet() {
    static Actions actions;
    actions.clear();
    return actions;
}
std::size_t bytes_of_core(const CoreSettings& settings) {
    static const std::size_t bytes = [&settings] {
        Arena counting;
        (void)Core{counting, settings};
        return counting.used_bytes() + 64;
    }();
    return bytes;
}

}  // namespace

World::World(Schedule schedule, std::uint64_t seed, bool images, Lateness lateness)
    : schedule_{schedule}, images_{images}, random_{seed} {
    hosts_[source].image = images ? Image::final_name : Image::none;
    hosts_[source].copy =
        Copy{.state = DomainState::running, .name = guest_name, .request = SuspendRequest{lateness}};
    boot(source);
    boot(destination);
}

// ---- hosts ----

void World::boot(std::size_t index) {
    Host& host = hosts_[index];
    const CoreSettings settings{.host_name = host_names[index],
                                .jobs_max = jobs_max,
                                .journal_id = journals[index],
                                .images_directory = images_directory};
    host.memory.assign(bytes_of_core(settings), {});
    Arena arena{host.memory};
    host.core = std::make_unique<Core>(arena, settings);
    for (const auto& [id, record] : host.disk) {
        if (!host.core->recover(record, now()).ok()) {
            violation_ = "a record on disk is not accepted at start";
        }
    }
    Actions& actions = no_actions_yet();
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
    Actions& actions = no_actions_yet();
    {
        const ::ballast::test::SealedHeap seal;
        (void)host.core->step(event, now(), actions);
    }
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
    const bool renames = what == Call::rename_away || what == Call::rename_back || what == Call::rename_final;
    if (renames && hosts_[index].renames_fail > 0) {
        --hosts_[index].renames_fail;
        answer.fault = Fault::hypervisor_unavailable;
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
        case Call::resume_late:
            if (!copy->request.withdrawn_late() || copy->state != DomainState::suspended) {
                answer.fault = Fault::state_conflict;
                break;
            }
            copy->state = DomainState::running;
            break;
        case Call::withdraw_suspend:
            answer.fault = copy->request.withdraw() ? Fault::none : Fault::state_conflict;
            break;
        case Call::rename_away: copy->name = std::string{guest_name} + "--migratedaway"; break;
        case Call::rename_back:
        case Call::rename_final: copy->name = guest_name; break;
    }
}

void World::file(std::size_t index, FileStep what) {
    Image& image = hosts_[index].image;
    if (what == FileStep::retire_images && image == Image::final_name) {
        if (hosts_[index].copy && violation_.empty()) {
            violation_ = "an image is taken from under its guest";
        }
        image = Image::left;
    } else if (what == FileStep::retract_images && image == Image::final_name) {
        if (hosts_[index].copy && violation_.empty()) {
            violation_ = "an image is taken from under its guest";
        }
        image = Image::incoming;
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
            if (record.stage == Stage::none && answer.ok) {
                host.disk.erase(record.job_id);
            } else if (record.stage != Stage::none && (answer.ok || host.disk_fails_late)) {
                host.disk[record.job_id] = record;
            }
            host.answers.push_back(answer);
            return;
        }
        case ActionKind::forget: host.disk.erase(action.job_id); return;
        case ActionKind::file:
            file(index, action.file);
            host.answers.push_back(answer);
            return;
        case ActionKind::look: host.answers.push_back(answer); return;
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
        if (images_ && index == source) {
            truth.disks.push({.device = "xvda", .path = "/images/guest.img", .size_bytes = 1 << 20});
        }
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
        order.copy_storage = images_;
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

// The guest asks nobody before it suspends itself: from then on there must be a record that speaks of it.
bool World::step_guest() {
    Host& host = hosts_[source];
    if (!host.copy || host.copy->state != DomainState::running || !host.copy->request.due(now_ms_)) {
        return false;
    }
    if (!host.copy->request.heed(now_ms_)) {
        return true;
    }
    host.copy->state = DomainState::suspended;
    if (!host.disk.contains(job_of[source]) && violation_.empty()) {
        violation_ = "the guest stands suspended, and no job speaks of it";
    }
    suspended_late_ =
        std::none_of(workers_.begin(), workers_.end(), [](const std::unique_ptr<Worker>& worker) {
            return worker->op == WorkerOp::migrate_out && !worker->exited;
        });
    return true;
}

bool World::step_time() {
    std::optional<Instant> next;
    for (const Host& host : hosts_) {
        const std::optional<Instant> wake = host.core ? host.core->next_wake() : std::nullopt;
        next = wake && (!next || *wake < *next) ? wake : next;
    }
    if (const std::optional<Copy>& copy = hosts_[source].copy; copy && copy->request.open()) {
        const Instant at{*copy->request.next_ms()};
        next = !next || at < *next ? at : next;
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
    std::array<int, 5> turns{0, 1, 2, 3, 4};
    if (schedule_ == Schedule::destination_first) {
        turns = {1, 0, 2, 3, 4};
    } else if (schedule_ == Schedule::network_first) {
        turns = {2, 3, 1, 0, 4};
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
                : turns[i] == 3 ? step_controller()
                                : schedule_ == Schedule::random && step_guest();
    }
    // A guest in no hurry lets even restarted agents look first.
    moved = moved || step_restart(source) || step_restart(destination) || step_guest() || step_time();
    watch();
    return moved && violation_.empty();
}

// The source's guest has not suspended itself yet, or has and is to be let run on by a job that has ended.
bool World::stands_or_may_stand() const {
    const Host& host = hosts_[source];
    return host.copy && (host.copy->request.open() ||
                         (host.copy->state == DomainState::suspended && host.copy->request.withdrawn_late() &&
                          host.disk.contains(job_of[source]) &&
                          host.disk.at(job_of[source]).stage == Stage::transferring));
}

bool World::run_to_quiescence() {
    while (steps_ < steps_max) {
        const bool over = hosts_[source].final_report && hosts_[destination].final_report;
        if (over && hosts_[source].todo.empty() && hosts_[destination].todo.empty() && hosts_[source].core &&
            hosts_[destination].core && !stands_or_may_stand()) {
            return true;
        }
        if (!step()) {
            return violation_.empty();
        }
    }
    violation_ = "it does not come to rest";
    return false;
}

}  // namespace ballast::agent::model
