// What a pool's rules and the limits of its hosts make of desktops and sessions, rule by rule.
#include <gtest/gtest.h>

#include "controller/core/desktop/parts.hpp"
#include "tests/unit/controller_desk.hpp"

namespace ballast::controller::test {
namespace {

// How often the desktop came into the state for that cause.
int changes(const Desk& desk, const std::string& name, DesktopState to, Cause cause) {
    const History& history = desk.vm_row(name).history;
    int count = 0;
    for (std::size_t age = 0; age < history.size(); ++age) {
        const HistoryRow change = history.newest(age);
        count += change.machine == MachineKind::common && change.to == static_cast<std::uint8_t>(to) &&
                         change.cause == cause
                     ? 1
                     : 0;
    }
    return count;
}

std::size_t created_on(const Desk& desk, const std::string& host) {
    return desk.agents.at(host).jobs.size();
}

TEST(DesktopRules, APausedDesktopIsWokenWhenItHasStoodStillForTooLong) {
    Desk desk;
    DesktopPoolRecord pool = kiosk({0, 1, 0, 1});
    pool.rules.paused_max_seconds = 100;
    desk.make(pool);
    desk.until([&] { return desk.in(DesktopState::paused) == 1; });
    desk.seconds(80);
    EXPECT_EQ(changes(desk, "kiosk-001", DesktopState::unpausing, Cause::aged), 0);
    desk.until([&] { return changes(desk, "kiosk-001", DesktopState::unpausing, Cause::aged) == 1; }, 40);
    desk.until([&] { return desk.in(DesktopState::paused) == 1; });  // its targets have not changed
}

void refuse_next(Desk& desk, Fault fault) {
    desk.host("h1").refuse_next = desk.host("h2").refuse_next = fault;
}

TEST(DesktopRules, APausedDesktopThatCouldNotBeWokenToBeSavedIsTriedAgain) {
    Desk desk;
    desk.make(kiosk({0, 0, 1, 1}));
    desk.until([&] { return desk.in(DesktopState::paused) == 1; });
    refuse_next(desk, Fault::hypervisor_unavailable);
    desk.until([&] {
        return changes(desk, "kiosk-001", DesktopState::unpausing, Cause::idle) == 1 &&
               desk.in(DesktopState::paused) == 1;
    });
    refuse_next(desk, Fault::none);
    desk.until([&] { return desk.in(DesktopState::saved) == 1; });
}

TEST(DesktopRules, ASurplusDesktopThatCouldNotBeDestroyedIsTriedAgain) {
    Desk desk;
    desk.make(kiosk({0, 1, 0, 1}));
    desk.until([&] { return desk.in(DesktopState::paused) == 1; });
    Command lower;
    lower.kind = CommandKind::pool_targets;
    lower.target = "kiosk";
    lower.targets = {0, 0, 0, 1};
    refuse_next(desk, Fault::hypervisor_unavailable);
    ASSERT_EQ(desk.command(lower).kind, OutcomeKind::changed);
    desk.until([&] { return desk.host("h1").guests.empty() && desk.host("h2").guests.empty(); });
}

// A saved one can go up only on the host that has its file.
TEST(DesktopRules, ASavedSpareOnAFullHostIsMadeAnewElsewhereWhenOneIsWantedReady) {
    Desk desk;
    desk.disconnect("h2");
    desk.seconds(60);
    desk.make(kiosk({0, 0, 1, 2}));
    desk.until([&] { return desk.in(DesktopState::saved) == 1; });
    desk.add_guest("h1", "large", 0.1, 7400);
    desk.report("h1");
    Command raise;
    raise.kind = CommandKind::pool_targets;
    raise.target = "kiosk";
    raise.targets = {1, 0, 0, 2};
    ASSERT_EQ(desk.command(raise).kind, OutcomeKind::changed);
    desk.seconds(60);
    EXPECT_EQ(desk.in(DesktopState::saved), 1) << "nowhere is room: it is kept";
    desk.connect("h2");
    desk.until([&] { return desk.in(DesktopState::ready) == 1; });
    EXPECT_EQ(desk.host("h2").guests.size(), 1U);
    desk.until([&] { return desk.in(DesktopState::saved) == 0; });
}

// Two saved spares on the one host that there is, which another guest has filled since.
void strand_two(Desk& desk) {
    desk.disconnect("h2");
    desk.seconds(60);
    desk.make(kiosk({0, 0, 2, 2}));
    desk.until([&] { return desk.in(DesktopState::saved) == 2; });
    desk.add_guest("h1", "large", 0.1, 7400);
    desk.report("h1");
    desk.seconds(60);
}

int stranded(const Desk& desk) {
    return changes(desk, "kiosk-001", DesktopState::stopping, Cause::stranded) +
           changes(desk, "kiosk-002", DesktopState::stopping, Cause::stranded);
}

TEST(DesktopRules, OneSavedSpareOnAFullHostIsMadeAnewElsewhereWhenNoOtherCouldBeGranted) {
    Desk desk;
    strand_two(desk);
    EXPECT_EQ(desk.open("ann").slug, Slug::no_capacity);
    EXPECT_EQ(stranded(desk), 0) << "nowhere is room";
    desk.connect("h2");
    desk.until([&] { return stranded(desk) == 1; });
    desk.until([&] { return desk.in(DesktopState::saved) == 2; });
    desk.seconds(60);
    EXPECT_EQ(stranded(desk), 1) << "one that can be granted is enough";
    EXPECT_EQ(desk.open("ann").kind, OutcomeKind::session);
}

TEST(DesktopRules, NoSavedSpareOfADisabledPoolIsGivenUp) {
    Desk desk;
    strand_two(desk);
    Command disable;
    disable.kind = CommandKind::pool_disable;
    disable.target = "kiosk";
    ASSERT_EQ(desk.command(disable).kind, OutcomeKind::changed);
    desk.connect("h2");
    desk.seconds(120);
    EXPECT_EQ(stranded(desk), 0);
}

TEST(DesktopRules, SparesOfAHostThatStaysAwayAreMadeElsewhereAndTooManyWhenItIsBack) {
    Desk desk;
    desk.make(kiosk({2, 0, 0, 4}));
    desk.until([&] { return desk.in(DesktopState::ready) == 2; });
    ASSERT_EQ(desk.host("h2").guests.size(), 1U);
    desk.disconnect("h1");
    desk.seconds(100);
    EXPECT_EQ(desk.host("h2").guests.size(), 1U) << "an agent may be started anew";
    desk.until([&] { return desk.host("h2").guests.size() == 2; }, 60);
    desk.connect("h1");
    desk.until([&] { return desk.host("h1").guests.size() + desk.host("h2").guests.size() == 2; });
    desk.seconds(60);
    EXPECT_EQ(desk.in(DesktopState::ready), 2);
}

TEST(DesktopRules, ASavedDesktopThatIsBeingRemovedTakesNoMemory) {
    Desk desk;
    desk.make(kiosk({0, 0, 1, 1}));
    desk.until([&] { return desk.in(DesktopState::saved) == 1; });
    desk.host("h1").idle = desk.host("h2").idle = true;
    Command lower;
    lower.kind = CommandKind::pool_targets;
    lower.target = "kiosk";
    lower.targets = {0, 0, 0, 1};
    ASSERT_EQ(desk.command(lower).kind, OutcomeKind::changed);
    desk.until([&] { return desk.in(DesktopState::stopping) == 1; });
    for (std::uint32_t host = 0; host < 2; ++host) {
        EXPECT_EQ(desk.core->host_memory_used_mib(host), 0U);
    }
}

TEST(DesktopRules, AHostMakesOnlySoManyDesktopsAtOnce) {
    Settings settings = Desk::default_settings();
    settings.desktops.host_operations_max = 2;
    Desk desk{settings};
    desk.host("h1").idle = desk.host("h2").idle = true;
    desk.make(kiosk({10, 0, 0, 10}));
    desk.seconds(10);
    EXPECT_EQ(created_on(desk, "h1"), 2U);
    EXPECT_EQ(created_on(desk, "h2"), 2U);
    desk.host("h1").idle = desk.host("h2").idle = false;
    desk.until([&] { return desk.in(DesktopState::ready) == 10; });
}

// Not only because the first one makes a host busier.
TEST(DesktopRules, APoolSpreadsOverItsHostsAlsoWhenOneOfThemIsBusier) {
    Desk desk;
    desk.add_guest("h1", "busy", 3.0);
    desk.report("h1");
    desk.warm_up();
    desk.make(kiosk({4, 0, 0, 4}));
    desk.until([&] { return desk.in(DesktopState::ready) == 4; });
    EXPECT_EQ(desk.host("h1").guests.size(), 3U);
    EXPECT_EQ(desk.host("h2").guests.size(), 2U);
}

TEST(DesktopRules, DesktopsOfOneGroupAreKeptApart) {
    Settings settings = Desk::default_settings();
    settings.balance.apart.push("kiosk-");
    Desk desk{settings};
    desk.make(kiosk({3, 0, 0, 3}));
    desk.until([&] { return desk.in(DesktopState::ready) == 2; });
    desk.seconds(60);
    EXPECT_EQ(desk.host("h1").guests.size(), 1U);
    EXPECT_EQ(desk.host("h2").guests.size(), 1U);
    desk.add_host("h3");
    desk.connect("h3");
    desk.until([&] { return desk.in(DesktopState::ready) == 3; });
    EXPECT_EQ(desk.host("h3").guests.size(), 1U);
    EXPECT_NE(desk.states().find("kiosk-003"), std::string::npos) << "no number was used up meanwhile";
}

// If h1 failed, only h2 has room for its guest, as long as no desktop is made there.
TEST(DesktopRules, TheHostThatOthersAreRestartedOnIsKeptWhileThereIsAnother) {
    for (const bool keep : {true, false}) {
        Settings settings = Desk::default_settings();
        settings.balance.parameters.keep_spare_host = keep ? 1 : 0;
        Desk desk{settings};
        desk.add_host("h3");
        desk.add_guest("h1", "large", 0.1, 7000);
        desk.add_guest("h3", "busy", 2.0, 500);
        desk.connect("h3");
        desk.report("h1");
        desk.warm_up();
        desk.make(kiosk({2, 0, 0, 2}));
        desk.until([&] { return desk.in(DesktopState::ready) == 2; });
        EXPECT_EQ(desk.host("h2").guests.size(), keep ? 0U : 1U);
        EXPECT_EQ(desk.host("h3").guests.size(), keep ? 3U : 2U);
    }
}

TEST(DesktopRules, ADesktopWithADiskInTheStoreGoesOnlyWhereTheStoreIsProven) {
    Desk desk;
    ASSERT_EQ(desk.make(office()).kind, OutcomeKind::changed);
    for (const char* name : {"h1", "h2"}) {
        desk.host(name).store_path = "/srv/store";
        desk.host(name).store_proven = false;
        desk.report(name);
    }
    Command wanted;
    wanted.kind = CommandKind::private_put;
    wanted.user = "ann";
    wanted.target = "office";
    ASSERT_EQ(desk.command(wanted).kind, OutcomeKind::changed);
    wanted = Command{};
    wanted.kind = CommandKind::session_open;
    wanted.user = "ann";
    wanted.flag = true;
    const Outcome denied = desk.command(wanted);
    EXPECT_EQ(denied.slug, Slug::no_capacity);
    ASSERT_EQ(denied.reasons.size(), 2U);
    EXPECT_EQ(denied.reasons[0].constraint, "store_not_proven");
    desk.host("h2").store_proven = true;
    desk.report("h2");
    const std::uint64_t session = desk.command(wanted).session_id;
    desk.until([&] { return desk.session(session).state == SessionState::open; });
    EXPECT_EQ(desk.host("h2").guests.size(), 1U);
}

// The smaller host has room for one more guest, and neither shows that the first is on its way.
TEST(DesktopRules, StartsUnderWayCountWithTheirMemory) {
    Desk desk;
    desk.add_host("h3", 4, 512 + 512 + 256 + 100);
    desk.connect("h3");
    desk.disconnect("h1");
    desk.disconnect("h2");
    desk.seconds(60);
    desk.host("h3").idle = true;
    desk.make(kiosk({2, 0, 0, 2}));
    desk.seconds(20);
    EXPECT_EQ(created_on(desk, "h3"), 1U);
}

// Who logs in before anything is measured again goes elsewhere: the first one will want a core.
TEST(DesktopRules, StartsUnderWayCountWithTheirLoad) {
    Desk desk;
    desk.add_guest("h2", "busy", 0.5);
    desk.report("h2");
    desk.warm_up();
    ASSERT_EQ(desk.make(office()).kind, OutcomeKind::changed);
    for (const char* name : {"h1", "h2"}) {
        desk.host(name).store_path = "/srv/store";
        desk.report(name);
        desk.host(name).idle = true;
    }
    for (const char* user : {"ann", "bob"}) {
        Command wanted;
        wanted.kind = CommandKind::private_put;
        wanted.user = user;
        wanted.target = "office";
        ASSERT_EQ(desk.command(wanted).kind, OutcomeKind::changed);
    }
    desk.second();
    for (const char* user : {"ann", "bob"}) {
        Command wanted;
        wanted.kind = CommandKind::session_open;
        wanted.user = user;
        wanted.flag = true;
        ASSERT_EQ(desk.command(wanted).kind, OutcomeKind::session);
        EXPECT_EQ(created_on(desk, std::string_view{user} == "ann" ? "h1" : "h2"), 1U) << user;
    }
}

TEST(DesktopRules, ARelayIsOpenedToTheSessionsClientWithTheSessionsPassword) {
    Desk desk;
    DesktopPoolRecord pool = kiosk({2, 0, 0, 2});
    pool.rules.console = Console::relay;
    pool.guest.vnc = true;
    desk.make(pool);
    desk.until([&] { return desk.in(DesktopState::ready) == 2; });
    Command wanted;
    wanted.kind = CommandKind::session_open;
    wanted.target = "kiosk";
    for (const char* user : {"ann", "bob"}) {
        wanted.user = user;
        wanted.client = std::string_view{user} == "ann" ? "192.0.2.7" : "";
        wanted.random[0] = static_cast<std::uint8_t>(user[0]);
        const std::uint64_t id = desk.command(wanted).session_id;
        const SessionRecord& session = desk.session(id);
        const std::map<std::uint64_t, wire::RelayOpen>& relays =
            desk.host(desk.place_of(std::string{session.desktop_name.view()})).relays;
        ASSERT_EQ(relays.count(id), 1U);
        EXPECT_EQ(relays.at(id).client_address, wanted.client);
        EXPECT_EQ(relays.at(id).password, session.password);
        EXPECT_FALSE(session.password.empty());
    }
    EXPECT_NE(desk.core->session(0).record.password, desk.core->session(1).record.password);
}

TEST(DesktopRules, WhatCannotBeGrantedIsNamedWithItsReason) {
    Desk desk;
    desk.make(kiosk({2, 0, 0, 2}));
    desk.until([&] { return desk.in(DesktopState::ready) == 2; });
    const auto reason_of = [&](const std::string& desktop) {
        const Outcome denied = desk.open("user");
        EXPECT_EQ(denied.slug, Slug::no_capacity);
        for (const Reason& reason : denied.reasons) {
            if (reason.candidate == Name{desktop}) {
                return std::string{reason.constraint};
            }
        }
        return std::string{};
    };
    Command disable;  // nothing is made in their places
    disable.target = "h1";
    disable.kind = CommandKind::host_drain;
    desk.host("h1").idle = desk.host("h2").idle = true;
    desk.command(disable);
    disable.target = "h2";
    desk.command(disable);
    const std::string on_h1 = desk.place_of("kiosk-001") == "h1" ? "kiosk-001" : "kiosk-002";
    EXPECT_EQ(reason_of(on_h1), "host_draining");
    desk.disconnect("h1");
    EXPECT_EQ(reason_of(on_h1), "host_unreachable");
}

TEST(DesktopRules, AGuestsWordIsTakenFromItsOwnHostOnly) {
    Desk desk;
    DesktopPoolRecord pool = kiosk({1, 0, 0, 1});
    pool.rules.guest_signals = true;
    desk.host("h1").guests_signal = desk.host("h2").guests_signal = false;
    desk.make(pool);
    desk.seconds(10);
    ASSERT_EQ(desk.in(DesktopState::creating), 1);
    const DesktopRow& desktop = desk.core->desktop(0);
    ASSERT_FALSE(desktop.nonce.nil());
    wire::GuestSignal said;
    said.uuid = desktop.record.uuid;
    said.nonce = desktop.nonce;
    said.ready = true;
    const wire::Message message = said;
    const std::string at = desk.place_of("kiosk-001");
    const std::uint64_t ignored = desk.core->counters().guest_signals_ignored;
    EXPECT_TRUE(desk.deliver(at == "h1" ? "h2" : "h1", message).ok());
    EXPECT_EQ(desk.in(DesktopState::creating), 1);
    EXPECT_EQ(desk.core->counters().guest_signals_ignored, ignored + 1);
    EXPECT_TRUE(desk.deliver(at, message).ok());
    EXPECT_EQ(desk.in(DesktopState::ready), 1);
}

}  // namespace
}  // namespace ballast::controller::test
