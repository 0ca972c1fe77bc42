// A host that does not come back: what was on it is started elsewhere, by the rules of placement, once an
// operator has said so, and not before.
#include <gtest/gtest.h>

#include "tests/unit/controller_desk.hpp"

namespace ballast::controller::test {
namespace {

// Without power, with all that ran on it.
void lose(World& world, const char* host) {
    world.disconnect(host);
    world.host(host).guests.clear();
}

Outcome forget(World& world, const char* host) {
    Command command;
    command.kind = CommandKind::host_forget;
    command.target = host;
    return world.command(command);
}

TEST(LostHost, ItsGuestsAreStartedAgainWherePlacementSays) {
    Settings settings = World::default_settings();
    settings.balance.apart.push("web-");
    World world{settings};
    for (const char* name : {"h1", "h2", "h3", "h4"}) {
        world.add_host(name);
    }
    world.add_guest("h2", "web-1", 0.1);
    world.add_guest("h3", "busy", 1.0);
    world.add_guest("h4", "busier", 2.0);
    world.connect_all();
    world.warm_up();
    wire::GuestSpec spec;
    spec.name = "web-2";
    spec.uuid = uuid_of(0x3e8);
    spec.memory_mib = 256;
    Command create;
    create.kind = CommandKind::vm_create;
    create.spec = &spec;
    create.to = "h1";
    ASSERT_EQ(world.command(create).kind, OutcomeKind::accepted);
    world.seconds(10);
    ASSERT_EQ(world.place_of("web-2"), "h1");
    lose(world, "h1");
    world.seconds(120);
    EXPECT_EQ(world.vm(CommandKind::vm_start, "web-2").slug, Slug::state_conflict) << "it may run there";
    ASSERT_EQ(forget(world, "h1").kind, OutcomeKind::changed);
    const Outcome started = world.vm(CommandKind::vm_start, "web-2");
    ASSERT_EQ(started.kind, OutcomeKind::accepted) << started.detail.view();
    EXPECT_EQ(world.job(started.job_id).source.host, "h3") << "h2 is idler, and has a guest of its group";
    world.seconds(10);
    EXPECT_EQ(world.vm_row("web-2").state, VmState::running);
}

TEST(LostHost, ItsSparesAreMadeAnewOnOthers) {
    Desk desk;
    desk.make(kiosk({4, 0, 0, 4}));
    desk.until([&] { return desk.in(DesktopState::ready) == 4; });
    ASSERT_EQ(desk.host("h1").guests.size(), 2U);
    lose(desk, "h1");
    ASSERT_EQ(forget(desk, "h1").kind, OutcomeKind::changed);
    desk.until([&] { return desk.in(DesktopState::ready) == 4; });
    EXPECT_EQ(desk.host("h2").guests.size(), 4U);
}

// What is shown of it while it moves, and is gone a moment later.
void show_and_give_up(World& world, const std::string& host, const Uuid& uuid, wire::InFlight as) {
    Guest copy;
    copy.name = "kiosk-001";
    copy.state = DomainState::paused;
    copy.in_flight = as;
    world.host(host).guests[uuid] = copy;
    world.connect(host);
    world.report(host);
    world.host(host).guests.erase(uuid);
    world.report(host);
}

TEST(LostHost, AfterARestartACopyThatIsGivenUpElsewhereDoesNotMeanThatTheGuestIsGone) {
    for (const wire::InFlight as : {wire::InFlight::incoming, wire::InFlight::departing}) {
        Desk desk;
        desk.make(kiosk({1, 0, 0, 2}));
        desk.until([&] { return desk.in(DesktopState::ready) == 1; });
        const Uuid uuid = desk.vm_row("kiosk-001").record.uuid;
        const std::string other = desk.place_of("kiosk-001") == "h1" ? "h2" : "h1";
        desk.restart();
        show_and_give_up(desk, other, uuid, as);
        desk.seconds(30);
        EXPECT_EQ(desk.vm_row("kiosk-001").state, VmState::unknown);
        EXPECT_TRUE(desk.host(other).guests.empty()) << "made a second time";
        desk.connect_all();
        EXPECT_EQ(desk.vm_row("kiosk-001").state, VmState::running);
    }
}

// The hand-over of the one desktop to h2, which is away, cannot be settled.
Uuid lose_handover(Desk& desk) {
    desk.make(kiosk({1, 0, 0, 2}));
    desk.until([&] { return desk.in(DesktopState::ready) == 1; });
    const Uuid uuid = desk.vm_row("kiosk-001").record.uuid;
    const std::string here = desk.place_of("kiosk-001");
    desk.disconnect(here == "h1" ? "h2" : "h1");
    Guest& copy = desk.host(here).guests[uuid];
    copy.state = DomainState::suspended;
    copy.in_flight = wire::InFlight::departing;
    desk.report(here);
    EXPECT_EQ(desk.in(DesktopState::migrating), 1);
    return uuid;
}

TEST(LostHost, TheCopyOfALostHandOverIsRemovedWhereNobodyUsesIt) {
    Desk desk;
    const Uuid uuid = lose_handover(desk);
    const auto left = [&] { return desk.host("h1").guests.count(uuid) + desk.host("h2").guests.count(uuid); };
    desk.until([&] { return left() == 0; }, 2400);
    desk.seconds(30);
    EXPECT_EQ(desk.vm_row("kiosk-001").state, VmState::unknown) << "the host that is away may run it";
    desk.connect_all();
    desk.until([&] { return desk.in(DesktopState::ready) == 1; });
}

TEST(LostHost, AnOperatorDestroysTheCopyOfALostHandOver) {
    Desk desk;
    lose_handover(desk);
    EXPECT_EQ(desk.vm(CommandKind::vm_destroy, "kiosk-001").kind, OutcomeKind::accepted);
}

TEST(LostHost, ThoughMoreHostsShowCopiesThanAreKeptInMindAGuestOfASilentHostIsNotGone) {
    Desk desk;
    desk.make(kiosk({1, 0, 0, 2}));
    desk.until([&] { return desk.in(DesktopState::ready) == 1; });
    const Uuid uuid = desk.vm_row("kiosk-001").record.uuid;
    desk.disconnect(desk.place_of("kiosk-001"));
    std::vector<std::string> others;
    for (std::size_t i = 0; i < sightings_per_vm_max; ++i) {
        others.push_back("copy-" + std::to_string(i));
        desk.add_host(others.back());
        desk.host(others.back()).guests[uuid] = {.name = "kiosk-001", .in_flight = wire::InFlight::incoming};
        desk.connect(others.back());
        desk.report(others.back());
    }
    for (const std::string& other : others) {
        desk.host(other).guests.clear();
        desk.report(other);
    }
    EXPECT_EQ(desk.vm_row("kiosk-001").state, VmState::unknown);
}

TEST(LostHost, APrivateDesktopOnItIsStartedElsewhereWhenItsUserLogsInAgain) {
    Desk desk;
    for (const char* name : {"h1", "h2"}) {
        desk.host(name).store_path = "/srv/store";
        desk.report(name);
    }
    ASSERT_EQ(desk.make(office()).kind, OutcomeKind::changed);
    Command wanted;
    wanted.kind = CommandKind::private_put;
    wanted.user = "ann";
    wanted.target = "office";
    ASSERT_EQ(desk.command(wanted).kind, OutcomeKind::changed);
    const auto log_in = [&] {
        Command login;
        login.kind = CommandKind::session_open;
        login.user = "ann";
        login.flag = true;
        return desk.command(login);
    };
    const std::uint64_t first = log_in().session_id;
    desk.until([&] { return desk.session(first).state == SessionState::open; });
    const bool on_first = !desk.host("h1").guests.empty();
    const char* const lost = on_first ? "h1" : "h2";
    const char* const other = on_first ? "h2" : "h1";
    lose(desk, lost);
    desk.seconds(120);
    EXPECT_TRUE(desk.host(other).guests.empty()) << "a second copy would destroy its disk";
    ASSERT_EQ(forget(desk, lost).kind, OutcomeKind::changed);
    std::uint64_t second = 0;
    desk.until([&] {
        second = log_in().session_id;
        return second != 0 && second != first && desk.session(second).state == SessionState::open;
    });
    EXPECT_EQ(desk.host(other).guests.size(), 1U);
}

}  // namespace
}  // namespace ballast::controller::test
