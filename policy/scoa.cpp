#include "policy/scoa.hpp"

#include <algorithm>
#include <cmath>

#include "base/compose.hpp"
#include "policy/judge.hpp"
#include "policy/ledger.hpp"

namespace ballast::policy {
namespace {

// Marks of a host.
constexpr std::uint32_t untried = 0;
constexpr std::uint32_t excluded = UINT32_MAX;
// Any other: how many actions there had been, and one, when no solution was found for it.

// A pick that has not been looked up, which is not the same as none.
constexpr VmIndex unknown_pick = no_index - 1;

class ScoaRound {
  public:
    ScoaRound(const Pool& pool, const Parameters& parameters, Workspace& workspace, Plan& out) noexcept
        : workspace_{workspace},
          ledger_{pool, parameters, workspace, out,
                  parameters.scoa_load == 0 ? Ledger::Load::mean : Ledger::Load::peak} {}
    void run() noexcept;

  private:
    double distance(const Amounts& a, const Amounts& b) const noexcept;
    double from_origin(const Amounts& load) const noexcept { return distance(load, Amounts{}); }
    Resource heaviest(const Amounts& load) const noexcept;
    HostIndex find_source() const noexcept;
    std::span<HostIndex> gather_targets(HostIndex source) noexcept;
    bool nearer(HostIndex a, HostIndex b) const noexcept;
    // The guest that may move and uses most (or least) of the resource, ties by name.
    enum class Pick : std::uint8_t { most = 0, least = 1 };
    VmIndex pick(HostIndex h, Resource resource, Pick pick, bool wanted) noexcept;
    void forget_picks(HostIndex h) noexcept;
    void commit(Move move) noexcept;

    bool relieve_once(HostIndex source) noexcept;
    bool try_move(VmIndex v, HostIndex source, HostIndex target) noexcept;
    bool try_swap(VmIndex v, HostIndex source, HostIndex target) noexcept;
    bool target_allows(VmIndex v, HostIndex source, HostIndex target, const Amounts& after) noexcept;
    bool source_allows(VmIndex v, HostIndex source, HostIndex target, const Amounts& after) noexcept;
    Detail explain(const Move& move) const noexcept;

    Workspace& workspace_;
    Ledger ledger_;
};

double ScoaRound::distance(const Amounts& a, const Amounts& b) const noexcept {
    double squares = 0;
    for (const Resource resource : all_resources) {
        if (ledger_.weighed(resource)) {
            squares += (a[resource] - b[resource]) * (a[resource] - b[resource]);
        }
    }
    return std::sqrt(squares);
}

// Measured by the thresholds, so that unequal ones are respected; ties in the order of Resource.
Resource ScoaRound::heaviest(const Amounts& load) const noexcept {
    Resource heaviest = Resource::cpu;
    double most = -1;
    for (const Resource resource : all_resources) {
        const double weight = ledger_.weighed(resource) ? load[resource] / ledger_.limit(resource) : -1;
        if (weight > most + load_tolerance) {
            heaviest = resource;
            most = weight;
        }
    }
    return heaviest;
}

// The overloaded host farthest from the origin, ties by name. One that had no solution comes after all that
// have not been tried.
HostIndex ScoaRound::find_source() const noexcept {
    HostIndex source = no_index;
    double farthest = 0;
    bool tried = false;
    for (HostIndex h = 0; h < ledger_.pool().hosts.size(); ++h) {
        const std::uint32_t mark = workspace_.host_marks[h];
        const bool candidate = ledger_.host(h).state == HostState::up && mark != excluded &&
                               mark != ledger_.commits() + 1 && ledger_.overloaded(h);
        if (!candidate || (source != no_index && mark != untried && !tried)) {
            continue;
        }
        const double far = from_origin(ledger_.load(h));
        const bool earlier = tried && mark == untried;
        if (source == no_index || earlier || far > farthest ||
            (far == farthest && ledger_.host(h).name < ledger_.host(source).name)) {
            source = h;
            farthest = far;
            tried = mark != untried;
        }
    }
    return source;
}

// The other up hosts as a heap: farthest from the source first, ties by name. Mostly the first will do, so
// they are not sorted.
std::span<HostIndex> ScoaRound::gather_targets(HostIndex source) noexcept {
    std::size_t count = 0;
    for (HostIndex h = 0; h < ledger_.pool().hosts.size(); ++h) {
        if (h != source && ledger_.host(h).state == HostState::up) {
            workspace_.host_rank[h] = distance(ledger_.load(h), ledger_.load(source));
            workspace_.destination_order[count++] = h;
        }
    }
    const std::span<HostIndex> heap = workspace_.destination_order.first(count);
    std::make_heap(heap.begin(), heap.end(), [this](HostIndex a, HostIndex b) { return nearer(a, b); });
    return heap;
}

bool ScoaRound::nearer(HostIndex a, HostIndex b) const noexcept {
    const double far_a = workspace_.host_rank[a];
    const double far_b = workspace_.host_rank[b];
    return far_a != far_b ? far_a < far_b : ledger_.host(a).name > ledger_.host(b).name;
}

VmIndex ScoaRound::pick(HostIndex h, Resource resource, Pick pick, bool wanted) noexcept {
    VmIndex& known = workspace_.host_picks[h][resource][static_cast<std::size_t>(pick)];
    if (known != unknown_pick) {
        return known;
    }
    VmIndex best = no_index;
    double best_use = 0;
    for (const VmIndex v : ledger_.guests(h)) {
        if (!ledger_.may_move(v, wanted)) {
            continue;
        }
        const double use = ledger_.part(v, h)[resource];
        const bool better = pick == Pick::most ? use > best_use : use < best_use;
        if (best == no_index || better || (use == best_use && ledger_.vm(v).name < ledger_.vm(best).name)) {
            best = v;
            best_use = use;
        }
    }
    known = best;
    return best;
}

void ScoaRound::forget_picks(HostIndex h) noexcept {
    for (auto& by_pick : workspace_.host_picks[h].values) {
        by_pick.fill(unknown_pick);
    }
}

// The guests of both hosts that may still move are others now.
void ScoaRound::commit(Move move) noexcept {
    move.why = explain(move);
    ledger_.commit(move);
    forget_picks(move.from);
    forget_picks(move.to);
}

// "Afterwards the target's load would exceed the source's, or a threshold would be passed." Loads are those
// of the source's heaviest resource: as distances from the origin the first would forbid every action of the
// paper's hour 34. It matters where the second is the hardware's limit, above the threshold that makes a
// source.
bool ScoaRound::target_allows(VmIndex v, HostIndex source, HostIndex target, const Amounts& after) noexcept {
    const Resource worst = heaviest(ledger_.load(source));
    for (const Resource resource : all_resources) {
        const double own = ledger_.limit(resource);
        double most = std::max(own, ledger_.weighed(resource) ? ledger_.parameters().scoa_limit : own);
        if (resource == worst) {
            most = std::min(most, ledger_.load(source)[worst]);
        }
        if (after[resource] > most + load_tolerance) {
            ledger_.out().reject({v, target, destination_constraint(resource), after[resource], most});
            return false;
        }
    }
    return true;
}

// A swap must lower what is heaviest on the source, and may put nothing else above its threshold there.
bool ScoaRound::source_allows(VmIndex v, HostIndex source, HostIndex target, const Amounts& after) noexcept {
    const Amounts& before = ledger_.load(source);
    const Resource worst = heaviest(before);
    for (const Resource resource : all_resources) {
        const double most = resource == worst ? before[resource] - 2 * load_tolerance
                                              : std::max(before[resource], ledger_.limit(resource));
        if (after[resource] > most + load_tolerance) {
            ledger_.out().reject({v, target, Constraint::no_relief, after[resource], most});
            return false;
        }
    }
    return true;
}

bool ScoaRound::try_move(VmIndex v, HostIndex source, HostIndex target) noexcept {
    if (!ledger_.group_allows(v, target) || !ledger_.memory_fits(v, target) ||
        !target_allows(v, source, target, plus(ledger_.load(target), ledger_.part(v, target)))) {
        return false;
    }
    commit(ledger_.make_move(v, source, target));
    return true;
}

bool ScoaRound::try_swap(VmIndex v, HostIndex source, HostIndex target) noexcept {
    const Resource of_source = heaviest(ledger_.load(source));
    const Resource of_target = heaviest(ledger_.load(target));
    const VmIndex with = of_source == of_target ? pick(target, of_source, Pick::least, false)
                                                : pick(target, of_target, Pick::most, false);
    const std::uint32_t in_flight_max = ledger_.parameters().in_flight_max;
    if (with == no_index || ledger_.host(source).migrations_in >= in_flight_max ||
        ledger_.host(target).migrations_out >= in_flight_max) {
        ledger_.out().reject({v, target, Constraint::no_swap, with == no_index ? 0.0 : 1.0, 1});
        return false;
    }
    const Amounts source_after =
        plus(minus(ledger_.load(source), ledger_.part(v, source)), ledger_.part(with, source));
    const Amounts target_after =
        minus(plus(ledger_.load(target), ledger_.part(v, target)), ledger_.part(with, target));
    if (!source_allows(v, source, target, source_after) || !target_allows(v, source, target, target_after)) {
        return false;
    }
    const std::span<const VmIndex> others{&with, 1};
    if (!ledger_.group_allows(v, target, others) || !ledger_.group_allows(with, source, {&v, 1})) {
        return false;
    }
    const auto order = ledger_.swap_order(v, source, target, others);
    if (!order) {
        (void)ledger_.memory_fits(v, target);
        return false;
    }
    commit(ledger_.make_move(v, source, target, others, *order));
    return true;
}

// One action that relieves the source. False: there is none.
bool ScoaRound::relieve_once(HostIndex source) noexcept {
    const VmIndex v = pick(source, heaviest(ledger_.load(source)), Pick::most, true);
    if (v == no_index || !ledger_.has_room(1, v)) {
        return false;
    }
    const std::span<HostIndex> heap = gather_targets(source);
    for (std::size_t left = heap.size(); left > 0; --left) {
        const auto end = heap.begin() + static_cast<std::ptrdiff_t>(left);
        std::pop_heap(heap.begin(), end, [this](HostIndex a, HostIndex b) { return nearer(a, b); });
        const HostIndex target = end[-1];
        if (!ledger_.may_take(target, v)) {
            continue;
        }
        if (try_move(v, source, target) || (ledger_.has_room(2, v) && try_swap(v, source, target))) {
            return true;
        }
    }
    return false;
}

void ScoaRound::run() noexcept {
    const std::size_t hosts = ledger_.pool().hosts.size();
    for (HostIndex h = 0; h < hosts; ++h) {
        const bool candidate = ledger_.host(h).state == HostState::up && ledger_.overloaded(h);
        workspace_.host_marks[h] = candidate && !ledger_.may_give(h) ? excluded : untried;
        forget_picks(h);
    }
    // What had no solution is tried again once other hosts' actions have changed the pool. Every action takes
    // a guest that has not moved yet, so that ends.
    for (HostIndex source = find_source(); source != no_index; source = find_source()) {
        if (ledger_.out().source == no_index) {
            ledger_.out().source = source;
        }
        while (ledger_.overloaded(source) && relieve_once(source)) {
        }
        workspace_.host_marks[source] = ledger_.commits() + 1;
    }
    for (HostIndex h = 0; h < hosts; ++h) {
        if (ledger_.host(h).state == HostState::up && ledger_.overloaded(h)) {
            ledger_.out().unresolved.push(h);
        }
    }
}

Detail ScoaRound::explain(const Move& move) const noexcept {
    const auto percent = [](double value) { return Decimals{value * 100, 1}; };
    const Amounts& source = ledger_.load(move.from);
    const Amounts& target = ledger_.load(move.to);
    const Resource worst = heaviest(source);
    const Resource other = heaviest(target);
    const Amounts part = ledger_.part(move.vm, move.from);
    const auto head =
        compose(ledger_.host(move.from).name, " has ", to_string(worst), " at ", percent(source[worst]),
                "% (threshold ", percent(ledger_.limit(worst)), "%); ", ledger_.host(move.to).name, " is ",
                Decimals{distance(source, target), 2}, " away, heaviest in ", to_string(other), "; ",
                ledger_.vm(move.vm).name, " takes ", percent(part[worst]), "% ", to_string(worst), " there");
    return move.kind == MoveKind::migrate
               ? head
               : compose(head, " for ", ledger_.vm(move.with).name, ", which uses the ",
                         worst == other ? "least " : "most ", to_string(other));
}

}  // namespace

void decide_scoa(const Policy&, const Pool& pool, const Parameters& parameters, Workspace& workspace,
                 Plan& out) noexcept {
    ScoaRound{pool, parameters, workspace, out}.run();
}

}  // namespace ballast::policy
