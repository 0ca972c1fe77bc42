#include "controller/core/tables.hpp"

#include <algorithm>

namespace ballast::controller {
namespace {

SampleSeries series_at(std::span<float> storage, std::size_t position, std::size_t window) noexcept {
    return {storage.subspan(position * window, window), 0};
}

void give_lists(PlanRow& plan, const Tables& t, std::size_t row) noexcept {
    const Limits& limits = t.settings.limits;
    plan.moves = t.plan_moves.subspan(row * limits.moves_per_plan, limits.moves_per_plan);
    plan.rejected = t.plan_rejected.subspan(row * limits.rejected_per_plan, limits.rejected_per_plan);
    plan.hosts = t.plan_hosts.subspan(row * limits.hosts, limits.hosts);
}

// What the configured policy looks at must be kept.
Settings with_window(Settings settings) noexcept {
    settings.limits.window_samples =
        std::max(settings.limits.window_samples, settings.balance.parameters.window);
    return settings;
}

}  // namespace

Tables::Tables(const Settings& given, Arena& arena) noexcept
    : settings{with_window(given)},
      links{arena, given.limits.links},
      hosts{arena, given.limits.hosts},
      vms{arena, given.limits.vms},
      jobs{arena, given.limits.jobs},
      definitions{arena, given.limits.definitions},
      plans{arena, given.limits.plans},
      keys{arena, given.limits.idempotency_keys},
      handovers{arena, given.limits.handover_queries},
      desktop_pools{arena, given.limits.desktop_pools},
      desktops{arena, given.limits.desktops},
      sessions{arena, given.limits.sessions},
      sketches{arena, given.limits.image_sketches},
      vm_index{arena, given.limits.vms},
      job_index{arena, given.limits.jobs},
      session_index{arena, given.limits.sessions},
      link_index{arena, given.limits.links} {
    const Limits& limits = settings.limits;
    const std::size_t plans_with_dry = std::size_t{limits.plans} + 1;
    decisions = arena.make_array<DecisionRow>(limits.decisions);
    host_samples = arena.make_array<float>(series_per_host * limits.hosts * limits.window_samples);
    vm_samples = arena.make_array<float>(series_per_vm * limits.vms * limits.window_samples);
    plan_moves = arena.make_array<PlanMove>(plans_with_dry * limits.moves_per_plan);
    plan_rejected = arena.make_array<PlanRejection>(plans_with_dry * limits.rejected_per_plan);
    plan_hosts = arena.make_array<PlanHostLoad>(plans_with_dry * limits.hosts);
    model_hosts = arena.make_array<policy::Host>(limits.hosts);
    model_vms = arena.make_array<policy::Vm>(limits.vms);
    capable = arena.make_array<bool>(limits.hosts);
    placement_rejected = arena.make_array<policy::Rejection>(limits.hosts);
    order = arena.make_array<std::uint32_t>(limits.vms);
    vm_history = arena.make_array<PackedChange>(std::size_t{limits.vms} * limits.history_per_vm);
    trials = arena.make_array<HostTrial>(std::size_t{limits.desktop_pools} * limits.hosts);
    rooms = arena.make_array<HostRoom>(limits.hosts);
    sketch_keys =
        arena.make_array<std::uint64_t>(std::size_t{limits.image_sketches} * image::sketch_keys_max);
    destinations = arena.make_array<Destination>(limits.hosts);
    workspace = policy::make_workspace(arena, limits.hosts, limits.vms);
    plan =
        policy::make_plan(arena, limits.hosts, limits.moves_per_plan, limits.rejected_per_plan, limits.vms);
    if (!plan_moves.empty()) {
        give_lists(dry_plan, *this, limits.plans);
    }
}

std::uint32_t Tables::add_host() noexcept {
    const std::uint32_t row = hosts.add();
    if (row != no_row) {
        const std::size_t window = settings.limits.window_samples;
        hosts[row].dom0_cpu_cores = series_at(host_samples, series_per_host * row, window);
        hosts[row].net_mbps_used = series_at(host_samples, series_per_host * row + 1, window);
    }
    return row;
}

std::uint32_t Tables::add_vm() noexcept {
    const std::uint32_t row = vms.add();
    if (row != no_row) {
        const std::size_t window = settings.limits.window_samples;
        vms[row].cpu_cores = series_at(vm_samples, series_per_vm * row, window);
        vms[row].net_mbps = series_at(vm_samples, series_per_vm * row + 1, window);
        vms[row].disk_mbps = series_at(vm_samples, series_per_vm * row + 2, window);
        vms[row].memory_used_mib = series_at(vm_samples, series_per_vm * row + 3, window);
        const std::size_t changes = settings.limits.history_per_vm;
        vms[row].history.storage = vm_history.subspan(row * changes, changes);
    }
    return row;
}

std::uint32_t Tables::add_plan() noexcept {
    const std::uint32_t row = plans.add();
    if (row != no_row) {
        give_lists(plans[row], *this, row);
    }
    return row;
}

std::uint32_t Tables::add_sketch() noexcept {
    const std::uint32_t row = sketches.add();
    if (row != no_row) {
        sketches[row].storage = sketch_keys.subspan(row * image::sketch_keys_max, image::sketch_keys_max);
    }
    return row;
}

void SampleSeries::push(double value) noexcept {
    BALLAST_ASSERT(!storage.empty());
    if (size == storage.size()) {
        std::copy(storage.begin() + 1, storage.end(), storage.begin());
        --size;
    }
    storage[size++] = static_cast<float>(value);
}

std::string_view JobRow::step() const noexcept {
    if (ended(record.state)) {
        return "ended";
    }
    if (record.kind != JobKind::migrate) {
        return record.source.state == SideState::ordered ? "ordered" : "working";
    }
    return record.source.state == SideState::unused ? "preparing" : "transferring";
}

bool JobRow::settled() const noexcept {
    const auto over = [](SideState state) {
        return state == SideState::unused || state == SideState::ended || state == SideState::acked ||
               state == SideState::lost;
    };
    return ended(record.state) && over(record.source.state) && over(record.destination.state);
}

}  // namespace ballast::controller
