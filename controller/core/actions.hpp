// What the shell must do after a step, strictly in this order. Whatever must survive comes first, whatever
// tells anybody comes after it: the shell writes all Persist* and Forget* of a turn of its loop in one
// transaction, syncs it, and only then lets go of what is to be told. When a write fails, nobody is told, and
// the shell goes on only with a core made anew of what the store holds.
//
// Actions name rows; the shell reads them through Core's accessors before the next step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "base/fixed_vector.hpp"
#include "base/raw_list.hpp"
#include "controller/core/desktop/rows.hpp"
#include "controller/core/events.hpp"

namespace ballast::controller {

// ---- the store ----
struct PersistHost {
    std::uint32_t host;
};  // Core::host(i).record
struct PersistVm {
    std::uint32_t vm;
};  // Core::vm(i).record
struct PersistDefinition {
    std::uint32_t definition;
};  // Core::definition(i).spec
struct PersistJob {
    std::uint32_t job;
};  // Core::job(i).record; next_job_id is at least its id + 1
struct PersistPlan {
    std::uint32_t plan;
};  // Core::plan(i)
struct PersistIdempotency {
    std::uint32_t entry;
};  // Core::idempotency(i).record
struct ForgetHost {
    HostName name;
};
struct ForgetVm {
    Uuid uuid;
};  // its definition too
struct ForgetJob {
    std::uint64_t id;
};
struct ForgetPlan {
    std::uint64_t id;
};
struct ForgetIdempotency {
    Digest key;
};
struct PersistDesktopPool {
    std::uint32_t pool;
};  // Core::desktop_pool(i).record
struct PersistDesktop {
    std::uint32_t desktop;
};  // Core::desktop(i).record
struct PersistSession {
    std::uint32_t session;
};  // Core::session(i).record; next_session_id is at least its id + 1
struct ForgetDesktopPool {
    Name name;
};
struct ForgetDesktop {
    Uuid uuid;
};
struct ForgetSession {
    std::uint64_t id;
};
struct PersistStoreMark {};  // Identity::store_marked is true from now on

// ---- the agents ----
using SmallMessage =
    std::variant<wire::HelloReply, wire::JobCancel, wire::JobAck, wire::JobLimit, wire::HandoverQuery,
                 wire::HandoverAnswer, wire::RelayOpen, wire::RelayClose, wire::GuestNote, wire::StoreProbe>;
struct Send {
    LinkId link;
    SmallMessage message;
};
// The order is large: the shell gets it by Core::fill_order.
struct SendOrder {
    LinkId link;
    std::uint32_t job;
    JobKind kind;  // migrate_in or migrate_out for a migration's sides
};
// After what was sent on it before has left.
struct CloseLink {
    LinkId link;
    Fault fault;
};

// ---- the operators ----
struct Reply {
    std::uint64_t command_id;  // the answer is Actions::outcome
};
// A job was made, took a step or ended: for ?wait= and for whoever follows.
struct JobChanged {
    std::uint32_t job;
};
// A session has got another state or endpoint: likewise.
struct SessionChanged {
    std::uint32_t session;
};

enum class Severity : std::uint8_t { info = 6, warning = 4, error = 3 };  // syslog's numbers
enum class Subject : std::uint8_t { controller, host, vm, job, plan, pool, desktop, session };
// Something worth a line in the log and in the list of events.
struct Report {
    Severity severity;
    Subject subject;
    std::string_view what;  // a static word: "host_up", "job_failed"
    Name name;              // of the host or VM; may be empty
    std::uint64_t id;       // of the job, plan or session; may be 0
    Detail detail;
};

using Action =
    std::variant<PersistHost, PersistVm, PersistDefinition, PersistJob, PersistPlan, PersistIdempotency,
                 ForgetHost, ForgetVm, ForgetJob, ForgetPlan, ForgetIdempotency, PersistDesktopPool,
                 PersistDesktop, PersistSession, ForgetDesktopPool, ForgetDesktop, ForgetSession,
                 PersistStoreMark, Send, SendOrder, CloseLink, Reply, JobChanged, SessionChanged, Report>;

// One more change in the history of a guest that the store knows.
struct HistoryChange {
    Uuid vm;
    HistoryRow row;
};

// True for what the store keeps.
bool durable(const Action& action) noexcept;

// The actions of one step. Kept by the shell and reused: cleared by the core at the start of a step.
class Actions {
  public:
    Actions() noexcept {}  // NOLINT: not defaulted, which would let `Actions{}` write zeros to all of it
    void clear() noexcept;

    // Keeps the store's actions before all others, otherwise the order in which they were added; a row that
    // is to be persisted already is not named twice. REQUIRES: room. The tables' limits bound what one step
    // can need (see actions.cpp).
    void add(const Action& action) noexcept;
    // Reports give way when the list is nearly full, and are counted instead.
    void report(const Report& report) noexcept;

    // For the store, with the step's other records. The history is for people: of a step with more changes
    // than this list holds the first are kept, and the rest counted.
    void changed(const HistoryChange& change) noexcept {
        changes_dropped_ += changes_.try_push(change) ? 0 : 1;
    }

    std::span<const Action> list() const noexcept { return list_.span(); }
    std::span<const HistoryChange> changes() const noexcept { return changes_.span(); }
    std::uint64_t reports_dropped() const noexcept { return reports_dropped_; }
    std::uint64_t changes_dropped() const noexcept { return changes_dropped_; }
    Outcome outcome;  // of the Reply in the list; meaningless without one

  private:
    static constexpr std::size_t actions_max = 1024;
    static constexpr std::size_t reports_max = 384;  // of them
    static constexpr std::size_t changes_max = 1024;
    RawList<Action, actions_max> list_;
    RawList<HistoryChange, changes_max> changes_;
    std::uint64_t changes_dropped_ = 0;
    std::ptrdiff_t durable_ = 0;
    std::size_t reports_ = 0;
    std::uint64_t reports_dropped_ = 0;
};

}  // namespace ballast::controller
