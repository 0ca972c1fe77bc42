#include "controller/engine.hpp"

#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "controller/store_log.hpp"
#include "shell/log.hpp"
#include "shell/loop.hpp"

namespace ballast::controller {

namespace {

// Without a commit for so long, the next one is not expected right now.
constexpr Duration store_quiet = milliseconds(100);

std::string_view word(Subject subject) noexcept {
    switch (subject) {
        case Subject::controller: return "controller";
        case Subject::host: return "host";
        case Subject::vm: return "vm";
        case Subject::job: return "job";
        case Subject::plan: return "plan";
        case Subject::pool: return "pool";
        case Subject::desktop: return "desktop";
        case Subject::session: return "session";
    }
    return "controller";
}

void log_report(const Report& report) {
    const std::string_view subject = word(report.subject);
    const std::string id = report.id != 0 ? " " + std::to_string(report.id) : std::string{};
    const std::string name = report.name.empty() ? std::string{} : " " + std::string{report.name.view()};
    switch (report.severity) {
        case Severity::info: log_info("{}{}{}: {}: {}", subject, id, name, report.what, report.detail); break;
        case Severity::warning:
            log_warning("{}{}{}: {}: {}", subject, id, name, report.what, report.detail);
            break;
        case Severity::error:
            log_error("{}{}{}: {}: {}", subject, id, name, report.what, report.detail);
            break;
    }
}

}  // namespace

Engine::Engine(const Settings& settings, std::span<std::byte> memory, Store& store)
    : settings_{settings},
      memory_{memory},
      store_{store},
      core_{std::in_place, settings, memory},
      actions_{std::make_unique<Actions>()},
      message_{std::make_unique<wire::Message>()} {
    store_.keep_changes(settings.limits.history_stored);
}

Status Engine::restore(std::string& why) {
    BALLAST_CHECK(store_.restore_into(*core_, why));
    core_->start(now());
    return {};
}

void Engine::break_down() {
    trouble_ = store_.last_error();
    log_error("the store cannot be written, changes are refused: {}", trouble_);
}

void Engine::try_to_recover() {
    if (open_ || in_flight_ || !store_.try_again()) {  // what failed has to be told first
        return;
    }
    core_.emplace(settings_, memory_);
    std::string why;
    if (!restore(why).ok()) {
        log_error("the store cannot be read back: {}", why);
        store_lost_();
        return;
    }
    log_notice("the store can be written again; agents connect anew");
    trouble_.clear();
    if (stepped_) {
        stepped_({});
    }
    agents_->close_all();
}

void Engine::tell(const Action& action, const Now& at) {
    if (const auto* send = std::get_if<Send>(&action)) {
        std::visit([&](const auto& message) { *message_ = message; }, send->message);
        agents_->send(send->link, *message_);
    } else if (const auto* order = std::get_if<SendOrder>(&action)) {
        core_->fill_order(*order, at, message_->emplace<wire::JobOrder>());
        agents_->send(order->link, *message_);
    } else if (const auto* closing = std::get_if<CloseLink>(&action)) {
        agents_->close(closing->link, closing->fault);
    } else if (const auto* report = std::get_if<Report>(&action)) {
        log_report(*report);
    } else if (std::holds_alternative<JobChanged>(action) || std::holds_alternative<SessionChanged>(action)) {
        jobs_changed_ = true;
    }
}

Status Engine::step_core(const Event& event, const Now& at) {
    const std::uint64_t rounds = core_->counters().planning_rounds;
    const std::int64_t began_ns = mono_ns();
    const Status status = core_->step(event, at, *actions_);
    if (planned_ && core_->counters().planning_rounds != rounds) {
        planned_(mono_ns() - began_ns);
    }
    return status;
}

Status Engine::step(const Event& event) {
    BALLAST_ASSERT(!stepping_ && agents_ != nullptr);
    if (!trouble_.empty()) {
        if (std::holds_alternative<Tick>(event)) {
            try_to_recover();
        }
        return Err{Fault::io_failed};
    }
    stepping_ = true;
    const Now at = now();
    const Status status = step_core(event, at);
    open_ = open_ || !actions_->list().empty() || !actions_->changes().empty();
    bool stored = true;
    for (const Action& action : actions_->list()) {
        stored = store_.write(*core_, action);
        if (!stored) {
            break;
        }
        tell(action, at);
    }
    stored = stored && store_.write(actions_->changes());
    stepping_ = false;
    if (!stored) {
        break_down();
        return Err{Fault::io_failed};
    }
    if (stepped_) {
        stepped_(actions_->list());
    }
    return status;
}

void Engine::end_turn() {
    if (in_flight_ || store_.busy()) {
        return;  // store_ended() comes
    }
    if (trouble_.empty() && !store_.settle()) {
        break_down();
    }
    if (open_ || (trouble_.empty() && store_.dirty())) {
        seal();
    } else {
        fold_log_if(log_pages_quiet, store_quiet);
    }
}

// Whoever decides something meanwhile waits for it.
void Engine::fold_log_if(int pages, Duration quiet) {
    if (!trouble_.empty() || store_.busy() || store_.log_pages() < pages) {
        return;
    }
    if (const Instant at = mono_now(); at - store_used_ >= quiet) {
        store_used_ = at;
        store_.fold_log();
    }
}

void Engine::seal() {
    open_ = false;
    in_flight_ = true;
    ++sealed_;
    agents_->seal();
    sealed_jobs_changed_ = std::exchange(jobs_changed_, false);
    if (!trouble_.empty()) {
        finish(false);
        return;
    }
    awaited_commit_ = store_.submit();
    if (!store_.busy()) {
        store_ended();
    }
}

void Engine::store_ended() {
    store_.clear_ended();
    if (in_flight_ && !store_.busy()) {
        const bool good = store_.settle();
        const bool stored = store_.commits() >= awaited_commit_;
        if (!good && trouble_.empty()) {
            break_down();
        }
        handed_ns_ = store_.handed_ns();
        landed_ns_ = store_.landed_ns();
        finish(stored);
        store_used_ = mono_now();
        fold_log_if(log_pages_max, {});  // those who waited for this transaction have their answers
    }
}

void Engine::finish(bool stored) {
    in_flight_ = false;
    if (stored) {
        agents_->release();
    } else {
        agents_->drop();
        sealed_ += std::exchange(open_, false) ? 1 : 0;  // what was decided since is lost with it
        sealed_jobs_changed_ = std::exchange(jobs_changed_, false) || sealed_jobs_changed_;
    }
    if (stored_) {
        stored_(stored, std::exchange(sealed_jobs_changed_, false));
    }
}

void Engine::settle() {
    while (open_ || in_flight_) {
        end_turn();
        store_.wait();
        store_ended();
    }
}

const Outcome* Engine::run(Command& command) {
    command.command_id = next_command_id_++;
    (void)step(&command);  // a refusal is in the outcome
    return !trouble_.empty() ? nullptr : &actions_->outcome;
}

}  // namespace ballast::controller
