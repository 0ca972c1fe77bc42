// The agents' and the store's half of the world: what is done with each action.
#include <gtest/gtest.h>

#include "base/overload.hpp"
#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {}  // namespace

void World::persist(const Action& action) {
    std::visit(
        Overload{
            [&](const PersistHost& a) {
                const HostRecord& record = core->host(a.host).record;
                store.hosts[std::string{record.name.view()}] = record;
            },
            [&](const PersistVm& a) {
                if (core->vm(a.vm).in_use) {
                    store.vms[core->vm(a.vm).record.uuid] = core->vm(a.vm).record;
                }
            },
            [&](const PersistDefinition& a) {
                const wire::GuestSpec& spec = core->definition(a.definition).spec;
                store.definitions[spec.uuid] = spec;
            },
            [&](const PersistJob& a) {
                const JobRecord& record = core->job(a.job).record;
                store.jobs[record.id] = record;
                store.identity.next_job_id = std::max(store.identity.next_job_id, record.id + 1);
            },
            [&](const PersistPlan& a) {
                const PlanView view = core->plan(a.plan);
                store.plans[view.record.id] = {view.record,
                                               {view.moves.begin(), view.moves.end()},
                                               {view.rejected.begin(), view.rejected.end()},
                                               {view.hosts.begin(), view.hosts.end()}};
                store.identity.next_plan_id = std::max(store.identity.next_plan_id, view.record.id + 1);
            },
            [&](const PersistIdempotency& a) {
                const IdempotencyRecord& record = core->idempotency(a.entry).record;
                store.keys[{record.key.high, record.key.low}] = record;
            },
            [&](const PersistDesktopPool& a) {
                const DesktopPoolRecord& record = core->desktop_pool(a.pool).record;
                store.pools[std::string{record.name.view()}] = record;
            },
            [&](const PersistDesktop& a) {
                if (core->desktop(a.desktop).in_use) {
                    const DesktopRecord& record = core->desktop(a.desktop).record;
                    store.desktops[record.uuid] = record;
                }
            },
            [&](const PersistSession& a) {
                const SessionRecord& record = core->session(a.session).record;
                store.sessions[record.id] = record;
                store.identity.next_session_id = std::max(store.identity.next_session_id, record.id + 1);
            },
            [&](const ForgetDesktopPool& a) { store.pools.erase(std::string{a.name.view()}); },
            [&](const ForgetDesktop& a) { store.desktops.erase(a.uuid); },
            [&](const ForgetSession& a) { store.sessions.erase(a.id); },
            [&](const PersistStoreMark&) { store.identity.store_marked = true; },
            [&](const ForgetHost& a) { store.hosts.erase(std::string{a.name.view()}); },
            [&](const ForgetVm& a) {
                store.vms.erase(a.uuid);
                store.definitions.erase(a.uuid);
            },
            [&](const ForgetJob& a) { store.jobs.erase(a.id); },
            [&](const ForgetPlan& a) { store.plans.erase(a.id); },
            [&](const ForgetIdempotency& a) {
                store.keys.erase({a.key.high, a.key.low});
            },
            [](const auto&) {},
        },
        action);
}

void World::perform(const Action& action) {
    transcript += std::to_string(action.index()) + ";";
    std::visit(Overload{
                   [&](const SendOrder& a) {
                       wire::JobOrder order;
                       core->fill_order(a, now, order);
                       // Whatever an agent is told is on disk first, the fact that it is told included.
                       ASSERT_EQ(store.jobs.count(order.job_id), 1U);
                       const JobRecord& stored = store.jobs[order.job_id];
                       const JobSide& side =
                           a.kind == JobKind::migrate_in ? stored.destination : stored.source;
                       EXPECT_NE(side.state, SideState::unused);
                       EXPECT_FALSE(order.uuid.nil());
                       EXPECT_GT(order.deadline_ms, 0U);
                       orders.push_back(order);
                       transcript += "order " + std::to_string(order.job_id) + " " +
                                     std::string{to_string(order.kind)} + ";";
                       if (Agent* agent = agent_of(a.link)) {
                           take_order(*agent, order);
                       }
                   },
                   [&](const Send& a) {
                       if (const auto* ack = std::get_if<wire::JobAck>(&a.message)) {
                           transcript += "ack " + std::to_string(ack->job_id) + ";";
                       }
                       if (Agent* agent = agent_of(a.link)) {
                           take_small(*agent, a.message);
                       }
                   },
                   [&](const CloseLink& a) {
                       if (Agent* agent = agent_of(a.link)) {
                           agent->link = 0;
                       }
                   },
                   [&](const Reply& a) {
                       ++replies;
                       transcript += "reply " + std::to_string(a.command_id) + ";";
                   },
                   [&](const Report& a) {
                       ++reported[std::string{a.what}];
                       transcript += std::string{a.what} + " " + std::string{a.name.view()} + " " +
                                     std::string{a.detail.view()} + ";";
                   },
                   [](const auto&) {},
               },
               action);
}

void World::take_order(Agent& agent, const wire::JobOrder& order) {
    if (const auto known = agent.jobs.find(order.job_id); known != agent.jobs.end()) {
        tell(agent, known->second);
        return;
    }
    EXPECT_TRUE(order.kind != JobKind::migrate_out || order.peer_port != 0) << "an agent refuses that";
    AgentJob& job = agent.jobs[order.job_id];
    job.order = order;
    job.update.job_id = order.job_id;
    job.update.kind = order.kind;
    job.update.uuid = order.uuid;
    job.update.state = JobState::running;
}

void World::take_small(Agent& agent, const SmallMessage& message) {
    if (const auto* ack = std::get_if<wire::JobAck>(&message)) {
        const auto job = agent.jobs.find(ack->job_id);
        if (job == agent.jobs.end()) {
            return;
        }
        EXPECT_TRUE(job->second.ended) << "acknowledged before it ended";
        if (job->second.order.kind == JobKind::migrate_in && store.jobs.count(ack->job_id) != 0) {
            // docs/migration.md, rule 4.
            const SideState source = store.jobs[ack->job_id].source.state;
            EXPECT_TRUE(source == SideState::unused || source == SideState::ended ||
                        source == SideState::acked || source == SideState::lost);
        }
        agent.jobs.erase(job);
    } else if (const auto* note = std::get_if<wire::GuestNote>(&message)) {
        signal(agent, *note);
    } else if (std::holds_alternative<wire::RelayOpen>(message) ||
               std::holds_alternative<wire::RelayClose>(message)) {
        take_relay(agent, message);
    } else if (const auto* probe = std::get_if<wire::StoreProbe>(&message)) {
        probes.emplace_back(agent.name, *probe);
    } else if (const auto* limit = std::get_if<wire::JobLimit>(&message)) {
        EXPECT_EQ(store.jobs[limit->job_id].bandwidth_mbps, limit->bandwidth_mbps)
            << "told before it is stored";
        agent.limits[limit->job_id] = limit->bandwidth_mbps;
    } else if (const auto* cancel = std::get_if<wire::JobCancel>(&message)) {
        const auto job = agent.jobs.find(cancel->job_id);
        if (job != agent.jobs.end() && !job->second.ended) {
            finish(agent, job->second, JobState::cancelled, Fault::cancelled);
        }
    }
}

void World::relay_status(const std::string& name, std::uint64_t session, wire::RelayState state,
                         std::uint32_t idle_seconds) {
    Agent& agent = agents.at(name);
    wire::RelayStatus status;
    status.session_id = session;
    status.state = state;
    status.idle_seconds = idle_seconds;
    if (const auto relay = agent.relays.find(session); relay != agent.relays.end()) {
        status.uuid = relay->second.uuid;
        status.address = "192.0.2.1";
        status.port = agent.next_relay_port;
    }
    const wire::Message message = status;
    (void)deliver(name, message);
}

void World::take_relay(Agent& agent, const SmallMessage& message) {
    if (const auto* open = std::get_if<wire::RelayOpen>(&message)) {
        EXPECT_EQ(agent.guests.count(open->uuid), 1U) << "a relay to a guest that is elsewhere";
        EXPECT_EQ(store.sessions.count(open->session_id), 1U) << "a relay of a session that is not on disk";
        agent.relays[open->session_id] = *open;
        ++agent.next_relay_port;
        relay_status(agent.name, open->session_id, wire::RelayState::listening);
    } else if (const auto* close = std::get_if<wire::RelayClose>(&message)) {
        relay_status(agent.name, close->session_id, wire::RelayState::closed);
        agent.relays.erase(close->session_id);
    }
}

void World::signal(Agent& agent, const wire::GuestNote& note) {
    const auto guest = agent.guests.find(note.uuid);
    if (note.watch != wire::LifeSigns::none) {
        agent.watched.push_back(note);
    }
    agent.shares[note.uuid] = std::string{note.data_share.view()};
    const bool answers = note.watch == wire::LifeSigns::none ? agent.guests_signal : agent.guests_live;
    if (!answers || guest == agent.guests.end() || guest->second.state != DomainState::running) {
        return;
    }
    wire::GuestSignal said;
    said.uuid = note.uuid;
    said.nonce = note.nonce;
    said.address = note.watch == wire::LifeSigns::none ? "198.51.100.7" : "";
    said.ready = true;
    const wire::Message message = said;
    (void)deliver(agent.name, message);
}

void World::finish(Agent& agent, AgentJob& job, JobState state, Fault fault) {
    job.ended = true;
    job.update.state = state;
    job.update.fault = fault;
    job.update.ready = false;
    if (job.order.kind == JobKind::migrate_in && state != JobState::succeeded) {
        agent.guests.erase(job.order.uuid);  // the half copy
    }
    const AgentJob said = job;  // telling may lead to an acknowledgement, which removes the job
    tell(agent, said);
    report(agent.name);
}

void World::work() {
    for (auto& [name, agent] : agents) {
        std::vector<std::uint64_t> open;
        for (const auto& [id, job] : agent.jobs) {
            if (!job.ended) {
                open.push_back(id);
            }
        }
        for (const std::uint64_t id : open) {
            const auto job = agent.jobs.find(id);
            if (job != agent.jobs.end() && !job->second.ended && !agent.idle) {
                advance(agent, job->second);
            }
        }
    }
}

void World::advance(Agent& agent, AgentJob& job) {
    const wire::JobOrder& order = job.order;
    ++job.stage;
    if (job.stage == 1 && agent.refuse_next != Fault::none) {
        const Fault fault = agent.refuse_next;
        agent.refuse_next = Fault::none;
        finish(agent, job, JobState::failed, fault);
        return;
    }
    if (order.kind == JobKind::clone && agent.refuse_clone != Fault::none) {
        finish(agent, job, JobState::failed, std::exchange(agent.refuse_clone, Fault::none));
        return;
    }
    const auto guest = agent.guests.find(order.uuid);
    switch (order.kind) {
        case JobKind::migrate_in:
            if (job.stage == 1) {
                if (agent.used_mib() + order.memory_kib / 1024 > agent.memory_mib) {
                    finish(agent, job, JobState::failed, Fault::no_memory);
                    return;
                }
                agent.guests[order.uuid] = {
                    std::string{order.name.view()}, DomainState::paused, order.memory_kib / 1024, 0.1, false,
                    wire::InFlight::incoming};
                job.update.ready = true;
                report(agent.name);
                tell(agent, job);
            }
            return;
        case JobKind::migrate_out: advance_migration(agent, job); return;
        case JobKind::create:
            if (agent.creates_break) {
                agent.guests[order.uuid] = {std::string{order.name.view()}, DomainState::paused,
                                            order.spec.memory_mib, 0.1, true};
                report(agent.name);
                if (job.stage > 1) {
                    finish(agent, job, JobState::failed, Fault::hypervisor_failed);
                }
                return;
            }
            agent.guests[order.uuid] = {std::string{order.name.view()}, DomainState::running,
                                        order.spec.memory_mib, 0.1, true};
            break;
        case JobKind::restore:
            agent.guests[order.uuid] = agent.saved.at(order.uuid);
            agent.saved.erase(order.uuid);
            break;
        case JobKind::save:
            agent.saved[order.uuid] = guest->second;
            agent.guests.erase(guest);
            break;
        case JobKind::pause:
        case JobKind::unpause:
            guest->second.state = order.kind == JobKind::pause ? DomainState::paused : DomainState::running;
            break;
        case JobKind::shutdown:
        case JobKind::destroy:
            if (guest != agent.guests.end()) {
                agent.guests.erase(guest);
            }
            agent.saved.erase(order.uuid);
            break;
        case JobKind::disk_create:
            EXPECT_TRUE(order.has_volume);
            EXPECT_TRUE(agent.disks.insert(std::string{order.volume.path.view()}).second)
                << "a disk made twice";
            break;
        case JobKind::disk_delete: agent.disks.erase(std::string{order.volume.path.view()}); break;
        case JobKind::golden_keep:
            EXPECT_EQ(agent.saved.count(order.uuid), 1U);
            EXPECT_TRUE(agent.disks.insert(std::string{order.volume.path.view()}).second);
            break;
        case JobKind::clone:
            agent.guests[order.uuid] = {std::string{order.name.view()}, DomainState::running,
                                        order.spec.memory_mib, 0.1, true};
            break;
        case JobKind::image_index: break;
        case JobKind::none:
        case JobKind::migrate: ADD_FAILURE() << "no agent's job"; break;
    }
    finish(agent, job, JobState::succeeded);
}

void World::advance_migration(Agent& source, AgentJob& job) {
    Agent& destination = agents.at(std::string{job.order.peer_host.view()});
    const auto other = destination.jobs.find(job.order.job_id);
    const auto guest = source.guests.find(job.order.uuid);
    if (other == destination.jobs.end() || other->second.ended || guest == source.guests.end()) {
        finish(source, job, JobState::failed, Fault::peer_refused);
        return;
    }
    EXPECT_TRUE(other->second.update.ready) << "the source was told before the destination was prepared";
    EXPECT_EQ(job.order.migration_id, other->second.order.migration_id);
    job.update.percent = static_cast<std::uint32_t>(job.stage * 25);
    tell(source, job);
    if (job.stage < 4) {
        return;
    }
    // The hand-over: from here on the destination has it.
    Guest moved = guest->second;
    source.guests.erase(guest);
    destination.guests[job.order.uuid] = moved;
    finish(destination, other->second, JobState::succeeded);
    if (destination.arrivals_crash) {
        destination.guests[job.order.uuid].state = DomainState::crashed;
        report(destination.name);
    }
    job.update.percent = 100;
    job.update.downtime_ms = 30;
    job.update.total_ms = 4000;
    finish(source, job, JobState::succeeded);
}

}  // namespace ballast::controller::test
