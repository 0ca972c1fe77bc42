// What a plan foresaw, beside what came of it: the load of every host when the window after the last move is
// over, and what each move took.
#include <algorithm>
#include <cmath>

#include "controller/core/step.hpp"
#include "policy/means.hpp"

namespace ballast::controller {
namespace {

// A host whose samples do not come is waited for so long after the window, then it is left out.
constexpr Duration patience = seconds(60);

Duration window_of(const Tables& t, const PlanRow& plan) noexcept {
    // One more: the newest sample when the last move ended may be of before that.
    return t.settings.sample_interval * (std::int64_t{plan.record.parameters.window} + 1);
}

bool moves_all_done(const PlanRow& plan, const HostName& host) noexcept {
    const auto moves = plan.moves.first(plan.record.moves);
    return std::all_of(moves.begin(), moves.end(), [&](const PlanMove& move) {
        return move.state == MoveState::succeeded || (move.from != host && move.to != host);
    });
}

// Since the plan ended, a guest has come, gone or begun: the plan could not foresee it.
bool disturbed(const Tables& t, const PlanRow& plan, std::uint32_t host) noexcept {
    const HostRow& row = t.hosts[host];
    if (row.migrations_in != 0 || row.migrations_out != 0) {
        return true;
    }
    const auto vms = t.vms.rows();
    return std::any_of(vms.begin(), vms.end(), [&](const VmRow& vm) {
        const bool moved = vm.record.last_moved > plan.record.ended &&
                           (vm.host == host || vm.record.came_from == row.record.name);
        return vm.in_use && (moved || (vm.host == host && vm.record.started > plan.record.ended));
    });
}

bool window_full(const Tables& t, const PlanRow& plan, std::uint32_t host) noexcept {
    return t.hosts[host].samples >= plan.record.parameters.window;
}

bool still_waits(const Step& step, const PlanRow& plan) noexcept {
    if (step.now.mono < plan.compare_from) {
        return true;
    }
    if (step.now.mono >= plan.compare_from + patience) {
        return false;
    }
    const auto loads = plan.hosts.first(plan.record.hosts);
    return std::any_of(loads.begin(), loads.end(), [&](const PlanHostLoad& load) {
        const std::uint32_t host = find_host_by_name(step.t, load.host);
        return host != no_row && !window_full(step.t, plan, host);
    });
}

void compare(Step& step, PlanRow& plan) noexcept {
    Tables& t = step.t;
    const policy::Pool pool = build_model(t, step.now);
    policy::measure(pool, plan.record.parameters.window, t.workspace);
    bool any = false;
    for (PlanHostLoad& load : plan.hosts.first(plan.record.hosts)) {
        const std::uint32_t host = find_host_by_name(t, load.host);
        load.compared = host != no_row && t.hosts[host].state == HostState::up &&
                        window_full(t, plan, host) && moves_all_done(plan, load.host) &&
                        !disturbed(t, plan, host);
        load.measured = load.compared ? t.workspace.host_load[host] : policy::HostLoad{};
        any = any || load.compared;
    }
    if (!any) {
        return;
    }
    policy::PoolLoad spread;
    spread.hosts = t.workspace.host_load;
    policy::spread(pool.hosts, spread);
    plan.record.prediction = PredictionState::compared;
    plan.record.measured_at = step.now.wall;
    plan.record.measured = keep_spread(spread);
}

void count(Counters& counters, const PlanRow& plan) noexcept {
    if (plan.record.prediction != PredictionState::compared) {
        ++counters.predictions_missed;
        return;
    }
    ++counters.predictions_compared;
    const PredictionError error = prediction_error(plan.view());
    counters.prediction_error.cpu.sum += error.cpu.sum;
    counters.prediction_error.cpu.count += error.cpu.count;
}

void add_host(PredictionError& error, const PlanHostLoad& load) noexcept {
    error.cpu.add(std::abs(load.after.cpu - load.measured.cpu));
    error.memory.add(std::abs(load.after.memory - load.measured.memory));
    error.net.add(std::abs(load.after.net - load.measured.net));
    error.disk.add(std::abs(load.after.disk - load.measured.disk));
    error.memory_used.add(std::abs(load.after.memory_used - load.measured.memory_used));
}

void add_move(PredictionError& error, const PlanMove& move) noexcept {
    if (move.took_ms != 0 && move.expected_seconds > 0) {
        const double took = move.took_ms / ms_per_second;
        error.duration.add(std::abs(move.expected_seconds - took) / took);
    }
    if (move.took_ms != 0 && move.expected_downtime_seconds > 0) {
        error.downtime_seconds.add(
            std::abs(move.expected_downtime_seconds - move.downtime_ms / ms_per_second));
    }
}

}  // namespace

PredictionError prediction_error(const PlanView& plan) noexcept {
    PredictionError error;
    for (const PlanHostLoad& load : plan.hosts) {
        if (load.compared) {
            add_host(error, load);
        }
    }
    for (const PlanMove& move : plan.moves) {
        add_move(error, move);
    }
    return error;
}

void take_times(PlanMove& move, const JobRecord& job) noexcept {
    if (job.state == JobState::succeeded) {
        move.took_ms = job.total_ms;
        move.downtime_ms = job.downtime_ms;
    }
}

void count_move(Tables& t, const PlanMove& move) noexcept {
    add_move(t.counters.prediction_error, move);
}

void open_prediction(const Tables& t, const Now& now, PlanRow& plan) noexcept {
    plan.record.prediction = PredictionState::open;
    plan.compare_from = now.mono + window_of(t, plan);
}

void tick_predictions(Step& step) noexcept {
    for (std::uint32_t row = 0; row < step.t.plans.rows().size(); ++row) {
        PlanRow& plan = step.t.plans[row];
        if (!plan.in_use || plan.record.prediction != PredictionState::open || still_waits(step, plan)) {
            continue;
        }
        plan.record.prediction = PredictionState::missed;
        compare(step, plan);
        count(step.t.counters, plan);
        step.out.add(PersistPlan{row});
    }
}

}  // namespace ballast::controller
