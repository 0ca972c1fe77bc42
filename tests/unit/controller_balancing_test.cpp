// What an operator sets of balancing reaches the planner through the controller's core.
#include "controller/core/core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/controller_desk.hpp"

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

// h2 is up, and what its guests use is not known yet.
TEST(ControllerBalancing, AnOperatorsRoundTakesAHostThatWasNotMeasuredForNoIdleOne) {
    World world;
    world.add_host("h1", 1);
    world.add_guest("h1", "web-1", 0.5);
    world.add_guest("h1", "db", 0.45);
    world.add_host("h2", 1).rates_known = false;
    world.add_guest("h2", "web-2", 0.9);
    world.connect_all();
    world.seconds(5);
    ASSERT_EQ(world.host_row("h2").state, HostState::up);
    Command rebalance;
    rebalance.kind = CommandKind::rebalance;
    rebalance.policy = "ballast";
    rebalance.dry_run = true;
    ASSERT_EQ(world.command(rebalance).kind, OutcomeKind::plan);
    const PlanView plan = world.core->dry_plan();
    EXPECT_TRUE(plan.moves.empty());
    ASSERT_FALSE(plan.rejected.empty());
    EXPECT_EQ(plan.rejected.front().constraint, policy::Constraint::too_few_samples);
    EXPECT_EQ(plan.rejected.front().to, "h2");
    EXPECT_EQ(plan.rejected.front().limit, 1.0);
}

TEST(ControllerBalancing, ARoundSearchesNoLongerThanTheLoopMayStandStillAndItsPlanSaysSo) {
    World world;
    world.add_host("h1", 1);
    world.connect_all();
    world.seconds(5);
    for (const auto& [asked, taken] : {std::pair{0U, 10U}, {5U, 5U}, {10U, 10U}, {3'600'000U, 10U}}) {
        Command rebalance;
        rebalance.kind = CommandKind::rebalance;
        rebalance.policy = "ballast";
        rebalance.dry_run = true;
        rebalance.has_parameters = true;
        rebalance.parameters.time_budget_ms = asked;
        ASSERT_EQ(world.command(rebalance).kind, OutcomeKind::plan);
        const PlanRecord plan = world.core->dry_plan().record;
        EXPECT_EQ(plan.parameters.time_budget_ms, taken);
        EXPECT_EQ(plan.search.asked_ms, asked);
        EXPECT_EQ(plan.search.allowed_ms, taken);
        EXPECT_EQ(plan.search.end, policy::SearchEnd::complete) << "there is nothing to move";
    }
}

TEST(ControllerBalancing, GuestsWhoseNamesBeginAlikeAreKeptApart) {
    Settings settings = planner_on();
    settings.balance.apart.push("web-");
    World world{settings};
    two_of_a_kind(world);
    world.seconds(120);
    EXPECT_EQ(world.place_of("web-1"), "h3");
}

// Nobody of Ballast has made these.
TEST(ControllerBalancing, FoundGuestsStayWhereTheConfigurationSaysSo) {
    Settings settings = planner_on();
    settings.balance.plain_guests = false;
    World world{settings};
    two_of_a_kind(world);
    world.seconds(120);
    EXPECT_EQ(world.place_of("web-1"), "h1");
    EXPECT_FALSE(world.core->policies_may_move(world.vm_row("web-1")));
    EXPECT_EQ(world.vm(CommandKind::vm_migrate, "web-1").kind, OutcomeKind::accepted) << "an operator may";
}

TEST(ControllerBalancing, PlacementKeepsThemApartToo) {
    Settings settings = World::default_settings();
    settings.balance.apart.push("web-");
    World world{settings};
    two_of_a_kind(world);
    world.warm_up();
    EXPECT_EQ(world.vm(CommandKind::vm_migrate, "web-1").host, "h3");
}

// As a guest that an operator makes, with no host named, and as one that is started again.
TEST(ControllerBalancing, NewGuestsAreKeptApartToo) {
    Settings settings = World::default_settings();
    settings.balance.apart.push("web-");
    World world{settings};
    two_of_a_kind(world);
    world.warm_up();
    wire::GuestSpec spec;
    spec.name = "web-3";
    spec.uuid = uuid_of(0x3e8);
    spec.memory_mib = 256;
    Command create;
    create.kind = CommandKind::vm_create;
    create.spec = &spec;
    const Outcome made = world.command(create);
    ASSERT_EQ(made.kind, OutcomeKind::accepted) << made.detail.view();
    EXPECT_EQ(world.job(made.job_id).source.host, "h3") << "h2 is idler and has web-2";
    world.seconds(10);
    ASSERT_EQ(world.vm(CommandKind::vm_destroy, "web-3").kind, OutcomeKind::accepted);
    world.seconds(10);
    EXPECT_EQ(world.job(world.vm(CommandKind::vm_start, "web-3").job_id).source.host, "h3");
    spec.name = "web-4";
    spec.uuid = uuid_of(0x3e9);
    const Outcome none = world.command(create);
    EXPECT_EQ(none.slug, Slug::no_capacity);
    ASSERT_EQ(none.reasons.size(), 3U);
    EXPECT_EQ(none.reasons[0].constraint, "anti_affinity");
}

// Two guests leave h1, one after the other; the hours end while the first is on its way.
TEST(ControllerBalancing, APlanDoesNotGoOnAfterItsHours) {
    const auto with_hours = [](std::uint32_t minutes_left) {
        Settings settings = planner_on();
        const auto now = static_cast<std::uint32_t>(World{}.now.wall.unix_ms / 60'000 % 1440);
        settings.balance.parameters.moves_from_minute = (now + 1380) % 1440;
        settings.balance.parameters.moves_until_minute = (now + minutes_left) % 1440;
        World world{settings};
        world.add_host("h1", 4);
        world.add_host("h2", 4);
        for (int i = 0; i < 9; ++i) {
            world.add_guest("h1", "g" + std::to_string(i), 0.43, 256);
        }
        world.connect_all();
        for (int second = 0; second < 300 && world.store.plans.empty(); ++second) {
            world.second();
        }
        world.host("h1").idle = true;
        world.seconds(600);
        world.host("h1").idle = false;
        world.seconds(120);
        std::string states;
        for (const PlanMove& move : world.store.plans.begin()->second.moves) {
            states += std::string{to_string(move.state)} + " ";
            if (move.state == MoveState::skipped) {
                EXPECT_TRUE(move.outcome.view().starts_with("the hours in which")) << move.outcome.view();
            }
        }
        return states;
    };
    const std::string all = with_hours(60);
    EXPECT_EQ(all.find("skipped"), std::string::npos) << all;
    ASSERT_NE(all.find(' '), all.size() - 1) << "one move is not enough to tell: " << all;
    const std::string cut = with_hours(6);
    EXPECT_TRUE(cut.starts_with("succeeded skipped")) << cut;
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

// Only web-1 may move. On h2 there is room for it; but then the two largest guests would be on h2, and if
// that failed only one of them would find a place.
void one_short_of_spare_room(World& world) {
    for (const char* name : {"h1", "h2", "h3"}) {
        world.add_host(name, 1);
    }
    world.add_guest("h1", "web-1", 0.5, 3400);
    world.add_guest("h1", "db", 0.45, 3000);
    world.add_guest("h2", "cache", 0.05, 3400);
    world.add_guest("h3", "mail-1", 0.05, 2050);
    world.add_guest("h3", "mail-2", 0.05, 2050);
    world.connect_all();
    for (const char* name : {"db", "cache", "mail-1", "mail-2"}) {
        ASSERT_EQ(world.vm(CommandKind::vm_set_movable, name).kind, OutcomeKind::changed);
    }
}

TEST(ControllerBalancing, NoMoveLeavesThePoolUnableToRestartItsLargestHost) {
    World world{planner_on()};
    one_short_of_spare_room(world);
    world.seconds(120);
    EXPECT_EQ(world.place_of("web-1"), "h1");
    EXPECT_TRUE(world.store.plans.empty());
}

TEST(ControllerBalancing, WhoDoesWithoutASpareHostMayHaveItMove) {
    Settings settings = planner_on();
    settings.balance.parameters.keep_spare_host = 0;
    World world{settings};
    one_short_of_spare_room(world);
    world.seconds(120);
    EXPECT_EQ(world.place_of("web-1"), "h2");
}

// Two desktops on h1, which both together overload; somebody works on one of them. Which one leaves?
std::string desktop_that_leaves(double used_cores, double unused_cores) {
    Settings settings = World::default_settings();
    settings.balance.parameters.cool_down_seconds = 0;
    Desk desk{settings};
    Command cordon;
    cordon.kind = CommandKind::host_cordon;
    cordon.target = "h2";
    EXPECT_EQ(desk.command(cordon).kind, OutcomeKind::changed);
    EXPECT_NE(desk.make(kiosk({2, 0, 0, 2}, AfterSession::ready)).kind, OutcomeKind::problem);
    desk.until([&] { return desk.in(DesktopState::ready) == 2; });
    const Outcome opened = desk.open("ada");
    EXPECT_EQ(opened.kind, OutcomeKind::session);
    const Uuid used = desk.session(opened.session_id).desktop;
    desk.until([&] { return desk.session(opened.session_id).state == SessionState::open; });
    cordon.kind = CommandKind::host_uncordon;
    EXPECT_EQ(desk.command(cordon).kind, OutcomeKind::changed);
    for (auto& [uuid, guest] : desk.host("h1").guests) {
        guest.cpu_cores = uuid == used ? used_cores : unused_cores;
    }
    desk.warm_up();
    Command rebalance;
    rebalance.kind = CommandKind::rebalance;
    rebalance.policy = "ballast";
    EXPECT_EQ(desk.command(rebalance).kind, OutcomeKind::plan);
    desk.seconds(30);
    const auto& left = desk.host("h1").guests;
    EXPECT_EQ(left.size(), 1U);
    return left.count(used) != 0 ? "the unused one" : "the one in use";
}

TEST(ControllerBalancing, ADesktopThatIsWorkedOnStaysWhileAnotherCanGo) {
    EXPECT_EQ(desktop_that_leaves(2.0, 1.8), "the unused one");
    EXPECT_EQ(desktop_that_leaves(1.8, 2.0), "the unused one");
}

// The first plan that has come to this state; null: none has.
const Store::StoredPlan* plan_whose(const World& world, PredictionState state) {
    for (const auto& [id, plan] : world.store.plans) {
        if (plan.record.prediction == state) {
            return &plan;
        }
    }
    return nullptr;
}
const PlanHostLoad& load_of(const Store::StoredPlan& plan, std::string_view host) {
    const auto found = std::find_if(plan.hosts.begin(), plan.hosts.end(),
                                    [&](const PlanHostLoad& load) { return load.host.view() == host; });
    return found == plan.hosts.end() ? plan.hosts.front() : *found;
}

// An operator's rebalance, carried out: web-1 goes to h2.
void carry_one_out(World& world) {
    two_of_a_kind(world);
    world.warm_up();
    Command rebalance;
    rebalance.kind = CommandKind::rebalance;
    rebalance.policy = "vds-1a";
    ASSERT_EQ(world.command(rebalance).kind, OutcomeKind::plan);
    for (int i = 0; i < 60 && plan_whose(world, PredictionState::open) == nullptr; ++i) {
        world.second();
    }
    ASSERT_NE(plan_whose(world, PredictionState::open), nullptr);
    ASSERT_EQ(world.place_of("web-1"), "h2");
}
int window_seconds(const World& world) {
    return static_cast<int>(5 * (world.settings.balance.parameters.window + 1));
}

TEST(ControllerPredictions, AWindowAfterTheLastMoveTheHostsAreAsForeseen) {
    World world;
    carry_one_out(world);
    world.seconds(window_seconds(world) - 2);
    EXPECT_NE(plan_whose(world, PredictionState::open), nullptr) << "the window is not over";
    world.second();
    const auto* plan = plan_whose(world, PredictionState::compared);
    ASSERT_NE(plan, nullptr);
    EXPECT_EQ(plan->record.measured_at, world.now.wall);
    EXPECT_NEAR(plan->record.measured.cpu_stddev, plan->record.after.cpu_stddev, 1e-3);
    ASSERT_EQ(plan->hosts.size(), 3U);
    for (const PlanHostLoad& load : plan->hosts) {
        EXPECT_TRUE(load.compared) << load.host.view();
        EXPECT_NEAR(load.measured.cpu, load.after.cpu, 1e-3) << load.host.view();
        EXPECT_NEAR(load.measured.memory, load.after.memory, 1e-3) << load.host.view();
    }
    EXPECT_LT(load_of(*plan, "h1").measured.cpu, load_of(*plan, "h1").before.cpu - 0.3);
    const Counters& counters = world.core->counters();
    EXPECT_EQ(counters.predictions_compared, 1U);
    EXPECT_EQ(counters.prediction_error.cpu.count, 3U);
    EXPECT_LT(counters.prediction_error.cpu.mean(), 1e-3);
}

TEST(ControllerPredictions, AGuestThatBecomesBusyAfterwardsIsTheErrorOfItsHostAlone) {
    World world;
    carry_one_out(world);
    for (auto& [uuid, guest] : world.host("h3").guests) {
        guest.cpu_cores += 0.4;
    }
    world.seconds(window_seconds(world) + 1);
    const auto* plan = plan_whose(world, PredictionState::compared);
    ASSERT_NE(plan, nullptr);
    EXPECT_NEAR(load_of(*plan, "h3").measured.cpu - load_of(*plan, "h3").after.cpu, 0.4, 1e-3);
    EXPECT_NEAR(load_of(*plan, "h2").measured.cpu, load_of(*plan, "h2").after.cpu, 1e-3);
    EXPECT_NEAR(world.core->counters().prediction_error.cpu.mean(), 0.4 / 3, 1e-3);
}

TEST(ControllerPredictions, AHostWithAMoveOfItsOwnMeanwhileIsLeftOut) {
    World world;
    carry_one_out(world);
    ASSERT_EQ(world.vm(CommandKind::vm_migrate, "mail", "h2").kind, OutcomeKind::accepted);
    world.seconds(window_seconds(world) + 1);
    ASSERT_EQ(world.place_of("mail"), "h2");
    const auto* plan = plan_whose(world, PredictionState::compared);
    ASSERT_NE(plan, nullptr);
    EXPECT_TRUE(load_of(*plan, "h1").compared);
    EXPECT_FALSE(load_of(*plan, "h2").compared);
    EXPECT_FALSE(load_of(*plan, "h3").compared);
}

TEST(ControllerPredictions, WithoutSamplesNothingIsComparedAndThatIsCounted) {
    World world;
    carry_one_out(world);
    for (auto& [name, agent] : world.agents) {
        agent.samples_stopped = true;
    }
    world.seconds(window_seconds(world) + 61);
    EXPECT_NE(plan_whose(world, PredictionState::missed), nullptr);
    EXPECT_EQ(world.core->counters().predictions_missed, 1U);
    EXPECT_EQ(world.core->counters().prediction_error.cpu.count, 0U);
}

TEST(ControllerPredictions, ARestartBeginsTheWindowAnew) {
    World world;
    carry_one_out(world);
    world.restart();
    world.connect_all();
    world.seconds(window_seconds(world) - 1);
    EXPECT_NE(plan_whose(world, PredictionState::open), nullptr);
    world.seconds(2);
    const auto* plan = plan_whose(world, PredictionState::compared);
    ASSERT_NE(plan, nullptr);
    EXPECT_NEAR(load_of(*plan, "h2").measured.cpu, load_of(*plan, "h2").after.cpu, 1e-3);
}

TEST(ControllerPredictions, WhatAMoveTookStandsBesideWhatItWasToTake) {
    World world;
    carry_one_out(world);
    const auto* plan = plan_whose(world, PredictionState::open);
    const PlanMove& move = plan->moves.front();
    const JobRecord& job = world.job(move.job_id);
    ASSERT_EQ(job.total_ms, 4000U);
    EXPECT_EQ(move.took_ms, job.total_ms);
    EXPECT_EQ(move.downtime_ms, job.downtime_ms);
    EXPECT_GT(move.expected_seconds, 0);
    EXPECT_EQ(move.expected_downtime_seconds, 0)
        << "it was never moved before: nothing is known of its writes";
    const double took = move.took_ms / 1000.0;
    const ErrorSum& duration = world.core->counters().prediction_error.duration;
    EXPECT_EQ(duration.count, 1U);
    EXPECT_DOUBLE_EQ(duration.sum, std::abs(move.expected_seconds - took) / took);
}

}  // namespace
}  // namespace ballast::controller::test
