// The limit of the images of a migration under way.
#include "controller/core/core.hpp"

#include <gtest/gtest.h>

#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

// A guest on its way from h1 to h2, whose agent does nothing. Returns the job.
std::uint64_t move_with_images(World& world, std::uint32_t bandwidth_mbps) {
    world.add_host("h1");
    world.add_host("h2");
    world.add_guest("h1", "a", 0.5);
    world.connect_all();
    world.host("h1").idle = true;
    Command command;
    command.kind = CommandKind::vm_migrate;
    command.target = "a";
    command.to = "h2";
    command.copy_storage = true;
    command.bandwidth_mbps = bandwidth_mbps;
    return world.command(command).job_id;
}

TEST(ControllerJobLimit, ChangesTheLimitOfImagesUnderWayAndTellsAnAgentThatMissedIt) {
    World world;
    const std::uint64_t id = move_with_images(world, 8);
    world.seconds(3);
    Command limit;
    limit.kind = CommandKind::job_limit;
    limit.id = id;
    limit.bandwidth_mbps = 8;
    EXPECT_EQ(world.command(limit).kind, OutcomeKind::already_so);
    limit.bandwidth_mbps = 20;
    limit.dry_run = true;
    EXPECT_EQ(world.command(limit).kind, OutcomeKind::changed);
    EXPECT_EQ(world.job(id).bandwidth_mbps, 8U);
    limit.dry_run = false;
    EXPECT_EQ(world.command(limit).kind, OutcomeKind::changed);
    EXPECT_EQ(world.store.jobs[id].bandwidth_mbps, 20U) << "on disk before it is answered";
    EXPECT_EQ(world.host("h1").limits[id], 20U);
    world.disconnect("h1");
    limit.bandwidth_mbps = 0;
    EXPECT_EQ(world.command(limit).kind, OutcomeKind::changed);
    EXPECT_EQ(world.host("h1").limits[id], 20U);
    world.connect("h1");
    world.seconds(1);
    EXPECT_EQ(world.host("h1").limits[id], 0U);
}

// Images take hours: the controller's own restart must not make minutes of it.
TEST(ControllerJobLimit, AMigrationWithImagesKeepsItsDeadlineOverARestart) {
    World world;
    const std::uint64_t id = move_with_images(world, 0);
    world.seconds(3);
    world.restart();
    world.connect_all();
    world.seconds(3000);
    EXPECT_FALSE(ended(world.job(id).state)) << to_string(world.job(id).fault);
}

TEST(ControllerJobLimit, OnlyAMigrationWithImagesThatHasNotEndedHasALimit) {
    World world;
    world.add_host("h1");
    world.add_host("h2");
    world.add_guest("h1", "a", 0.5);
    world.connect_all();
    const std::uint64_t id = world.vm(CommandKind::vm_migrate, "a", "h2").job_id;
    Command limit;
    limit.kind = CommandKind::job_limit;
    limit.id = id;
    limit.bandwidth_mbps = 8;
    EXPECT_EQ(world.command(limit).slug, Slug::state_conflict);
    limit.id = id + 1;
    EXPECT_EQ(world.command(limit).slug, Slug::not_found);
}

}  // namespace
}  // namespace ballast::controller::test
