// One host in atomic steps, with the agent's real core: for tests of jobs that stay on it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "agent/core/core.hpp"
#include "tests/unit/agent_suspend_request.hpp"
#include "tests/unit/sealed_heap.hpp"

namespace ballast::agent {

inline constexpr std::uint64_t the_job = 5;

enum class Death : std::uint8_t { agent, worker, host };

// One host in atomic steps, with a domain, its save files, a journal and one kind of worker.
class OneHost {
  public:
    explicit OneHost(std::optional<DomainState> domain = {}) : domain_{domain} {
        guest_.bytes.fill(7);
        boot();
    }

    void order(
        JobKind kind, std::function<void(wire::JobOrder&)> change = [](wire::JobOrder&) {}) {
        wire::JobOrder order;
        order.job_id = the_job;
        order.kind = kind;
        order.uuid = guest_;
        order.name = "guest";
        order.deadline_ms = 60'000;
        order.has_spec = kind == JobKind::create;
        order.spec.uuid = guest_;
        order.spec.name = "guest";
        order.spec.memory_mib = 128;
        order.migration_id = guest_;
        order.peer_host = "h2";
        order.peer_address = "127.0.0.1";
        order.peer_port = 1;
        order.memory_kib = 131072;
        change(order);
        feed(OrderEvent{order});
    }
    void cancel() { feed(CancelEvent{the_job}); }

    bool step() {
        if (!core_) {
            boot();
        } else if (!todo_.empty()) {
            const Action action = todo_.front();
            todo_.pop_front();
            perform(action);
        } else if (!answers_.empty()) {
            const auto answer = answers_.front();
            answers_.pop_front();
            answer();
        } else if (!linked_) {
            linked_ = true;
            feed(LinkUpEvent{});
        } else if (worker_ != no_worker && !awaits_suspension()) {
            work();
        } else if (request_.due(now_ms_)) {
            heed_request();
        } else if (const auto next = next_ms()) {
            now_ms_ = std::max(now_ms_ + 1, *next);
            feed(TickEvent{});
        } else {
            return false;
        }
        return true;
    }
    void run() {
        for (int i = 0; i < 5000 && (!final_ || request_.open() || stands_though_ended()) && step(); ++i) {
        }
        while (!todo_.empty()) {
            step();
        }
    }
    void die(Death death) {
        if (death == Death::worker) {
            if (worker_ != no_worker) {
                gone();
            }
            return;
        }
        core_.reset();
        linked_ = false;
        todo_.clear();
        answers_.clear();
        worker_ = no_worker;
        if (death == Death::host) {
            domain_.reset();
            request_ = model::SuspendRequest{};
        }
    }

    Fault refusal() const { return refusal_; }
    const std::optional<wire::JobUpdate>& final_report() const { return final_; }
    bool runs() const { return domain_ == DomainState::running; }
    bool absent() const { return !domain_.has_value(); }
    bool ever_lost_twice() const { return both_; }
    // The guest suspended itself, and no record says that it may be let run on.
    bool stranded() const { return stranded_; }
    bool suspended_late() const { return suspended_late_; }
    // How the guest deals with the request to suspend itself. Before it is made.
    void be_late(model::Lateness lateness) { request_ = model::SuspendRequest{lateness}; }
    bool has_record() const { return !disk_.empty(); }

    std::optional<DomainState> domain_;
    bool partial_ = false;
    bool complete_ = false;
    bool consumed_ = false;
    Truth truth_{};                        // what of it does not change
    std::function<bool(FileStep)> fails_;  // which steps on files its disk refuses
    // So often the disk says that a record was not written, and it was, or does not remove one.
    int writes_fail_ = 0;
    int removals_fail_ = 0;

  private:
    void boot() {
        truth_.can_pv = truth_.can_hvm = truth_.can_shadow = true;
        truth_.memory_free_kib = truth_.memory_free_kib == 0 ? 1u << 20 : truth_.memory_free_kib;
        truth_.disk_free_bytes = truth_.disk_free_bytes == 0 ? 1ull << 40 : truth_.disk_free_bytes;
        Arena counting;
        (void)Core{counting, {}};
        memory_.assign(counting.used_bytes() + 64, {});
        Arena arena{memory_};
        core_ = std::make_unique<Core>(arena, CoreSettings{.host_name = "h1"});
        for (const auto& [id, record] : disk_) {
            EXPECT_TRUE(core_->recover(record, now()).ok());
        }
        Actions actions;
        core_->start(now(), actions);
        todo_.assign(actions.begin(), actions.end());
    }
    Now now() const { return {{now_ms_}, {now_ms_}}; }
    void feed(const Event& event) {
        Actions actions;
        {
            const ::ballast::test::SealedHeap seal;
            (void)core_->step(event, now(), actions);
        }
        todo_.insert(todo_.end(), actions.begin(), actions.end());
    }
    void watch() { both_ = both_ || (runs() && complete_); }

    Truth look() const {
        Truth truth = truth_;
        truth.domain.uuid = guest_;
        truth.domain.name = "guest";
        truth.domain.type = GuestType::pv;
        truth.domain.memory_kib = 131072;
        truth.domain.state = domain_.value_or(DomainState::absent);
        truth.file_partial = partial_;
        truth.file_complete = complete_;
        truth.file_consumed = consumed_;
        truth.saved_memory_kib = 131072;
        return truth;
    }
    void perform(const Action& action) {
        const std::uint32_t row = action.row;
        switch (action.kind) {
            case ActionKind::persist:
                answers_.push_back([this, row, ok = persist(core_->record(row))] {
                    feed(PersistedEvent{row, ok});
                });
                break;
            case ActionKind::forget:
                if (!fails_once(removals_fail_)) {
                    disk_.erase(action.job_id);
                }
                break;
            case ActionKind::look:
                answers_.push_back([this, row] {
                    const Truth truth = look();
                    feed(TruthEvent{row, truth});
                });
                break;
            case ActionKind::call:
                answers_.push_back([this, row, fault = perform_call(action.call)] {
                    feed(CalledEvent{row, fault, {}});
                });
                break;
            case ActionKind::file: {
                const Fault fault = perform_file(action.file);
                answers_.push_back([this, row, fault] { feed(FiledEvent{row, fault}); });
                break;
            }
            case ActionKind::start_worker:
                EXPECT_EQ(worker_, no_worker) << "two workers on one guest";
                worker_ = action.worker;
                op_ = action.op;
                phase_ = 0;
                break;
            case ActionKind::kill_worker: gone(); break;
            case ActionKind::report:
                if (ended(core_->update(row).state)) {
                    final_ = core_->update(row);
                }
                break;
            case ActionKind::refuse: refusal_ = action.fault; break;
            case ActionKind::tell_worker:
            case ActionKind::ask_controller:
            case ActionKind::answer_controller: break;
        }
        watch();
    }
    Fault perform_call(Call what) {
        if (what == Call::resume_late && !(request_.withdrawn_late() && domain_ == DomainState::suspended)) {
            return Fault::state_conflict;
        }
        if (what == Call::withdraw_suspend) {
            return request_.withdraw() ? Fault::none : Fault::state_conflict;
        }
        if (domain_) {
            domain_ = what == Call::pause ? DomainState::paused : DomainState::running;
        }
        return Fault::none;
    }
    static bool fails_once(int& times) {
        const bool fails = times > 0;
        times -= fails ? 1 : 0;
        return fails;
    }
    bool persist(const JobRecord& record) {
        if (record.stage == Stage::none) {
            const bool fails = fails_once(removals_fail_);
            if (!fails) {
                disk_.erase(record.job_id);
            }
            return !fails;
        }
        disk_[record.job_id] = record;
        return !fails_once(writes_fail_);
    }
    Fault perform_file(FileStep what) {
        if (fails_ && fails_(what)) {
            return Fault::io_failed;
        }
        switch (what) {
            case FileStep::discard_partial: partial_ = false; break;
            case FileStep::publish: std::swap(partial_, complete_); break;
            case FileStep::discard_complete: complete_ = false; break;
            case FileStep::consume: std::swap(complete_, consumed_); break;
            case FileStep::discard_consumed: consumed_ = false; break;
            case FileStep::retract_images:
            case FileStep::retire_images: break;
        }
        return Fault::none;
    }
    // Two steps each: what may be seen half-done, and the end.
    void work() {
        if (phase_++ == 0) {
            if (op_ == WorkerOp::create || op_ == WorkerOp::restore) {
                domain_ = DomainState::paused;
            } else if (op_ == WorkerOp::save) {
                request_.make(now_ms_);
                partial_ = true;
            }
            return;
        }
        if (op_ == WorkerOp::destroy || op_ == WorkerOp::shutdown) {
            EXPECT_FALSE(op_ == WorkerOp::destroy && runs() && !may_destroy_)
                << "a running guest is destroyed";
            domain_.reset();
        }
        feed(WorkerEvent{.worker = worker_, .news = WorkerNews::done});
        gone();
    }
    bool awaits_suspension() const { return op_ == WorkerOp::save && phase_ > 0 && request_.open(); }
    bool stands_though_ended() const {
        return domain_ == DomainState::suspended && request_.withdrawn_late();
    }
    void heed_request() {
        if (request_.heed(now_ms_) && runs()) {
            domain_ = DomainState::suspended;
            stranded_ = disk_.empty();
            suspended_late_ = worker_ == no_worker;
        }
    }
    std::optional<std::int64_t> next_ms() const {
        const std::optional<Instant> wake = core_->next_wake();
        std::optional<std::int64_t> next = request_.next_ms();
        if (wake) {
            next = std::min(next.value_or(wake->ms), wake->ms);
        }
        return next;
    }
    void gone() {
        const WorkerId worker = worker_;
        worker_ = no_worker;
        answers_.push_back([this, worker] { feed(WorkerGoneEvent{worker, {}}); });
    }

  public:
    bool may_destroy_ = false;

  private:
    Uuid guest_;
    std::map<std::uint64_t, JobRecord> disk_;
    std::vector<std::byte> memory_;
    std::unique_ptr<Core> core_;
    std::deque<Action> todo_;
    std::deque<std::function<void()>> answers_;
    WorkerId worker_ = no_worker;
    WorkerOp op_ = WorkerOp::create;
    int phase_ = 0;
    bool linked_ = true;  // to the controller
    std::int64_t now_ms_ = 1'000'000;
    Fault refusal_ = Fault::none;
    std::optional<wire::JobUpdate> final_;
    bool both_ = false;
    model::SuspendRequest request_;
    bool stranded_ = false;
    bool suspended_late_ = false;
};

}  // namespace ballast::agent
