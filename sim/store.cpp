#include "sim/store.hpp"

#include <algorithm>

#include "base/overload.hpp"

namespace ballast::simulator {
namespace {

StoredPlan copy_of(const controller::PlanView& view) {
    return {view.record,
            {view.moves.begin(), view.moves.end()},
            {view.rejected.begin(), view.rejected.end()},
            {view.hosts.begin(), view.hosts.end()},
            view.by_rule};
}

}  // namespace

std::string_view StoreContent::restore_into(controller::Core& core) const {
    core.restore_identity(identity);
    for (const auto& [name, record] : hosts) {
        if (!core.restore_host(record).ok()) {
            return "hosts";
        }
    }
    for (const auto& [uuid, record] : vms) {
        if (!core.restore_vm(record).ok()) {
            return "vms";
        }
    }
    for (const auto& [uuid, spec] : definitions) {
        if (!core.restore_definition(spec).ok()) {
            return "definitions";
        }
    }
    for (const auto& [name, record] : pools) {
        if (!core.restore_desktop_pool(record).ok()) {
            return "pools";
        }
    }
    for (const auto& [uuid, record] : desktops) {
        if (!core.restore_desktop(record).ok()) {
            return "desktops";
        }
    }
    for (const auto& [id, record] : sessions) {
        if (!core.restore_session(record).ok()) {
            return "sessions";
        }
    }
    for (const auto& [id, record] : jobs) {
        if (!core.restore_job(record).ok()) {
            return "jobs";
        }
    }
    for (const auto& [id, plan] : plans) {
        if (!core.restore_plan({plan.record, plan.moves, plan.rejected, plan.hosts, plan.by_rule}).ok()) {
            return "plans";
        }
    }
    for (const auto& [key, record] : keys) {
        if (!core.restore_idempotency(record).ok()) {
            return "keys";
        }
    }
    return {};
}

bool Store::stage(const controller::Core& core, const controller::Action& action, Mutation mutation) {
    using namespace controller;
    const auto put = [this](auto change) {
        staged_.emplace_back(std::move(change));
        return true;
    };
    return std::visit(
        Overload{
            [&](const PersistHost& a) {
                return put(
                    [record = core.host(a.host).record](StoreContent& c) { c.hosts[record.name] = record; });
            },
            [&](const PersistVm& a) {
                return !core.vm(a.vm).in_use ||
                       put([record = core.vm(a.vm).record](StoreContent& c) { c.vms[record.uuid] = record; });
            },
            [&](const PersistDefinition& a) {
                return put([spec = core.definition(a.definition).spec](StoreContent& c) {
                    c.definitions[spec.uuid] = spec;
                });
            },
            [&](const PersistJob& a) {
                return put([record = core.job(a.job).record](StoreContent& c) {
                    c.jobs[record.id] = record;
                    c.identity.next_job_id = std::max(c.identity.next_job_id, record.id + 1);
                });
            },
            [&](const PersistPlan& a) {
                return put([plan = copy_of(core.plan(a.plan))](StoreContent& c) {
                    c.plans[plan.record.id] = plan;
                    c.identity.next_plan_id = std::max(c.identity.next_plan_id, plan.record.id + 1);
                });
            },
            [&](const PersistIdempotency& a) {
                return put([record = core.idempotency(a.entry).record](StoreContent& c) {
                    c.keys[{record.key.high, record.key.low}] = record;
                });
            },
            [&](const PersistDesktopPool& a) {
                return !core.desktop_pool(a.pool).in_use ||
                       put([record = core.desktop_pool(a.pool).record](StoreContent& c) {
                           c.pools[record.name] = record;
                       });
            },
            [&](const PersistDesktop& a) {
                return !core.desktop(a.desktop).in_use ||
                       put([record = core.desktop(a.desktop).record, mutation](StoreContent& c) {
                           c.desktops[record.uuid] = record;
                           c.desktops[record.uuid].used = record.used && mutation != Mutation::forget_used;
                       });
            },
            [&](const PersistSession& a) {
                return !core.session(a.session).in_use ||
                       put([record = core.session(a.session).record](StoreContent& c) {
                           c.sessions[record.id] = record;
                           c.identity.next_session_id = std::max(c.identity.next_session_id, record.id + 1);
                       });
            },
            [&](const ForgetDesktopPool& a) { return put([a](StoreContent& c) { c.pools.erase(a.name); }); },
            [&](const ForgetDesktop& a) { return put([a](StoreContent& c) { c.desktops.erase(a.uuid); }); },
            [&](const ForgetSession& a) { return put([a](StoreContent& c) { c.sessions.erase(a.id); }); },
            [&](const PersistStoreMark&) {
                return put([](StoreContent& c) { c.identity.store_marked = true; });
            },
            [&](const ForgetHost& a) { return put([a](StoreContent& c) { c.hosts.erase(a.name); }); },
            [&](const ForgetVm& a) {
                return put([a](StoreContent& c) {
                    c.vms.erase(a.uuid);
                    c.definitions.erase(a.uuid);
                });
            },
            [&](const ForgetJob& a) { return put([a](StoreContent& c) { c.jobs.erase(a.id); }); },
            [&](const ForgetPlan& a) { return put([a](StoreContent& c) { c.plans.erase(a.id); }); },
            [&](const ForgetIdempotency& a) {
                return put([a](StoreContent& c) { c.keys.erase({a.key.high, a.key.low}); });
            },
            [](const auto&) { return false; }},
        action);
}

void Store::commit() {
    for (const auto& change : staged_) {
        change(content);
    }
    staged_.clear();
}

}  // namespace ballast::simulator
