// What operators may ask of the controller's core, what they are told, and who may be a host at all.
#include <gtest/gtest.h>

#include "controller/core/core.hpp"
#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

// `hot_cores`: what a guest "hot" on h1 uses; 0: there is none.
void two_hosts(World& world, double hot_cores = 0) {
    world.add_host("h1");
    world.add_host("h2");
    world.add_guest("h1", "a", 0.5);
    world.add_guest("h1", "b", 0.5);
    if (hot_cores > 0) {
        world.add_guest("h1", "hot", hot_cores);
    }
    world.connect_all();
}

std::string words(const FixedVector<CommandKind, 12>& actions) {
    std::string text;
    for (const CommandKind action : actions) {
        text += (text.empty() ? "" : " ") + std::string{to_string(action)};
    }
    return text;
}

wire::GuestSpec spec(const char* name, std::uint32_t memory_mib = 256) {
    wire::GuestSpec spec;
    spec.name = name;
    spec.uuid = uuid_of(0x5bec + memory_mib + std::string_view{name}.size() * 1000);
    spec.memory_mib = memory_mib;
    return spec;
}

Outcome create(World& world, const wire::GuestSpec& guest, const char* to = "") {
    Command command;
    command.kind = CommandKind::vm_create;
    command.spec = &guest;
    command.to = to;
    return world.command(command);
}

TEST(ControllerCommands, AGuestThatCrashesOnItsArrivalIsShownAsCrashed) {
    World world;
    two_hosts(world);
    world.host("h2").arrivals_crash = true;
    ASSERT_EQ(world.vm(CommandKind::vm_migrate, "a", "h2").kind, OutcomeKind::accepted);
    world.seconds(8);
    EXPECT_EQ(world.place_of("a"), "h2");
    EXPECT_EQ(world.vm_row("a").job, no_row) << "the migration has ended, and well";
    EXPECT_EQ(world.vm_row("a").domain_state, DomainState::crashed) << "told by its host before";
    EXPECT_NE(world.vm_row("a").state, VmState::running);
}

TEST(ControllerCommands, AGuestGoesThroughItsWholeLife) {
    World world;
    two_hosts(world);
    ASSERT_EQ(create(world, spec("new")).kind, OutcomeKind::accepted);
    EXPECT_EQ(world.vm_row("new").state, VmState::creating);
    world.seconds(2);
    EXPECT_EQ(world.vm_row("new").state, VmState::running);
    const struct {
        CommandKind command;
        VmState state;
        const char* next;
    } life[] = {
        {CommandKind::vm_pause, VmState::paused, "unpause destroy"},
        {CommandKind::vm_unpause, VmState::running, "pause save shutdown destroy migrate"},
        {CommandKind::vm_save, VmState::saved, "restore"},
        {CommandKind::vm_restore, VmState::running, "pause save shutdown destroy migrate"},
        {CommandKind::vm_shutdown, VmState::inactive, "start forget"},
        {CommandKind::vm_start, VmState::running, "pause save shutdown destroy migrate"},
        {CommandKind::vm_destroy, VmState::inactive, "start forget"},
    };
    for (const auto& stage : life) {
        SCOPED_TRACE(to_string(stage.command));
        const Outcome outcome = world.vm(stage.command, "new");
        ASSERT_EQ(outcome.kind, OutcomeKind::accepted) << outcome.detail.view();
        EXPECT_EQ(world.vm(stage.command, "new").fault, Fault::domain_in_use) << "one operation at a time";
        world.seconds(2);
        EXPECT_EQ(world.job(outcome.job_id).state, JobState::succeeded);
        EXPECT_EQ(world.vm_row("new").state, stage.state);
        EXPECT_EQ(words(world.core->allowed_actions(world.core->find_vm("new"))), stage.next);
        EXPECT_EQ(world.vm(stage.command, "new").kind, OutcomeKind::already_so);
    }
    EXPECT_EQ(world.vm(CommandKind::vm_forget, "new").kind, OutcomeKind::changed);
    EXPECT_EQ(world.core->find_vm("new"), no_row);
    EXPECT_TRUE(world.store.definitions.empty());
}

TEST(ControllerCommands, APausedGuestIsNeitherSavedNorMoved) {
    World world;
    two_hosts(world);
    (void)world.vm(CommandKind::vm_pause, "a");
    world.seconds(2);
    for (const CommandKind kind : {CommandKind::vm_save, CommandKind::vm_migrate, CommandKind::vm_shutdown}) {
        const Outcome outcome = world.vm(kind, "a", kind == CommandKind::vm_migrate ? "h2" : "");
        EXPECT_EQ(outcome.slug, Slug::state_conflict);
        EXPECT_EQ(outcome.fault, Fault::guest_paused);
        EXPECT_EQ(words(outcome.allowed_actions), "unpause destroy");
    }
}

TEST(ControllerCommands, AFoundGuestIsEndedOnlyWithForce) {
    World world;
    two_hosts(world);
    Command destroy;
    destroy.kind = CommandKind::vm_destroy;
    destroy.target = "a";
    EXPECT_EQ(world.command(destroy).slug, Slug::state_conflict);
    EXPECT_EQ(world.command(destroy).would_help.size(), 1U);
    EXPECT_TRUE(world.orders.empty());
    destroy.force = true;
    EXPECT_EQ(world.command(destroy).kind, OutcomeKind::accepted);
}

TEST(ControllerCommands, DryRunsHaveNoEffect) {
    World world;
    two_hosts(world);
    Command command;
    command.dry_run = true;
    for (const CommandKind kind : {CommandKind::vm_pause, CommandKind::vm_migrate, CommandKind::host_drain,
                                   CommandKind::rebalance, CommandKind::vm_create}) {
        const wire::GuestSpec guest = spec("new");
        command.kind = kind;
        command.target = kind == CommandKind::host_drain ? "h1" : "a";
        command.spec = &guest;
        command.idempotency_key = {1, 2};
        const Outcome outcome = world.command(command);
        EXPECT_NE(outcome.kind, OutcomeKind::problem) << to_string(kind) << outcome.detail.view();
        EXPECT_TRUE(outcome.dry_run);
        EXPECT_EQ(world.actions->list().size(), 1U) << "the reply alone";
    }
    EXPECT_TRUE(world.orders.empty() && world.store.jobs.empty() && world.store.plans.empty());
    EXPECT_EQ(world.core->dry_plan().record.policy, "ballast");
}

TEST(ControllerCommands, ARepeatedRequestActsOnceOverARestartToo) {
    World world;
    two_hosts(world);
    Command pause;
    pause.kind = CommandKind::vm_pause;
    pause.target = "a";
    pause.idempotency_key = {7, 7};
    pause.idempotency_body = {1, 1};
    const Outcome first = world.command(pause);
    ASSERT_EQ(first.kind, OutcomeKind::accepted);
    world.seconds(2);
    world.restart();
    world.connect_all();
    const Outcome second = world.command(pause);
    EXPECT_TRUE(second.replayed);
    EXPECT_EQ(second.kind, OutcomeKind::accepted);
    EXPECT_EQ(second.job_id, first.job_id);
    EXPECT_EQ(world.orders.size(), 1U);
    pause.idempotency_body = {2, 2};
    EXPECT_EQ(world.command(pause).slug, Slug::idempotency_key_reused);
    world.now.wall.unix_ms += 25LL * 3600 * 1000;
    world.second();
    EXPECT_TRUE(world.store.keys.empty()) << "forgotten after a day";
    EXPECT_EQ(world.command(pause).kind, OutcomeKind::already_so);
}

TEST(ControllerCommands, ARefusalIsNotRemembered) {
    World world;
    two_hosts(world);
    Command unpause;
    unpause.kind = CommandKind::vm_save;
    unpause.target = "a";
    unpause.idempotency_key = {7, 7};
    (void)world.vm(CommandKind::vm_pause, "a");
    EXPECT_EQ(world.command(unpause).kind, OutcomeKind::problem);
    world.seconds(2);
    (void)world.vm(CommandKind::vm_unpause, "a");
    world.seconds(2);
    EXPECT_EQ(world.command(unpause).kind, OutcomeKind::accepted);
}

TEST(ControllerCommands, LimitsAreNamedAndNothingGrows) {
    Settings settings = World::default_settings();
    settings.limits.idempotency_keys = 1;
    settings.agent_jobs_max = 1;
    World world{settings};
    two_hosts(world);
    EXPECT_EQ(world.vm(CommandKind::vm_pause, "a").kind, OutcomeKind::accepted);
    const Outcome second = world.vm(CommandKind::vm_pause, "b");
    EXPECT_EQ(second.slug, Slug::limit_reached);
    EXPECT_EQ(second.limit_name, "agent_jobs");
    Command cordon;
    cordon.kind = CommandKind::host_cordon;
    cordon.target = "h1";
    cordon.idempotency_key = {1, 0};
    EXPECT_EQ(world.command(cordon).kind, OutcomeKind::changed);
    cordon.idempotency_key = {2, 0};
    EXPECT_EQ(world.command(cordon).limit_name, "idempotency_keys");
}

TEST(ControllerCommands, EndedJobsMakeRoomForNewOnes) {
    Settings settings = World::default_settings();
    settings.limits.jobs = 2;
    World world{settings};
    two_hosts(world);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(world.vm(CommandKind::vm_pause, "a").kind, OutcomeKind::accepted);
        world.seconds(2);
        EXPECT_EQ(world.vm(CommandKind::vm_unpause, "a").kind, OutcomeKind::accepted);
        world.seconds(2);
    }
    EXPECT_EQ(world.store.jobs.size(), 2U);
}

TEST(ControllerCommands, NamesThatAreUnknownOrAmbiguousAreSaidSo) {
    World world;
    two_hosts(world);
    world.add_guest("h2", "a", 0.1);
    world.report("h2");
    EXPECT_EQ(world.vm(CommandKind::vm_pause, "nobody").slug, Slug::not_found);
    EXPECT_EQ(world.vm(CommandKind::vm_pause, "a").slug, Slug::state_conflict);
    EXPECT_EQ(world.vm(CommandKind::vm_migrate, "b", "h9").pointer, "/to");
    EXPECT_EQ(world.vm(CommandKind::host_cordon, "h9").slug, Slug::not_found);
    Command plan;
    plan.kind = CommandKind::plan_create;
    plan.policy = "vds-9z";
    EXPECT_EQ(world.command(plan).pointer, "/policy");
    plan.policy = "vds-1a";
    plan.has_parameters = true;
    plan.parameters.window = 50;
    EXPECT_EQ(world.command(plan).pointer, "/parameters/window") << "more than is kept";
    plan.parameters.window = 7;
    plan.parameters.critical_load = 2;
    EXPECT_EQ(world.command(plan).slug, Slug::validation_failed);
}

TEST(ControllerCommands, PlansAreMadeAppliedAndCancelled) {
    World world;
    two_hosts(world, 3.0);
    world.warm_up();
    Command command;
    command.kind = CommandKind::plan_create;
    command.policy = "vds-1a";
    command.id = world.command(command).plan_id;
    const PlanView plan = world.core->plan(world.core->find_plan(command.id));
    ASSERT_EQ(plan.moves.size(), 1U);
    EXPECT_EQ(plan.moves[0].vm_name, "hot");
    EXPECT_TRUE(world.orders.empty()) << "a plan alone moves nothing";
    command.kind = CommandKind::plan_apply;
    EXPECT_EQ(world.command(command).kind, OutcomeKind::plan);
    EXPECT_EQ(world.command(command).kind, OutcomeKind::already_so);
    world.seconds(8);
    EXPECT_EQ(world.place_of("hot"), "h2");
    EXPECT_EQ(world.core->plan(world.core->find_plan(command.id)).record.state, PlanState::done);
    command.kind = CommandKind::plan_cancel;
    EXPECT_EQ(world.command(command).slug, Slug::state_conflict);
}

TEST(ControllerCommands, ASecondRebalanceIsToldOfTheFirst) {
    World world;
    two_hosts(world, 3.0);
    world.warm_up();
    Command command;
    command.kind = CommandKind::rebalance;
    command.policy = "vds-1a";
    const std::uint64_t first = world.command(command).plan_id;
    const Outcome second = world.command(command);
    EXPECT_EQ(second.kind, OutcomeKind::already_so);
    EXPECT_EQ(second.plan_id, first);
    command.dry_run = true;
    EXPECT_EQ(world.command(command).kind, OutcomeKind::plan) << "what would be done can always be asked";
    command.dry_run = false;
    world.seconds(8);
    EXPECT_NE(world.command(command).plan_id, first) << "the first is over";
}

TEST(ControllerCommands, AMoveThatBecameImpossibleIsSkippedWithItsReason) {
    World world;
    two_hosts(world, 3.0);
    world.warm_up();
    Command command;
    command.kind = CommandKind::plan_create;
    command.policy = "vds-1a";
    command.id = world.command(command).plan_id;
    (void)world.vm(CommandKind::host_cordon, "h2");
    command.kind = CommandKind::plan_apply;
    (void)world.command(command);
    const PlanView plan = world.core->plan(world.core->find_plan(command.id));
    EXPECT_EQ(plan.record.state, PlanState::done);
    EXPECT_EQ(plan.moves[0].state, MoveState::skipped);
    EXPECT_NE(plan.moves[0].outcome.view().find("the destination is not up"), std::string_view::npos);
}

TEST(ControllerLinks, OnlyTheHostItselfMayBeTheHost) {
    World world;
    world.add_host("h1");
    const auto hello = [&](LinkId link, const char* certificate, wire::Hello message) {
        (void)world.step(LinkUp{link, true, certificate, "10.0.0.9"});
        const wire::Message wrapped = message;
        return world.step(LinkMessage{link, &wrapped}).fault();
    };
    wire::Hello right;
    right.version = limits::protocol_version;
    right.host_name = "h1";
    right.host_uuid = uuid_of(1);
    EXPECT_EQ(hello(91, "h2", right), Fault::authentication_failed);
    wire::Hello old = right;
    old.version = 99;
    EXPECT_EQ(hello(92, "h1", old), Fault::version_mismatch);
    EXPECT_EQ(hello(93, "h1", right), Fault::none);
    wire::Hello other = right;
    other.host_uuid = uuid_of(2);
    EXPECT_EQ(hello(94, "h1", other), Fault::already_exists)
        << "another machine, while the first is connected";
    EXPECT_EQ(hello(95, "h1", right), Fault::none) << "the same machine dialled again";
    EXPECT_EQ(world.host_row("h1").link, 95U);
    EXPECT_EQ(world.core->counters().hellos_refused, 3U);
    (void)world.step(LinkUp{96, false, {}, "10.0.0.9"});
    const wire::Message early = wire::SampleReport{};
    EXPECT_EQ(world.step(LinkMessage{96, &early}).fault(), Fault::protocol_violation) << "before its hello";
    (void)world.step(LinkUp{97, false, {}, "10.0.0.9"});
    world.seconds(11);
    for (const LinkRow& link : world.core->links()) {
        EXPECT_TRUE(!link.in_use || link.id == 95) << "a silent connection is closed";
    }
}

TEST(ControllerLinks, AGuestOnTwoHostsIsFlaggedAndLeftAlone) {
    World world;
    two_hosts(world);
    const Uuid uuid = world.vm_row("a").record.uuid;
    wire::HostReport report;
    report.sequence = 100;
    report.cpu_count = 4;
    report.memory_kib = 8192 * 1024;
    wire::DomainInfo claimed;
    claimed.uuid = uuid;
    claimed.name = "a";
    claimed.state = DomainState::running;
    report.domains.push(claimed);
    ASSERT_TRUE(world.deliver("h2", report).ok());
    EXPECT_EQ(world.vm(CommandKind::vm_pause, "a").slug, Slug::state_conflict);
    EXPECT_FALSE(world.vm_row("a").duplicate) << "reports may cross";
    world.seconds(11);
    EXPECT_TRUE(world.vm_row("a").duplicate);
    EXPECT_EQ(world.core->counters().duplicates_seen, 1U);
    report.domains.clear();
    report.sequence = 101;
    ASSERT_TRUE(world.deliver("h2", report).ok());
    EXPECT_FALSE(world.vm_row("a").duplicate);
    EXPECT_EQ(world.vm(CommandKind::vm_pause, "a").kind, OutcomeKind::accepted);
}

TEST(ControllerLinks, ResultsOfJobsNeverMadeAreNotAcknowledged) {
    World world;
    two_hosts(world);
    wire::JobUpdate update;
    update.kind = JobKind::migrate_in;
    update.state = JobState::succeeded;
    update.job_id = world.store.identity.next_job_id + 5;
    ASSERT_TRUE(world.deliver("h1", update).ok());
    EXPECT_EQ(world.core->counters().orphan_results, 1U);
    EXPECT_EQ(world.core->counters().acks_sent, 0U);
    update.job_id = 5;  // of long ago: we forgot it when all its results were on disk
    ASSERT_TRUE(world.deliver("h1", update).ok());
    EXPECT_EQ(world.core->counters().acks_sent, 1U);
}

TEST(ControllerLinks, HandoverAnswersComeOnlyFromTheHostThatWasAsked) {
    World world;
    two_hosts(world);
    world.add_host("h3");
    world.connect("h3");
    const wire::HandoverQuery query{uuid_of(5), "h2", "h1", uuid_of(6), uuid_of(7)};
    EXPECT_EQ(world.deliver("h3", query).fault(), Fault::protocol_violation) << "h3 asks in h1's name";
    world.connect("h3");
    ASSERT_TRUE(world.deliver("h1", query).ok());
    const wire::HandoverAnswer answer{uuid_of(5), "h1", wire::Verdict::refused};
    ASSERT_TRUE(world.deliver("h3", answer).ok());
    EXPECT_EQ(world.core->counters().handover_forwarded, 1U) << "the question only";
    ASSERT_TRUE(world.deliver("h2", answer).ok());
    EXPECT_EQ(world.core->counters().handover_forwarded, 2U);
}

TEST(ControllerCommands, AfterARestartAGuestIsNotCalledInactiveWhileAHostIsSilent) {
    World world;
    two_hosts(world);
    ASSERT_EQ(create(world, spec("new"), "h2").kind, OutcomeKind::accepted);
    world.seconds(2);
    world.restart();
    world.connect("h1");
    world.seconds(3);
    EXPECT_EQ(world.vm_row("new").state, VmState::unknown);
    EXPECT_NE(world.vm(CommandKind::vm_start, "new").kind, OutcomeKind::accepted)
        << "that would be a second copy";
    world.connect("h2");
    EXPECT_EQ(world.vm_row("new").state, VmState::running);
}

TEST(ControllerBudget, RowsAddUpToWhatIsReserved) {
    const Settings settings;
    std::uint64_t sum = 0;
    for (const BudgetRow& row : Core::budget(settings)) {
        sum += row.bytes;
    }
    EXPECT_EQ(sum, Core::bytes_needed(settings));
    EXPECT_LT(sum, 32U << 20) << "64 hosts and 2,000 guests";
}

// Whenever the controller dies, and although the destination is the later one to come back: the source is not
// told to begin before anybody knows where it is to connect to (World::take_order looks), and it is then.
TEST(ControllerCore, AfterARestartTheSourceWaitsForItsDestination) {
    int moved = 0;
    for (int events = 1; events <= 12; ++events) {
        World world;
        world.add_host("h1");
        world.add_host("h2");
        world.add_guest("h1", "a", 0.5);
        world.connect_all();
        world.warm_up();
        world.kill_at(events, false);
        (void)world.vm(CommandKind::vm_migrate, "a", "h2");
        for (int i = 0; i < 20 && world.host("h1").link != 0; ++i) {
            world.second();
        }
        ASSERT_EQ(world.host("h1").link, 0U) << "it has died";
        world.connect("h1");
        world.second();
        world.connect("h2");
        world.seconds(60);
        EXPECT_TRUE(world.place_of("a") == "h1" || world.place_of("a") == "h2") << world.place_of("a");
        moved += world.place_of("a") == "h2" ? 1 : 0;
    }
    EXPECT_GT(moved, 6);
}

}  // namespace
}  // namespace ballast::controller::test
