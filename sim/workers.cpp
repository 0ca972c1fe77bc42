#include "sim/workers.hpp"

#include <algorithm>

#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::uint64_t worker_part = 4;
constexpr std::int64_t spawn_max_ns = 12 * ms;
constexpr std::int64_t lock_poll_ns = 20 * ms;

}  // namespace

// ---- life ----

std::uint32_t Workers::add() {
    std::uint32_t free = 0;
    while (free < workers_.size() && workers_[free].in_use) {
        ++free;
    }
    if (free == workers_.size()) {
        workers_.emplace_back();
    }
    Worker& worker = workers_[free];
    const std::uint32_t life = worker.life + 1;
    worker = Worker{};
    worker.in_use = true;
    worker.life = life;
    worker.random = dice(world_.scenario.seed, worker_part, ++started_, 0);
    return free;
}

void Workers::start(std::uint32_t host, const agent::Action& action, const agent::JobRecord& record,
                    const wire::GuestSpec& spec) {
    const std::uint32_t index = add();
    Worker& worker = workers_[index];
    worker.host = host;
    worker.id = action.worker;
    worker.op = action.op;
    worker.again = action.again;
    worker.store_seen = world_.agents.desktops(host).store_seen;
    worker.record = record;
    if (action.op == agent::WorkerOp::create || action.op == agent::WorkerOp::clone) {
        worker.spec = spec;
    }
    wake(index, between(worker.random, ms, spawn_max_ns));
}

void Workers::wake(std::uint32_t index, std::int64_t delay_ns) {
    world_.engine.after(delay_ns, EventKind::worker_run, index, workers_[index].life);
}

bool Workers::any() const noexcept {
    return std::any_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.in_use; });
}

void Workers::kill(std::uint32_t host, agent::WorkerId id) {
    for (Worker& worker : workers_) {
        if (worker.in_use && worker.host == host && worker.id == id) {
            give_up(worker);
            leave(worker, "the worker process was ended by signal 9 (Killed)");
        }
    }
}

void Workers::kill_all(std::uint32_t host, bool power_lost) {
    for (Worker& worker : workers_) {
        if (worker.in_use && worker.host == host) {
            give_up(worker);
            leave(worker, "the worker process was ended by signal 9 (Killed)", power_lost);
        }
    }
}

void Workers::leave(Worker& worker, std::string_view how, bool silently) {
    unlock(worker);
    if (worker.connection != no_connection) {
        world_.network.close(worker.connection, worker.side, silently);
    }
    worker.in_use = false;
    ++worker.life;
    world_.agents.post(worker.host, agent::WorkerGoneEvent{worker.id, Detail{how}});
}

// What a process leaves behind that dies, or fails, in the middle of its work.
void Workers::give_up(Worker& worker) {
    if (worker.domid == 0) {
        return;
    }
    sim::SimHost& host = xen(worker);
    if (sim::Guest* left = sim::find_domid(host, worker.domid); left != nullptr) {
        if (left->activity != sim::Activity::none) {
            sim::abandon(host, *left);
        }
    }
    worker.domid = 0;
}

// ---- talk ----

void Workers::tell(std::uint32_t host, const agent::Action& action, const agent::JobRecord* record) {
    for (std::uint32_t index = 0; index < workers_.size(); ++index) {
        Worker& worker = workers_[index];
        if (worker.in_use && worker.host == host && worker.id == action.worker) {
            if (record != nullptr) {
                worker.record = *record;
            }
            worker.told.push_back(action);
            wake(index, between(worker.random, 10 * us, 300 * us));
        }
    }
}

void Workers::hear(std::uint32_t index, Letter&& letter) {
    if (index < workers_.size() && workers_[index].in_use) {
        workers_[index].words.push_back(std::get<PeerWord>(std::move(letter)));
        wake(index, 0);
    }
}

void Workers::peer_lost(std::uint32_t index) {
    if (index < workers_.size() && workers_[index].in_use) {
        workers_[index].peer_gone = true;
        wake(index, 0);
    }
}

void Workers::report(Worker& worker, agent::WorkerEvent event) {
    event.worker = worker.id;
    event.effect = worker.effect;
    world_.agents.post(worker.host, AgentMail{event});
}

bool Workers::told(Worker& worker, agent::Action& out) {
    if (worker.told.empty()) {
        return false;
    }
    out = worker.told.front();
    worker.told.pop_front();
    return true;
}

void Workers::say(Worker& worker, PeerWord word) {
    world_.network.send(worker.connection, worker.side, std::move(word));
}

bool Workers::hears(Worker& worker, PeerWord& out) {
    if (worker.words.empty()) {
        return false;
    }
    out = std::move(worker.words.front());
    worker.words.pop_front();
    return true;
}

// ---- steps ----

void Workers::on_run(const Event& event) {
    if (!workers_[event.target].in_use || workers_[event.target].life != event.life) {
        return;
    }
    if (world_.engine.now_ns < workers_[event.target].not_before_ns) {
        return;  // spoken to in the middle of something; its own time will come
    }
    for (;;) {
        // A step may start a worker elsewhere, and move them all.
        const Did did = step(workers_[event.target]);
        if (did != Did::goes_on) {
            return;
        }
    }
}

Workers::Did Workers::step(Worker& worker) {
    sim::advance(xen(worker), world_.engine.now_ns);
    switch (worker.op) {
        case agent::WorkerOp::create: return create(worker);
        case agent::WorkerOp::shutdown: return shut_down(worker);
        case agent::WorkerOp::destroy: return destroy(worker);
        case agent::WorkerOp::save: return save(worker);
        case agent::WorkerOp::restore: return restore(worker);
        case agent::WorkerOp::migrate_out: return migrate_out(worker);
        case agent::WorkerOp::incoming: return incoming(worker);
        case agent::WorkerOp::ask: return ask(worker);
        case agent::WorkerOp::disk_create:
        case agent::WorkerOp::golden_keep: return make_file(worker);
        case agent::WorkerOp::disk_delete:
        case agent::WorkerOp::disk_discard: return remove_file(worker);
        case agent::WorkerOp::clone: return clone(worker);
        case agent::WorkerOp::image_index:
        case agent::WorkerOp::image_sweep:
        case agent::WorkerOp::store_probe: break;  // no core here asks for one
    }
    return Did::ended;
}

Workers::Did Workers::wait_for_suspension(Worker& worker) {
    (void)sim::ask_to_suspend(xen(worker), worker.domid);
    return wait(worker, sim::suspend_ns(xen(worker).config));
}

Workers::Did Workers::wait_for_late_suspension(Worker& worker, int deaf_phase) {
    const sim::Guest* target = sim::find_domid(xen(worker), worker.domid);
    if (target != nullptr && sim::executing(*target) && target->suspends_at_ns > xen(worker).now_ns) {
        return wait(worker, target->suspends_at_ns - xen(worker).now_ns);
    }
    worker.phase = deaf_phase;
    return wait(worker, sim::suspend_timeout_ns(xen(worker).config));
}

// As libxl does.
Status Workers::give_up_on_suspension(Worker& worker) {
    if (sim::Guest* target = sim::find_domid(xen(worker), worker.domid); target != nullptr) {
        (void)sim::withdraw_suspend(xen(worker), *target);
    }
    return Err{Fault::guest_unresponsive};
}

Workers::Did Workers::wait(Worker& worker, std::int64_t delay_ns) {
    worker.not_before_ns = world_.engine.now_ns + delay_ns;
    wake(static_cast<std::uint32_t>(&worker - workers_.data()), delay_ns);
    return Did::waits;
}

Workers::Did Workers::patience(Worker& worker, std::int64_t for_ns) {
    worker.patience_until_ns = world_.engine.now_ns + for_ns;
    wake(static_cast<std::uint32_t>(&worker - workers_.data()), for_ns);
    return Did::goes_on;
}

bool Workers::impatient(const Worker& worker) const {
    return world_.engine.now_ns >= worker.patience_until_ns;
}

Workers::Did Workers::done(Worker& worker) {
    worker.domid = 0;
    report(worker, {.news = agent::WorkerNews::done});
    leave(worker, {});
    return Did::ended;
}

Workers::Did Workers::fail(Worker& worker, Fault fault, std::string_view why) {
    give_up(worker);
    report(worker, {.news = agent::WorkerNews::failed, .fault = fault, .detail = Detail{why}});
    leave(worker, {});
    return Did::ended;
}

bool Workers::lock(Worker& worker, const Uuid& uuid) {
    const auto index = static_cast<std::uint32_t>(&worker - workers_.data());
    if (!worker.locked && !world_.machine(worker.host).locks.try_emplace(uuid, index).second) {
        (void)wait(worker, lock_poll_ns);
        return false;
    }
    worker.locked = true;
    return true;
}

void Workers::unlock(Worker& worker) {
    if (worker.locked) {
        const auto index = static_cast<std::uint32_t>(&worker - workers_.data());
        std::erase_if(world_.machine(worker.host).locks,
                      [index](const auto& held) { return held.second == index; });
        worker.locked = false;
    }
}

sim::SimHost& Workers::xen(const Worker& worker) {
    return world_.machine(worker.host).xen;
}

sim::Guest* Workers::guest(const Worker& worker) {
    const sim::Guest* found = sim::find_uuid(xen(worker), worker.record.uuid);
    return found == nullptr ? nullptr : sim::find_domid(xen(worker), found->domid);
}

std::int64_t Workers::bytes_ns(const Worker& worker, std::uint64_t pages, bool over_link) {
    const auto bytes_per_s = static_cast<double>(sim::transfer_bytes_per_s(xen(worker), over_link));
    return static_cast<std::int64_t>(static_cast<double>(pages * sim::page_bytes) / bytes_per_s *
                                     static_cast<double>(second));
}

Image Workers::image_of(const sim::Guest& from) const {
    Image image;
    image.guest = {.uuid = from.uuid,
                   .name = from.name,
                   .type = from.type,
                   .memory_kib = from.memory_kib,
                   .vcpus = from.vcpus,
                   .cpu_weight = from.cpu_weight,
                   .cpu_cap_percent = from.cpu_cap_percent,
                   .ours = from.ours,
                   .workload = {}};
    image.workload = from.workload;
    image.executed_ns = from.executed_ns;
    image.used_by = world_.ledger.used_by(from.uuid);
    return image;
}

}  // namespace ballast::simulator
