// A login to a private desktop whose guest cannot be made on the host that was chosen first.
#include "controller/core/desktop/parts.hpp"

#include "tests/unit/controller_desk.hpp"

namespace ballast::controller::test {
namespace {

struct Login : Desk {
    Login() {
        EXPECT_EQ(make(office()).kind, OutcomeKind::changed);
        for (auto& [name, agent] : agents) {
            agent.store_path = "/srv/store";
            report(name);
        }
        Command assign;
        assign.kind = CommandKind::private_put;
        assign.user = "ann";
        assign.target = "office";
        EXPECT_EQ(command(assign).kind, OutcomeKind::changed);
    }
    std::uint64_t log_in() {
        Command wanted;
        wanted.kind = CommandKind::session_open;
        wanted.user = "ann";
        wanted.flag = true;
        const Outcome granted = command(wanted);
        EXPECT_EQ(granted.kind, OutcomeKind::session);
        return granted.session_id;
    }
    std::uint32_t places() const {
        std::uint32_t count = 0;
        for (const auto& [name, agent] : agents) {
            count += static_cast<std::uint32_t>(agent.guests.size());
        }
        return count;
    }
};

TEST(PrivateStart, ThatFailsOnOneHostIsMadeOnTheNextWithinTheSameSession) {
    Login desk;
    desk.host("h1").refuse_next = Fault::hypervisor_failed;
    const std::uint64_t session = desk.log_in();
    desk.until([&] { return desk.session(session).state == SessionState::open; }, 60);
    EXPECT_TRUE(desk.saw_report("desktop_failed"));
    EXPECT_EQ(desk.host("h1").guests.size(), 0U);
    EXPECT_EQ(desk.host("h2").guests.size(), 1U);
}

TEST(PrivateStart, ThatFailsEverywhereEndsTheSessionAndSaysWhy) {
    Login desk;
    desk.host("h1").refuse_next = desk.host("h2").refuse_next = Fault::hypervisor_failed;
    const std::uint64_t session = desk.log_in();
    desk.until([&] { return desk.session(session).state == SessionState::closed; }, 60);
    const std::string detail{desk.session(session).detail.view()};
    EXPECT_NE(detail.find("disk_create on h"), std::string::npos) << detail;
    EXPECT_NE(detail.find("; no other host can take it now"), std::string::npos) << detail;
    EXPECT_EQ(desk.places(), 0U);
    EXPECT_EQ(desk.in(DesktopState::inactive), 1) << "ready for the next login: " << desk.states();
}

TEST(PrivateStart, IsTriedOnSoManyHostsOnly) {
    Login desk;
    for (const char* name : {"h3", "h4", "h5"}) {
        desk.add_host(name).store_path = "/srv/store";
    }
    desk.connect_all();
    for (auto& [name, agent] : desk.agents) {
        agent.refuse_next = Fault::hypervisor_failed;
    }
    desk.seconds(10);
    const std::uint64_t session = desk.log_in();
    desk.until([&] { return desk.session(session).state == SessionState::closed; }, 60);
    int refused = 0;
    for (const auto& [name, agent] : desk.agents) {
        refused += agent.refuse_next == Fault::none ? 1 : 0;
    }
    EXPECT_EQ(refused, static_cast<int>(private_starts_max));
    EXPECT_EQ(desk.session(session).detail.view().find("no other host"), std::string_view::npos);
}

TEST(PrivateStart, WhoLogsOutMeanwhileIsNotTriedForAnyMore) {
    Login desk;
    desk.host("h1").refuse_next = desk.host("h2").refuse_next = Fault::hypervisor_failed;
    const std::uint64_t session = desk.log_in();
    desk.until([&] { return desk.saw_report("desktop_failed"); }, 60);
    desk.close(session);
    const std::size_t orders = desk.orders.size();
    desk.seconds(30);
    EXPECT_EQ(desk.orders.size(), orders);
    EXPECT_EQ(desk.session(session).state, SessionState::closed);
}

TEST(Pool, MakesUpForSparesThatStandStillOnAHostThatIsDrained) {
    Desk desk;
    ASSERT_EQ(desk.make(kiosk({0, 0, 1, 2})).kind, OutcomeKind::changed);
    desk.until([&] { return desk.in(DesktopState::saved) == 1; }, 120);
    const std::string first = desk.host("h1").saved.empty() ? "h2" : "h1";
    Command drain;
    drain.kind = CommandKind::host_drain;
    drain.target = FixedString<63>{first};
    ASSERT_EQ(desk.command(drain).kind, OutcomeKind::changed);
    desk.until([&] { return desk.in(DesktopState::saved) == 2; }, 120);
    EXPECT_EQ(desk.host("h1").saved.size(), 1U);
    EXPECT_EQ(desk.host("h2").saved.size(), 1U);
    EXPECT_EQ(desk.open("ann").kind, OutcomeKind::session);
}

}  // namespace
}  // namespace ballast::controller::test
