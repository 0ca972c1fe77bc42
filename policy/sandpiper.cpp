#include "policy/sandpiper.hpp"

#include <algorithm>

#include "base/compose.hpp"
#include "policy/history.hpp"
#include "policy/hotspot.hpp"
#include "policy/judge.hpp"
#include "policy/ledger.hpp"

namespace ballast::policy {
namespace {

// Marks of a host.
constexpr std::uint32_t hot = 1;     // a hotspot that waits for relief
constexpr std::uint32_t sorted = 2;  // its guests are in order

class SandpiperRound {
  public:
    SandpiperRound(const Pool& pool, const Parameters& parameters, Workspace& workspace, Plan& out) noexcept
        : workspace_{workspace},
          ledger_{pool, parameters, workspace, out, Ledger::Load::mean},
          history_{pool, hotspot_instants(parameters), workspace} {
        for (const Resource resource : all_resources) {
            weighed_[resource] = ledger_.weighed(resource);
        }
    }
    void run() noexcept;

  private:
    HotspotSignal signal(HostIndex h, Resource resource) const noexcept {
        return hotspot_signal(history_, h, resource, ledger_.parameters());
    }
    bool detect(HostIndex h) noexcept;
    void rank_guests() noexcept;
    void rank_host(HostIndex h) noexcept { workspace_.host_rank[h] = volume(ledger_.load(h), weighed_); }
    HostIndex hottest() const noexcept;
    std::span<const VmIndex> ordered_guests(HostIndex h) noexcept;
    bool before(HostIndex a, HostIndex b) const noexcept;
    void order_hosts() noexcept;
    void rank_again(HostIndex h) noexcept;
    const Amounts& most_room(HostIndex source) noexcept;

    void relieve(HostIndex source) noexcept;
    void try_all_moves(HostIndex source) noexcept;
    void try_all_swaps(HostIndex source) noexcept;
    bool helps(VmIndex v, HostIndex source) noexcept;
    bool try_moves(VmIndex v, HostIndex source) noexcept;
    bool try_swaps(VmIndex v, HostIndex source) noexcept;
    bool try_swap(VmIndex v, HostIndex source, HostIndex to) noexcept;
    bool fits(VmIndex v, HostIndex to, const Amounts& load) noexcept;
    bool groups_allow(VmIndex v, HostIndex source, HostIndex to, std::span<const VmIndex> others) noexcept;
    void commit(Move move, const HotspotSignal& why) noexcept;
    Detail explain(const Move& move, const HotspotSignal& why) const noexcept;

    Workspace& workspace_;
    Ledger ledger_;
    HostHistory history_;
    PerResource<bool> weighed_;
    HotspotSignal why_;           // the source's
    std::uint32_t tried_ = 0;     // its guests
    std::span<HostIndex> order_;  // up hosts, lowest volume first
    Amounts most_room_;           // that any other host than `most_room_for_` has, in each resource
    HostIndex most_room_for_ = no_index;
};

// Whether the host is a hotspot; then its load counts as predicted, where that is more.
bool SandpiperRound::detect(HostIndex h) noexcept {
    bool found = false;
    std::optional<Rejection> why_not;
    for (const Resource resource : all_resources) {
        const HotspotSignal seen = weighed_[resource] ? signal(h, resource) : HotspotSignal{};
        if (seen.hot()) {
            ledger_.raise(h, resource, seen.predicted);
            found = true;
        } else if (seen.sustained()) {
            why_not = Rejection{no_index, h, Constraint::not_predicted, seen.predicted, seen.limit};
        } else if (seen.above > 0) {
            why_not =
                Rejection{no_index, h, Constraint::not_sustained, double(seen.above), double(seen.needed)};
        }
    }
    if (!found && why_not) {
        ledger_.out().reject(*why_not);
    }
    return found && ledger_.may_give(h);
}

// By volume-to-size ratio: load relieved for each MiB that is copied.
void SandpiperRound::rank_guests() noexcept {
    const Pool& pool = ledger_.pool();
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const Vm& vm = pool.vms[v];
        if (vm.host != no_index) {
            const auto size_mib = static_cast<double>(std::max<std::uint64_t>(vm.memory_mib, 1));
            workspace_.vm_rank[v] = volume(ledger_.part(v, vm.host), weighed_) / size_mib;
        }
    }
}

// The hotspot with the highest volume, ties by name.
HostIndex SandpiperRound::hottest() const noexcept {
    HostIndex best = no_index;
    for (HostIndex h = 0; h < ledger_.pool().hosts.size(); ++h) {
        if ((workspace_.host_marks[h] & hot) == 0) {
            continue;
        }
        const double rank = workspace_.host_rank[h];
        if (best == no_index || rank > workspace_.host_rank[best] ||
            (rank == workspace_.host_rank[best] && ledger_.host(h).name < ledger_.host(best).name)) {
            best = h;
        }
    }
    return best;
}

// Highest volume-to-size ratio first, ties by name.
std::span<const VmIndex> SandpiperRound::ordered_guests(HostIndex h) noexcept {
    const std::span<VmIndex> guests = ledger_.guests(h);
    if ((workspace_.host_marks[h] & sorted) == 0) {
        std::sort(guests.begin(), guests.end(), [&](VmIndex a, VmIndex b) {
            const double rank_a = workspace_.vm_rank[a];
            const double rank_b = workspace_.vm_rank[b];
            return rank_a != rank_b ? rank_a > rank_b : ledger_.vm(a).name < ledger_.vm(b).name;
        });
        workspace_.host_marks[h] |= sorted;
    }
    return guests;
}

// Lowest volume first, ties by name.
bool SandpiperRound::before(HostIndex a, HostIndex b) const noexcept {
    const double rank_a = workspace_.host_rank[a];
    const double rank_b = workspace_.host_rank[b];
    return rank_a != rank_b ? rank_a < rank_b : ledger_.host(a).name < ledger_.host(b).name;
}

void SandpiperRound::order_hosts() noexcept {
    std::size_t count = 0;
    for (HostIndex h = 0; h < ledger_.pool().hosts.size(); ++h) {
        if (ledger_.host(h).state == HostState::up) {
            workspace_.destination_order[count++] = h;
        }
    }
    order_ = workspace_.destination_order.first(count);
    std::sort(order_.begin(), order_.end(), [this](HostIndex a, HostIndex b) { return before(a, b); });
}

// One host's volume has changed: only it changes its place.
void SandpiperRound::rank_again(HostIndex h) noexcept {
    rank_host(h);
    auto at = std::find(order_.begin(), order_.end(), h);
    for (; at != order_.begin() && before(h, at[-1]); --at) {
        std::swap(at[0], at[-1]);
    }
    for (; at + 1 != order_.end() && before(at[1], h); ++at) {
        std::swap(at[0], at[1]);
    }
    most_room_for_ = no_index;
}

// What is more than this fits on no single other host: most guests of a full pool are answered by it at once.
const Amounts& SandpiperRound::most_room(HostIndex source) noexcept {
    if (most_room_for_ != source) {
        most_room_for_ = source;
        most_room_ = {};
        for (const HostIndex h : order_) {
            const Amounts room = h == source ? Amounts{} : ledger_.room(h);
            for (const Resource resource : all_resources) {
                most_room_[resource] = std::max(most_room_[resource], room[resource]);
            }
        }
    }
    return most_room_;
}

bool exceeds(const Amounts& amount, const Amounts& room) noexcept {
    bool exceeds = false;
    for (const Resource resource : all_resources) {
        exceeds = exceeds || amount[resource] > room[resource] * (1 + load_tolerance) + load_tolerance;
    }
    return exceeds;
}

// False, and a rejection, when a threshold would be passed on `to`.
bool SandpiperRound::fits(VmIndex v, HostIndex to, const Amounts& load) noexcept {
    if (const auto excess = ledger_.excess(load)) {
        ledger_.out().reject({v, to, destination_constraint(excess->resource), excess->have, excess->limit});
        return false;
    }
    return true;
}

bool SandpiperRound::groups_allow(VmIndex v, HostIndex source, HostIndex to,
                                  std::span<const VmIndex> others) noexcept {
    const std::span<const VmIndex> leaving{&v, 1};
    return ledger_.group_allows(v, to, others) &&
           std::all_of(others.begin(), others.end(),
                       [&](VmIndex other) { return ledger_.group_allows(other, source, leaving); });
}

// A guest that uses nothing of what is overloaded brings no relief.
bool SandpiperRound::helps(VmIndex v, HostIndex source) noexcept {
    const Amounts& load = ledger_.load(source);
    const Amounts part = ledger_.part(v, source);
    for (const Resource resource : all_resources) {
        if (load[resource] > ledger_.limit(resource) + load_tolerance && part[resource] > load_tolerance) {
            return true;
        }
    }
    const Resource worst = why_.resource;
    ledger_.out().reject({v, no_index, Constraint::no_relief, load[worst], ledger_.limit(worst)});
    return false;
}

bool SandpiperRound::try_moves(VmIndex v, HostIndex source) noexcept {
    const bool nowhere = exceeds(ledger_.peak(v), most_room(source));
    for (const HostIndex to : order_) {
        if (to == source) {
            continue;
        }
        if (nowhere) {  // the first one's refusal stands for all
            (void)fits(v, to, plus(ledger_.load(to), ledger_.peak_part(v, to)));
            return false;
        }
        if (ledger_.may_take(to, v) && ledger_.memory_fits(v, to) &&
            fits(v, to, plus(ledger_.load(to), ledger_.peak_part(v, to))) && ledger_.group_allows(v, to)) {
            commit(ledger_.make_move(v, source, to), why_);
            return true;
        }
    }
    return false;
}

// `v` for the one, two, … guests of `to` with the lowest ratios: both hosts must end within their thresholds,
// whatever comes to them counted at its peak.
bool SandpiperRound::try_swap(VmIndex v, HostIndex source, HostIndex to) noexcept {
    std::array<VmIndex, swap_more_max + 1> others{};
    std::size_t count = 0;
    Amounts source_load = minus(ledger_.load(source), ledger_.part(v, source));
    Amounts to_load = plus(ledger_.load(to), ledger_.peak_part(v, to));
    const std::span<const VmIndex> guests = ordered_guests(to);
    for (auto other = guests.rbegin(); other != guests.rend() && count < others.size(); ++other) {
        if (!ledger_.may_move(*other, false)) {
            continue;
        }
        source_load = plus(source_load, ledger_.peak_part(*other, source));
        to_load = minus(to_load, ledger_.part(*other, to));
        others[count++] = *other;
        if (const auto excess = ledger_.excess(source_load)) {
            ledger_.out().reject({v, to, Constraint::no_relief, excess->have, excess->limit});
            return false;
        }
        if (ledger_.excess(to_load)) {
            continue;
        }
        const std::span<const VmIndex> chosen = std::span<const VmIndex>{others}.first(count);
        const auto order = ledger_.swap_order(v, source, to, chosen);
        if (order && groups_allow(v, source, to, chosen) && ledger_.has_room(count + 1, v)) {
            commit(ledger_.make_move(v, source, to, chosen, *order), why_);
            return true;
        }
    }
    (void)fits(v, to, to_load);
    return false;
}

// A swap gives the source less relief than a move of `v` would, and the destination must bear all that the
// source has to lose: where that is out of reach, no guests of the destination need be looked at.
bool SandpiperRound::try_swaps(VmIndex v, HostIndex source) noexcept {
    const Amounts without = minus(ledger_.load(source), ledger_.part(v, source));
    if (const auto excess = ledger_.excess(without)) {
        ledger_.out().reject({v, no_index, Constraint::no_relief, excess->have, excess->limit});
        return false;
    }
    Amounts to_lose = minus({}, ledger_.room(source));
    for (double& each : to_lose.values) {
        each = std::max(each, 0.0);
    }
    if (exceeds(to_lose, most_room(source))) {
        return false;
    }
    for (const HostIndex to : order_) {
        const bool candidate = to != source && !exceeds(to_lose, ledger_.room(to)) &&
                               ledger_.may_take(to, v) &&
                               ledger_.host(to).migrations_out < ledger_.parameters().in_flight_max;
        if (candidate && try_swap(v, source, to)) {
            return true;
        }
    }
    return false;
}

void SandpiperRound::try_all_moves(HostIndex source) noexcept {
    for (const VmIndex v : ordered_guests(source)) {
        if (!ledger_.overloaded(source) || !ledger_.has_room(1, v)) {
            break;
        }
        if (ledger_.may_move(v, true) && helps(v, source)) {
            ++tried_;
            (void)try_moves(v, source);
        }
    }
}

void SandpiperRound::try_all_swaps(HostIndex source) noexcept {
    if (ledger_.host(source).migrations_in >= ledger_.parameters().in_flight_max) {
        return;
    }
    for (const VmIndex v : ordered_guests(source)) {
        if (!ledger_.overloaded(source) || !ledger_.has_room(2, v)) {
            break;
        }
        if (ledger_.may_move(v, false) && helps(v, source) && try_swaps(v, source)) {
            break;
        }
    }
}

void SandpiperRound::relieve(HostIndex source) noexcept {
    const auto worst = ledger_.excess(ledger_.load(source));
    if (!worst) {
        return;  // a swap for another host's sake has relieved it
    }
    if (order_.size() < 2) {
        ledger_.out().reject({no_index, source, Constraint::no_destination, 0, 1});
        return;
    }
    why_ = signal(source, worst->resource);
    tried_ = 0;
    try_all_moves(source);
    try_all_swaps(source);
    if (ledger_.overloaded(source)) {
        ledger_.out().reject({no_index, source, Constraint::no_swap, double(tried_), 1});
        ledger_.out().unresolved.push(source);
    }
}

void SandpiperRound::run() noexcept {
    rank_guests();
    for (HostIndex h = 0; h < ledger_.pool().hosts.size(); ++h) {
        workspace_.host_marks[h] = ledger_.host(h).state == HostState::up && detect(h) ? hot : 0;
        rank_host(h);
    }
    order_hosts();
    for (HostIndex h = hottest(); h != no_index; h = hottest()) {
        if (ledger_.out().source == no_index) {
            ledger_.out().source = h;
        }
        workspace_.host_marks[h] &= ~hot;
        relieve(h);
    }
}

Detail SandpiperRound::explain(const Move& move, const HotspotSignal& why) const noexcept {
    const Resource r = why.resource;
    const auto percent = [](double value) { return Decimals{value * 100, 1}; };
    const auto from = ledger_.load(move.from)[r];
    const Amounts gone = ledger_.part(move.vm, move.from);
    return compose(ledger_.host(move.from).name, " has ", to_string(r), " at ", percent(from),
                   "% (threshold ", percent(ledger_.limit(r)), "%), ", why.above, " of its last ", why.of,
                   " samples above, ", percent(why.predicted), "% predicted; ", ledger_.vm(move.vm).name,
                   move.kind == MoveKind::swap ? " takes " : " brings ", percent(gone[r]),
                   move.kind == MoveKind::swap ? "% away in exchange for " : "% of it to ",
                   move.kind == MoveKind::swap ? ledger_.vm(move.with).name : ledger_.host(move.to).name,
                   move.with_more.empty() ? "" : " and others", " at volume ",
                   Decimals{workspace_.host_rank[move.to], 2}, "; ", move.memory_mib, " MiB to copy");
}

void SandpiperRound::commit(Move move, const HotspotSignal& why) noexcept {
    move.why = explain(move, why);
    ledger_.commit(move);
    rank_again(move.from);
    rank_again(move.to);
}

}  // namespace

double volume(const Amounts& utilisation, const PerResource<bool>& weighed) noexcept {
    double product = 1;
    for (const Resource resource : all_resources) {
        if (weighed[resource]) {
            product /= 1 - std::clamp(utilisation[resource], 0.0, volume_utilisation_max);
        }
    }
    return product;
}

void decide_sandpiper(const Policy&, const Pool& pool, const Parameters& parameters, Workspace& workspace,
                      Plan& out) noexcept {
    SandpiperRound{pool, parameters, workspace, out}.run();
}

}  // namespace ballast::policy
