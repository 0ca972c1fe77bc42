// The controller dies at every event of a private desktop's life, before or after it has said what it had to
// say, and the next one brings the life to its end.
#include "controller/core/desktop/parts.hpp"

#include "tests/unit/controller_desk.hpp"

namespace ballast::controller::test {
namespace {

constexpr int life_seconds_max = 120;

// Its guests signal, and are seen through a relay: every step that there is.
DesktopPoolRecord watched_office() {
    DesktopPoolRecord pool = office();
    pool.rules.guest_signals = true;
    pool.rules.console = Console::relay;
    pool.guest.vnc = true;
    return pool;
}

// Ann's desktop, from her login to its release.
struct Life : Desk {
    Life() {
        EXPECT_EQ(make(watched_office()).kind, OutcomeKind::changed);
        for (auto& [name, agent] : agents) {
            agent.store_path = "/srv/store";
            report(name);
        }
        Command wanted;
        wanted.kind = CommandKind::private_put;
        wanted.user = "ann";
        wanted.target = "office";
        EXPECT_EQ(command(wanted).kind, OutcomeKind::changed);
    }

    // Agents come back, and time passes.
    void go_on() {
        connect_all();
        second();
    }
    template <class Condition>
    bool reaches(Condition holds, int seconds_max = life_seconds_max) {
        for (int i = 0; i < seconds_max; ++i) {
            if (holds()) {
                return true;
            }
            go_on();
        }
        return false;
    }
    // As a user does: asked again, with her agents back, until it is answered.
    void log_in() {
        Command wanted;
        wanted.kind = CommandKind::session_open;
        wanted.user = "ann";
        wanted.flag = true;
        const bool granted = reaches([&] {
            const int before = replies;
            const Outcome outcome = command(wanted);
            session_id = outcome.session_id;
            return replies > before &&
                   (outcome.kind == OutcomeKind::session || outcome.kind == OutcomeKind::already_so);
        });
        EXPECT_TRUE(granted);
    }
    void log_out() {
        const int before = replies;
        close(session_id);
        if (replies == before) {
            connect_all();
            close(session_id);
        }
    }
    DesktopState state() const { return core->desktop(core->find_private_desktop("ann")).record.state; }
    std::size_t guests() const { return agents.at("h1").guests.size() + agents.at("h2").guests.size(); }
    std::size_t relays() const { return agents.at("h1").relays.size() + agents.at("h2").relays.size(); }
    std::size_t disks() const { return agents.at("h1").disks.size() + agents.at("h2").disks.size(); }

    void live() {
        log_in();
        EXPECT_TRUE(reaches([&] {
            return session(session_id).state == SessionState::open && state() == DesktopState::running &&
                   relays() == 1;
        })) << to_string(session(session_id).state)
            << ", " << states();
        EXPECT_EQ(guests(), 1U);
        log_out();
        EXPECT_TRUE(reaches([&] {
            return session(session_id).state == SessionState::closed && state() == DesktopState::inactive &&
                   guests() == 0 && relays() == 0;
        })) << to_string(session(session_id).state)
            << ", " << states() << ", " << relays() << " relays";
        EXPECT_EQ(disks(), 1U);
        EXPECT_FALSE(saw_report("desktop_failed"));
        // Her next login finds everything as it should be.
        log_in();
        EXPECT_TRUE(reaches([&] { return session(session_id).state == SessionState::open; }));
        EXPECT_EQ(disks(), 1U);
    }

    std::uint64_t session_id = 0;
};

TEST(PrivateDesktop, IsBroughtToItsEndWhereverTheControllerDies) {
    for (const bool said : {false, true}) {
        int event = 0;
        for (bool reached = true; reached && !::testing::Test::HasFailure();) {
            SCOPED_TRACE("killed at event " + std::to_string(++event) + (said ? ", all said" : ", not said"));
            Life ann;
            ann.kill_at(event, said);
            ann.live();
            reached = ann.killed();
        }
        EXPECT_GT(event, 20);
    }
}

// Agents that have taken the order and never go on with it, and a controller that dies meanwhile: the user is
// told in time, and her desktop is there for her when all is well again.
TEST(PrivateDesktop, IsGivenUpInTimeWhereverItStandsStill) {
    int by_deadline = 0;
    for (int stands_after = 0; stands_after < 10; ++stands_after) {
        SCOPED_TRACE("stands still after " + std::to_string(stands_after) + " s");
        Life ann;
        ann.log_in();
        for (int i = 0; i < stands_after; ++i) {
            ann.go_on();
        }
        if (ann.session(ann.session_id).state != SessionState::opening) {
            break;
        }
        for (auto& [name, agent] : ann.agents) {
            agent.idle = true;
            agent.guests_signal = false;
        }
        ann.restart();
        const auto closed = [&] { return ann.session(ann.session_id).state == SessionState::closed; };
        const int opening_seconds = static_cast<int>(ann.settings.desktops.opening.ms / 1000);
        EXPECT_TRUE(ann.reaches(closed, opening_seconds + 5));
        const Cause why = ann.session(ann.session_id).ended_by;
        EXPECT_TRUE(why == Cause::deadline || why == Cause::desktop_lost) << to_string(why);
        by_deadline += why == Cause::deadline ? 1 : 0;
        for (auto& [name, agent] : ann.agents) {
            agent.idle = false;
            agent.guests_signal = true;
        }
        const auto at_rest = [&] { return ann.state() == DesktopState::inactive && ann.guests() == 0; };
        EXPECT_TRUE(ann.reaches(at_rest, 3600)) << ann.states();
        ann.log_in();
        EXPECT_TRUE(ann.reaches([&] { return ann.session(ann.session_id).state == SessionState::open; }));
        EXPECT_EQ(ann.disks(), 1U);
    }
    EXPECT_GE(by_deadline, 1);
}

}  // namespace
}  // namespace ballast::controller::test
