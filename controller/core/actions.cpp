#include "controller/core/actions.hpp"

#include <algorithm>
#include <type_traits>

namespace ballast::controller {

// What one step can need at most, reports aside: a hello or a lost link touches the open jobs of one host (at
// most limits::agent_jobs_max, two persists, an order, an ack and a JobChanged each); a tick ends at most
// deadlines_per_tick_max jobs and forgets at most forgotten_per_tick_max rows of each table (step.hpp).
static_assert(sizeof(Action) <= 640, "the list of actions is part of the controller's memory");

namespace {

// The store's actions are the first alternatives of the variant.
constexpr std::size_t durable_kinds = 18;
static_assert(std::is_same_v<std::variant_alternative_t<0, Action>, PersistHost> &&
              std::is_same_v<std::variant_alternative_t<durable_kinds - 1, Action>, PersistStoreMark> &&
              std::is_same_v<std::variant_alternative_t<durable_kinds, Action>, Send>);

// The row that a Persist action names; nothing for the others.
std::optional<std::uint32_t> persisted_row(const Action& action) noexcept {
    if (const auto* host = std::get_if<PersistHost>(&action)) {
        return host->host;
    }
    if (const auto* vm = std::get_if<PersistVm>(&action)) {
        return vm->vm;
    }
    if (const auto* definition = std::get_if<PersistDefinition>(&action)) {
        return definition->definition;
    }
    if (const auto* job = std::get_if<PersistJob>(&action)) {
        return job->job;
    }
    if (const auto* plan = std::get_if<PersistPlan>(&action)) {
        return plan->plan;
    }
    if (const auto* entry = std::get_if<PersistIdempotency>(&action)) {
        return entry->entry;
    }
    if (const auto* pool = std::get_if<PersistDesktopPool>(&action)) {
        return pool->pool;
    }
    if (const auto* desktop = std::get_if<PersistDesktop>(&action)) {
        return desktop->desktop;
    }
    if (const auto* session = std::get_if<PersistSession>(&action)) {
        return session->session;
    }
    return std::nullopt;
}

}  // namespace

bool durable(const Action& action) noexcept {
    return action.index() < durable_kinds;
}

void Actions::clear() noexcept {
    list_.clear();
    changes_.clear();
    durable_ = 0;
    reports_ = 0;
    outcome = Outcome{};
}

void Actions::add(const Action& action) noexcept {
    if (!durable(action)) {
        list_.push(action);
        return;
    }
    if (const auto row = persisted_row(action)) {
        // Rows are read after the step: writing one twice would write the same twice.
        const auto same = [&](const Action& known) {
            return known.index() == action.index() && persisted_row(known) == row;
        };
        if (std::any_of(list_.begin(), list_.begin() + durable_, same)) {
            return;
        }
    }
    list_.push(action);
    std::rotate(list_.begin() + durable_, list_.end() - 1, list_.end());
    ++durable_;
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
