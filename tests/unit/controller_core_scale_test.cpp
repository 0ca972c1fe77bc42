// A full pool at its limits: 64 hosts and 2,000 guests must cost a tick next to nothing.
#include <gtest/gtest.h>

#include <ctime>

#include "controller/core/core.hpp"
#include "tests/unit/controller_core_world.hpp"
#include "tests/unit/sealed_heap.hpp"

namespace ballast::controller::test {
namespace {

double processor_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

TEST(ControllerScale, AFullPoolIsPlannedWithinAFewMilliseconds) {
    Settings settings;
    settings.balance.enabled = true;
    settings.balance.interval = ballast::seconds(1);
    World world{settings};
    for (int h = 0; h < 64; ++h) {
        const std::string name = "h" + std::to_string(h);
        world.add_host(name, 16, 65536);
        for (int g = 0; g < 31; ++g) {
            world.add_guest(name, name + "g" + std::to_string(g), 0.25, 512);
        }
    }
    world.connect_all();
    world.seconds(10);
    const double before_ms = processor_ms();
    constexpr int ticks = 20;
    for (int i = 0; i < ticks; ++i) {
        world.now.mono.ms += 1000;
        world.now.wall.unix_ms += 1000;
        ASSERT_TRUE(world.core->step(Tick{}, world.now, *world.actions).ok());
    }
    const double tick_ms = (processor_ms() - before_ms) / ticks;
    // Of the processor's time, which others do not take, and an order of magnitude above what an unoptimised
    // build needs.
    if (ballast::test::heap_can_be_sealed()) {  // a sanitizer takes its own time
        EXPECT_LT(tick_ms, 50.0);
    }
    RecordProperty("tick_ms", std::to_string(tick_ms));
    EXPECT_GE(world.core->counters().planning_rounds, 20U) << "every tick plans";
}

TEST(ControllerScale, GuestsBeyondTheLimitAreLeftOutAndCounted) {
    Settings settings = World::default_settings();
    settings.limits.vms = 4;
    settings.forget_vm_after = ballast::seconds(1000);
    World world{settings};
    world.add_host("h1");
    for (int g = 0; g < 6; ++g) {
        world.add_guest("h1", "g" + std::to_string(g), 0.1);
    }
    world.connect_all();
    EXPECT_TRUE(world.saw_report("vm_ignored"));
    EXPECT_EQ(world.core->limits()[1].used, 4U);
    EXPECT_GT(world.core->limits()[1].refused, 0U);
    world.host("h1").guests.clear();
    world.report("h1");
    world.add_guest("h1", "late", 0.1);
    world.report("h1");
    EXPECT_EQ(world.vm_row("late").state, VmState::running)
        << "a vanished guest makes room for one that exists";
    world.seconds(1001);
    EXPECT_EQ(world.core->limits()[1].used, 1U) << "vanished guests are forgotten";
}

}  // namespace
}  // namespace ballast::controller::test
