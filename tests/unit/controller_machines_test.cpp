// The tables of state machines, walked: what a table says is bounded really ends.
#include "controller/core/machines.hpp"

#include <gtest/gtest.h>

#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

// States whose name says that something is under way. In these machines "running" and "working" differ: a
// desktop that runs is at rest, a job that runs is not.
bool under_way(std::string_view machine, std::string_view state) {
    const bool job = machine == "Job" || machine == "Migration side";
    if (state == "running") {
        return job;
    }
    return state.ends_with("ing") || state == "queued" || state == "ordered" || state == "awaiting_hello";
}

TEST(Machines, GiveEveryStateThatIsUnderWayADeadline) {
    ASSERT_EQ(machines().size(), 6U);
    for (const MachineView& machine : machines()) {
        for (const StateView& state : machine.states) {
            if (under_way(machine.name, state.name)) {
                EXPECT_FALSE(state.deadline.empty()) << machine.name << ": " << state.name;
            }
        }
    }
}

enum class Lamp : std::uint8_t { off, on, broken };
using Table = Machine<Lamp, 3, 3>;
constexpr Table good{"Lamp",
                     "A lamp.",
                     Lamp::off,
                     {{{Lamp::off, "off", "", "dark"},
                       {Lamp::on, "on", "1 s", "bright"},
                       {Lamp::broken, "broken", "", "for good"}}},
                     {{{Lamp::off, Lamp::on, "switch"},
                       {Lamp::on, Lamp::broken, "too long"},
                       {Lamp::broken, Lamp::off, "mended"}}}};

TEST(Machines, RefuseTablesThatDoNotHangTogether) {
    static_assert(well_formed(good) && recovers(good, Lamp::broken, Lamp::off));
    constexpr auto without_reason = [] {
        Table table = good;
        table.edges[0].when = "";
        return table;
    }();
    static_assert(!well_formed(without_reason));
    constexpr auto unreachable = [] {
        Table table = good;
        table.edges[1] = {Lamp::on, Lamp::off, "switch"};
        return table;
    }();
    static_assert(!well_formed(unreachable) && !recovers(unreachable, Lamp::broken, Lamp::off));
    constexpr auto twice = [] {
        Table table = good;
        table.edges[2] = table.edges[0];
        return table;
    }();
    static_assert(!well_formed(twice));
}

constexpr int long_enough_seconds = 3 * 3600;

// A controller that comes back and finds one desktop of the store in this state, on a host that stays silent.
struct Returned : World {
    Returned(VmKind kind, DesktopState state) {
        store.hosts["h1"].name = "h1";
        store.hosts["h1"].uuid = uuid_of(1);
        DesktopPoolRecord pool;
        pool.name = "kiosk";
        pool.kind = kind;
        pool.enabled = false;
        pool.guest.memory_mib = 64;
        store.pools["kiosk"] = pool;
        VmRecord vm;
        vm.uuid = uuid_of(2);
        vm.name = "kiosk-001";
        vm.kind = kind;
        store.vms[vm.uuid] = vm;
        DesktopRecord desktop;
        desktop.uuid = vm.uuid;
        desktop.name = vm.name;
        desktop.pool = "kiosk";
        desktop.kind = kind;
        desktop.state = state;
        desktop.since = now.wall;
        store.desktops[desktop.uuid] = desktop;
        restart();
    }
    const DesktopRow& desktop() const { return core->desktop(0); }
};

template <std::size_t states, std::size_t edges>
void expect_ends(const Machine<DesktopState, states, edges>& machine, VmKind kind) {
    for (const StateFact<DesktopState>& fact : machine.facts) {
        if (!fact.transitional()) {
            continue;
        }
        Returned world{kind, fact.state};
        ASSERT_EQ(world.desktop().record.state, fact.state);
        int waited = 0;
        while (world.desktop().record.state == fact.state && ++waited < long_enough_seconds) {
            world.now.mono.ms += 1000;
            world.now.wall.unix_ms += 1000;
            (void)world.step(Tick{});
        }
        EXPECT_EQ(world.desktop().record.state, DesktopState::failed) << machine.name << ": " << fact.name;
        EXPECT_EQ(world.core->counters().desktop_deadlines_missed, 1U) << machine.name << ": " << fact.name;
        const History& history = world.core->vm(world.core->find_vm("kiosk-001")).history;
        ASSERT_GT(history.size(), 0U);
        EXPECT_EQ(history.newest(0).cause, Cause::deadline) << fact.name;
        EXPECT_EQ(history.newest(0).at, world.now.wall) << fact.name;
    }
}

TEST(Machines, EndEveryTransitionalStateOfACommonDesktopInFailed) {
    expect_ends(common_desktop, VmKind::common);
}

TEST(Machines, EndEveryTransitionalStateOfAPrivateDesktopInFailed) {
    expect_ends(private_desktop, VmKind::personal);
}

TEST(Machines, CloseASessionThatIsNeitherOpenedNorClosedInTime) {
    for (const SessionState state : {SessionState::opening, SessionState::closing}) {
        ASSERT_TRUE(session_machine.transitional(state));
        Returned world{VmKind::common, DesktopState::paused};
        SessionRecord session;
        session.id = 5;
        session.user = "ann";
        session.pool = "kiosk";
        session.state = state;
        session.desktop = uuid_of(2);
        session.desktop_name = "kiosk-001";
        session.requested = world.now.wall;
        world.store.sessions[session.id] = session;
        world.store.identity.next_session_id = 6;
        world.store.desktops.begin()->second.session = session.id;
        world.restart();
        for (int i = 0; i < 600; ++i) {
            world.now.mono.ms += 1000;
            world.now.wall.unix_ms += 1000;
            (void)world.step(Tick{});
        }
        EXPECT_EQ(world.core->session(world.core->find_session(5)).record.state, SessionState::closed)
            << to_string(state);
        EXPECT_EQ(world.desktop().record.session, 0U);
    }
}

}  // namespace
}  // namespace ballast::controller::test
