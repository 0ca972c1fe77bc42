#include "policy/planner/board.hpp"

#include <algorithm>
#include <cmath>

#include "policy/planner/transfer.hpp"

namespace ballast::policy::planner {
namespace {

constexpr double grain = 1 << 20;  // amounts are whole multiples of 1 / grain

double rounded(double amount) noexcept {
    return std::round(amount * grain) / grain;
}

double per_unit(double capacity) noexcept {
    return capacity > 0 ? 1 / capacity : 0;
}

Point point(const Amounts& used, double memory_given_mib, double vcpus) noexcept {
    return {rounded(used[Resource::cpu]),
            rounded(used[Resource::net]),
            rounded(used[Resource::memory]),
            rounded(used[Resource::disk]),
            memory_given_mib,
            vcpus};
}

}  // namespace

Board::Board(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept
    : nodes_{arena.make_array<Node>(hosts_max)},
      groups_{arena.make_array<NodeGroup>(groups_of(hosts_max))},
      guests_{arena.make_array<Guest>(vms_max)},
      rank_of_host_{arena.make_array<Rank>(hosts_max)},
      order_{arena.make_array<Rank>(std::max(hosts_max, vms_max))},
      memory_for_guests_mib_{arena.make_array<std::int64_t>(hosts_max)},
      spare_mib_{arena.make_array<std::int64_t>(hosts_max)} {}

void Board::set_up(const Pool& pool, const Parameters& parameters, std::uint32_t window,
                   const Workspace& measured, bool again) noexcept {
    node_count_ = pool.hosts.size();
    guest_count_ = pool.vms.size();
    set_up_nodes(pool, window, parameters, measured);
    set_up_guests(pool, parameters, measured, again);
    set_up_groups(pool);
    sums_ = Sums{};
    for (Rank n = 0; n < node_count_; ++n) {
        refresh(n);
        count(nodes_[n], 1);
    }
}

void Board::set_up_nodes(const Pool& pool, std::uint32_t window, const Parameters& parameters,
                         const Workspace& measured) noexcept {
    const auto by_name = order_.first(node_count_);
    for (Rank n = 0; n < node_count_; ++n) {
        by_name[n] = n;
    }
    std::sort(by_name.begin(), by_name.end(), [&](Rank a, Rank b) {
        return pool.hosts[a].name != pool.hosts[b].name ? pool.hosts[a].name < pool.hosts[b].name : a < b;
    });
    for (Rank n = 0; n < node_count_; ++n) {
        const Host& host = pool.hosts[by_name[n]];
        rank_of_host_[by_name[n]] = n;
        Node& node = nodes_[n] = Node{};
        node.host = by_name[n];
        const double memory = per_unit(static_cast<double>(host.memory_mib));
        const double cores = per_unit(host.cpu_cores);
        node.per_unit = {cores, per_unit(host.net_mbps), memory, per_unit(host.disk_mbps), memory, cores};
        Amounts dom0;
        dom0[Resource::cpu] = mean_of_last(host.dom0_cpu_cores, window, host.cpu_cores);
        node.sum = node.before = point(dom0, static_cast<double>(host.memory_reserved_mib), 0);
        node.site = host.site;
        node.room_mib = memory_for_guests_mib_[n] =
            static_cast<std::int64_t>(policy::memory_for_guests_mib(host));
        node.counts = host.state == HostState::up;
        node.samples = measured.host_samples[node.host][Resource::cpu];
        node.samples_min = parameters.samples_min;
        node.takes = node.counts && host.migrations_in < parameters.in_flight_max &&
                     node.samples >= parameters.samples_min;
        node.leaves = host.state == HostState::draining;
        show_in_lanes(n);
    }
}

// What of the node never changes in a round; a group begins with its first node.
void Board::show_in_lanes(Rank n) noexcept {
    NodeGroup& group = groups_[n / lane_count];
    const std::size_t lane = n % lane_count;
    if (lane == 0) {
        group = NodeGroup{};
    }
    group.takes[lane] = nodes_[n].takes;
    for (std::size_t a = 0; a < axis_count; ++a) {
        group.per_unit[a][lane] = nodes_[n].per_unit[a];
    }
}

// What of the guests has nothing to do with their loads: ranks by name, and what a migration takes.
void Board::sort_guests(const Pool& pool, const Parameters& parameters) noexcept {
    const auto by_name = order_.first(guest_count_);
    for (Rank g = 0; g < guest_count_; ++g) {
        by_name[g] = g;
    }
    const auto in_order = [&](Rank a, Rank b) {
        const int order = pool.vms[a].name.compare(pool.vms[b].name);
        return order != 0 ? order < 0 : a < b;
    };
    if (!std::is_sorted(by_name.begin(), by_name.end(), in_order)) {
        std::sort(by_name.begin(), by_name.end(), in_order);
    }
    for (Rank g = 0; g < guest_count_; ++g) {
        guests_[g] = Guest{};
        guests_[g].vm = by_name[g];
        const Transfer transfer = estimate_transfer(pool.vms[by_name[g]], pool, parameters);
        guests_[g].gib = transfer.sent_gib;
        guests_[g].seconds = transfer.seconds;
    }
}

void Board::set_up_guests(const Pool& pool, const Parameters& parameters, const Workspace& measured,
                          bool again) noexcept {
    if (!again) {
        sort_guests(pool, parameters);
    }
    for (Rank g = 0; g < guest_count_; ++g) {
        Guest& guest = guests_[g];
        const Vm& vm = pool.vms[guest.vm];
        Guest anew;
        anew.vm = guest.vm;
        anew.gib = guest.gib;
        anew.seconds = guest.seconds;
        anew.before = again ? guest.amount : Point{};
        guest = anew;
        // A paused or saved guest keeps its size but uses no more than it is measured to use.
        guest.memory_mib = holds_memory(vm) ? static_cast<std::int64_t>(vm.memory_mib) : 0;
        guest.amount =
            point(measured.vm_mean[guest.vm], static_cast<double>(guest.memory_mib), double(vm.vcpus));
        guest.session = vm.session_active;
        guest.came_from = vm.came_from == no_index ? nobody : rank_of_host_[vm.came_from];
        bind(guest, vm, pool, parameters);
        if (vm.host == no_index) {
            continue;
        }
        // In flight: its load is already where it goes, its memory on both sides.
        const Rank at = rank_of_host_[vm.host];
        const Rank load_at = vm.moving_to == no_index ? at : rank_of_host_[vm.moving_to];
        guest.home = load_at;
        put(g, load_at);
        if (load_at != at) {
            nodes_[at].room_mib -= guest.memory_mib;
        }
    }
}

// Guests of one group get one number.
void Board::set_up_groups(const Pool& pool) noexcept {
    std::size_t grouped = 0;
    for (Rank g = 0; g < guest_count_; ++g) {
        if (!pool.vms[guests_[g].vm].anti_affinity.empty()) {
            order_[grouped++] = g;
        }
    }
    const auto group = [&](Rank g) { return pool.vms[guests_[g].vm].anti_affinity; };
    const auto by_group = order_.first(grouped);
    std::sort(by_group.begin(), by_group.end(),
              [&](Rank a, Rank b) { return group(a) != group(b) ? group(a) < group(b) : a < b; });
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < grouped; ++i) {
        number += i == 0 || group(by_group[i]) != group(by_group[i - 1]) ? 1 : 0;
        guests_[by_group[i]].group = number;
    }
}

// Decides whether the plan may move the guest at all, and by which rule not.
void Board::bind(Guest& guest, const Vm& vm, const Pool& pool, const Parameters& parameters) const noexcept {
    const auto stop = [&](Constraint rule, double have, double limit) {
        guest.bound_by = rule;
        guest.have = have;
        guest.limit = limit;
    };
    if (vm.host == no_index || vm.state != VmState::running || vm.moving_to != no_index) {
        return stop(Constraint::vm_state, 0, 1);
    }
    if (!vm.movable) {
        return stop(Constraint::not_movable, 0, 1);
    }
    const bool must_leave = pool.hosts[vm.host].state == HostState::draining;
    if (pool.hosts[vm.host].state != HostState::up && !must_leave) {
        return stop(Constraint::host_state, 0, 1);
    }
    const std::uint32_t samples = nodes_[rank_of_host_[vm.host]].samples;
    if (!must_leave && samples < parameters.samples_min) {
        return stop(Constraint::too_few_samples, double(samples), double(parameters.samples_min));
    }
    if (!must_leave && outside_window(pool, parameters)) {
        return stop(Constraint::outside_window, double(*pool.minute_of_day),
                    double(parameters.moves_from_minute));
    }
    const auto settled = static_cast<double>(settled_seconds(vm).value_or(INT64_MAX));
    if (!must_leave && settled < double(parameters.cool_down_seconds)) {
        return stop(Constraint::cool_down, settled, double(parameters.cool_down_seconds));
    }
    if (vm.last_moved_seconds_ago.value_or(INT64_MAX) >= std::int64_t{parameters.return_seconds}) {
        guest.came_from = nobody;
    }
    guest.free = true;
}

Point Board::shift(Rank g, Rank n, double sign) const noexcept {
    Point by;
    for (std::size_t a = 0; a < axis_count; ++a) {
        by[a] = sign * guests_[g].amount[a] * nodes_[n].per_unit[a];
    }
    return by;
}

void Board::refresh(Rank n) noexcept {
    Node& node = nodes_[n];
    NodeGroup& group = groups_[n / lane_count];
    for (std::size_t a = 0; a < axis_count; ++a) {
        group.at[a][n % lane_count] = node.at[a] = node.sum[a] * node.per_unit[a];
    }
}

void Board::count(const Node& node, double sign) noexcept {
    if (node.counts) {
        sums_.hosts += sign;
        for (std::size_t a = 0; a < axis_count; ++a) {
            sums_.first[a] += sign * node.at[a];
            sums_.second[a] += sign * node.at[a] * node.at[a];
        }
    }
}

void Board::put(Rank g, Rank n) noexcept {
    Guest& guest = guests_[g];
    Node& node = nodes_[n];
    guest.node = n;
    guest.previous = nobody;
    guest.next = node.first;
    if (node.first != nobody) {
        guests_[node.first].previous = g;
    }
    node.first = g;
    ++node.guests;
    node.room_mib -= guest.memory_mib;
    for (std::size_t a = 0; a < axis_count; ++a) {
        node.sum[a] += guest.amount[a];
        node.before[a] += guest.before[a];
    }
}

void Board::lift(Rank g) noexcept {
    Guest& guest = guests_[g];
    Node& node = nodes_[guest.node];
    (guest.previous == nobody ? node.first : guests_[guest.previous].next) = guest.next;
    if (guest.next != nobody) {
        guests_[guest.next].previous = guest.previous;
    }
    --node.guests;
    node.room_mib += guest.memory_mib;
    for (std::size_t a = 0; a < axis_count; ++a) {
        node.sum[a] -= guest.amount[a];
        node.before[a] -= guest.before[a];
    }
}

void Board::move(Rank g, Rank to) noexcept {
    const Rank from = guests_[g].node;
    count(nodes_[from], -1);
    count(nodes_[to], -1);
    lift(g);
    put(g, to);
    refresh(from);
    refresh(to);
    count(nodes_[from], 1);
    count(nodes_[to], 1);
}

std::optional<Rejection> Board::obstacle_but_memory(Rank g, Rank to, Rank leaving) const noexcept {
    const Guest& guest = guests_[g];
    const Node& node = nodes_[to];
    const auto refuse = [&](Constraint rule, double have, double limit) {
        return Rejection{guest.vm, node.host, rule, have, limit};
    };
    if (!node.counts) {
        return refuse(Constraint::host_state, 0, 1);
    }
    if (!node.takes) {
        return node.samples < node.samples_min
                   ? refuse(Constraint::too_few_samples, double(node.samples), double(node.samples_min))
                   : refuse(Constraint::destination_in_flight, 0, 1);
    }
    if (guest.home != nobody && nodes_[guest.home].site != node.site) {
        return refuse(Constraint::other_site, 0, 1);
    }
    if (guest.came_from == to) {
        return refuse(Constraint::ping_pong, 1, 0);
    }
    if (guest.group != 0) {
        for (Rank other = node.first; other != nobody; other = guests_[other].next) {
            if (other != leaving && other != g && guests_[other].group == guest.group) {
                return refuse(Constraint::anti_affinity, 2, 1);
            }
        }
    }
    return std::nullopt;
}

std::optional<Rejection> Board::obstacle(Rank g, Rank to) const noexcept {
    if (const auto why_not = obstacle_but_memory(g, to, nobody)) {
        return why_not;
    }
    const Guest& guest = guests_[g];
    const Node& node = nodes_[to];
    if (node.room_mib < guest.memory_mib) {
        const std::int64_t may_use = memory_for_guests_mib(to);
        return Rejection{guest.vm, node.host, Constraint::destination_memory,
                         static_cast<double>(may_use - node.room_mib + guest.memory_mib),
                         static_cast<double>(may_use)};
    }
    return std::nullopt;
}

bool Board::survives_largest() noexcept {
    Rank largest = nobody;
    for (Rank n = 0; n < node_count_; ++n) {
        spare_mib_[n] = nodes_[n].takes ? nodes_[n].room_mib : 0;
        const auto taken = [&](Rank each) { return memory_for_guests_mib_[each] - nodes_[each].room_mib; };
        if (nodes_[n].counts && (largest == nobody || taken(n) > taken(largest))) {
            largest = n;
        }
    }
    if (largest == nobody) {
        return true;
    }
    std::size_t count = 0;
    for (Rank g = nodes_[largest].first; g != nobody; g = guests_[g].next) {
        order_[count++] = g;
    }
    const auto refugees = order_.first(count);
    std::sort(refugees.begin(), refugees.end(), [&](Rank a, Rank b) {
        return guests_[a].memory_mib != guests_[b].memory_mib ? guests_[a].memory_mib > guests_[b].memory_mib
                                                              : a < b;
    });
    spare_mib_[largest] = 0;
    const auto spare = spare_mib_.first(node_count_);
    std::make_heap(spare.begin(), spare.end());
    for (const Rank g : refugees) {
        std::pop_heap(spare.begin(), spare.end());
        if (spare.back() < guests_[g].memory_mib) {
            return false;
        }
        spare.back() -= guests_[g].memory_mib;
        std::push_heap(spare.begin(), spare.end());
    }
    return true;
}

}  // namespace ballast::policy::planner
