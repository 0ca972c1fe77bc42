// Logins and logouts.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

bool session_fits(const Tables& t) noexcept {
    return t.sessions.used() < t.sessions.limit() || t.sessions.find([](const SessionRow& session) {
        return session.record.state == SessionState::closed;
    }) != no_row;
}

void record_decision(Step& step, const Command& command, std::string_view pool, std::uint32_t session,
                     const Outcome& outcome) noexcept {
    DecisionRow decision;
    decision.origin = JobOrigin::session;
    decision.pool = Name{pool};
    if (session == no_row) {
        decision.kind = DecisionKind::session_denied;
        decision.why = compose(command.user, ": ", outcome.detail);
        decide(step, decision);
        return;
    }
    SessionRow& row = step.t.sessions[session];
    const std::uint32_t host = desktop_host(step.t, step.t.desktops[row.desktop]);
    decision.kind = DecisionKind::session_granted;
    decision.vm = row.record.desktop_name;
    decision.chosen = host == no_row ? HostName{} : step.t.hosts[host].record.name;
    decision.session_id = row.record.id;
    decision.why = row.record.personal
                       ? compose("the private desktop of ", row.record.user)
                       : compose("the least loaded of those that are ", to_string(row.record.taken_from));
    row.record.decision = decide(step, decision).id;
}

// The same request again: the same session. From another place: the way is opened for that one.
void reconnect(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    SessionRow& session = step.t.sessions[row];
    outcome.kind = OutcomeKind::already_so;
    outcome.session_id = session.record.id;
    if (command.dry_run || session.record.client_address == command.client || command.client.empty()) {
        return;
    }
    session.record.client_address = command.client;
    step.out.add(PersistSession{row});
    if (session.relay_host != no_row) {
        session.relay_host = no_row;  // the same agent replaces the relay; another one has none to replace
        advance_session(step, row);
    }
}

void grant(Step& step, const Command& command, std::uint32_t desktop, DesktopState tier,
           Outcome& outcome) noexcept {
    outcome.kind = OutcomeKind::session;
    outcome.vm_uuid = step.t.desktops[desktop].record.uuid;
    outcome.detail = compose(step.t.desktops[desktop].record.name, " is ", to_string(tier));
    if (command.dry_run) {
        return;
    }
    const std::uint32_t row = add_session(step, command, desktop, tier);
    BALLAST_ASSERT(row != no_row);  // session_fits was asked
    outcome.session_id = step.t.sessions[row].record.id;
    record_decision(step, command, step.t.desktops[desktop].record.pool, row, outcome);
    wake_for_session(step, row);
}

void open_common(Step& step, const Command& command, Outcome& outcome) noexcept {
    Tables& t = step.t;
    const std::uint32_t pool = find_pool(t, command.target);
    if (pool == no_row) {
        refuse(outcome, Slug::not_found, Fault::not_found, compose("no pool ", command.target));
        return;
    }
    DesktopPoolRow& row = t.desktop_pools[pool];
    outcome.pool = row.record.name;
    if (row.record.kind != VmKind::common) {
        refuse(outcome, Slug::validation_failed, Fault::invalid_argument,
               "this is a private pool: ask with \"private\": true");
        outcome.pointer = "/pool";
        return;
    }
    if (!row.record.enabled) {
        refuse(outcome, Slug::state_conflict, Fault::state_conflict,
               row.record.closing ? "the pool is being deleted" : "the pool is disabled");
        if (!row.record.closing) {
            outcome.would_help.push({"enable the pool", "its desktops are granted again"});
        }
        return;
    }
    const Grant granted = choose_desktop(step, pool, outcome);
    if (granted.desktop != no_row) {
        row.grants += command.dry_run ? 0 : 1;
        grant(step, command, granted.desktop, granted.tier, outcome);
    } else if (!command.dry_run) {
        ++row.denials;
        ++t.counters.sessions_denied;
        record_decision(step, command, row.record.name, no_row, outcome);
    }
}

void open_private(Step& step, const Command& command, Outcome& outcome) noexcept {
    Tables& t = step.t;
    const std::uint32_t desktop = find_private(t, command.user);
    if (desktop == no_row) {
        refuse(outcome, Slug::not_found, Fault::not_found,
               compose("user ", command.user, " has no private desktop"));
        return;
    }
    const DesktopState state = t.desktops[desktop].record.state;
    if (t.desktops[desktop].record.session != 0) {
        refuse(outcome, Slug::state_conflict, Fault::state_conflict,
               "the desktop's last session is being closed");
        outcome.retry_after_seconds = 1;
        return;
    }
    if (!command.dry_run && !start_private(step, desktop, &outcome)) {
        if (outcome.slug == Slug::none) {
            refuse_limit(outcome, "agent_jobs");
        }
        ++t.counters.sessions_denied;
        return;
    }
    grant(step, command, desktop, state, outcome);
}

void open_session(Step& step, const Command& command, Outcome& outcome) noexcept {
    if (!valid_name(command.user)) {
        refuse(outcome, Slug::validation_failed, Fault::invalid_argument,
               "expected letters, digits and ._-+, a letter or digit first");
        outcome.pointer = "/user";
        return;
    }
    const std::uint32_t known = session_of(step.t, command.user, command.target, command.flag);
    if (known != no_row) {
        reconnect(step, command, known, outcome);
    } else if (!session_fits(step.t)) {
        refuse_limit(outcome, "sessions");
    } else if (command.flag) {
        open_private(step, command, outcome);
    } else {
        open_common(step, command, outcome);
    }
}

}  // namespace

void session_command(Step& step, const Command& command, Outcome& outcome) noexcept {
    if (command.kind == CommandKind::session_open) {
        open_session(step, command, outcome);
        return;
    }
    const std::uint32_t row = find_session(step.t, command.id);
    if (row == no_row) {
        refuse(outcome, Slug::not_found, Fault::not_found, compose("no session ", command.id));
        return;
    }
    const SessionState state = step.t.sessions[row].record.state;
    outcome.session_id = command.id;
    const bool over = state == SessionState::closing || state == SessionState::closed;
    outcome.kind = over ? OutcomeKind::already_so : OutcomeKind::changed;
    if (!over && !command.dry_run) {
        end_session(step, row, Cause::user, {});
    }
}

}  // namespace ballast::controller
