#include "controller/core/machines.hpp"

namespace ballast::controller {
namespace {

static_assert(well_formed(job_machine) && well_formed(side_machine) && well_formed(link_machine));
static_assert(recovers(job_machine, JobState::failed, JobState::failed));
static_assert(recovers(side_machine, SideState::lost, SideState::lost));
static_assert(recovers(link_machine, LinkState::closed, LinkState::closed));
static_assert(well_formed(common_desktop) && well_formed(private_desktop) && well_formed(session_machine));
static_assert(recovers(common_desktop, DesktopState::failed, DesktopState::inactive));
static_assert(recovers(private_desktop, DesktopState::failed, DesktopState::inactive));
static_assert(session_machine.allows(SessionState::opening, SessionState::closing) &&
                  session_machine.allows(SessionState::closing, SessionState::closed),
              "a session that is not opened in time is closed");

template <const auto& machine>
constexpr auto states_of() noexcept {
    std::array<StateView, machine.facts.size()> views{};
    for (std::size_t i = 0; i < views.size(); ++i) {
        views[i] = {machine.facts[i].name, machine.facts[i].deadline, machine.facts[i].meaning};
    }
    return views;
}

template <const auto& machine>
constexpr auto edges_of() noexcept {
    std::array<EdgeView, machine.edges.size()> views{};
    for (std::size_t i = 0; i < views.size(); ++i) {
        views[i] = {machine.name_of(machine.edges[i].from), machine.name_of(machine.edges[i].to),
                    machine.edges[i].when};
    }
    return views;
}

template <const auto& machine>
constexpr auto states = states_of<machine>();
template <const auto& machine>
constexpr auto edges = edges_of<machine>();

template <const auto& machine>
constexpr MachineView view_of() noexcept {
    return {machine.name, machine.summary, machine.name_of(machine.initial), states<machine>, edges<machine>};
}

constexpr std::array views{view_of<common_desktop>(), view_of<private_desktop>(), view_of<session_machine>(),
                           view_of<job_machine>(),    view_of<side_machine>(),    view_of<link_machine>()};

}  // namespace

std::span<const MachineView> machines() noexcept {
    return views;
}

}  // namespace ballast::controller
