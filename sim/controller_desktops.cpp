// What the controller promises of its desktops and sessions.
#include <set>

#include "controller/core/machines.hpp"
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

using controller::DesktopState;
using controller::SessionState;

// How late the controller may notice: it ticks once a second, and waits for its disk.
constexpr std::int64_t slack_ms = 15'000;

bool wanted(const controller::SessionRow& session) noexcept {
    return session.record.state == SessionState::opening || session.record.state == SessionState::open;
}

}  // namespace

void Controller::check_sessions() {
    std::set<std::tuple<controller::UserName, Name, bool>> known;
    for (const controller::SessionRow& session : core_->sessions()) {
        if (!session.in_use || !wanted(session)) {
            continue;
        }
        const controller::SessionRecord& record = session.record;
        if (!known.emplace(record.user, record.pool, record.personal).second) {
            world_.engine.broken(Invariant::durable, "{} has two sessions with {}", record.user.view(),
                                 record.pool.view());
        }
        if (session.desktop == controller::no_row) {
            continue;  // its desktop was lost, and another one is looked for
        }
        const controller::DesktopRow& desktop = core_->desktop(session.desktop);
        if (!desktop.in_use || desktop.record.session != record.id || desktop.record.uuid != record.desktop) {
            world_.engine.broken(Invariant::reset_between, "session {} has {}, which is session {}'s",
                                 record.id, desktop.record.name.view(), desktop.record.session);
        }
    }
    for (const auto& [id, user] : sessions_answered_) {
        const std::uint32_t row = core_->find_session(id);
        if (row == controller::no_row || core_->session(row).record.user != user) {
            world_.engine.broken(Invariant::durable, "session {} of {} was answered, and is not known", id,
                                 user.view());
        }
    }
}

void Controller::check_deadlines_of_desktops() {
    const Instant at = now().mono;
    for (const controller::DesktopRow& desktop : core_->desktops()) {
        if (!desktop.in_use) {
            continue;
        }
        const bool bounded = desktop.record.kind == VmKind::personal
                                 ? controller::private_desktop.transitional(desktop.record.state)
                                 : controller::common_desktop.transitional(desktop.record.state);
        if (bounded && (at - desktop.deadline).ms > slack_ms) {
            world_.engine.broken(Invariant::every_job_ends, "{} is {} for {} s longer than it may",
                                 desktop.record.name.view(), controller::to_string(desktop.record.state),
                                 (at - desktop.deadline).ms / 1000);
        }
    }
    for (const controller::SessionRow& session : core_->sessions()) {
        const bool bounded = session.in_use && (session.record.state == SessionState::opening ||
                                                session.record.state == SessionState::closing);
        if (bounded && (at - session.deadline).ms > slack_ms) {
            world_.engine.broken(Invariant::every_job_ends, "session {} is {} for {} s longer than it may",
                                 session.record.id, controller::to_string(session.record.state),
                                 (at - session.deadline).ms / 1000);
        }
    }
}

}  // namespace ballast::simulator
