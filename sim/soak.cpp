#include "sim/soak.hpp"

#include <algorithm>
#include <memory>

#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

// Of the log, what leads to the break: the rest is a repetition away.
constexpr std::size_t log_lines_shown = 120;

bool breaks(const Scenario& scenario, Invariant broken) {
    const RunResult result = run(scenario);
    return result.violation && result.violation->invariant == broken;
}

}  // namespace

RunResult run(const Scenario& scenario, bool log_wanted) {
    const auto world = std::make_unique<World>(scenario, log_wanted);
    world->run();
    const Engine& engine = world->engine;
    return {engine.violation,
            engine.events,
            engine.now_ns,
            engine.fingerprint(),
            {engine.lines().begin(), engine.lines().end()}};
}

// Delta debugging: halves, then quarters, down to single incidents, until nothing more can be left out.
Scenario shrink(const Scenario& failing, Invariant broken, std::uint32_t runs_max) {
    Scenario best = failing;
    std::uint32_t runs = 0;
    for (std::size_t chunk = best.incidents.size() / 2 + 1; chunk > 0 && runs < runs_max;) {
        bool shorter = false;
        for (std::size_t from = 0; from < best.incidents.size() && runs < runs_max;) {
            Scenario fewer = best;
            const auto first = fewer.incidents.begin() + static_cast<std::ptrdiff_t>(from);
            const std::size_t count = std::min(chunk, best.incidents.size() - from);
            fewer.incidents.erase(first, first + static_cast<std::ptrdiff_t>(count));
            ++runs;
            if (breaks(fewer, broken)) {
                best = std::move(fewer);
                shorter = true;
            } else {
                from += chunk;
            }
        }
        chunk = shorter && chunk == 1 ? 1 : chunk / 2;
    }
    return best;
}

std::string explain_failure(const Scenario& shrunk, std::size_t incidents_before, std::string_view commit) {
    const RunResult result = run(shrunk, true);
    std::string text = fmt::format(
        "seed {} of commit {} breaks promise {}\n", shrunk.seed, commit,
        result.violation ? to_string(result.violation->invariant) : "(not again: not deterministic)");
    if (result.violation) {
        text += fmt::format("after {:.3f} s: {}\n", static_cast<double>(result.violation->at_ns) / second,
                            result.violation->what);
    }
    text += fmt::format("{} of {} incidents are needed:\n", shrunk.incidents.size(), incidents_before);
    for (const Incident& incident : shrunk.incidents) {
        text +=
            fmt::format("{:11.6f} {}\n", static_cast<double>(incident.at_ns) / second, describe(incident));
    }
    const std::size_t skipped = result.log.size() > log_lines_shown ? result.log.size() - log_lines_shown : 0;
    text += fmt::format("what happened ({} lines before these are left out):\n", skipped);
    for (std::size_t i = skipped; i < result.log.size(); ++i) {
        text += result.log[i] + "\n";
    }
    return text;
}

}  // namespace ballast::simulator
