#include "tests/unit/controller_core_world.hpp"

#include <gtest/gtest.h>

#include "tests/unit/sealed_heap.hpp"

namespace ballast::controller::test {

std::uint64_t Agent::used_mib() const {
    std::uint64_t used = dom0_mib;
    for (const auto& [guest_uuid, guest] : guests) {
        used += guest.memory_mib;
    }
    return used;
}

Settings World::default_settings() {
    Settings settings;
    settings.limits.hosts = 8;
    settings.limits.vms = 64;
    settings.limits.links = 12;
    settings.limits.jobs = 32;
    settings.limits.definitions = 8;
    settings.limits.plans = 8;
    settings.limits.decisions = 32;
    settings.limits.idempotency_keys = 16;
    settings.limits.desktop_pools = 4;
    settings.limits.desktops = 16;
    settings.limits.sessions = 16;
    settings.balance.parameters.cool_down_seconds = 300;
    settings.balance.parameters.samples_min = 7;
    return settings;
}

World::World(Settings given) : settings{given} {
    build();
}

void World::build() {
    memory_.assign(Core::bytes_needed(settings) + 64, std::byte{});
    auto* start = memory_.data() + (64 - reinterpret_cast<std::uintptr_t>(memory_.data()) % 64) % 64;
    core = std::make_unique<Core>(settings, std::span{start, Core::bytes_needed(settings)});
    core->restore_identity(store.identity);
    for (const auto& [name, record] : store.hosts) {
        ASSERT_TRUE(core->restore_host(record).ok());
    }
    for (const auto& [uuid, record] : store.vms) {
        ASSERT_TRUE(core->restore_vm(record).ok());
    }
    for (const auto& [uuid, spec] : store.definitions) {
        ASSERT_TRUE(core->restore_definition(spec).ok());
    }
    for (const auto& [name, record] : store.pools) {
        ASSERT_TRUE(core->restore_desktop_pool(record).ok());
    }
    for (const auto& [uuid, record] : store.desktops) {
        ASSERT_TRUE(core->restore_desktop(record).ok());
    }
    for (const auto& [id, record] : store.sessions) {
        ASSERT_TRUE(core->restore_session(record).ok());
    }
    for (const auto& [id, record] : store.jobs) {
        ASSERT_TRUE(core->restore_job(record).ok());
    }
    for (const auto& [id, plan] : store.plans) {
        ASSERT_TRUE(core->restore_plan({plan.record, plan.moves, plan.rejected, plan.hosts}).ok());
    }
    for (const auto& [key, record] : store.keys) {
        ASSERT_TRUE(core->restore_idempotency(record).ok());
    }
    core->start(now);
}

void World::restart() {
    for (auto& [name, agent] : agents) {
        agent.link = 0;
    }
    build();
}

Agent& World::add_host(const std::string& name, std::uint32_t cores, std::uint64_t memory_mib) {
    Agent& agent = agents[name];
    agent.name = name;
    agent.uuid = uuid_of(0x4057000 + agents.size());
    agent.cores = cores;
    agent.memory_mib = memory_mib;
    return agent;
}

Uuid World::add_guest(const std::string& host_name, const std::string& name, double cpu_cores,
                      std::uint64_t memory_mib) {
    const Uuid uuid = uuid_of(0x60e57000 + next_guest_++);
    agents.at(host_name).guests[uuid] = {name, DomainState::running, memory_mib, cpu_cores};
    return uuid;
}

Status World::step(const Event& event) {
    const Status status = [&] {
        const ::ballast::test::SealedHeap seal;
        return core->step(event, now, *actions);
    }();
    // Sending may lead to answers, which are steps of their own: perform a copy.
    const std::vector<Action> list(actions->list().begin(), actions->list().end());
    bool told = false;
    for (const Action& action : list) {
        EXPECT_FALSE(durable(action) && told) << "somebody would be told before it is on disk";
        told = told || !durable(action);
        persist(action);
        if (std::holds_alternative<Reply>(action)) {
            outcome_ = actions->outcome;
        }
    }
    const bool dies = kill_in_ > 0 && --kill_in_ == 0;
    if (dies && !kill_said_) {
        restart();
        return status;
    }
    for (const Action& action : list) {
        perform(action);
    }
    check();
    if (dies) {
        restart();
    }
    return status;
}

Status World::deliver(const std::string& name, const wire::Message& message) {
    const Agent& agent = agents.at(name);
    return agent.link == 0 ? Status{Err{Fault::connection_lost}} : step(LinkMessage{agent.link, &message});
}

void World::connect(const std::string& name) {
    Agent& agent = agents.at(name);
    ASSERT_EQ(agent.link, 0U);
    agent.link = next_link_++;
    ASSERT_TRUE(step(LinkUp{agent.link, true, HostName{name}, "10.0.0.1"}).ok());
    wire::Hello hello;
    hello.version = limits::protocol_version;
    hello.host_name = HostName{name};
    hello.host_uuid = agent.uuid;
    hello.migration_port = 7002;
    hello.jobs_max = limits::agent_jobs_max;
    hello.watches_life = agent.watches_life;
    ASSERT_TRUE(deliver(name, hello).ok());
    for (const auto& [id, job] : std::map{agent.jobs}) {
        tell(agent, job);
    }
    report(name);
    sample(name);
    for (const auto& [session, relay] : std::map{agent.relays}) {
        relay_status(name, session, wire::RelayState::listening);
    }
}

void World::disconnect(const std::string& name) {
    Agent& agent = agents.at(name);
    const LinkId link = agent.link;
    agent.link = 0;
    ASSERT_TRUE(step(LinkDown{link, Fault::connection_lost}).ok());
}

void World::connect_all() {
    for (auto& [name, agent] : agents) {
        if (agent.link == 0) {
            connect(name);
        }
    }
}

void World::report(const std::string& name) {
    Agent& agent = agents.at(name);
    auto message = std::make_unique<wire::Message>(wire::HostReport{});
    wire::HostReport& report = std::get<wire::HostReport>(*message);
    report.sequence = ++agent.reports;
    report.cpu_count = agent.cores;
    report.memory_kib = agent.memory_mib * 1024;
    report.memory_free_kib = (agent.memory_mib - std::min(agent.memory_mib, agent.used_mib())) * 1024;
    report.can_pv = report.can_hvm = report.can_hap = report.can_shadow = true;
    for (const auto& [uuid, guest] : agent.guests) {
        wire::DomainInfo domain;
        domain.uuid = uuid;
        domain.name = Name{guest.name};
        domain.type = GuestType::pv;
        domain.state = guest.state;
        domain.memory_kib = guest.memory_mib * 1024;
        domain.vcpus = 2;
        domain.ours = guest.ours;
        domain.in_flight = guest.in_flight;
        report.domains.push(domain);
    }
    for (const auto& [uuid, guest] : agent.saved) {
        report.saved.push({uuid, Name{guest.name}, guest.memory_mib * 1024, GuestType::pv, 2});
    }
    report.store_path = Path{agent.store_path};
    report.store_proven = !agent.store_path.empty() && agent.store_proven;
    (void)deliver(name, *message);
}

void World::sample(const std::string& name) {
    Agent& agent = agents.at(name);
    auto message = std::make_unique<wire::Message>(wire::SampleReport{});
    wire::SampleReport& report = std::get<wire::SampleReport>(*message);
    report.sequence = ++agent.samples;
    report.taken_unix_ms = now.wall.unix_ms;
    report.rates_valid = agent.rates_known;
    report.dom0_cpu_cores = 0.125;
    for (const auto& [uuid, guest] : agent.guests) {
        wire::DomainSample domain;
        domain.uuid = uuid;
        domain.rates_valid = agent.rates_known;
        domain.cpu_cores = guest.state == DomainState::running ? guest.cpu_cores : 0;
        domain.memory_kib = guest.memory_mib * 1024;
        domain.state = guest.state;
        report.domains.push(domain);
    }
    (void)deliver(name, *message);
}

void World::second() {
    work();
    now.mono.ms += 1000;
    now.wall.unix_ms += 1000;
    if (++clock_ % 5 == 0) {
        for (auto& [name, agent] : agents) {
            if (agent.link != 0 && !agent.samples_stopped) {
                sample(name);
            }
        }
    }
    ASSERT_TRUE(step(Tick{}).ok());
}

void World::seconds(int count) {
    for (int i = 0; i < count; ++i) {
        second();
    }
}

Outcome World::command(Command given) {
    given.command_id = next_command_++;
    const int before = replies;
    const Command* const pointer = &given;
    const Status status = step(pointer);
    EXPECT_TRUE(status.ok());
    EXPECT_TRUE(replies == before + 1 || (killed() && !kill_said_));
    return outcome_;
}

Outcome World::vm(CommandKind kind, const std::string& name, const std::string& to) {
    Command wanted;
    wanted.kind = kind;
    wanted.target = FixedString<63>{name};
    wanted.to = FixedString<63>{to};
    return command(wanted);
}

const VmRow& World::vm_row(const std::string& name) const {
    const std::uint32_t row = core->find_vm(name);
    EXPECT_NE(row, no_row) << name;
    return core->vm(row);
}

const JobRecord& World::job(std::uint64_t id) const {
    const std::uint32_t row = core->find_job(id);
    EXPECT_NE(row, no_row) << id;
    return core->job(row).record;
}

std::string World::place_of(const std::string& name) const {
    std::string places;
    for (const auto& [host_name, agent] : agents) {
        for (const auto& [uuid, guest] : agent.guests) {
            if (guest.name == name && guest.in_flight == wire::InFlight::no) {
                places += (places.empty() ? "" : "+") + host_name;
            }
        }
    }
    return places;
}

Agent* World::agent_of(LinkId link) {
    for (auto& [name, agent] : agents) {
        if (agent.link == link) {
            return &agent;
        }
    }
    return nullptr;
}

void World::tell(Agent& agent, const AgentJob& job) {
    if (agent.link != 0) {
        const wire::Message message = job.update;
        (void)deliver(agent.name, message);
    }
}

// The invariants that the core can answer for.
void World::check() const {
    std::map<std::string, int> in;
    std::map<std::string, int> out;
    for (const JobRow& row : core->jobs()) {
        if (row.in_use && row.record.kind == JobKind::migrate && !row.settled()) {
            ++in[std::string{row.record.destination.host.view()}];
            ++out[std::string{row.record.source.host.view()}];
        }
    }
    std::set<std::uint32_t> busy;
    for (const JobRow& row : core->jobs()) {
        if (row.in_use && !row.settled() && row.vm != no_row) {
            EXPECT_TRUE(busy.insert(row.vm).second) << "two jobs on one guest";
        }
    }
    for (const auto& [name, count] : in) {
        EXPECT_LE(count, 1) << "migrations into " << name;
    }
    for (const auto& [name, count] : out) {
        EXPECT_LE(count, 1) << "migrations out of " << name;
    }
    std::map<Uuid, int> running;
    for (const auto& [name, agent] : agents) {
        EXPECT_LE(agent.used_mib(), agent.memory_mib) << name << " is over-committed";
        for (const auto& [uuid, guest] : agent.guests) {
            running[uuid] += guest.in_flight == wire::InFlight::no ? 1 : 0;
        }
    }
    for (const auto& [uuid, count] : running) {
        EXPECT_LE(count, 1) << "a guest on two hosts";
    }
    for (const LimitUse& use : core->limits()) {
        EXPECT_LE(use.used, use.limit) << use.name;
    }
}

}  // namespace ballast::controller::test
