// The way to a desktop's console: a relay port that its host's agent opens for one session. Relays do not
// outlive their agent's connection to us in our books: all that are wanted are asked for again.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

constexpr std::uint32_t relay_report_ms = 5000;

void take_endpoint(Step& step, std::uint32_t row, const wire::RelayStatus& status) noexcept {
    SessionRow& session = step.t.sessions[row];
    const bool changed =
        !session.relay_up || session.relay_port != status.port || session.relay_address != status.address;
    session.relay_up = true;
    session.relay_address = status.address;
    session.relay_port = status.port;
    if (changed) {
        // From the clock, for it is not stored: the next controller's are greater too.
        session.endpoint_revision =
            std::max(session.endpoint_revision + 1,
                     static_cast<std::uint64_t>(std::max<std::int64_t>(step.now.wall.unix_ms, 0)));
        step.out.add(SessionChanged{row});
    }
}

// Who is connected, and since when nobody is or nothing is typed.
void take_presence(Step& step, std::uint32_t row, const wire::RelayStatus& status) noexcept {
    SessionRow& session = step.t.sessions[row];
    const bool connected = status.state == wire::RelayState::connected;
    const bool turned = !session.relay_heard || connected != session.connected;
    session.relay_heard = true;
    session.connected = connected;
    session.idle_seconds = status.idle_seconds;
    if (connected) {
        session.record.left = WallTime{};
        session.record.last_used = {step.now.wall.unix_ms - std::int64_t{status.idle_seconds} * 1000};
        session.last_used = step.now.mono - seconds(status.idle_seconds);
    } else if (session.record.left.unix_ms == 0) {
        session.record.left = step.now.wall;
        session.left = step.now.mono;
    }
    if (turned) {  // not with every report: the disk would never rest
        step.out.add(PersistSession{row});
        step.out.add(SessionChanged{row});
    }
}

void relay_closed(Step& step, std::uint32_t row, const wire::RelayStatus& status) noexcept {
    SessionRow& session = step.t.sessions[row];
    session.relay_up = false;
    session.connected = false;
    session.relay_host = no_row;
    if (session.record.state == SessionState::closing) {
        finish_session(step, row, Cause::agent);
        return;
    }
    step.report(Severity::warning, Subject::session, "relay_lost", session.record.desktop_name,
                session.record.id, status.detail.empty() ? Detail{describe(status.fault)} : status.detail);
}

}  // namespace

void ask_for_relay(Step& step, std::uint32_t row) noexcept {
    SessionRow& session = step.t.sessions[row];
    const DesktopRow& desktop = step.t.desktops[session.desktop];
    const std::uint32_t host = desktop_host(step.t, desktop);
    if (session.relay_host != no_row && session.relay_host != host) {
        close_relay(step, session.relay_host, session.record.id);  // the guest has moved away from there
    }
    session.relay_host = host;
    session.relay_up = false;
    wire::RelayOpen open;
    open.session_id = session.record.id;
    open.uuid = desktop.record.uuid;
    open.password = session.record.password;
    open.client_address = session.record.client_address;
    open.report_every_ms = relay_report_ms;
    step.out.add(Send{step.t.hosts[host].link, open});
}

void close_relay(Step& step, std::uint32_t host, std::uint64_t session_id) noexcept {
    if (host != no_row && step.t.hosts[host].link != 0) {
        step.out.add(Send{step.t.hosts[host].link, wire::RelayClose{session_id}});
    }
}

Status on_relay_status(Step& step, std::uint32_t host, const wire::RelayStatus& status) noexcept {
    ++step.t.counters.relay_statuses;
    const std::uint32_t row = find_session(step.t, status.session_id);
    const bool closed = status.state == wire::RelayState::closed;
    const bool wanted = row != no_row && step.t.sessions[row].relay_host == host &&
                        step.t.sessions[row].record.state != SessionState::closed;
    if (!wanted) {
        if (!closed) {
            close_relay(step, host, status.session_id);
        }
        return {};
    }
    if (closed) {
        relay_closed(step, row, status);
        return {};
    }
    if (step.t.sessions[row].record.state == SessionState::closing ||
        status.uuid != step.t.sessions[row].record.desktop) {
        return {};  // said before it heard of the end, or of another guest
    }
    take_endpoint(step, row, status);
    take_presence(step, row, status);
    advance_session(step, row);
    return {};
}

void desktops_link_up(Step& step, std::uint32_t host) noexcept {
    for (SessionRow& session : step.t.sessions.rows()) {
        if (session.in_use && session.relay_host == host) {
            session.relay_host = no_row;  // asked for again as soon as the host's guests are known
        }
    }
    for (DesktopRow& desktop : step.t.desktops.rows()) {
        if (desktop.in_use && desktop_host(step.t, desktop) == host) {
            desktop.nonce_sent = Instant{};
        }
    }
}

void desktops_link_down(Step& step, std::uint32_t host) noexcept {
    for (std::uint32_t row = 0; row < step.t.sessions.rows().size(); ++row) {
        SessionRow& session = step.t.sessions[row];
        if (session.in_use && session.relay_host == host) {
            session.relay_host = no_row;
            session.relay_up = false;
            session.connected = false;
            session.relay_heard = false;
            if (session.record.state == SessionState::closing) {
                finish_session(step, row, Cause::connection);
            }
        }
    }
}

}  // namespace ballast::controller
