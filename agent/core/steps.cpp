// The steps that jobs of every kind are made of.
#include "agent/core/core.hpp"

namespace ballast::agent {
namespace {

// A guest that stands still waits for these: the first tries come quickly, and some minutes are covered in
// all.
constexpr std::uint32_t attempts_max = 12;
constexpr Duration back_off_first = milliseconds(250);
constexpr Duration back_off_max = seconds(30);

// How long a guest that may have taken a request to suspend itself is watched, and how often. Linux first
// freezes its processes, which succeeds within 20 s or is given up. Less than the controller's patience with
// a job that has passed its deadline (deadlines.grace_seconds).
constexpr Duration suspension_awaited = seconds(20);
constexpr Duration suspension_looked_for_every = milliseconds(250);

// A guest whose disk hangs, or whose kernel is told to be patient, takes longer than that. Nobody is kept
// waiting for it, but it is not left standing either.
constexpr Duration late_suspension_awaited = seconds(600);
constexpr Duration late_suspension_looked_for_every = seconds(1);

}  // namespace

// Not inlined: an action is large, and each place that made one on its own would be as well.
[[gnu::noinline]] Action& Core::act(ActionKind kind, std::uint32_t row, Actions& out) noexcept {
    Action& action = out.push({});
    action.kind = kind;
    action.row = row;
    return action;
}

void Core::enter(std::uint32_t row, Stage stage, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(allowed(job.record.kind, job.record.stage, stage));
    job.previous = job.record.stage;
    job.record.stage = stage;
    job.attempts = 0;
    job.wake.reset();
    persist(row, out);
}

void Core::persist(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(job.waiting == Waiting::nothing);
    job.waiting = Waiting::persist;
    act(ActionKind::persist, row, out);
}

void Core::look(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(job.waiting == Waiting::nothing);
    job.waiting = Waiting::truth;
    job.wake.reset();
    act(ActionKind::look, row, out).survey = job.record.stage == Stage::none;
}

void Core::call(std::uint32_t row, Call what, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(job.waiting == Waiting::nothing);
    job.waiting = Waiting::call;
    job.calling = what;
    act(ActionKind::call, row, out).call = what;
}

void Core::file(std::uint32_t row, FileStep what, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(job.waiting == Waiting::nothing);
    job.waiting = Waiting::file;
    act(ActionKind::file, row, out).file = what;
}

void Core::start_worker(std::uint32_t row, WorkerOp op, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(job.worker == no_worker);
    last_worker_ = last_worker_ + 1 < incoming_worker_bit ? last_worker_ + 1 : 1;
    job.worker = last_worker_;
    job.killed = false;
    job.worker_ok = false;
    job.worker_failed = false;
    job.may_suspend = true;
    job.suspension_due.reset();
    Action& action = act(ActionKind::start_worker, row, out);
    action.worker = job.worker;
    action.op = op;
}

void Core::start_helper(std::uint32_t row, WorkerOp op, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(job.helper == no_worker);
    last_worker_ = last_worker_ + 1 < incoming_worker_bit ? last_worker_ + 1 : 1;
    job.helper = last_worker_;
    job.helper_op = op;
    job.helper_ok = false;
    Action& action = act(ActionKind::start_worker, row, out);
    action.worker = job.helper;
    action.op = op;
}

void Core::tell(std::uint32_t row, WorkerId worker, Tell what, Fault fault, const Detail& detail,
                Actions& out) noexcept {
    Action& action = act(ActionKind::tell_worker, row, out);
    action.worker = worker;
    action.tell = what;
    action.fault = fault;
    action.detail = detail;
}

void Core::kill(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.worker != no_worker && !job.killed) {
        job.killed = true;
        act(ActionKind::kill_worker, row, out).worker = job.worker;
    }
    if (job.helper != no_worker) {
        act(ActionKind::kill_worker, row, out).worker = job.helper;
    }
}

void Core::report(std::uint32_t row, Actions& out) noexcept {
    rows_[row].next_report = now_.mono + seconds(1);
    act(ActionKind::report, row, out);
}

void Core::wake_after(Row& row, Duration after) noexcept {
    row.wake = now_.mono + after;
}

void Core::back_off(Row& row) noexcept {
    const std::uint32_t doublings = row.attempts > 1 ? row.attempts - 1 : 0;
    const Duration pause = doublings < 8 ? back_off_first * (std::int64_t{1} << doublings) : back_off_max;
    wake_after(row, pause < back_off_max ? pause : back_off_max);
}

void Core::blame(Row& row, Fault fault, const Detail& detail) noexcept {
    if (row.record.fault == Fault::none) {
        row.record.fault = fault;
        row.record.detail = detail;
    }
}

void Core::blame_call(Row& row, const Detail& otherwise) noexcept {
    blame(row, row.call_fault == Fault::none ? Fault::hypervisor_failed : row.call_fault,
          row.call_detail.empty() ? otherwise : row.call_detail);
}

void Core::succeed(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    job.record.state = JobState::succeeded;
    job.record.fault = Fault::none;
    job.wake.reset();
    persist(row, out);
}

void Core::fail(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    blame(job, Fault::worker_died, "the operation was interrupted, by the end of its worker or of the agent");
    if (job.suspension_due) {
        job.record.detail.append_cut("; should the guest suspend itself yet, it is let run on");
    }
    job.record.state = job.record.fault == Fault::cancelled ? JobState::cancelled : JobState::failed;
    job.wake.reset();
    persist(row, out);
}

void Core::abort(std::uint32_t row, Fault fault, const Detail& detail, Actions& out) noexcept {
    Row& job = rows_[row];
    if (ended(job.record.state) || !abortable(job.record.stage) || job.record.fault != Fault::none) {
        return;
    }
    blame(job, fault, detail);
    if (job.worker != no_worker || job.helper != no_worker) {
        kill(row, out);  // its end makes the core look and decide
    } else if (job.record.stage == Stage::expecting || job.record.stage == Stage::fetching) {
        enter(row, Stage::refused, out);
    } else if (job.waiting == Waiting::nothing) {
        look(row, out);
    }
}

void Core::forget(std::uint32_t row, Actions& out) noexcept {
    act(ActionKind::forget, row, out).job_id = rows_[row].record.job_id;
    drop(row);
}

void Core::drop(std::uint32_t row) noexcept {
    orders_[row] = {};
    rows_.remove(row);
}

bool Core::try_call(std::uint32_t row, Call what, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.attempts >= attempts_max) {
        return false;
    }
    ++job.attempts;
    call(row, what, out);
    return true;
}

bool Core::try_destroy(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.attempts >= attempts_max) {
        return false;
    }
    ++job.attempts;
    start_helper(row, WorkerOp::destroy, out);
    return true;
}

bool Core::await_suspension(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (!job.may_suspend || (state != DomainState::running && state != DomainState::paused)) {
        return false;
    }
    if (!job.suspension_due) {
        job.suspension_due = now_.mono + suspension_awaited;
    }
    call(row, Call::withdraw_suspend, out);
    return true;
}

void Core::on_withdrawn(const CalledEvent& event, Actions& out) noexcept {
    Row& job = rows_[event.row];
    const bool withdrawn = event.fault == Fault::none;
    if (!withdrawn && now_.mono < job.suspension_due.value_or(now_.mono)) {
        wake_after(job, suspension_looked_for_every);
        return;
    }
    if (withdrawn) {
        job.suspension_due.reset();
    }
    job.may_suspend = false;
    look(event.row, out);  // once more: it may have suspended itself just before
}

// At most half of the rows are kept from new jobs by that.
void Core::begin_late_wait(Row& row) noexcept {
    if (rows_.used() > rows_.limit() / 2) {
        row.suspension_due.reset();
        return;
    }
    row.suspension_due = now_.mono + late_suspension_awaited;
    wake_after(row, late_suspension_looked_for_every);
}

bool Core::await_late_suspension(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (!job.suspension_due) {
        return false;
    }
    if (state == DomainState::suspended && try_call(row, Call::resume_late, out)) {
        return true;
    }
    if ((state == DomainState::running || state == DomainState::paused) && now_.mono < *job.suspension_due) {
        wake_after(job, late_suspension_looked_for_every);
        return true;
    }
    job.suspension_due.reset();
    return false;
}

}  // namespace ballast::agent
