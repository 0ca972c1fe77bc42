#include "controller/core/machines.hpp"

namespace ballast::controller {
namespace {

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
