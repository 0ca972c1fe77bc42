#include "sim/experiments/vds_simulation.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/compose.hpp"

namespace ballast::experiments {

using policy::HostIndex;
using policy::no_index;

namespace {

// Names in the order of numbers.
FixedString<7> numbered(const char* prefix, std::uint32_t number) noexcept {
    return compose<7>(prefix, number < 10 ? "00" : (number < 100 ? "0" : ""), number);
}

}  // namespace

VdsSimulation::VdsSimulation(Arena& arena, std::uint32_t hosts_max, std::uint32_t guests_max) noexcept
    : host_rows_{arena.make_array<policy::Host>(hosts_max)},
      host_names_{arena.make_array<FixedString<7>>(hosts_max)},
      vm_rows_{arena.make_array<policy::Vm>(guests_max)},
      guest_of_row_{arena.make_array<std::uint32_t>(guests_max)},
      guest_names_{arena.make_array<FixedString<7>>(guests_max)},
      guests_{arena.make_array<Guest>(guests_max)},
      samples_{arena.make_array<double>(std::size_t{guests_max} * vds_samples_max)},
      sample_counts_{arena.make_array<std::uint32_t>(guests_max)},
      mean_{arena.make_array<double>(hosts_max)},
      memory_mib_{arena.make_array<std::uint64_t>(hosts_max)} {}

void VdsSimulation::begin(const VdsSettings& settings) noexcept {
    settings_ = settings;
    random_ = Prng{settings.seed};
    next_host_ = users_ = 0;
    result_ = VdsResult{};
    for (HostIndex h = 0; h < settings.hosts; ++h) {
        host_names_[h] = numbered("h", h);
        host_rows_[h] = policy::Host{};
        host_rows_[h].name = host_names_[h].view();
        host_rows_[h].state = HostState::up;
        host_rows_[h].cpu_cores = 1;
        host_rows_[h].memory_mib = settings.host_memory_mib;
        host_rows_[h].memory_reserved_mib = settings.host_memory_free_mib;
        mean_[h] = 0;
        memory_mib_[h] = 0;
    }
    Prng seeds{settings.seed ^ 0x5eed0f6e575ULL};  // another stream than that of arrivals
    for (std::uint32_t g = 0; g < settings.guests; ++g) {
        guest_names_[g] = numbered("g", g);
        guests_[g] = Guest{};
        guests_[g].random = Prng{seeds.next()};
        sample_counts_[g] = 0;
    }
}

void VdsSimulation::raise_load(Guest& guest, std::uint32_t now) noexcept {
    guest.load = static_cast<double>(guest.random.below(guest.load_percent_max)) / 100;
    guest.next_load_at = now + settings_.load_seconds_min +
                         static_cast<std::uint32_t>(guest.random.below(settings_.load_seconds_range));
    --guest.loads_left;
}

// Loads that are due; a guest without further loads ends.
void VdsSimulation::age(std::uint32_t now) noexcept {
    for (std::uint32_t g = 0; g < settings_.guests; ++g) {
        Guest& guest = guests_[g];
        if (guest.host == no_index || guest.next_load_at != now) {
            continue;
        }
        if (guest.loads_left == 0) {
            memory_mib_[guest.host] -= settings_.guest_memory_mib;
            guest.host = no_index;
            --users_;
        } else {
            raise_load(guest, now);
        }
    }
}

bool VdsSimulation::has_memory(HostIndex h) const noexcept {
    return memory_mib_[h] + settings_.guest_memory_mib + settings_.host_memory_free_mib <=
           settings_.host_memory_mib;
}

bool VdsSimulation::has_cpu(HostIndex h) const noexcept {
    const double most = static_cast<double>(settings_.load_percent_max) / 100;
    switch (settings_.admission) {
        case VdsAdmission::room_for_mean: return mean_[h] + most / 2 <= 1;
        case VdsAdmission::room_for_most: return mean_[h] + most <= 1;
        case VdsAdmission::not_saturated: return mean_[h] < 1;
        case VdsAdmission::below_critical: return mean_[h] < settings_.critical_load;
    }
    return false;
}

HostIndex VdsSimulation::choose_host() noexcept {
    switch (settings_.placement) {
        case VdsPlacement::random_host: return static_cast<HostIndex>(random_.below(settings_.hosts));
        case VdsPlacement::round_robin: return next_host_++ % settings_.hosts;
        case VdsPlacement::least_loaded: break;
    }
    HostIndex best = no_index;
    for (HostIndex h = 0; h < settings_.hosts; ++h) {
        if (has_memory(h) && (best == no_index || mean_[h] < mean_[best])) {
            best = h;
        }
    }
    return best;
}

void VdsSimulation::create(std::uint32_t number, std::uint32_t now) noexcept {
    const HostIndex h = choose_host();
    if (h == no_index || !has_memory(h)) {
        ++result_.denied_memory;
        return;
    }
    if (!has_cpu(h)) {
        ++result_.denied_cpu;
        return;
    }
    Guest& guest = guests_[number];
    guest.host = h;
    guest.loads_left = 1 + static_cast<std::uint32_t>(guest.random.below(settings_.loads_max));
    guest.load_percent_max = settings_.load_percent_max;
    if (settings_.load == VdsLoad::own_maximum) {
        guest.load_percent_max =
            1 + static_cast<std::uint32_t>(guest.random.below(settings_.load_percent_max));
    }
    memory_mib_[h] += settings_.guest_memory_mib;
    raise_load(guest, now);
    // Until the next sample the host would look as idle as before: what is known of the guest is counted at
    // once.
    mean_[h] += guest.load / settings_.window;
    result_.users_max = std::max(result_.users_max, ++users_);
}

void VdsSimulation::sample() noexcept {
    for (std::uint32_t g = 0; g < settings_.guests; ++g) {
        if (guests_[g].host == no_index) {
            continue;
        }
        const std::span<double> kept = samples_.subspan(std::size_t{g} * vds_samples_max, vds_samples_max);
        if (sample_counts_[g] == vds_samples_max) {
            std::copy(kept.begin() + 1, kept.end(), kept.begin());
            --sample_counts_[g];
        }
        kept[sample_counts_[g]++] = guests_[g].load;
    }
}

// Shows the living guests to the policy, and moves what it says at once.
void VdsSimulation::balance(PolicyDecider& decider) noexcept {
    std::uint32_t rows = 0;
    for (std::uint32_t g = 0; g < settings_.guests; ++g) {
        if (guests_[g].host == no_index) {
            continue;
        }
        policy::Vm& vm = vm_rows_[rows];
        vm = policy::Vm{};
        vm.name = guest_names_[g].view();
        vm.host = guests_[g].host;
        vm.state = VmState::running;
        vm.movable = true;
        vm.memory_mib = settings_.guest_memory_mib;
        vm.vcpus = 1;
        vm.cpu_cores = samples_.subspan(std::size_t{g} * vds_samples_max, sample_counts_[g]);
        guest_of_row_[rows++] = g;
    }
    for (const policy::Move& move :
         decider.decide({host_rows_.first(settings_.hosts), vm_rows_.first(rows)})) {
        for (const policy::Leg& leg : policy::legs(move)) {
            memory_mib_[leg.from] -= settings_.guest_memory_mib;
            memory_mib_[leg.to] += settings_.guest_memory_mib;
            guests_[guest_of_row_[leg.vm]].host = leg.to;
            ++result_.migrations;
        }
    }
    for (const policy::Rejection& rejection : decider.last_plan().rejected.items()) {
        result_.given_up += rejection.constraint == policy::Constraint::destination_cpu ? 1 : 0;
    }
    for (HostIndex h = 0; h < settings_.hosts; ++h) {
        mean_[h] = decider.last_plan().after.hosts[h].cpu;
    }
}

VdsResult VdsSimulation::run(const VdsSettings& settings, PolicyDecider& decider) noexcept {
    BALLAST_ASSERT(settings.hosts <= host_rows_.size() && settings.guests <= guests_.size());
    BALLAST_ASSERT(settings.window >= 1 && settings.window <= vds_samples_max);
    begin(settings);
    std::uint32_t created = 0;
    std::uint32_t next_creation_at = settings.creation_seconds_min;
    for (std::uint32_t now = 1; created < settings.guests; ++now) {
        age(now);
        if (now == next_creation_at) {
            create(created++, now);
            next_creation_at += settings.creation_seconds_min +
                                static_cast<std::uint32_t>(random_.below(settings.creation_seconds_range));
        }
        if (now % settings.round_seconds == 0) {
            sample();
            balance(decider);
        }
    }
    return result_;
}

}  // namespace ballast::experiments
