// What an operator sets of balancing reaches the planner through the controller's core.
#include "controller/core/core.hpp"

#include <gtest/gtest.h>

#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

Settings planner_on() {
    Settings settings = World::default_settings();
    settings.balance.enabled = true;
    settings.limits.window_samples = 60;
    return settings;
}

// h1 is overloaded and only web-1 may leave it; h2 has least load, and web-2.
void two_of_a_kind(World& world) {
    for (const char* name : {"h1", "h2", "h3"}) {
        world.add_host(name, 1);
    }
    world.add_guest("h1", "web-1", 0.5);
    world.add_guest("h1", "db", 0.45);
    world.add_guest("h2", "web-2", 0.05);
    world.add_guest("h3", "mail", 0.15);
    world.connect_all();
    ASSERT_EQ(world.vm(CommandKind::vm_set_movable, "db").kind, OutcomeKind::changed);
}

TEST(ControllerBalancing, AGuestGoesToTheIdlestHost) {
    World world{planner_on()};
    two_of_a_kind(world);
    world.seconds(120);
    EXPECT_EQ(world.place_of("web-1"), "h2");
}

TEST(ControllerBalancing, GuestsWhoseNamesBeginAlikeAreKeptApart) {
    Settings settings = planner_on();
    settings.balance.apart.push("web-");
    World world{settings};
    two_of_a_kind(world);
    world.seconds(120);
    EXPECT_EQ(world.place_of("web-1"), "h3");
}

TEST(ControllerBalancing, PlacementKeepsThemApartToo) {
    Settings settings = World::default_settings();
    settings.balance.apart.push("web-");
    World world{settings};
    two_of_a_kind(world);
    world.warm_up();
    EXPECT_EQ(world.vm(CommandKind::vm_migrate, "web-1").host, "h3");
}

TEST(ControllerBalancing, GuestsAreMovedWithinTheirHoursOnly) {
    constexpr std::uint32_t minutes_per_day = 1440;
    const auto planned = [](std::uint32_t from_now, std::uint32_t until_now) {
        Settings settings = planner_on();
        const auto now = static_cast<std::uint32_t>(World{}.now.wall.unix_ms / 60'000 % minutes_per_day);
        settings.balance.parameters.moves_from_minute = (now + from_now) % minutes_per_day;
        settings.balance.parameters.moves_until_minute = (now + until_now) % minutes_per_day;
        World world{settings};
        two_of_a_kind(world);
        world.seconds(120);
        return world.store.plans.size();
    };
    EXPECT_EQ(planned(60, 120), 0U) << "in an hour";
    EXPECT_GT(planned(minutes_per_day - 60, 60), 0U) << "since an hour ago";
}

}  // namespace
}  // namespace ballast::controller::test
