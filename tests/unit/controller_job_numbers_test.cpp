// Numbers of jobs after the store was replaced by an old copy: agents still have the jobs that it forgot.
#include <gtest/gtest.h>

#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

wire::JobUpdate forgotten_job(std::uint64_t id, JobState state) {
    wire::JobUpdate update;
    update.kind = JobKind::migrate_in;
    update.state = state;
    update.job_id = id;
    update.uuid.bytes.fill(77);
    return update;
}

void three_hosts(World& world) {
    for (const char* name : {"h1", "h2", "h3"}) {
        world.add_host(name);
    }
    world.add_guest("h1", "a", 0.5);
    world.connect_all();
}

TEST(ControllerJobNumbers, ThatAnAgentStillHasAreGivenToNoOtherJob) {
    World world;
    three_hosts(world);
    const std::uint64_t first = world.vm(CommandKind::vm_pause, "a").job_id;
    world.seconds(5);
    ASSERT_TRUE(world.deliver("h2", forgotten_job(first + 3, JobState::succeeded)).ok());
    EXPECT_EQ(world.vm(CommandKind::vm_unpause, "a").job_id, first + 4);
    world.seconds(5);
    ASSERT_TRUE(world.deliver("h2", forgotten_job(first + 7, JobState::running)).ok());
    const std::uint64_t last = world.vm(CommandKind::vm_migrate, "a", "h2").job_id;
    EXPECT_EQ(last, first + 8);
    world.seconds(30);
    EXPECT_EQ(world.job(last).state, JobState::succeeded);
}

TEST(ControllerJobNumbers, CannotBeUsedUpByAnAgent) {
    World world;
    three_hosts(world);
    ASSERT_TRUE(world.deliver("h2", forgotten_job(UINT64_MAX, JobState::succeeded)).ok());
    EXPECT_LT(world.vm(CommandKind::vm_pause, "a").job_id, UINT64_MAX / 2);
}

TEST(ControllerJobNumbers, OfAnOlderJobOfAnAgentThatWasAwayAreAcknowledgedAndItStays) {
    World world;
    three_hosts(world);
    const std::uint64_t id = world.vm(CommandKind::vm_migrate, "a", "h2").job_id;
    const std::uint64_t acks = world.core->counters().acks_sent;
    ASSERT_TRUE(world.deliver("h3", forgotten_job(id, JobState::succeeded)).ok())
        << "its link would be closed";
    EXPECT_EQ(world.core->counters().acks_sent, acks + 1);
    EXPECT_EQ(world.core->counters().orphan_results, 1U);
    world.seconds(30);
    EXPECT_EQ(world.job(id).state, JobState::succeeded);
}

}  // namespace
}  // namespace ballast::controller::test
