// Woken desktops whose guests say nothing of themselves: their hosts answer for them.
#include <gtest/gtest.h>

#include "controller/core/desktop/parts.hpp"
#include "tests/unit/controller_desk.hpp"

namespace ballast::controller::test {
namespace {

struct SilentGuests : Desk {
    explicit SilentGuests(PoolTargets targets, Console console = Console::none) {
        DesktopPoolRecord pool = kiosk(targets);
        pool.rules.console = console;
        pool.guest.vnc = console != Console::none;
        make(pool);
    }
    void let_live(bool they_do) { host("h1").guests_live = host("h2").guests_live = they_do; }
    const wire::GuestNote& asked() {
        std::vector<wire::GuestNote>& h1 = host("h1").watched;
        return h1.empty() ? host("h2").watched.back() : h1.back();
    }
    // What the host says that has been asked last.
    void host_says(const Fault fault, const char* why) {
        const std::string at = host("h1").watched.empty() ? "h2" : "h1";
        wire::GuestSignal said;
        said.uuid = asked().uuid;
        said.nonce = asked().nonce;
        said.ready = fault == Fault::none;
        said.fault = fault;
        said.detail = why;
        const wire::Message message = said;
        EXPECT_TRUE(deliver(at, message).ok());
    }
};

TEST(DesktopLife, AHostAnswersForAGuestThatSaysNothingOfItself) {
    for (const bool saved : {false, true}) {
        const PoolTargets targets{0, saved ? 0U : 1U, saved ? 1U : 0U, 1};
        SilentGuests desk{targets};
        desk.until([&] { return desk.in(saved ? DesktopState::saved : DesktopState::paused) == 1; });
        desk.let_live(false);
        desk.host("h1").watched.clear();
        desk.host("h2").watched.clear();
        const Outcome granted = desk.open("user");
        ASSERT_EQ(granted.kind, OutcomeKind::session);
        desk.seconds(5);
        EXPECT_EQ(desk.session(granted.session_id).state, SessionState::opening);
        EXPECT_EQ(desk.in(saved ? DesktopState::restoring : DesktopState::unpausing), 1)
            << "it runs, and nobody has seen that it is alive";
        EXPECT_EQ(desk.asked().watch, wire::LifeSigns::processor);
        EXPECT_GT(desk.asked().wait_ms, 0U);
        desk.host_says(Fault::none, "");
        EXPECT_EQ(desk.session(granted.session_id).state, SessionState::open);
    }
}

TEST(DesktopLife, AGuestWithoutLifeIsFailedAndTheNextOneIsGranted) {
    SilentGuests desk{{0, 2, 0, 2}, Console::relay};
    desk.until([&] { return desk.in(DesktopState::paused) == 2; });
    desk.let_live(false);
    desk.host("h1").watched.clear();
    desk.host("h2").watched.clear();
    const std::uint64_t session = desk.open("user").session_id;
    desk.seconds(2);
    EXPECT_EQ(desk.asked().watch, wire::LifeSigns::console);
    const Name first = desk.session(session).desktop_name;
    desk.let_live(true);
    desk.host_says(Fault::guest_unresponsive, "the guest's processor time stands still");
    EXPECT_TRUE(desk.saw_report("desktop_failed"));
    desk.until([&] { return desk.session(session).state == SessionState::open; }, 30);
    EXPECT_NE(desk.session(session).desktop_name, first);
    desk.until([&] { return desk.in(DesktopState::failed) == 0 && desk.in(DesktopState::paused) >= 1; });
}

TEST(DesktopLife, AHostThatNeverAnswersForAGuestIsNotWaitedForForever) {
    SilentGuests desk{{0, 1, 0, 1}};
    desk.until([&] { return desk.in(DesktopState::paused) == 1; });
    desk.let_live(false);
    (void)desk.open("user");
    desk.until([&] { return desk.core->counters().desktop_deadlines_missed == 1; });
}

TEST(DesktopLife, AnAgentThatCannotWatchIsNotWaitedFor) {
    Desk desk;
    for (const char* name : {"h1", "h2"}) {
        desk.disconnect(name);
        desk.host(name).watches_life = false;
        desk.connect(name);
    }
    desk.make(kiosk({0, 1, 0, 1}));
    desk.until([&] { return desk.in(DesktopState::paused) == 1; });
    const std::uint64_t session = desk.open("user").session_id;
    desk.until([&] { return desk.session(session).state == SessionState::open; }, 5);
    EXPECT_TRUE(desk.host("h1").watched.empty() && desk.host("h2").watched.empty());
}

// Over a crash of the controller while it is being woken, too.
TEST(DesktopLife, ARestartForgetsNotThatSomebodyIsBeingWoken) {
    Desk desk;
    desk.make(kiosk({0, 1, 0, 1}));
    desk.until([&] { return desk.in(DesktopState::paused) == 1; });
    desk.host("h1").guests_live = desk.host("h2").guests_live = false;
    const std::uint64_t session = desk.open("user").session_id;
    desk.seconds(3);
    ASSERT_EQ(desk.in(DesktopState::unpausing), 1);
    desk.restart();
    desk.connect_all();
    desk.seconds(3);
    EXPECT_EQ(desk.session(session).state, SessionState::opening) << desk.states();
    desk.host("h1").guests_live = desk.host("h2").guests_live = true;
    desk.until([&] { return desk.session(session).state == SessionState::open; }, 15);
}

}  // namespace
}  // namespace ballast::controller::test
