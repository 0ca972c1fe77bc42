#include "controller/core/actions.hpp"

namespace ballast::controller {

// What one step can need at most, reports aside: a hello or a lost link touches the open jobs of one host (at
// most limits::agent_jobs_max, two persists, an order, an ack and a JobChanged each); a tick ends at most
// deadlines_per_tick_max jobs and forgets at most forgotten_per_tick_max rows of each table (step.hpp).
static_assert(sizeof(Action) <= 512, "the list of actions is part of the controller's memory");

void Actions::clear() noexcept {
    list_.clear();
    reports_ = 0;
    outcome = Outcome{};
}

void Actions::add(const Action& action) noexcept {
    list_.push(action);
}

void Actions::report(const Report& report) noexcept {
    if (reports_ == reports_max) {
        ++reports_dropped_;
        return;
    }
    ++reports_;
    list_.push(report);
}

}  // namespace ballast::controller
