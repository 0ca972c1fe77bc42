#include "sim/experiments/replay.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/compose.hpp"

namespace ballast::experiments {

using policy::HostIndex;
using policy::no_index;
using policy::VmIndex;

namespace {

constexpr std::size_t row_samples = 2 * limits::window_samples_max;

std::span<float> row_of(std::span<float> rows, std::size_t vm, policy::Resource resource) noexcept {
    const std::size_t row = vm * policy::resource_count + static_cast<std::size_t>(resource);
    return rows.subspan(row * row_samples, row_samples);
}

policy::Series series_of(const TraceVm& guest, policy::Resource resource) noexcept {
    switch (resource) {
        case policy::Resource::cpu: return guest.cpu_cores;
        case policy::Resource::net: return guest.net_mbps;
        case policy::Resource::memory: return guest.memory_used_mib;
        case policy::Resource::disk: return guest.disk_mbps;
    }
    return {};
}

}  // namespace

Replay::Replay(Arena& arena, std::size_t hosts_max, std::size_t vms_max, std::size_t slots_max) noexcept
    : host_rows_{arena.make_array<policy::Host>(hosts_max)},
      vm_rows_{arena.make_array<policy::Vm>(vms_max)},
      host_names_{arena.make_array<FixedString<15>>(hosts_max)},
      load_rows_{arena.make_array<double>(hosts_max)},
      memory_rows_{arena.make_array<std::uint64_t>(hosts_max)},
      demand_rows_{arena.make_array<double>(vms_max)},
      past_{arena.make_array<Past>(vms_max)},
      decision_ns_{arena.make_array<std::uint64_t>(slots_max)},
      sample_rows_{arena.make_array<float>(vms_max * policy::resource_count * row_samples)},
      orders_{arena.make_array<Order>(2 * vms_max)},  // a swap is two
      transfers_{arena.make_array<Transfer>(vms_max)} {}

void Replay::place(const Trace& trace, const ReplaySettings& settings) noexcept {
    trace_ = &trace;
    settings_ = settings;
    hosts_ = host_rows_.first(settings.hosts);
    vms_ = vm_rows_.first(trace.vms.size());
    load_ = load_rows_.first(settings.hosts);
    memory_mib_ = memory_rows_.first(settings.hosts);
    demand_ = demand_rows_.first(trace.vms.size());
    for (std::size_t h = 0; h < hosts_.size(); ++h) {
        // Leading zeroes: ties by name are then ties by number.
        host_names_[h] = compose<15>(h < 10 ? "h00" : (h < 100 ? "h0" : "h"), h);
        hosts_[h] = policy::Host{};
        hosts_[h].name = host_names_[h].view();
        hosts_[h].state = HostState::up;
        hosts_[h].cpu_cores = trace.host.cpu_cores;
        hosts_[h].memory_mib = trace.host.memory_mib;
        hosts_[h].net_mbps = trace.host.net_mbps;
        hosts_[h].disk_mbps = trace.host.disk_mbps;
        memory_mib_[h] = 0;
    }
    for (std::size_t v = 0; v < vms_.size(); ++v) {
        const TraceVm& guest = trace.vms[v];
        vms_[v] = policy::Vm{};
        vms_[v].name = guest.name;
        vms_[v].host = static_cast<HostIndex>(v % hosts_.size());
        vms_[v].state = VmState::running;
        vms_[v].movable = true;
        vms_[v].memory_mib = guest.memory_mib;
        vms_[v].vcpus = guest.vcpus;
        memory_mib_[vms_[v].host] += guest.memory_mib;
        past_[v] = Past{};
    }
    orders_.clear();
    transfers_.clear();
    rows_begin_ = rows_end_ = 0;
    now_seconds_ = 0;
    meter_ = LoadMeter{};
    score_ = Score{};
}

// The slot's demand, on the hosts where the guests are now.
void Replay::load_slot(std::size_t slot) noexcept {
    std::fill(load_.begin(), load_.end(), 0.0);
    for (std::size_t v = 0; v < vms_.size(); ++v) {
        demand_[v] = trace_->vms[v].cpu_cores[slot];
        load_[vms_[v].host] += demand_[v];
    }
    for (const Transfer& transfer : transfers_.items()) {
        load_[transfer.from] += settings_.migration.dom0_cores;
        load_[transfer.to] += settings_.migration.dom0_cores;
    }
}

bool Replay::may_start(const Order& order) const noexcept {
    const policy::Vm& guest = vms_[order.vm];
    if (order.done || guest.host != order.from || guest.moving_to != no_index) {
        return false;
    }
    const std::uint32_t at_once = settings_.migration.in_flight_max;
    return hosts_[order.from].migrations_out < at_once && hosts_[order.to].migrations_in < at_once &&
           memory_mib_[order.to] + guest.memory_mib <= hosts_[order.to].memory_mib;
}

void Replay::begin(const Order& order) noexcept {
    policy::Vm& guest = vms_[order.vm];
    const MigrationCost cost = migration_cost(settings_.migration, guest.memory_mib, demand_[order.vm]);
    guest.moving_to = order.to;
    memory_mib_[order.to] += guest.memory_mib;
    ++hosts_[order.from].migrations_out;
    ++hosts_[order.to].migrations_in;
    load_[order.from] += settings_.migration.dom0_cores;
    load_[order.to] += settings_.migration.dom0_cores;
    const Transfer transfer{order.vm, order.from, order.to, cost.seconds, cost};
    if (cost.seconds <= 0) {
        complete(transfer);
    } else {
        BALLAST_ASSERT(transfers_.push(transfer));  // a guest is in flight once at most
    }
}

void Replay::complete(const Transfer& transfer) noexcept {
    policy::Vm& guest = vms_[transfer.vm];
    Past& past = past_[transfer.vm];
    const double demand = demand_[transfer.vm];
    load_[transfer.from] -= demand + settings_.migration.dom0_cores;
    load_[transfer.to] += demand - settings_.migration.dom0_cores;
    memory_mib_[transfer.from] -= guest.memory_mib;
    --hosts_[transfer.from].migrations_out;
    --hosts_[transfer.to].migrations_in;
    guest.host = transfer.to;
    guest.moving_to = no_index;
    meter_.add_unmet(transfer.cost.downtime_seconds * demand * (1 - settings_.migration.slow_down));

    constexpr double mib_per_gib = 1024;
    ++score_.migrations;
    score_.gib_moved += static_cast<double>(guest.memory_mib) / mib_per_gib;
    score_.gib_sent += transfer.cost.sent_mib / mib_per_gib;
    score_.migration_seconds += transfer.cost.seconds;
    if (past.left == transfer.to && now_seconds_ - past.moved_at <= ping_pong_seconds) {
        ++score_.ping_pongs;
    }
    past.left = transfer.from;
    past.moved_at = now_seconds_;
    score_.most_moves_of_one_vm = std::max(score_.most_moves_of_one_vm, ++past.moves);
}

bool Replay::start_one() noexcept {
    for (Order& order : orders_.items()) {
        if (may_start(order)) {
            order.done = true;
            begin(order);
            return true;
        }
    }
    return false;
}

// Starts, in the plan's order, whatever can start. When nothing is under way that could make room, what is
// left is impossible.
void Replay::start_all() noexcept {
    while (start_one()) {
    }
    if (transfers_.empty()) {
        for (const Order& order : orders_.items()) {
            score_.skipped += order.done ? 0 : 1;
        }
        orders_.clear();
    }
}

void Replay::advance(double seconds) noexcept {
    meter_.add(load_, trace_->host.cpu_cores, seconds);
    for (Transfer& transfer : transfers_.items()) {
        meter_.add_unmet(settings_.migration.slow_down * demand_[transfer.vm] * seconds);
        transfer.seconds_left -= seconds;
    }
    now_seconds_ += seconds;
}

void Replay::run_slot(std::size_t slot) noexcept {
    constexpr double moment = 1e-6;  // seconds; shorter stretches are rounding
    load_slot(slot);
    double left = trace_->slot_seconds;
    start_all();
    while (left > moment) {
        double stretch = left;
        for (const Transfer& transfer : transfers_.items()) {
            stretch = std::min(stretch, transfer.seconds_left);
        }
        advance(stretch);
        left -= stretch;
        const std::size_t before = transfers_.size();
        const std::span<Transfer> under_way = transfers_.items();
        transfers_.clear();
        for (std::size_t i = 0; i < before; ++i) {
            const Transfer transfer = under_way[i];
            if (transfer.seconds_left > moment) {
                transfers_.push(transfer);  // into a place that has been read
            } else {
                complete(transfer);
            }
        }
        if (transfers_.size() != before) {
            start_all();
        }
    }
}

void Replay::take_orders(std::span<const policy::Move> moves) noexcept {
    for (const policy::Move& move : moves) {
        for (const policy::Leg& leg : policy::legs(move)) {
            orders_.push({leg.vm, leg.from, leg.to});
        }
    }
}

// Sees to it that the rows hold the window that ends with this slot.
void Replay::take_samples(std::size_t slot) noexcept {
    if (slot < rows_end_) {
        return;
    }
    rows_begin_ = slot + 1 - std::min(slot + 1, limits::window_samples_max);
    rows_end_ = std::min(rows_begin_ + row_samples, trace_->slots);
    for (std::size_t v = 0; v < vms_.size(); ++v) {
        for (const policy::Resource resource : policy::all_resources) {
            const policy::Series all = series_of(trace_->vms[v], resource);
            const std::span<float> row = row_of(sample_rows_, v, resource);
            for (std::size_t at = rows_begin_; at < rows_end_ && !all.empty(); ++at) {
                row[at - rows_begin_] = static_cast<float>(all[at]);
            }
        }
    }
}

void Replay::show_pool(std::size_t slot) noexcept {
    take_samples(slot);
    const std::size_t samples = std::min(slot + 1, limits::window_samples_max);
    const std::size_t first = slot + 1 - samples - rows_begin_;
    const auto recent = [&](std::size_t v, policy::Resource resource) {
        const policy::Series all = series_of(trace_->vms[v], resource);
        const std::span<const float> row = row_of(sample_rows_, v, resource);
        return all.empty() ? all : policy::Series{row.subspan(first, samples)};
    };
    for (std::size_t v = 0; v < vms_.size(); ++v) {
        vms_[v].cpu_cores = recent(v, policy::Resource::cpu);
        vms_[v].net_mbps = recent(v, policy::Resource::net);
        vms_[v].disk_mbps = recent(v, policy::Resource::disk);
        vms_[v].memory_used_mib = recent(v, policy::Resource::memory);
        if (past_[v].moves > 0) {
            vms_[v].last_moved_seconds_ago = static_cast<std::int64_t>(now_seconds_ - past_[v].moved_at);
            vms_[v].came_from = past_[v].left;
        }
    }
}

void Replay::ask(Decider& decider, std::size_t slot) noexcept {
    if (!orders_.empty() || !transfers_.empty()) {
        ++score_.rounds_waited;  // as the controller: no other round while a plan is being carried out
        return;
    }
    show_pool(slot);
    const std::uint64_t begun = settings_.now_ns != nullptr ? settings_.now_ns() : 0;
    const policy::Pool pool{hosts_, vms_, std::nullopt, static_cast<double>(trace_->slot_seconds)};
    const std::span<const policy::Move> moves = decider.decide(pool);
    decision_ns_[score_.rounds++] = settings_.now_ns != nullptr ? settings_.now_ns() - begun : 0;
    take_orders(moves);
}

Score Replay::run(const Trace& trace, const ReplaySettings& settings, Decider& decider,
                  std::span<double> stddev_by_slot) noexcept {
    BALLAST_ASSERT(settings.hosts >= 1 && settings.hosts <= host_rows_.size());
    BALLAST_ASSERT(trace.vms.size() <= vm_rows_.size() && trace.slots <= decision_ns_.size());
    place(trace, settings);
    decider.reset();
    for (std::size_t slot = 0; slot < trace.slots; ++slot) {
        run_slot(slot);
        if (!stddev_by_slot.empty()) {
            stddev_by_slot[slot] = meter_.last_stddev();
        }
        if (slot + 1 < trace.slots) {
            ask(decider, slot);
        }
    }
    meter_.finish(score_);
    const std::span<std::uint64_t> times = decision_ns_.first(score_.rounds);
    score_.decide_p50_ns = percentile(times, 0.5);
    score_.decide_p99_ns = percentile(times, 0.99);
    score_.decide_max_ns = percentile(times, 1);
    return score_;
}

}  // namespace ballast::experiments
