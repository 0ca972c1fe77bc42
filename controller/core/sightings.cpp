// Which hosts speak of a guest, and of which guests a host speaks: each sighting is in the list of its guest
// and in that of its host, so that a report costs what it tells, however large the pool is.
#include <algorithm>

#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

void link_in(Tables& t, std::uint32_t vm, Sighting& sighting) noexcept {
    HostRow& host = t.hosts[sighting.host];
    sighting.previous = no_row;
    sighting.next = host.first_seen_guest;
    if (sighting.next != no_row) {
        sighting_at(t.vms[sighting.next], sighting.host)->previous = vm;
    }
    host.first_seen_guest = vm;
}

void link_out(Tables& t, const Sighting& sighting) noexcept {
    if (sighting.previous == no_row) {
        t.hosts[sighting.host].first_seen_guest = sighting.next;
    } else {
        sighting_at(t.vms[sighting.previous], sighting.host)->next = sighting.next;
    }
    if (sighting.next != no_row) {
        sighting_at(t.vms[sighting.next], sighting.host)->previous = sighting.previous;
    }
}

}  // namespace

Sighting* sighting_at(VmRow& vm, std::uint32_t host) noexcept {
    const auto at = std::find_if(vm.sightings.begin(), vm.sightings.end(),
                                 [host](const Sighting& sighting) { return sighting.host == host; });
    return at == vm.sightings.end() ? nullptr : at;
}

Sighting* add_sighting(Tables& t, std::uint32_t row, const Sighting& fresh) noexcept {
    VmRow& vm = t.vms[row];
    if (vm.sightings.full()) {
        return nullptr;
    }
    Sighting& sighting = vm.sightings.push(fresh);
    link_in(t, row, sighting);
    return &sighting;
}

void set_sighting(Sighting& known, const Sighting& news) noexcept {
    const std::uint32_t next = known.next;
    const std::uint32_t previous = known.previous;
    known = news;
    known.next = next;
    known.previous = previous;
}

void drop_sighting(Tables& t, std::uint32_t row, std::uint32_t host) noexcept {
    VmRow& vm = t.vms[row];
    if (const Sighting* sighting = sighting_at(vm, host)) {
        link_out(t, *sighting);
        vm.sightings.remove_ordered(static_cast<std::size_t>(sighting - vm.sightings.begin()));
    }
}

void set_vm_host(Tables& t, std::uint32_t row, std::uint32_t host) noexcept {
    VmRow& vm = t.vms[row];
    if (vm.host == host) {
        return;
    }
    t.rooms_hold = false;
    if (vm.host != no_row) {
        (vm.previous_here == no_row ? t.hosts[vm.host].first_guest : t.vms[vm.previous_here].next_here) =
            vm.next_here;
        if (vm.next_here != no_row) {
            t.vms[vm.next_here].previous_here = vm.previous_here;
        }
        --t.hosts[vm.host].guests;
    }
    vm.host = host;
    vm.next_here = vm.previous_here = no_row;
    if (host != no_row) {
        std::uint32_t& first = t.hosts[host].first_guest;
        vm.next_here = first;
        if (first != no_row) {
            t.vms[first].previous_here = row;
        }
        first = row;
        ++t.hosts[host].guests;
    }
}

}  // namespace ballast::controller
