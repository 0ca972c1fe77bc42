// Save and restore. A guest's right to run lies either in its domain or in its save file; `save_complete` and
// `consuming` are the two records that move it from one to the other. None of these is called while the job's
// worker is alive.
#include "agent/core/core.hpp"
#include "base/compose.hpp"

namespace ballast::agent {
namespace {

// So often a save file is tried to be renamed before the guest's memory is not kept waiting for it any more.
constexpr std::uint32_t renames_max = 3;

}  // namespace

void Core::decide_saving(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    const bool written = job.worker_ok && job.record.fault == Fault::none && job.truth.file_partial;
    if (written && state == DomainState::suspended) {
        enter(row, Stage::save_complete, out);
        return;
    }
    if (state == DomainState::suspended) {
        blame(job, Fault::worker_died, "the save was interrupted; the guest has been let run on");
        job.may_suspend = false;
        job.suspension_due.reset();
        if (try_call(row, Call::resume, out)) {
            return;
        }
        blame_call(job, "the guest is suspended and cannot be resumed");
    }
    if (!written && await_suspension(row, out)) {
        return;
    }
    if (job.truth.file_partial && !job.file_stuck) {
        file(row, FileStep::discard_partial, out);
        return;
    }
    if (written) {
        blame(job, Fault::state_conflict, "somebody else let the guest run on while it was being saved");
    }
    if (state == DomainState::absent || state == DomainState::crashed || state == DomainState::powered_off) {
        blame(job, Fault::guest_crashed, "the guest ended while it was being saved");
    }
    fail(row, out);
}

void Core::decide_save_complete(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (job.helper != no_worker) {
        return;
    }
    const bool here = state == DomainState::suspended || state == DomainState::dying;
    if (here || state == DomainState::absent) {
        if (job.truth.file_partial && !job.truth.file_complete && state == DomainState::suspended &&
            job.attempts >= renames_max) {
            decide_unpublished(row, out);
        } else if (job.truth.file_partial && !job.truth.file_complete) {
            file(row, FileStep::publish, out);
        } else if (!here && job.truth.file_complete) {
            succeed(row, out);
        } else if (!here) {
            blame(job, Fault::io_failed, "both the save file and the domain are gone");
            fail(row, out);
        } else if (job.truth.file_complete) {
            if (!try_destroy(row, out)) {
                blame_call(job, "the guest is saved, but its suspended domain cannot be destroyed");
                fail(row, out);
            }
        } else if (!try_call(row, Call::resume, out)) {
            blame_call(job, "the save file is gone, and the suspended guest cannot be resumed");
            fail(row, out);
        }
        return;
    }
    // The guest runs on, by somebody's hand or because its file was gone: no image of it may be restored any
    // more.
    if ((job.truth.file_complete || job.truth.file_partial) && !job.file_stuck) {
        file(row, job.truth.file_complete ? FileStep::discard_complete : FileStep::discard_partial, out);
        return;
    }
    blame(job, Fault::state_conflict, "the guest runs on, so its save file was not kept");
    fail(row, out);
}

// The image cannot get its name, and its guest is still here: it runs on instead of standing still for good.
void Core::decide_unpublished(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    blame(job, job.call_fault,
          compose("the save file could not be renamed (", renames_max,
                  " attempts): the guest has been let run on"));
    job.file_stuck = false;  // its image is no good once it runs: that one is tried to be deleted
    if (!try_call(row, Call::resume, out)) {
        fail(row, out);
    }
}

void Core::decide_restoring(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (job.helper != no_worker) {
        return;
    }
    if (state == DomainState::absent) {
        fail(row, out);
    } else if (job.worker_ok && state == DomainState::paused && job.record.fault == Fault::none) {
        enter(row, Stage::consuming, out);
    } else if (state != DomainState::paused && state != DomainState::dying && state != DomainState::unknown) {
        blame(job, Fault::state_conflict, "somebody else unpaused the domain while it was being restored");
        fail(row, out);
    } else if (!try_destroy(row, out)) {
        blame_call(job, "the half-restored domain cannot be destroyed");
        fail(row, out);
    }
}

void Core::decide_consuming(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (job.helper != no_worker) {
        return;
    }
    if (state == DomainState::absent || state == DomainState::dying) {
        blame(job, Fault::guest_crashed,
              job.truth.file_complete
                  ? "the domain vanished before it ran; its save file is kept"
                  : "the domain vanished and may have run; its image is kept as .consumed");
        fail(row, out);
    } else if (state == DomainState::paused && job.truth.file_complete) {
        // Until the file has its new name the copy must not run: the image could be restored twice.
        if (!job.file_stuck || job.attempts < renames_max) {
            file(row, FileStep::consume, out);
        } else if (!try_destroy(row, out)) {
            blame_call(job, "the save file cannot be renamed, nor the restored copy destroyed");
            fail(row, out);
        }
    } else if (state == DomainState::paused && !job.truth.file_consumed) {
        blame(job, Fault::io_failed,
              "the save file is gone under both its names: the restored guest stays paused for an operator");
        fail(row, out);
    } else if (state == DomainState::paused) {
        if (!try_call(row, Call::unpause, out)) {
            blame_call(job, "the restored domain cannot be unpaused");
            fail(row, out);
        }
    } else if ((job.truth.file_consumed || job.truth.file_complete) && !job.file_stuck) {
        file(row, job.truth.file_complete ? FileStep::discard_complete : FileStep::discard_consumed, out);
    } else if (state == DomainState::crashed) {
        blame(job, Fault::guest_crashed, "the guest crashed as soon as it was unpaused");
        fail(row, out);
    } else {
        succeed(row, out);
    }
}

}  // namespace ballast::agent
