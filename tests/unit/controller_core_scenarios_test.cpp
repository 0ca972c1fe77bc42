// The controller's core in a pool of well-behaved agents, and when things break at the worst moment.
#include "controller/core/core.hpp"

#include <gtest/gtest.h>

#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

// h1 carries 3.6 of 4 cores, h2 and h3 are idle.
void overload(World& world) {
    for (const char* name : {"h1", "h2", "h3"}) {
        world.add_host(name);
    }
    world.add_guest("h1", "a", 1.2);
    world.add_guest("h1", "b", 1.0);
    world.add_guest("h1", "c", 0.8);
    world.add_guest("h1", "d", 0.5);
    world.add_guest("h1", "e", 0.1);
}

Settings balancing() {
    Settings settings = World::default_settings();
    settings.balance.enabled = true;
    settings.balance.policy = "vds-3b";
    return settings;
}

// As an operator gets it who only turns balancing on.
Settings by_default() {
    Settings settings = World::default_settings();
    settings.balance.enabled = true;
    settings.limits.window_samples = 60;
    return settings;
}

std::uint64_t migrate(World& world, const std::string& guest, const std::string& to) {
    const Outcome outcome = world.vm(CommandKind::vm_migrate, guest, to);
    EXPECT_EQ(outcome.kind, OutcomeKind::accepted) << outcome.detail.view();
    return outcome.job_id;
}

TEST(ControllerCore, RelievesAnOverloadedHostByItself) {
    World world{balancing()};
    overload(world);
    world.connect_all();
    world.seconds(90);
    // 3B: ceil(0.4 * 5) = 2 guests without the busiest: b alone.
    EXPECT_EQ(world.place_of("b"), "h2");
    EXPECT_EQ(world.place_of("a"), "h1");
    EXPECT_LT(world.core->host_load(world.core->find_host("h1")).cpu, 0.8);
    ASSERT_EQ(world.store.plans.size(), 1U);
    EXPECT_EQ(world.store.plans.begin()->second.record.state, PlanState::done);
    EXPECT_EQ(world.store.plans.begin()->second.moves.at(0).state, MoveState::succeeded);
}

TEST(ControllerCore, RelievesAnOverloadedHostByItselfAsItComes) {
    World world{by_default()};
    world.add_host("h1", 1);
    world.add_host("h2", 1);
    world.add_guest("h1", "hot", 0.6);
    world.add_guest("h1", "warm", 0.4);
    world.connect_all();
    world.seconds(90);
    EXPECT_EQ(world.place_of("hot") + world.place_of("warm") == "h1h2" ||
                  world.place_of("hot") + world.place_of("warm") == "h2h1",
              true)
        << world.place_of("hot") << world.place_of("warm");
    ASSERT_EQ(world.store.plans.size(), 1U) << "one round relieves it, and none after it finds more to do";
    EXPECT_EQ(world.store.plans.begin()->second.record.policy, "ballast");
    EXPECT_EQ(world.store.plans.begin()->second.record.state, PlanState::done);
}

TEST(ControllerCore, ABurstAfterQuietMinutesIsAnsweredOnceItHasLastedForAWhile) {
    World world{by_default()};
    world.add_host("h1", 1);
    world.add_host("h2", 1);
    const Uuid hot = world.add_guest("h1", "hot", 0.05);
    world.add_guest("h1", "warm", 0.05);
    world.connect_all();
    world.seconds(400);
    EXPECT_TRUE(world.store.plans.empty()) << "a calm pool is left alone";
    world.host("h1").guests[hot].cpu_cores = 0.95;
    world.seconds(10);
    EXPECT_TRUE(world.store.plans.empty()) << "two samples are a spike";
    world.seconds(110);
    EXPECT_EQ(world.store.plans.size(), 1U);
    EXPECT_NE(world.place_of("hot"), world.place_of("warm"));
}

TEST(ControllerCore, AGuestThatHasJustBeenStartedIsNotMovedUntilItsCoolDownIsOver) {
    World world{by_default()};
    world.add_host("h1", 1);
    world.add_host("h2", 1);
    const Uuid first = world.add_guest("h1", "first", 0.0);
    world.connect_all();
    world.warm_up();
    // It appears on a host that has been watched all the time: it was started just now.
    world.add_guest("h1", "booting", 0.6);
    world.report("h1");
    world.host("h1").guests[first].cpu_cores = 0.4;
    ASSERT_EQ(world.vm(CommandKind::vm_set_movable, "first").kind, OutcomeKind::changed);
    world.seconds(290);
    EXPECT_TRUE(world.store.plans.empty());
    world.seconds(60);
    EXPECT_EQ(world.place_of("booting"), "h2");
}

TEST(ControllerCore, WhereAGuestCameFromIsRememberedOverARestart) {
    World world{by_default()};
    world.add_host("h1");
    world.add_host("h2");
    world.add_guest("h1", "a", 0.4);
    world.connect_all();
    migrate(world, "a", "h2");
    world.seconds(10);
    ASSERT_EQ(world.place_of("a"), "h2");
    world.restart();
    EXPECT_EQ(world.vm_row("a").record.came_from, "h1");
    EXPECT_NE(world.vm_row("a").record.last_moved.unix_ms, 0);
}

// h1 at 88 %, h2 at 58 %: neither policy can move anything, both can swap.
TEST(ControllerCore, CarriesOutASwapAsOneMoveForEachGuest) {
    for (const char* policy : {"sandpiper", "scoa"}) {
        Settings settings = balancing();
        settings.balance.policy = policy;
        World world{settings};
        world.add_host("h1");
        world.add_host("h2");
        world.add_guest("h1", "big", 1.3, 1024);
        world.add_guest("h1", "rest1", 1.1, 2048);
        world.add_guest("h1", "rest2", 1.1, 2048);
        world.add_guest("h2", "small", 0.7, 512);
        world.add_guest("h2", "other", 0.8, 2048);
        world.add_guest("h2", "more", 0.8, 2048);
        world.connect_all();
        world.seconds(120);
        ASSERT_FALSE(world.store.plans.empty()) << policy;
        const Store::StoredPlan& plan = world.store.plans.begin()->second;
        ASSERT_EQ(plan.moves.size(), 2U) << policy;
        EXPECT_EQ(plan.moves[0].kind, policy::MoveKind::swap);
        EXPECT_EQ(plan.moves[0].with_name, plan.moves[1].vm_name);
        EXPECT_EQ(plan.moves[1].with_name, plan.moves[0].vm_name);
        EXPECT_EQ(plan.moves[1].from, "h2");
        EXPECT_EQ(plan.moves[0].state, MoveState::succeeded);
        EXPECT_EQ(plan.moves[1].state, MoveState::succeeded);
        EXPECT_EQ(world.place_of("big"), "h2") << policy;
        EXPECT_EQ(world.place_of(std::string{plan.moves[1].vm_name.view()}), "h1") << policy;
        EXPECT_LE(world.core->host_load(world.core->find_host("h1")).cpu, 0.8) << policy;
    }
}

TEST(ControllerCore, AnAgentThatTellsOfAbsurdMemoryStopsNoRound) {
    World world{balancing()};
    world.add_host("h1", 4, std::uint64_t{1} << 45);
    world.add_host("h2");
    world.add_guest("h1", "a", 2.0);
    world.connect_all();
    world.seconds(90);
    ASSERT_NE(world.core->decision(0), nullptr);
    EXPECT_EQ(world.core->decision(0)->kind, DecisionKind::no_overload);
    EXPECT_TRUE(world.core->decision(0)->why.view().starts_with("nothing to do: no host is overloaded"));
}

TEST(ControllerCore, DecidesNothingBeforeTheWindowIsFull) {
    World world{balancing()};
    overload(world);
    world.connect_all();
    world.seconds(20);
    EXPECT_TRUE(world.orders.empty());
    ASSERT_NE(world.core->decision(0), nullptr);
    EXPECT_EQ(world.core->decision(0)->kind, DecisionKind::no_move);
    EXPECT_EQ(world.core->decision(0)->rejected[0].constraint, policy::Constraint::too_few_samples);
}

TEST(ControllerCore, RepeatingADecisionAddsNoRow) {
    World world{balancing()};
    world.add_host("h1");
    world.connect_all();
    world.seconds(60);
    EXPECT_EQ(world.core->decision(1), nullptr);
    EXPECT_GT(world.core->decision(0)->repeated, 5U);
}

TEST(ControllerCore, OrdersTheSourceOnlyWhenTheDestinationIsPrepared) {
    World world;
    overload(world);
    world.connect_all();
    const std::uint64_t id = migrate(world, "a", "h3");
    ASSERT_EQ(world.orders.size(), 1U);
    EXPECT_EQ(world.orders[0].kind, JobKind::migrate_in);
    EXPECT_EQ(world.vm_row("a").state, VmState::migrating);
    world.seconds(8);
    ASSERT_EQ(world.orders.size(), 2U);
    EXPECT_EQ(world.orders[1].kind, JobKind::migrate_out);
    EXPECT_EQ(world.orders[1].peer_port, 7002);
    EXPECT_EQ(world.job(id).state, JobState::succeeded);
    EXPECT_EQ(world.place_of("a"), "h3");
    EXPECT_EQ(world.vm_row("a").state, VmState::running);
    EXPECT_TRUE(world.host("h1").jobs.empty() && world.host("h3").jobs.empty()) << "both were acknowledged";
}

TEST(ControllerCore, ARefusingDestinationEndsTheJobBeforeAnythingMoves) {
    World world;
    overload(world);
    world.connect_all();
    world.host("h2").refuse_next = Fault::no_memory;
    const std::uint64_t id = migrate(world, "a", "h2");
    world.seconds(3);
    EXPECT_EQ(world.job(id).state, JobState::failed);
    EXPECT_EQ(world.job(id).fault, Fault::no_memory);
    EXPECT_EQ(world.orders.size(), 1U) << "the source never heard of it";
    EXPECT_EQ(world.vm_row("a").state, VmState::running);
    EXPECT_TRUE(world.host("h2").jobs.empty());
}

TEST(ControllerCore, RefusesADestinationWithoutMemoryWithFigures) {
    World world;
    world.add_host("h1");
    world.add_host("h2", 4, 1024);
    world.add_guest("h1", "big", 0.5, 2048);
    world.connect_all();
    const Outcome named = world.vm(CommandKind::vm_migrate, "big", "h2");
    EXPECT_EQ(named.slug, Slug::no_capacity);
    ASSERT_EQ(named.reasons.size(), 1U);
    EXPECT_EQ(named.reasons[0].constraint, "destination_memory");
    EXPECT_DOUBLE_EQ(named.reasons[0].need, 1024 - 512 - 256) << "dom0 and the reserve are not for guests";
    const Outcome placed = world.vm(CommandKind::vm_migrate, "big");
    EXPECT_EQ(placed.slug, Slug::no_capacity);
    EXPECT_EQ(placed.would_help.size(), 1U);
    EXPECT_EQ(world.core->decision(0)->kind, DecisionKind::not_placed);
    EXPECT_TRUE(world.orders.empty());
}

TEST(ControllerCore, PlacesOnTheLeastLoadedHost) {
    World world;
    overload(world);
    world.add_guest("h2", "busy", 2.0);
    world.connect_all();
    world.warm_up();
    const Outcome outcome = world.vm(CommandKind::vm_migrate, "a");
    EXPECT_EQ(outcome.host, "h3");
    EXPECT_EQ(world.core->decision(0)->kind, DecisionKind::placed);
}

TEST(ControllerCore, OneMigrationIntoAndOutOfAHostAtATime) {
    World world;
    overload(world);
    world.connect_all();
    migrate(world, "a", "h2");
    EXPECT_EQ(world.vm(CommandKind::vm_migrate, "b", "h3").slug, Slug::no_capacity)
        << "h1 is sending already";
    world.add_guest("h3", "x", 0.1);
    world.report("h3");
    EXPECT_EQ(world.vm(CommandKind::vm_migrate, "x", "h2").slug, Slug::no_capacity)
        << "h2 is receiving already";
    world.seconds(10);
    migrate(world, "b", "h3");
}

TEST(ControllerCore, AGuestThatMovedStaysForItsCoolDown) {
    World world{balancing()};
    overload(world);
    world.connect_all();
    world.seconds(90);
    ASSERT_EQ(world.place_of("b"), "h2");
    // Now h2 becomes the overloaded one, and of its three guests 3B selects the one that has just come.
    for (auto& [uuid, guest] : world.host("h2").guests) {
        guest.cpu_cores = 1.5;
    }
    world.add_guest("h2", "hot", 1.6);
    world.add_guest("h2", "mild", 0.3);
    world.report("h2");
    world.seconds(60);
    EXPECT_EQ(world.place_of("b"), "h2");
    world.seconds(300);
    EXPECT_TRUE(world.saw_report("vm_moved"));
    EXPECT_NE(world.place_of("b"), "h2");
}

TEST(ControllerCore, AMoveThatFailedIsNotTriedAgainAtOnce) {
    World world{balancing()};
    overload(world);
    world.connect_all();
    for (int i = 0; i < 90; ++i) {
        world.host("h1").refuse_next = Fault::live_migration_unavailable;
        world.second();
    }
    EXPECT_GE(world.core->counters().job_faults[static_cast<std::size_t>(Fault::live_migration_unavailable)],
              1U);
    EXPECT_LE(world.store.jobs.size(), 2U);
    EXPECT_EQ(world.core->decision(0)->rejected[0].constraint, policy::Constraint::cool_down);
}

TEST(ControllerCore, AStaleHostIsNeitherSourceNorTarget) {
    World world{balancing()};
    overload(world);
    world.connect_all();
    world.host("h1").samples_stopped = true;
    world.seconds(60);
    EXPECT_EQ(world.host_row("h1").state, HostState::suspect);
    EXPECT_TRUE(world.orders.empty());
    EXPECT_EQ(world.vm(CommandKind::vm_migrate, "a", "h2").kind, OutcomeKind::accepted)
        << "an operator may, the agent is there";
}

class RestartInTheMiddle : public ::testing::TestWithParam<int> {};

TEST_P(RestartInTheMiddle, GivesTheSameEndAndOrdersNothingTwice) {
    World world;
    overload(world);
    world.connect_all();
    const std::uint64_t id = migrate(world, "a", "h2");
    world.seconds(GetParam());
    world.restart();
    world.connect_all();
    world.seconds(12);
    EXPECT_EQ(world.job(id).state, JobState::succeeded);
    EXPECT_EQ(world.place_of("a"), "h2");
    EXPECT_EQ(world.vm_row("a").state, VmState::running);
    EXPECT_TRUE(world.host("h1").jobs.empty() && world.host("h2").jobs.empty());
    for (const wire::JobOrder& order : world.orders) {
        EXPECT_EQ(order.job_id, id);
    }
}
INSTANTIATE_TEST_SUITE_P(EverySecond, RestartInTheMiddle, ::testing::Range(0, 8));

class LinkLoss : public ::testing::TestWithParam<std::tuple<const char*, int>> {};

TEST_P(LinkLoss, OfEitherSideInAnyPhaseEndsInOneRunningGuest) {
    const auto [lost, after] = GetParam();
    World world;
    overload(world);
    world.connect_all();
    const std::uint64_t id = migrate(world, "a", "h2");
    world.seconds(after);
    world.disconnect(lost);
    world.seconds(7);
    world.connect(lost);
    world.seconds(15);
    EXPECT_TRUE(ended(world.job(id).state));
    EXPECT_EQ(world.place_of("a"), world.job(id).state == JobState::succeeded ? "h2" : "h1");
    EXPECT_EQ(world.vm_row("a").state, VmState::running);
    EXPECT_EQ(world.vm_row("a").job, no_row) << "settled";
    EXPECT_TRUE(world.host("h1").jobs.empty() && world.host("h2").jobs.empty());
}
INSTANTIATE_TEST_SUITE_P(EveryPhase, LinkLoss,
                         ::testing::Combine(::testing::Values("h1", "h2"), ::testing::Range(0, 8)));

TEST(ControllerCore, ADestinationLostBeforePreparingEndsTheJob) {
    World world;
    overload(world);
    world.connect_all();
    world.host("h2").idle = true;
    const std::uint64_t id = migrate(world, "a", "h2");
    world.disconnect("h2");
    world.seconds(35);
    EXPECT_EQ(world.job(id).fault, Fault::host_unreachable);
    EXPECT_EQ(world.place_of("a"), "h1");
}

TEST(ControllerCore, NoJobIsWithoutAnEnd) {
    World world;
    overload(world);
    world.connect_all();
    world.host("h1").idle = true;
    const Outcome outcome = world.vm(CommandKind::vm_pause, "a");
    ASSERT_EQ(outcome.kind, OutcomeKind::accepted);
    world.disconnect("h1");
    world.seconds(61);
    EXPECT_EQ(world.job(outcome.job_id).fault, Fault::deadline_exceeded);
    EXPECT_NE(world.vm_row("a").job, no_row) << "the agent may still be at it: nothing else may begin";
    world.host("h1").idle = false;
    world.connect("h1");
    world.seconds(3);
    EXPECT_EQ(world.vm_row("a").job, no_row);
}

TEST(ControllerCore, ASilentAgentThatLostItsJobsFreesTheGuest) {
    World world;
    overload(world);
    world.connect_all();
    world.host("h1").idle = true;
    ASSERT_EQ(world.vm(CommandKind::vm_pause, "a").kind, OutcomeKind::accepted);
    world.disconnect("h1");
    world.host("h1").jobs.clear();  // its journal is gone
    world.seconds(65);
    world.connect("h1");
    world.seconds(100);
    EXPECT_EQ(world.vm_row("a").job, no_row);
}

TEST(ControllerCore, CancelsAMigrationUnderWay) {
    World world;
    overload(world);
    world.connect_all();
    const std::uint64_t id = migrate(world, "a", "h2");
    world.seconds(3);
    Command cancel;
    cancel.kind = CommandKind::job_cancel;
    cancel.id = id;
    EXPECT_EQ(world.command(cancel).kind, OutcomeKind::accepted);
    world.seconds(5);
    EXPECT_EQ(world.job(id).state, JobState::cancelled);
    EXPECT_EQ(world.place_of("a"), "h1");
    EXPECT_TRUE(world.host("h1").jobs.empty() && world.host("h2").jobs.empty());
}

TEST(ControllerCore, AGuestIsNotCalledInactiveBecauseItsHypervisorDoesNotAnswer) {
    World world;
    overload(world);
    world.connect_all();
    world.seconds(6);
    ASSERT_EQ(world.vm_row("a").state, VmState::running);
    auto message = std::make_unique<wire::Message>(wire::HostReport{});
    std::get<wire::HostReport>(*message).sequence = 1000;
    std::get<wire::HostReport>(*message).degraded = true;
    ASSERT_TRUE(world.deliver("h1", *message).ok());
    EXPECT_EQ(world.vm_row("a").state, VmState::running);
    EXPECT_EQ(world.host_row("h1").state, HostState::suspect);
}

TEST(ControllerCore, DrainsAHostUntilItIsEmpty) {
    World world;
    overload(world);
    world.connect_all();
    world.warm_up();
    EXPECT_EQ(world.vm(CommandKind::host_drain, "h1").kind, OutcomeKind::changed);
    world.seconds(30);
    world.restart();
    world.connect_all();
    world.seconds(120);
    EXPECT_TRUE(world.host("h1").guests.empty());
    EXPECT_EQ(world.host_row("h1").state, HostState::draining);
    EXPECT_EQ(world.vm(CommandKind::vm_migrate, "a", "h1").slug, Slug::state_conflict);
    EXPECT_EQ(world.vm(CommandKind::host_uncordon, "h1").kind, OutcomeKind::changed);
    EXPECT_EQ(world.host_row("h1").state, HostState::up);
}

}  // namespace
}  // namespace ballast::controller::test
