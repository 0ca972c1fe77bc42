#include "sim/users.hpp"

#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::uint64_t users_part = 8;
constexpr std::int64_t user_look_every_ns = second;
constexpr std::int64_t ask_again_after_ns = 4 * second;
constexpr std::int64_t last_visit_ns = 2 * second;

}  // namespace

std::uint32_t Users::add(std::uint32_t user, bool personal, std::int64_t stay_ns) {
    Visit& visit = visits_.emplace_back();
    const auto number = static_cast<std::uint32_t>(visits_.size() - 1);
    visit.user = fmt::format("u{}", user);
    visit.personal = personal;
    visit.stay_ns = stay_ns;
    visit.random = dice(world_.scenario.seed, users_part, number, 0);
    return number;
}

void Users::begin(const Incident& incident) {
    const bool may = incident.guest < world_.scenario.pool.desktops.private_users;
    const std::uint32_t visit = add(incident.guest, may && incident.other % 2 == 0, incident.amount * ms);
    visits_[visit].vanishes = incident.host % 2 == 0;
    ask(visit);
}

void Users::come_once_more() {
    const DesktopShape& shape = world_.scenario.pool.desktops;
    for (std::uint32_t visit = 0; visit < visits_.size(); ++visit) {
        visits_[visit].leave_at_ns = world_.engine.now_ns;
        visits_[visit].vanishes = false;
        if (visits_[visit].session != 0) {
            log_out(visit);  // once more than needed, perhaps
        } else if (visits_[visit].phase == Phase::asking) {
            ask(visit);  // his answer may have been lost, and a session waits for him
        }
    }
    end_unheard();
    for (std::uint32_t user = 0; user < shape.users; ++user) {
        if (user >= shape.private_users && shape.targets.spares() == 0) {
            continue;  // a pool without spares has nothing to give
        }
        const std::uint32_t visit = add(user, user < shape.private_users, last_visit_ns);
        visits_[visit].proof = true;
        visits_[visit].stays = shape.stay && user % 2 == 0;
        step_again(visit, between(visits_[visit].random, 10 * second, 20 * second));
    }
}

void Users::end(std::uint64_t session) {
    controller::Command command;
    command.kind = controller::CommandKind::session_close;
    command.id = session;
    world_.operators.ask_for(nobody, command);
}

// Sessions that were granted and of which nobody heard: their users find them in the list, and end them.
void Users::end_unheard() {
    if (!world_.controller.up()) {
        return;
    }
    for (const controller::SessionRow& session : world_.controller.core().sessions()) {
        const controller::SessionState state = session.record.state;
        if (session.in_use &&
            (state == controller::SessionState::opening || state == controller::SessionState::open)) {
            end(session.record.id);
        }
    }
}

void Users::step_again(std::uint32_t visit, std::int64_t delay_ns) {
    world_.engine.after(delay_ns, EventKind::visit, visit);
}

void Users::ask(std::uint32_t index) {
    Visit& visit = visits_[index];
    visit.phase = Phase::asking;
    controller::Command command;
    command.kind = controller::CommandKind::session_open;
    command.user = controller::UserName{visit.user};
    command.flag = visit.personal;
    if (!visit.personal) {
        command.target = FixedString<63>{common_pool};
    }
    for (std::uint8_t& byte : command.random) {
        byte = static_cast<std::uint8_t>(visit.random.below(256));
    }
    world_.operators.ask_for(index, command);
}

void Users::answered(std::uint32_t index, const controller::Outcome& outcome) {
    Visit& visit = visits_[index];
    if (visit.phase != Phase::asking) {
        // An answer to what was asked twice: whoever has gone wants no other session.
        if (outcome.kind == controller::OutcomeKind::session && outcome.session_id != visit.session) {
            end(outcome.session_id);
        }
        return;
    }
    if (outcome.kind == controller::OutcomeKind::problem) {
        visit.proof = visit.proof && world_.room_for_a_desktop();
        over(index);
        return;
    }
    visit.session = outcome.session_id;
    visit.phase = Phase::inside;
    visit.connected = false;
    step_again(index, between(visit.random, 50 * ms, user_look_every_ns));
}

// The session is over, or there was none.
void Users::over(std::uint32_t index) {
    Visit& visit = visits_[index];
    visit.connected = false;
    const bool gone_pool = !visit.personal && world_.controller.up() &&
                           world_.controller.core().find_desktop_pool(common_pool) == controller::no_row;
    if (visit.proof && !visit.was_inside && !gone_pool) {
        visit.phase = Phase::asking;
        visit.session = 0;
        step_again(index, ask_again_after_ns + between(visit.random, 0, second));
    } else {
        visit.phase = Phase::gone;
    }
}

void Users::cut_off(std::uint32_t visit) {
    if (visit < visits_.size()) {
        visits_[visit].connected = false;
    }
}

void Users::log_out(std::uint32_t index) {
    Visit& visit = visits_[index];
    visit.phase = Phase::leaving;
    end(visit.session);
    world_.agents.touch_relay(index, true);
    visit.connected = false;
}

void Users::on_step(const Event& event) {
    Visit& visit = visits_[event.target];
    if (visit.phase == Phase::asking && visit.session == 0 && visit.proof) {
        ask(event.target);
    } else if (visit.phase == Phase::inside) {
        look(event.target);
    }
}

// As GET /v1/sessions/ID shows it.
void Users::look(std::uint32_t index) {
    Visit& visit = visits_[index];
    if (!world_.controller.up()) {
        step_again(index, user_look_every_ns);
        return;
    }
    const controller::Core& core = world_.controller.core();
    const std::uint32_t row = core.find_session(visit.session);
    const bool closed = row == controller::no_row ||
                        core.session(row).record.state == controller::SessionState::closed ||
                        core.session(row).record.state == controller::SessionState::closing;
    if (closed) {
        over(index);
        return;
    }
    if (core.session(row).record.state == controller::SessionState::open && !visit.connected) {
        connect(index, core.session(row));
    }
    if (visit.connected && visit.leave_at_ns == INT64_MAX) {
        visit.leave_at_ns = world_.engine.now_ns + visit.stay_ns;
    }
    work(index);
}

void Users::connect(std::uint32_t index, const controller::SessionRow& session) {
    Visit& visit = visits_[index];
    const DesktopShape& shape = world_.scenario.pool.desktops;
    const controller::PoolRules& rules = visit.personal ? shape.personal : shape.common;
    Uuid desktop = session.record.desktop;
    if (rules.console == controller::Console::relay) {
        if (!session.relay_up) {
            return;
        }
        std::uint32_t host = 0;
        while (host < world_.hosts() && world_.machine(host).name.view() != session.relay_address.view()) {
            ++host;
        }
        const RelayPort* relay =
            host == world_.hosts()
                ? nullptr
                : world_.agents.dial_relay(host, session.relay_port, session.record.password.view(), index);
        if (relay == nullptr) {
            return;  // the endpoint was old, or its agent is away
        }
        if (relay->order.session_id != visit.session) {
            world_.engine.broken(Invariant::reset_between, "{} was let into session {} instead of {}",
                                 visit.user, relay->order.session_id, visit.session);
        }
        desktop = relay->order.uuid;
    }
    visit.connected = visit.was_inside = true;
    world_.engine.log("{} is connected to {}", visit.user, session.record.desktop_name.view());
    const bool resets = visit.personal || rules.after_session == controller::AfterSession::reset;
    world_.ledger.used(desktop, visit.user, resets);
}

void Users::work(std::uint32_t index) {
    Visit& visit = visits_[index];
    const bool done = visit.was_inside || !visit.proof;
    if (world_.engine.now_ns >= visit.leave_at_ns && done) {
        if (visit.stays || (visit.vanishes && !visit.proof)) {
            world_.agents.touch_relay(index, !visit.stays);
            visit.phase = Phase::gone;
            visit.connected = false;
            return;
        }
        log_out(index);
        return;
    }
    if (visit.connected && visit.random.chance(0.1)) {
        world_.agents.touch_relay(index, true);  // a train goes through a tunnel
        visit.connected = false;
    } else if (visit.connected && visit.random.chance(0.7)) {
        world_.agents.touch_relay(index, false);
    }
    step_again(index, user_look_every_ns / 2 + between(visit.random, 0, user_look_every_ns));
}

std::string Users::waiting() const {
    for (const Visit& visit : visits_) {
        const bool waits = visit.proof ? visit.phase == Phase::asking || visit.phase == Phase::inside
                                       : visit.phase == Phase::inside;
        if (waits) {
            return fmt::format("{} waits for {}", visit.user,
                               visit.phase == Phase::asking ? "a session" : "the way into his session");
        }
    }
    return {};
}

bool Users::may_stay(std::string_view user) const {
    for (const Visit& visit : visits_) {
        if (visit.proof && visit.stays && visit.user == user) {
            return true;
        }
    }
    return false;
}

}  // namespace ballast::simulator
