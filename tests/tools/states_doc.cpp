// Prints docs/states.md from the state machines' tables. `make states` writes it; `make check` compares.
#include <cstdio>
#include <string>

#include "controller/core/machines.hpp"

namespace {

void print(const ballast::controller::MachineView& machine) {
    const auto text = [](std::string_view view) { return std::string{view}; };
    std::printf("\n## %s\n\n%s Starts as `%s`.\n\n| state | bounded by | meaning |\n|---|---|---|\n",
                text(machine.name).c_str(), text(machine.summary).c_str(), text(machine.initial).c_str());
    for (const auto& state : machine.states) {
        std::printf("| `%s` | %s | %s |\n", text(state.name).c_str(),
                    state.deadline.empty() ? "-" : text(state.deadline).c_str(), text(state.meaning).c_str());
    }
    std::printf("\n| from | to | when |\n|---|---|---|\n");
    for (const auto& edge : machine.edges) {
        std::printf("| `%s` | `%s` | %s |\n", text(edge.from).c_str(), text(edge.to).c_str(),
                    text(edge.when).c_str());
    }
}

}  // namespace

int main() {
    std::printf(
        "# State machines\n\nPrinted by `make states` from the tables in `controller/core/machines.hpp` and "
        "`controller/core/desktop/states.hpp`, which do\nnot compile when they do not hang together. A "
        "change "
        "that no table lists cannot be made. What is bounded and misses its\nbound goes to `failed` "
        "(sessions: to `closing`).\n");
    for (const auto& machine : ballast::controller::machines()) {
        print(machine);
    }
    return 0;
}
