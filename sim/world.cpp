#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::uint64_t dom0_memory_mib = 512;
constexpr std::uint32_t guest_memory_mib = 512;
constexpr std::uint64_t guest_dirty_mib_per_s = 30;
// Far more than any run needs.
constexpr std::uint64_t events_max = 400'000;
// Between two looks at whether all is quiet.
constexpr std::int64_t rest_look_ns = 500 * ms;
constexpr std::uint64_t world_part = 7;

}  // namespace

World::World(const Scenario& given, bool log_wanted)
    : scenario{given},
      engine{log_wanted},
      machines(given.pool.hosts),
      ledger{engine, machines},
      network{engine, *this, scenario},
      workers{*this},
      agents{*this},
      controller{*this},
      operators{*this},
      users{*this},
      stores(given.pool.hosts + 1),
      open_faults_(given.incidents.size()) {
    populate();
}

Now World::host_now(std::uint32_t host) const noexcept {
    const Machine& at = machines[host];
    return {{at.mono_ms(engine.now_ns)}, {wall_start_ms + engine.now_ns / ms + at.wall_offset_ms}};
}

wire::GuestSpec World::spec_of(std::uint32_t guest) const {
    wire::GuestSpec spec;
    spec.name = Name{fmt::format("g{}", guest)};
    spec.uuid = uuid_of(guest_uuids, guest + 1);
    spec.type = guest % 3 == 2 ? GuestType::pvh : GuestType::pv;
    spec.memory_mib = guest_memory_mib * (1 + guest % 2);
    spec.vcpus = 1 + guest % 2;
    spec.kernel = "/boot/guest";
    return spec;
}

void World::populate() {
    const PoolShape& pool = scenario.pool;
    sim::HostConfig config;
    config.cpus = 4;
    config.memory_kib = pool.host_memory_mib * 1024;
    config.dom0_memory_kib = dom0_memory_mib * 1024;
    config.link_mbps = pool.link_mbps;
    config.operation_speed = pool.operation_speed;
    config.can_shadow = pool.can_live;
    config.load_step_ms = 5000;
    for (std::uint32_t host = 0; host < pool.hosts; ++host) {
        Machine& at = machines[host];
        at.name = HostName{fmt::format("h{}", host)};
        at.uuid = uuid_of(host_uuids, host + 1);
        config.seed = scenario.seed + host;
        config.suspend_late_ms = host % 2 == 0 ? pool.suspend_late_ms : 0;
        sim::start(at.xen, config, 0);
    }
    for (std::uint32_t guest = 0; guest < pool.guests; ++guest) {
        const wire::GuestSpec spec = spec_of(guest);
        sim::SimHost& xen = machines[guest % pool.hosts].xen;
        sim::NewGuest wanted{.uuid = spec.uuid,
                             .name = spec.name,
                             .type = spec.type,
                             .memory_kib = std::uint64_t{spec.memory_mib} * 1024,
                             .vcpus = spec.vcpus,
                             .ours = guest % 2 == 0,
                             .workload = {}};
        wanted.workload.dirty_mib_per_s = guest_dirty_mib_per_s;
        const std::uint32_t load_permille = 100 + 250 * (guest % 4);
        wanted.workload.load =
            sim::start_load({.kind = sim::LoadKind::constant, .mean_permille = load_permille}, guest);
        const std::uint64_t need_kib =
            wanted.memory_kib + sim::guest_overhead_kib + memory_reserved_mib * 1024;
        const Result<std::uint32_t> domid = sim::memory_free_kib(xen) < need_kib
                                                ? Result<std::uint32_t>{Err{Fault::no_memory}}
                                                : sim::begin_create(xen, wanted);
        if (domid.ok()) {
            ledger.expect(spec.uuid, fmt::format("g{}", guest));
            (void)sim::finish_create(xen, domid.value());
            (void)sim::unpause(xen, *sim::find_domid(xen, domid.value()));
        }
    }
    for (std::uint32_t host = 0; host < pool.hosts; ++host) {
        ledger.follow(host);
        engine.after(second / 4 * (1 + host), EventKind::agent_start, host);
    }
    engine.after(second / 8, EventKind::controller_start);
    operators.furnish();
    for (std::uint32_t index = 0; index < scenario.incidents.size(); ++index) {
        engine.queue.push(scenario.incidents[index].at_ns, EventKind::incident, index);
    }
}

// ---- the loop ----

void World::hear(std::uint32_t connection, Side at, Letter&& letter) {
    if (!network.to_controller(connection)) {
        workers.hear(network.tag(connection, at), std::move(letter));
    } else if (at == Side::listener) {
        controller.hear(connection, std::move(letter));
    } else {
        agents.post(network.tag(connection, at), std::move(letter));
    }
}

void World::lost(std::uint32_t connection, Side at) {
    const std::uint32_t tag = network.tag(connection, at);
    if (!network.to_controller(connection)) {
        network.close(connection, at);
        workers.peer_lost(tag);
    } else if (at == Side::listener) {
        controller.lost(connection);
    } else {
        network.close(connection, at);
        agents.post(tag, LinkLost{});
    }
}

void World::dispatch(const Event& event) {
    switch (event.kind) {
        case EventKind::agent_run: agents.on_run(event); return;
        case EventKind::agent_timer: agents.on_timer(event); return;
        case EventKind::agent_start: agents.start(event.target); return;
        case EventKind::host_boot: boot(event.target); return;
        case EventKind::controller_run: controller.on_run(event); return;
        case EventKind::controller_tick: controller.on_tick(event); return;
        case EventKind::controller_start: controller.start(); return;
        case EventKind::deliver: network.on_deliver(event); return;
        case EventKind::silence: network.on_silence(event); return;
        case EventKind::worker_run: workers.on_run(event); return;
        case EventKind::incident: on_incident(event.target); return;
        case EventKind::incident_over:
            if (open_faults_[event.target]) {
                open_faults_[event.target] = false;
                end_fault(scenario.incidents[event.target]);
            }
            return;
        case EventKind::request: operators.on_request(event); return;
        case EventKind::visit: users.on_step(event); return;
    }
}

void World::check(std::uint32_t host) {
    Machine& at = machines[host];
    ledger.follow(host);
    if (at.xen.change_count != at.changes_seen) {
        at.changes_seen = at.xen.change_count;
        ledger.check_memory(host);
        ledger.check_disks();
        agents.inventory_changed(host);
    }
}

// No process is in the middle of something: only then is it worth looking whether anything is left to do.
bool World::momentarily_idle() const {
    for (std::uint32_t host = 0; host < hosts(); ++host) {
        if (!agents.idle(host)) {
            return false;
        }
    }
    return controller.idle();
}

void World::run() {
    std::int64_t next_look_ns = scenario.faults_end_ns;
    while (!engine.violation && !engine.queue.empty()) {
        if (!healing_ && engine.queue.next_ns() >= scenario.faults_end_ns) {
            engine.now_ns = scenario.faults_end_ns;
            heal();
            continue;
        }
        const Event event = engine.queue.pop();
        engine.now_ns = event.at_ns;
        if (++engine.events > events_max) {
            engine.broken(Invariant::every_job_ends, "{} events, and no end: something goes round in circles",
                          events_max);
        }
        engine.note(static_cast<std::uint64_t>(event.at_ns) ^ std::uint64_t{event.target} << 48 ^
                    static_cast<std::uint64_t>(event.kind) << 40);
        dispatch(event);
        for (std::uint32_t host = 0; host < hosts(); ++host) {
            check(host);
        }
        if (!healing_ || engine.now_ns < next_look_ns || !momentarily_idle()) {
            continue;
        }
        next_look_ns = engine.now_ns + rest_look_ns;
        const std::string why = restless();
        if (why.empty()) {
            check_rest();
            return;
        }
        if (engine.now_ns - scenario.faults_end_ns > rest_within_ns) {
            engine.broken(Invariant::every_job_ends, "no rest {} s after the last fault: {}",
                          rest_within_ns / second, why);
        }
    }
}

// ---- machines ----

void World::lose_power(std::uint32_t host) {
    Machine& at = machines[host];
    if (!at.powered) {
        return;
    }
    engine.log("h{} loses power", host);
    sim::advance(at.xen, engine.now_ns);
    ledger.follow(host);
    agents.kill(host, true);
    at.powered = false;
    std::vector<std::pair<Uuid, std::int64_t>> gone;
    for (const sim::Guest& guest : at.xen.guests) {
        gone.emplace_back(guest.uuid, guest.executed_ns);
    }
    ledger.follow(host);
    sim::start(at.xen, sim::HostConfig{at.xen.config}, engine.now_ns);
    for (const auto& [uuid, executed_ns] : gone) {
        ledger.died_with_host(host, uuid, executed_ns);
    }
    at.locks.clear();
    // What was not synced is not there, or cut.
    Prng random = dice(scenario.seed, world_part, host, ++at.boots);
    for (auto& [uuid, slot] : at.saves) {
        slot.partial = slot.partial && (slot.sealed || random.chance(0.5));
    }
}

void World::boot(std::uint32_t host) {
    Machine& at = machines[host];
    if (at.powered) {
        return;
    }
    engine.log("h{} boots", host);
    at.powered = true;
    at.booted_ns = engine.now_ns;
    sim::start(at.xen, sim::HostConfig{at.xen.config}, engine.now_ns);
    at.changes_seen = 0;
    engine.after(second, EventKind::agent_start, host);
}

}  // namespace ballast::simulator
