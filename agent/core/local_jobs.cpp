// Create, pause, unpause, shutdown, destroy: what their stages decide when the truth is known. None of these
// is called while the job's worker is alive.
#include "agent/core/core.hpp"

namespace ballast::agent {
namespace {

// A domain that has once been unpaused: it runs, or it did and ended by itself.
bool has_run(DomainState state) noexcept {
    return state == DomainState::running || state == DomainState::powered_off ||
           state == DomainState::rebooting || state == DomainState::crashed ||
           state == DomainState::suspended;
}

}  // namespace

void Core::decide_creating(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (job.helper != no_worker) {
        return;
    }
    if (state == DomainState::absent) {
        fail(row, out);
    } else if (job.worker_ok && state == DomainState::paused && job.record.fault == Fault::none) {
        enter(row, Stage::created, out);
    } else if (has_run(state)) {
        blame(job, Fault::state_conflict, "somebody else unpaused the domain while it was being created");
        fail(row, out);
    } else if (!try_destroy(row, out)) {
        blame_call(job, "the half-built domain cannot be destroyed");
        fail(row, out);
    }
}

void Core::decide_created(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (state == DomainState::crashed) {
        blame(job, Fault::guest_crashed, "the guest crashed as soon as it was unpaused");
        fail(row, out);
    } else if (has_run(state)) {
        succeed(row, out);
    } else if (state == DomainState::absent || state == DomainState::dying) {
        blame(job, Fault::guest_crashed, "the domain vanished before it was unpaused");
        fail(row, out);
    } else if (!try_call(row, Call::unpause, out)) {
        blame_call(job, "the new domain cannot be unpaused");
        fail(row, out);
    }
}

void Core::decide_indexing(std::uint32_t row, Actions& out) noexcept {
    if (rows_[row].worker_ok) {
        succeed(row, out);
    } else {
        fail(row, out);
    }
}

void Core::decide_pausing(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (state == DomainState::paused) {
        succeed(row, out);
    } else if (state != DomainState::running) {
        blame(job, state == DomainState::absent ? Fault::not_found : Fault::state_conflict,
              "the domain does not run any more");
        fail(row, out);
    } else if (job.record.fault != Fault::none || !try_call(row, Call::pause, out)) {
        blame_call(job, "the domain cannot be paused");
        fail(row, out);
    }
}

void Core::decide_unpausing(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (state == DomainState::running) {
        succeed(row, out);
    } else if (state != DomainState::paused) {
        blame(job, state == DomainState::absent ? Fault::not_found : Fault::state_conflict,
              "the domain is not paused any more");
        fail(row, out);
    } else if (job.record.fault != Fault::none || !try_call(row, Call::unpause, out)) {
        blame_call(job, "the domain cannot be unpaused");
        fail(row, out);
    }
}

void Core::decide_stopping(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (job.helper != no_worker) {
        return;
    }
    if (state == DomainState::absent) {
        succeed(row, out);
    } else if (state == DomainState::powered_off || state == DomainState::dying) {
        // The guest has gone; only its memory is still to be released.
        if (!try_destroy(row, out)) {
            blame_call(job, "the guest is off, but its memory cannot be released");
            fail(row, out);
        }
    } else {
        fail(row, out);
    }
}

void Core::decide_destroying(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.helper != no_worker) {
        return;
    }
    // A save file is removed only by an order that expected nothing else to be here.
    const bool file_goes = job.record.only_a_file && job.truth.file_complete;
    if (job.truth.domain.state == DomainState::absent && file_goes && !job.file_stuck) {
        file(row, FileStep::discard_complete, out);
    } else if (job.truth.domain.state == DomainState::absent && file_goes) {
        blame_call(job, "the save file cannot be deleted");
        fail(row, out);
    } else if (job.truth.domain.state == DomainState::absent) {
        succeed(row, out);
    } else if ((job.record.fault != Fault::none && job.truth.domain.state != DomainState::dying) ||
               !try_destroy(row, out)) {
        // A cancelled order leaves a guest alone as long as it is whole; one that is dying cannot be kept.
        blame_call(job, "the domain cannot be destroyed");
        fail(row, out);
    }
}

}  // namespace ballast::agent
