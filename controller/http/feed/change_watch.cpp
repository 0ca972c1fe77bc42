#include "controller/http/feed/change_watch.hpp"

#include <type_traits>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ballast::controller::http {

namespace {

// A fingerprint of what an object shows. Not of its measured loads, which change with every sample: those are
// events of their own.
class Mixer {
  public:
    template <class Value>
    Mixer& operator()(const Value& value) noexcept {
        if constexpr (std::is_convertible_v<const Value&, std::string_view>) {
            const std::string_view text = value;
            mix(XXH3_64bits(text.data(), text.size()));
        } else if constexpr (std::is_enum_v<Value> || std::is_integral_v<Value>) {
            mix(static_cast<std::uint64_t>(value));
        } else {
            static_assert(std::has_unique_object_representations_v<Value>);
            mix(XXH3_64bits(&value, sizeof value));
        }
        return *this;
    }
    // Never 0, which is an empty row.
    std::uint64_t value() const noexcept { return state_ | 1U; }

  private:
    void mix(std::uint64_t word) noexcept {
        constexpr std::uint64_t odd = 0x9e3779b97f4a7c15U;  // 2^64 / golden ratio
        state_ = (state_ ^ word) * odd;
        state_ ^= state_ >> 29;
    }
    std::uint64_t state_ = 0;
};

std::uint64_t of_host(const HostRow& host) noexcept {
    Mixer mix;
    mix(host.record.uuid)(host.record.cordoned)(host.record.draining)(host.link != 0)(host.degraded);
    mix(host.state)(host.state_reason)(host.cpu_count)(host.memory_mib)(host.net_mbps)(host.software);
    mix(host.migrations_in)(host.migrations_out)(host.open_jobs)(host.guests)(host.hypervisor_version);
    return mix.value();
}

std::uint64_t of_desktop(const DesktopRow& desktop) noexcept {
    Mixer mix;
    mix(desktop.record.state)(desktop.record.session)(desktop.record.generation)(desktop.trouble);
    return mix(desktop.address).value();
}

std::uint64_t of_vm(const Core& core, const VmRow& vm) noexcept {
    Mixer mix;
    mix(vm.record.uuid)(vm.record.name)(vm.record.movable)(vm.record.last_moved.unix_ms)(vm.record.kind);
    mix(vm.host)(vm.state)(vm.state_reason)(vm.domain_state)(vm.memory_mib)(vm.vcpus)(vm.type);
    mix(vm.console_port)(vm.duplicate)(vm.definition)(vm.sightings.size());
    mix(vm.job == no_row ? 0 : core.job(vm.job).record.id);
    if (vm.desktop != no_row) {
        mix(of_desktop(core.desktop(vm.desktop)));
    }
    return mix.value();
}

std::uint64_t of_job(const JobRow& job) noexcept {
    const JobRecord& record = job.record;
    Mixer mix;
    mix(record.id)(record.state)(record.percent)(record.fault)(record.detail)(record.cancel_asked)(
        job.step());
    mix(record.source.state)(record.source.step_name)(record.destination.state)(record.destination.step_name);
    mix(record.wire_bytes)(record.rounds)(record.downtime_ms)(record.total_ms)(record.ended.unix_ms);
    return mix.value();
}

std::uint64_t of_plan(const PlanRow& plan) noexcept {
    const PlanView view = plan.view();
    Mixer mix;
    mix(view.record.id)(view.record.state)(view.record.ended.unix_ms)(view.record.prediction);
    for (const PlanMove& move : view.moves) {
        mix(move.state)(move.job_id);
    }
    return mix.value();
}

std::uint64_t of_pool(const DesktopPoolRow& pool, std::uint64_t desktops) noexcept {
    Mixer mix;
    const PoolTargets& targets = pool.record.targets;
    mix(pool.record.name)(pool.record.enabled)(pool.record.closing)(targets.ready)(targets.paused);
    mix(targets.saved)(targets.max)(pool.grants)(pool.denials)(pool.failures)(pool.failed_ever)(desktops);
    mix(pool.record.created.unix_ms)(pool.record.rules.after_session)(pool.record.guest.memory_mib);
    return mix.value();
}

std::uint64_t of_session(const SessionRow& session) noexcept {
    const SessionRecord& record = session.record;
    Mixer mix;
    mix(record.id)(record.state)(record.ended_by)(record.detail)(record.ended.unix_ms);
    mix(session.endpoint_revision)(session.relay_up)(session.relay_port)(session.connected);
    return mix.value();
}

Name number(std::uint64_t id) {
    return Name{std::string_view{std::to_string(id)}};
}

}  // namespace

ChangeWatch::ChangeWatch(Arena& arena, const Limits& limits) noexcept
    : hosts_{arena.make_array<Seen>(limits.hosts)},
      samples_{arena.make_array<std::uint64_t>(limits.hosts)},
      vms_{arena.make_array<Seen>(limits.vms)},
      jobs_{arena.make_array<Seen>(limits.jobs)},
      plans_{arena.make_array<Seen>(limits.plans)},
      pools_{arena.make_array<Seen>(limits.desktop_pools)},
      sessions_{arena.make_array<Seen>(limits.sessions)},
      desktops_{arena.make_array<std::uint64_t>(limits.desktop_pools)} {}

void ChangeWatch::tell(const Changed& changed) {
    if (!first_) {
        (*tell_)(changed);
    }
}

// A row that holds another object than before is one that went and one that came.
template <class Rows, class NameOf, class Fingerprint>
void ChangeWatch::compare(EventKind kind, std::span<Seen> seen, const Rows& rows, const NameOf& name_of,
                          const Fingerprint& fingerprint) {
    for (std::uint32_t row = 0; row < rows.size() && row < seen.size(); ++row) {
        Seen& before = seen[row];
        const std::uint64_t now = rows[row].in_use ? fingerprint(rows[row], row) : 0;
        if (now == before.fingerprint) {
            continue;
        }
        const Name name = now != 0 ? Name{std::string_view{name_of(rows[row])}} : Name{};
        const bool another = before.fingerprint != 0 && before.name != name;
        if (another) {
            tell({kind, Change::removed, no_row, before.name.view()});
        }
        if (now != 0) {
            const bool added = another || before.fingerprint == 0;
            tell({kind, added ? Change::added : Change::changed, row, name.view()});
        }
        before.fingerprint = now;
        before.name = name;
    }
}

void ChangeWatch::count_desktops(const Core& core) noexcept {
    for (std::uint64_t& pool : desktops_) {
        pool = 0;
    }
    for (const DesktopRow& desktop : core.desktops()) {
        if (desktop.in_use && desktop.pool < desktops_.size()) {
            // A sum, so that the order of rows does not matter.
            desktops_[desktop.pool] += Mixer{}(desktop.record.state)(desktop.trouble).value();
        }
    }
}

// Of the newest decision also that it was repeated.
void ChangeWatch::look_at_decisions(const Core& core) {
    const DecisionRow* newest = core.decision(0);
    if (newest == nullptr) {
        return;
    }
    if (newest->id == last_decision_ && newest->repeated != last_decision_repeated_) {
        tell({EventKind::decision, Change::changed, 0, number(newest->id)});
    }
    std::size_t fresh = 0;
    for (const DecisionRow* row = newest; row != nullptr && row->id > last_decision_; ++fresh) {
        row = core.decision(fresh + 1);
    }
    while (fresh-- > 0) {
        tell({EventKind::decision, Change::added, static_cast<std::uint32_t>(fresh),
              number(core.decision(fresh)->id)});
    }
    last_decision_ = newest->id;
    last_decision_repeated_ = newest->repeated;
}

void ChangeWatch::look_at_loads(const Core& core) {
    for (std::uint32_t row = 0; row < core.hosts().size(); ++row) {
        const HostRow& host = core.host(row);
        if (host.in_use && host.samples != 0 && host.sample_sequence != samples_[row]) {
            samples_[row] = host.sample_sequence;
            tell({EventKind::load, Change::happened, row, host.record.name.view()});
        }
    }
}

void ChangeWatch::look(const Core& core, const std::function<void(const Changed&)>& tell) {
    tell_ = &tell;
    const auto named = [](const auto& row) { return row.record.name.view(); };
    const auto numbered = [](const auto& row) { return number(row.record.id); };
    count_desktops(core);
    compare(EventKind::host, hosts_, core.hosts(), named,
            [](const HostRow& row, std::uint32_t) { return of_host(row); });
    compare(EventKind::job, jobs_, core.jobs(), numbered,
            [](const JobRow& row, std::uint32_t) { return of_job(row); });
    compare(EventKind::vm, vms_, core.vms(), named,
            [&](const VmRow& row, std::uint32_t) { return of_vm(core, row); });
    compare(EventKind::plan, plans_, core.plans(), numbered,
            [](const PlanRow& row, std::uint32_t) { return of_plan(row); });
    compare(EventKind::pool, pools_, core.desktop_pools(), named,
            [&](const DesktopPoolRow& row, std::uint32_t i) { return of_pool(row, desktops_[i]); });
    compare(EventKind::session, sessions_, core.sessions(), numbered,
            [](const SessionRow& row, std::uint32_t) { return of_session(row); });
    look_at_decisions(core);
    look_at_loads(core);
    first_ = false;
    tell_ = nullptr;
}

}  // namespace ballast::controller::http
