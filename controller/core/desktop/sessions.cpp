// The life of a session: opened on a desktop that was chosen for it, watched by its timers, ended once.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

constexpr std::string_view password_letters =
    "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789+-=%_.:";
static_assert(password_letters.size() == 64, "six bits choose a letter");

wire::VncPassword password_of(const std::array<std::uint8_t, 8>& random) noexcept {
    wire::VncPassword password;
    for (const std::uint8_t byte : random) {
        password.append_cut(password_letters.substr(byte % password_letters.size(), 1));
    }
    return password;
}

const PoolRules& rules_of(const Tables& t, const SessionRow& session) noexcept {
    static constexpr PoolRules none{};
    const std::uint32_t pool = find_pool(t, session.record.pool);
    return pool == no_row ? none : t.desktop_pools[pool].record.rules;
}

// The oldest session that is over makes room.
std::uint32_t add_session_row(Step& step) noexcept {
    Tables& t = step.t;
    if (t.sessions.used() == t.sessions.limit()) {
        std::uint32_t oldest = no_row;
        for (std::uint32_t row = 0; row < t.sessions.rows().size(); ++row) {
            const SessionRecord& session = t.sessions[row].record;
            if (session.state == SessionState::closed &&
                (oldest == no_row || session.id < t.sessions[oldest].record.id)) {
                oldest = row;
            }
        }
        if (oldest != no_row) {
            step.out.add(ForgetSession{t.sessions[oldest].record.id});
            t.session_index.remove(t.sessions[oldest].record.id);
            t.sessions.remove(oldest);
        }
    }
    return t.sessions.add();
}

// The session holds its desktop no longer.
void release_desktop(Step& step, std::uint32_t row) noexcept {
    SessionRow& session = step.t.sessions[row];
    const std::uint32_t held = session.desktop;
    session.desktop = no_row;
    if (held == no_row || step.t.desktops[held].record.session != session.record.id) {
        return;
    }
    DesktopRow& desktop = step.t.desktops[held];
    desktop.record.session = 0;
    if (session.record.opened.unix_ms == 0 && desktop.record.kind == VmKind::common) {
        desktop.record.used = false;  // nobody was let near it
    }
    desktop.since = step.now.mono;
    persist_desktop(step, held);
    follow_desktop(step, held);
}

// Whether one of the hosts that cannot take a desktop only has its hands full.
bool passes(const Outcome& denied) noexcept {
    return std::any_of(denied.reasons.begin(), denied.reasons.end(), [](const Reason& reason) {
        return reason.constraint == "host_operations" || reason.constraint == "agent_jobs";
    });
}

void watch_timers(Step& step, std::uint32_t row) noexcept {
    const SessionRow& session = step.t.sessions[row];
    const PoolRules& rules = rules_of(step.t, session);
    const SessionRecord& record = session.record;
    const auto over = [&step](std::uint32_t bound, WallTime has_begun, Instant since) {
        return bound > 0 && has_begun.unix_ms != 0 && step.now.mono >= since + seconds(bound);
    };
    if (over(rules.session_max_seconds, record.opened, session.opened)) {
        end_session(step, row, Cause::session_expired,
                    compose("the longest time of a session, ", rules.session_max_seconds, " s, is over"));
    } else if (session.relay_heard && over(rules.session_idle_seconds, record.last_used, session.last_used)) {
        end_session(step, row, Cause::session_idle,
                    compose("no input for ", rules.session_idle_seconds, " s"));
    } else if (over(rules.disconnect_seconds, record.left, session.left)) {
        end_session(step, row, Cause::disconnected,
                    compose("nobody was connected for ", rules.disconnect_seconds, " s"));
    }
}

// A session whose desktop was lost before anybody used it gets another one while there are any.
void grant_again(Step& step, std::uint32_t row) noexcept {
    SessionRow& session = step.t.sessions[row];
    const std::uint32_t pool = find_pool(step.t, session.record.pool);
    Outcome denied;
    const Grant grant = pool == no_row ? Grant{} : choose_desktop(step, pool, denied);
    if (grant.desktop == no_row) {
        end_session(step, row, Cause::desktop_lost, session.record.detail);
        return;
    }
    DesktopRow& desktop = step.t.desktops[grant.desktop];
    session.desktop = grant.desktop;
    session.record.desktop = desktop.record.uuid;
    session.record.desktop_name = desktop.record.name;
    session.record.taken_from = grant.tier;
    desktop.record.session = session.record.id;
    desktop.record.used = true;
    desktop.goal = Goal::none;
    persist_desktop(step, grant.desktop);
    step.out.add(PersistSession{row});
    wake_for_session(step, row);
}

// Starts the private desktop that the session waits for. False: it has failed before, no further host can
// take it, and the session is over.
bool start_again(Step& step, std::uint32_t row) noexcept {
    const SessionRow& session = step.t.sessions[row];
    Outcome denied;
    if (start_private(step, session.desktop, &denied) || session.starts_failed == 0 ||
        denied.slug != Slug::no_capacity || passes(denied)) {
        return true;
    }
    end_session(step, row, Cause::desktop_lost,
                compose(session.record.detail, "; no other host can take it now"));
    return false;
}

}  // namespace

void set_session_state(Step& step, std::uint32_t row, SessionState to, Cause cause) noexcept {
    SessionRow& session = step.t.sessions[row];
    const SessionState from = session.record.state;
    BALLAST_ASSERT(session_machine.allows(from, to));
    session.record.state = to;
    session.deadline =
        step.now.mono + (to == SessionState::closing ? step.t.settings.desktops.closing : Duration{});
    note(step, session.desktop == no_row ? no_row : step.t.desktops[session.desktop].vm,
         {{},
          session.record.id,
          session.record.decision,
          MachineKind::session,
          static_cast<std::uint8_t>(from),
          static_cast<std::uint8_t>(to),
          cause});
    if (to == SessionState::closing) {
        ++step.t.counters.sessions_ended[static_cast<std::size_t>(cause)];
    }
    step.out.add(PersistSession{row});
    step.out.add(SessionChanged{row});
    step.report(Severity::info, Subject::session, "session_state", session.record.desktop_name,
                session.record.id, compose(to_string(from), " -> ", to_string(to), ": ", to_string(cause)));
}

std::uint32_t find_session(const Tables& t, std::uint64_t id) noexcept {
    return t.session_index.find(id);
}

std::uint32_t session_of(const Tables& t, std::string_view user, std::string_view pool,
                         bool personal) noexcept {
    return t.sessions.find([&](const SessionRow& session) {
        const SessionRecord& record = session.record;
        return (record.state == SessionState::opening || record.state == SessionState::open) &&
               record.personal == personal && (personal || record.pool == pool) && record.user == user;
    });
}

bool session_up(const Tables& t, const DesktopRow& desktop) noexcept {
    const std::uint32_t row = desktop.record.session == 0 ? no_row : find_session(t, desktop.record.session);
    if (row == no_row) {
        return false;
    }
    const SessionRecord& session = t.sessions[row].record;
    return session.state == SessionState::open ||
           (session.state == SessionState::closing && session.opened.unix_ms != 0);
}

std::uint32_t add_session(Step& step, const Command& command, std::uint32_t held,
                          DesktopState tier) noexcept {
    const std::uint32_t row = add_session_row(step);
    if (row == no_row) {
        return no_row;
    }
    SessionRow& session = step.t.sessions[row];
    DesktopRow& desktop = step.t.desktops[held];
    SessionRecord& record = session.record;
    record.id = step.t.identity.next_session_id++;
    step.t.session_index.add(record.id, row);
    record.user = command.user;
    record.pool = desktop.record.pool;
    record.personal = desktop.record.kind == VmKind::personal;
    record.desktop = desktop.record.uuid;
    record.desktop_name = desktop.record.name;
    record.taken_from = tier;
    record.password = password_of(command.random);
    record.client_address = command.client;
    record.requested = step.now.wall;
    session.desktop = held;
    session.deadline = step.now.mono + step.t.settings.desktops.opening;
    desktop.record.session = record.id;
    desktop.record.used = true;
    if (desktop.record.kind == VmKind::common) {
        desktop.goal = Goal::none;
    }
    ++step.t.counters.grants[static_cast<std::size_t>(tier)];
    persist_desktop(step, held);
    step.out.add(PersistSession{row});
    return row;
}

void advance_session(Step& step, std::uint32_t row) noexcept {
    SessionRow& session = step.t.sessions[row];
    const bool wanted =
        session.record.state == SessionState::opening || session.record.state == SessionState::open;
    if (!wanted || session.desktop == no_row) {
        return;
    }
    const DesktopRow& desktop = step.t.desktops[session.desktop];
    const std::uint32_t host = desktop_host(step.t, desktop);
    const bool runs =
        desktop.record.state == DesktopState::ready || desktop.record.state == DesktopState::running;
    if (!runs || host == no_row || !host_live(step.t, host)) {
        return;
    }
    if (rules_of(step.t, session).console == Console::relay) {
        if (session.relay_host != host) {
            ask_for_relay(step, row);
        }
        if (!session.relay_up) {
            return;
        }
    }
    if (session.record.state == SessionState::opening) {
        session.record.opened = session.record.last_used = step.now.wall;
        session.opened = session.last_used = step.now.mono;
        const std::int64_t took_ms = step.now.wall.unix_ms - session.record.requested.unix_ms;
        step.t.counters.grant_took[static_cast<std::size_t>(session.record.taken_from)].add_ms(
            static_cast<std::uint64_t>(std::max<std::int64_t>(took_ms, 0)));  // the clock may be set
        set_session_state(step, row, SessionState::open, Cause::session_opened);
        follow_desktop(step, session.desktop);
    }
}

void wake_for_session(Step& step, std::uint32_t row) noexcept {
    SessionRow& session = step.t.sessions[row];
    if (session.record.state != SessionState::opening) {
        return;
    }
    if (session.desktop == no_row) {
        grant_again(step, row);
        return;
    }
    DesktopRow& desktop = step.t.desktops[session.desktop];
    if (desktop.record.state == DesktopState::paused) {
        (void)order_desktop(step, session.desktop, JobKind::unpause, Cause::wanted);
    } else if (desktop.record.state == DesktopState::saved) {
        (void)order_desktop(step, session.desktop, JobKind::restore, Cause::wanted);
    } else if (desktop.record.kind == VmKind::personal && !start_again(step, row)) {
        return;
    }
    advance_session(step, row);
}

void lose_desktop(Step& step, std::uint32_t row, const Detail& why) noexcept {
    SessionRow& session = step.t.sessions[row];
    if (session.record.state == SessionState::opening && session.record.personal &&
        session.starts_failed + 1 < private_starts_max) {
        ++session.starts_failed;  // once it is cleaned up, the next host is tried
        session.record.detail = why;
        return;
    }
    if (session.record.state != SessionState::opening || session.record.personal) {
        end_session(step, row, Cause::desktop_lost, why.empty() ? Detail{"its desktop is gone"} : why);
        return;
    }
    session.record.detail = why;
    close_relay(step, session.relay_host, session.record.id);
    session.relay_host = no_row;
    session.relay_up = false;
    release_desktop(step, row);  // the tick looks for another one
}

void finish_session(Step& step, std::uint32_t row, Cause cause) noexcept {
    SessionRow& session = step.t.sessions[row];
    session.record.ended = step.now.wall;
    session.relay_up = false;
    session.relay_host = no_row;
    set_session_state(step, row, SessionState::closed, cause);
    release_desktop(step, row);
}

void end_session(Step& step, std::uint32_t row, Cause cause, const Detail& detail) noexcept {
    SessionRow& session = step.t.sessions[row];
    if (session.record.state == SessionState::closing || session.record.state == SessionState::closed) {
        return;
    }
    session.record.ended_by = cause;
    session.record.detail = detail;
    set_session_state(step, row, SessionState::closing, cause);
    if (session.relay_host == no_row || step.t.hosts[session.relay_host].link == 0) {
        finish_session(step, row, cause);  // an agent that is away loses its relays with its link
        return;
    }
    close_relay(step, session.relay_host, session.record.id);
}

void tick_sessions(Step& step) noexcept {
    std::size_t ended = 0;
    for (std::uint32_t row = 0; row < step.t.sessions.rows().size(); ++row) {
        SessionRow& session = step.t.sessions[row];
        if (!session.in_use || session.record.state == SessionState::closed) {
            continue;
        }
        const bool late = session.record.state != SessionState::open && step.now.mono >= session.deadline;
        if (late && ended < deadlines_per_tick_max) {
            ++ended;
            if (session.record.state == SessionState::closing) {
                finish_session(step, row, Cause::given_up);
            } else {
                end_session(step, row, Cause::deadline, "it could not be opened in time");
            }
        } else if (session.record.state == SessionState::opening) {
            wake_for_session(step, row);
        } else if (session.record.state == SessionState::open) {
            watch_timers(step, row);
            advance_session(step, row);
        }
    }
}

}  // namespace ballast::controller
