// State machines as tables: which states there are, which changes are allowed, and when they happen. A table
// that does not hang together does not compile. The same tables give docs/states.md.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace ballast::controller {

template <class State>
struct StateFact {
    State state;
    std::string_view name;
    std::string_view deadline;  // of a transitional state: which setting bounds it; empty: it may last
    std::string_view meaning;

    constexpr bool transitional() const noexcept { return !deadline.empty(); }
};

template <class State>
struct Edge {
    State from;
    State to;
    std::string_view when;
};

template <class State, std::size_t states_count, std::size_t edges_count>
struct Machine {
    std::string_view name;
    std::string_view summary;
    State initial;
    std::array<StateFact<State>, states_count> facts;
    std::array<Edge<State>, edges_count> edges;

    // `states_count` when the table does not have it.
    constexpr std::size_t index_of(State state) const noexcept {
        std::size_t index = 0;
        while (index < states_count && facts[index].state != state) {
            ++index;
        }
        return index;
    }
    constexpr bool knows(State state) const noexcept { return index_of(state) < states_count; }
    constexpr bool allows(State from, State to) const noexcept {
        for (const Edge<State>& edge : edges) {
            if (edge.from == from && edge.to == to) {
                return true;
            }
        }
        return false;
    }
    constexpr bool transitional(State state) const noexcept {
        return knows(state) && facts[index_of(state)].transitional();
    }
    constexpr std::string_view name_of(State state) const noexcept {
        return knows(state) ? facts[index_of(state)].name : std::string_view{"invalid"};
    }
};

// Which of the table's states can be reached from `start` along its edges.
template <class State, std::size_t states_count, std::size_t edges_count>
constexpr std::array<bool, states_count> reachable(const Machine<State, states_count, edges_count>& machine,
                                                   State start) noexcept {
    std::array<bool, states_count> seen{};
    seen[machine.index_of(start)] = true;
    for (std::size_t round = 0; round < states_count; ++round) {
        for (const Edge<State>& edge : machine.edges) {
            if (seen[machine.index_of(edge.from)]) {
                seen[machine.index_of(edge.to)] = true;
            }
        }
    }
    return seen;
}

// Every state once, every edge once and between known states, every state reachable, every edge with its
// reason.
template <class State, std::size_t states_count, std::size_t edges_count>
constexpr bool well_formed(const Machine<State, states_count, edges_count>& machine) noexcept {
    for (std::size_t i = 0; i < states_count; ++i) {
        const StateFact<State>& fact = machine.facts[i];
        if (fact.name.empty() || fact.meaning.empty() || machine.index_of(fact.state) != i) {
            return false;
        }
    }
    for (std::size_t i = 0; i < edges_count; ++i) {
        const Edge<State>& edge = machine.edges[i];
        if (edge.from == edge.to || edge.when.empty() || !machine.knows(edge.from) ||
            !machine.knows(edge.to)) {
            return false;
        }
        for (std::size_t j = 0; j < i; ++j) {
            if (machine.edges[j].from == edge.from && machine.edges[j].to == edge.to) {
                return false;
            }
        }
    }
    for (const bool seen : reachable(machine, machine.initial)) {
        if (!seen) {
            return false;
        }
    }
    return true;
}

// What misses its deadline can go to `trouble`, and from there back to rest.
template <class State, std::size_t states_count, std::size_t edges_count>
constexpr bool recovers(const Machine<State, states_count, edges_count>& machine, State trouble,
                        State rest) noexcept {
    for (const StateFact<State>& fact : machine.facts) {
        if (fact.transitional() && !machine.allows(fact.state, trouble)) {
            return false;
        }
    }
    const std::array<bool, states_count> from_trouble = reachable(machine, trouble);
    return from_trouble[machine.index_of(rest)];
}

// A table without its types, for documentation.
struct StateView {
    std::string_view name;
    std::string_view deadline;
    std::string_view meaning;
};
struct EdgeView {
    std::string_view from;
    std::string_view to;
    std::string_view when;
};
struct MachineView {
    std::string_view name;
    std::string_view summary;
    std::string_view initial;
    std::span<const StateView> states;
    std::span<const EdgeView> edges;
};

}  // namespace ballast::controller
