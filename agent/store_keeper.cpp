#include "agent/store_keeper.hpp"

#include <algorithm>

#include "shell/log.hpp"

namespace ballast::agent {

std::vector<StoreKeeper::Step>::iterator StoreKeeper::find(WorkerId worker) {
    return std::find_if(steps_.begin(), steps_.end(),
                        [worker](const Step& step) { return step.worker == worker; });
}

void StoreKeeper::answer(const wire::StoreProbe& probe, Fault fault, std::string_view why) {
    wire::StoreAnswer answer;
    answer.probe_id = probe.probe_id;
    answer.step = probe.step;
    answer.fault = fault;
    answer.detail = why;
    events_.on_answer(answer);
}

void StoreKeeper::probe(const wire::StoreProbe& probe) {
    if (state_.directory.empty()) {
        answer(probe, Fault::unsupported, "this host has no store (store.directory)");
        return;
    }
    if (probe.probe_id == 0 || probe.secret.nil()) {
        answer(probe, Fault::invalid_argument, "probe_id and secret must not be nil");
        return;
    }
    if (steps_.size() >= store_probes_max) {
        answer(probe, Fault::limit_reached, "the file server has not answered the steps before");
        return;
    }
    std::string why;
    const WorkerId worker = events_.start(probe, why);
    if (worker == no_worker) {
        answer(probe, Fault::io_failed, why);
        return;
    }
    steps_.push_back({.worker = worker, .probe = probe});
}

void StoreKeeper::settle(const wire::StoreProbe& probe, const WorkerReport& report) {
    const StoreState before = state_;
    const bool good = report.news == WorkerNews::done;
    if (good) {
        state_.free_bytes = report.store.free_bytes;
    }
    if (probe.step == wire::StoreStep::check) {
        state_.proven = good;
        state_.identity = good ? report.store.identity : StoreIdentity{};
    }
    if (state_.proven != before.proven) {
        log_notice("the store at {} is {}", state_.directory,
                   state_.proven ? "the one that the other hosts see" : "not proven any more");
    }
    if (state_.proven != before.proven || state_.free_bytes != before.free_bytes) {
        events_.on_change();
    }
}

bool StoreKeeper::on_report(WorkerId worker, const WorkerReport& report) {
    const auto step = find(worker);
    if (step == steps_.end()) {
        return false;
    }
    if (!step->answered && (report.news == WorkerNews::done || report.news == WorkerNews::failed)) {
        step->answered = true;
        settle(step->probe, report);
        answer(step->probe, report.news == WorkerNews::done ? Fault::none : report.fault, report.detail);
    }
    return true;
}

bool StoreKeeper::on_gone(WorkerId worker) {
    const auto step = find(worker);
    if (step == steps_.end()) {
        return false;
    }
    const Step gone = *step;
    steps_.erase(step);
    if (!gone.answered) {
        answer(gone.probe, Fault::worker_died, "the worker ended without a result");
    }
    return true;
}

}  // namespace ballast::agent
