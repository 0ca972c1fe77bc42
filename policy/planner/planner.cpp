#include "policy/planner/planner.hpp"

#include <algorithm>
#include <cmath>

#include "base/compose.hpp"
#include "policy/forecast.hpp"
#include "policy/judge.hpp"
#include "policy/means.hpp"
#include "policy/shrinkage.hpp"

namespace ballast::policy::planner {
namespace {

// Whoever asks for a shorter window than this wants every sample judged alone.
constexpr std::uint32_t relief_samples_min = 3;
// One sample does not tell who is busy from who just was: balance waits for the next.
constexpr std::size_t balance_samples_min = 2;
// A host that is still overloaded is worth more than its share of the cost: guests leave it, and are swapped
// for it, even where those of a host that only is busier than others would not be.
constexpr double unsolved_price_share = 0.1;
// Of a slow processor: most do three times as many.
constexpr std::uint64_t evaluations_per_ms = 20'000;

Point thresholds_of(const Parameters& parameters) noexcept {
    Point out;
    out.fill(unlimited);
    for (const Resource resource : all_resources) {
        out[static_cast<std::size_t>(resource)] = planner_threshold(parameters, resource);
    }
    return out;
}

// Evaluations that a round may take for relief and balance together.
std::uint64_t budget_of(const Parameters& parameters) noexcept {
    return parameters.time_budget_ms > 0 ? parameters.time_budget_ms * evaluations_per_ms : UINT64_MAX;
}

std::string_view name_of(std::size_t axis) noexcept {
    return axis < resource_count                           ? to_string(static_cast<Resource>(axis))
           : axis == static_cast<std::size_t>(Axis::vcpus) ? "vcpus"
                                                           : "memory_given";
}

}  // namespace

Planner::Planner(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept
    : board_{arena, hosts_max, vms_max},
      relief_{arena, hosts_max, vms_max},
      calm_{arena, hosts_max},
      descent_{arena, hosts_max, vms_max},
      sequence_{arena, vms_max},
      waves_{arena, hosts_max, vms_max},
      hot_{arena.make_array<bool>(hosts_max)} {}

void Planner::begin(const Pool& pool, const Parameters& parameters, Workspace& workspace,
                    Plan& out) noexcept {
    calm_.end();
    pool_ = &pool;
    parameters_ = &parameters;
    out_ = &out;
    thresholds_ = thresholds_of(parameters);
    fill_up_to_ = thresholds_;
    for (double& each : fill_up_to_) {
        each -= parameters.relief_margin;
    }
    objective_ = Objective{parameters};
    look_ahead(workspace);
    const ReliefLimits limits = relief_limits();
    relief_.drain(board_, objective_, limits, out);
    const bool hot = mark_hot(workspace);
    const bool urgent = hot || relief_.migrations() > 0;
    // A deviation is lowered for its own sake; what is overloaded even then is relieved in the end.
    const bool against_load = objective_.exact();
    relief_only_ = urgent && against_load;
    relief_comes_last_ = hot && !against_load;
    if (hot && against_load) {
        relief_.relieve(board_, objective_, limits, hot_, out);
    }
    const Point* before_max = nullptr;
    balanced_ = parameters.balance == 0 || (relief_only_ && (!hot || relief_.solved()));
    awaits_samples_ = !balanced_ && !urgent && against_load && !pool.loads_given &&
                      longest_series(pool.vms) < balance_samples_min;
    balanced_ = balanced_ || awaits_samples_;
    if (!balanced_ && !urgent) {
        look_at(samples_of(parameters.balance_seconds), 0, workspace, true);
        before_max = against_load ? &fill_up_to_ : nullptr;
        if (against_load && parameters.calm_price > 1) {
            calm_.begin(board_, pool, thresholds_);
        }
    }
    const bool unsolved = hot && against_load && !relief_.solved();
    const std::uint64_t budget = budget_of(parameters);
    descent_.begin(
        board_, objective_,
        {limits.migrations_max, keep_spare_host_, relief_only_, unsolved ? unsolved_price_share : 1, &calm_,
         before_max, budget - std::min(budget, relief_.evaluations())});
    measured_ = &workspace;
}

void Planner::relieve_the_rest() noexcept {
    if (relief_comes_last_ && mark_hot(*measured_)) {
        relief_.relieve(board_, objective_, relief_limits(), hot_, *out_);
    }
}

ReliefLimits Planner::relief_limits() const noexcept {
    return {parameters_->moves_max > 0 ? parameters_->moves_max : UINT32_MAX,
            keep_spare_host_,
            parameters_->relief_margin,
            thresholds_,
            parameters_->swap_counts == 1,
            unsolved_price_share,
            budget_of(*parameters_)};
}

// So many samples of the pool's interval are so many seconds.
std::uint32_t Planner::samples_of(std::uint32_t seconds) const noexcept {
    const double interval = std::max(1e-3, pool_->sample_interval_seconds);
    return static_cast<std::uint32_t>(
        std::clamp(std::round(seconds / interval), 1.0, double(limits::window_samples_max)));
}

// Relief acts on what is to come: the mean of the last `relief_seconds`, as far as loads persist in this
// pool.
void Planner::look_ahead(Workspace& workspace) noexcept {
    const std::uint32_t recent = samples_of(parameters_->relief_seconds);
    const bool alone = parameters_->window < relief_samples_min;
    look_at(alone ? recent : limits::window_samples_max, recent, workspace, false);
}

// Sets the board up with the mean load of the last `samples`, or, when `recent` of them say what is to come,
// with that. What is said of the plan afterwards uses the same loads: they stay in the workspace.
void Planner::look_at(std::uint32_t samples, std::uint32_t recent, Workspace& workspace,
                      bool again) noexcept {
    window_ = samples;
    persistence_ = PerResource<double>{};
    if (recent > 0 && recent < samples) {
        Correlations correlations;
        measure(*pool_, window_, workspace, correlations);
        persistence_ = forecast(*pool_, correlations, window_, recent, workspace);
    } else {
        measure(*pool_, window_, workspace);
    }
    if (again && objective_.exact() && !pool_->loads_given) {
        shrink_means(*pool_, window_, workspace);
    }
    board_.set_up(*pool_, *parameters_, window_, workspace, again);
    objective_.follow(board_);
    cost_before_ = objective_.of(board_);
    keep_spare_host_ = parameters_->keep_spare_host != 0 && board_.survives_largest();
}

// Marks the nodes that are overloaded. What is too much by so much, and of that keeps a share from one sample
// to the next, comes to so much over 1 - share in the end: the longer load lasts, the less of it is put up
// with.
bool Planner::mark_hot(const Workspace& measured) noexcept {
    bool any = false;
    const auto nodes = board_.nodes();
    for (Rank n = 0; n < nodes.size(); ++n) {
        hot_[n] = false;
        const HostIndex h = nodes[n].host;
        for (std::size_t a = 0; a < resource_count && nodes[n].counts; ++a) {
            const double put_up_with = parameters_->hysteresis * (1 - persistence_[static_cast<Resource>(a)]);
            hot_[n] = hot_[n] || nodes[n].at[a] > thresholds_[a] + put_up_with + load_tolerance;
        }
        const std::uint32_t samples = measured.host_samples[h][Resource::cpu];
        if (hot_[n] && samples < parameters_->samples_min) {
            out_->reject({no_index, h, Constraint::too_few_samples, double(samples),
                          double(parameters_->samples_min)});
            hot_[n] = false;
        }
        any = any || hot_[n];
    }
    return any;
}

bool Planner::step(std::uint64_t evaluations) noexcept {
    balanced_ = balanced_ || descent_.step(evaluations);
    return balanced_;
}

void Planner::finish() noexcept {
    descent_.stop();
    relieve_the_rest();
    const std::size_t steps_max = parameters_->moves_max > 0 ? parameters_->moves_max : SIZE_MAX;
    sequence_.arrange(board_, objective_, keep_spare_host_, steps_max, *out_);
    for (const Step& step : sequence_.steps()) {
        out_->moves.push(move_of(step));
    }
    waves_.assign(*pool_, parameters_->in_flight_max, out_->moves.items());
    if (!out_->moves.empty()) {
        out_->source = out_->moves[0].from;
    }
    cost_after_ = objective_.of(board_);
    explain_guests();
}

Move Planner::move_of(const Step& step) const noexcept {
    const Guest& guest = board_.guest(step.guest);
    Move move;
    move.vm = guest.vm;
    move.from = board_.node(step.from).host;
    move.to = board_.node(step.to).host;
    move.memory_mib = pool_->vms[guest.vm].memory_mib;
    move.vm_cpu_cores = guest.amount[static_cast<std::size_t>(Axis::cpu)];
    move.seconds = guest.seconds;
    move.price = step.price;
    for (const double each : step.saved) {
        move.saves += each;
    }
    if (step.with != nobody) {
        const Guest& other = board_.guest(step.with);
        move.kind = MoveKind::swap;
        move.with = other.vm;
        move.with_first = step.with_first ? 1 : 0;
        move.memory_mib += pool_->vms[other.vm].memory_mib;
        move.seconds += other.seconds;
    }
    move.why = why(step);
    return move;
}

// What is saved on each axis, and for how much.
Detail Planner::why(const Step& step) const noexcept {
    const auto host = [&](Rank n) { return pool_->hosts[board_.node(n).host].name; };
    Detail text;
    double saved = 0;
    for (const double each : step.saved) {
        saved += each;
    }
    if (board_.node(step.from).leaves) {
        text = compose(host(step.from), " is draining");
    } else if (step.on_the_way) {
        text = compose("goes on later: ", host(step.to), " has room meanwhile");
    } else {
        text = compose("saves ", Decimals{saved, 4}, " (");
        bool first = true;
        for (std::size_t a = 0; a < axis_count; ++a) {
            if (step.saved[a] != 0) {
                detail::append(text, first ? "" : ", ");
                detail::append(text, name_of(a));
                detail::append(text, " ");
                detail::append(text, Decimals{step.saved[a], 4});
                first = false;
            }
        }
        detail::append(text, ")");
    }
    const double gib = board_.guest(step.guest).gib + (step.with == nobody ? 0 : board_.guest(step.with).gib);
    const double seconds =
        board_.guest(step.guest).seconds + (step.with == nobody ? 0 : board_.guest(step.with).seconds);
    detail::append(text, compose(" for ", Decimals{step.price, 4}, ": ", Decimals{gib, 1}, " GiB in ",
                                 Decimals{seconds, 0}, " s"));
    if (hot_[step.from]) {
        detail::append(text, compose("; ", host(step.from), " is overloaded"));
    }
    return text;
}

// Every guest that stays gets the rule that kept it: its own bond, or that no move of it pays. Where only
// overloaded hosts are relieved, nobody has asked whether moves of the others' guests would pay. How much the
// best move of a guest would save is a look at all hosts: in a large pool, at so many guests that it takes as
// long as the search may.
void Planner::explain_guests() noexcept {
    const std::uint64_t hosts = std::max<std::uint64_t>(board_.nodes().size(), 1);
    const std::uint64_t looks_max = parameters_->time_budget_ms * evaluations_per_ms / hosts;
    std::uint64_t looks = 0;
    if (out_->vms.empty()) {
        return;
    }
    calm_.mark_all();
    Savings& savings = descent_.savings();
    for (const Guest& guest : board_.guests()) {
        if (guest.vm >= out_->vms.size() || guest.node == nobody || guest.node != guest.home ||
            out_->vms[guest.vm].kind != Verdict::Kind::none) {
            continue;
        }
        if (!guest.free) {
            out_->vms[guest.vm] = {Verdict::Kind::stays, guest.bound_by, no_index, guest.have, guest.limit};
        } else if (awaits_samples_) {
            out_->vms[guest.vm] = {Verdict::Kind::stays, Constraint::too_few_samples, no_index,
                                   double(board_.node(guest.node).samples), double(balance_samples_min)};
        } else if (parameters_->balance != 0 && (!relief_only_ || hot_[guest.node])) {
            const bool looks_on = parameters_->time_budget_ms == 0 || looks++ < looks_max;
            const auto rank = static_cast<Rank>(&guest - board_.guests().data());
            out_->vms[guest.vm] = {Verdict::Kind::stays, Constraint::gain_too_small, no_index,
                                   looks_on ? savings.best(rank) : not_worked_out, objective_.price(guest)};
        }
    }
}

void decide_ballast(const Policy&, const Pool& pool, const Parameters& parameters, Workspace& workspace,
                    Plan& out) noexcept {
    Planner& planner = *workspace.planner;
    planner.begin(pool, parameters, workspace, out);
    const std::uint64_t budget = budget_of(parameters);
    const bool complete = planner.step(budget - std::min(budget, planner.evaluations()));
    planner.finish();
    out.search = complete && !planner.shortened() ? SearchEnd::complete : SearchEnd::cut_short;
}

}  // namespace ballast::policy::planner
