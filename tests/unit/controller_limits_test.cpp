// Every limit of /v1/limits, reached: what goes beyond it is refused by the limit's name and counted, and
// nothing else happens.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

LimitUse use_of(const World& world, std::string_view name) {
    for (const LimitUse& use : world.core->limits()) {
        if (use.name == name) {
            return use;
        }
    }
    ADD_FAILURE() << "no limit " << name;
    return {};
}

void expect_full(const World& world, std::string_view name, std::uint64_t limit = 1) {
    const LimitUse use = use_of(world, name);
    EXPECT_EQ(use.limit, limit) << name;
    EXPECT_EQ(use.used, limit) << name;
    EXPECT_EQ(use.refused, 1U) << name;
}

void expect_refused(const Outcome& outcome, std::string_view name) {
    EXPECT_EQ(outcome.kind, OutcomeKind::problem) << name;
    EXPECT_EQ(outcome.slug, Slug::limit_reached) << name;
    EXPECT_EQ(outcome.limit_name.view(), name) << outcome.detail.view();
}

// One host that is connected, with two guests.
struct Small : World {
    explicit Small(const Settings& given) : World{given} {
        add_host("h1");
        add_guest("h1", "a", 0.1);
        add_guest("h1", "b", 0.1);
        connect_all();
    }
    Outcome make_pool(const char* name, VmKind kind = VmKind::common, std::uint32_t ready = 0) {
        DesktopPoolRecord pool;
        pool.name = name;
        pool.kind = kind;
        pool.targets = {ready, 0, 0, ready};
        pool.guest.memory_mib = 64;
        Command command;
        command.kind = CommandKind::pool_create;
        command.pool = &pool;
        return this->command(command);
    }
    Outcome user(CommandKind kind, const char* name, const char* pool) {
        Command command;
        command.kind = kind;
        command.user = name;
        command.target = pool;
        return this->command(command);
    }
    Outcome create(const char* name, std::uint64_t number) {
        wire::GuestSpec spec;
        spec.name = name;
        spec.uuid = uuid_of(number);
        spec.memory_mib = 64;
        Command command;
        command.kind = CommandKind::vm_create;
        command.spec = &spec;
        return this->command(command);
    }
};

Settings with(std::uint32_t Limits::*limit, std::uint32_t value) {
    Settings settings = World::default_settings();
    settings.limits.*limit = value;
    return settings;
}

void hosts() {
    Small world{with(&Limits::hosts, 1)};
    ASSERT_TRUE(world.World::step(LinkUp{90, true, "h2", "10.0.0.2"}).ok());
    wire::Hello hello;
    hello.version = limits::protocol_version;
    hello.host_name = "h2";
    hello.host_uuid = uuid_of(99);
    const wire::Message message{hello};
    EXPECT_EQ(world.World::step(LinkMessage{90, &message}).fault(), Fault::limit_reached);
    bool named = false;
    for (const Action& action : world.actions->list()) {
        if (const auto* send = std::get_if<Send>(&action)) {
            const auto* reply = std::get_if<wire::HelloReply>(&send->message);
            named = named || (reply != nullptr && !reply->accepted &&
                              reply->detail.view().find("limit hosts") != std::string_view::npos);
        }
    }
    EXPECT_TRUE(named) << "the agent is told which limit";
    expect_full(world, "hosts");
}

void links() {
    Settings settings = with(&Limits::links, 1);
    settings.limits.hosts = 1;
    Small world{settings};
    EXPECT_EQ(world.World::step(LinkUp{90, true, "h2", "10.0.0.2"}).fault(), Fault::limit_reached);
    EXPECT_TRUE(world.saw_report("link_refused"));
    expect_full(world, "links");
}

void vms() {
    Small world{with(&Limits::vms, 2)};
    expect_refused(world.create("c", 50), "vms");
    expect_full(world, "vms", 2);
}

void definitions() {
    Small world{with(&Limits::definitions, 1)};
    EXPECT_EQ(world.create("c", 50).kind, OutcomeKind::accepted);
    expect_refused(world.create("d", 51), "definitions");
    expect_full(world, "definitions");
}

void jobs() {
    Small world{with(&Limits::jobs, 1)};
    world.host("h1").idle = true;
    EXPECT_EQ(world.vm(CommandKind::vm_pause, "a").kind, OutcomeKind::accepted);
    expect_refused(world.vm(CommandKind::vm_pause, "b"), "jobs");
    expect_full(world, "jobs");
}

void agent_jobs() {
    Settings settings = World::default_settings();
    settings.agent_jobs_max = 1;
    Small world{settings};
    world.host("h1").idle = true;
    EXPECT_EQ(world.vm(CommandKind::vm_pause, "a").kind, OutcomeKind::accepted);
    expect_refused(world.vm(CommandKind::vm_pause, "b"), "agent_jobs");
    expect_full(world, "agent_jobs");
}

void plans() {
    World world{with(&Limits::plans, 1)};
    world.add_host("h1");
    world.add_host("h2");
    for (const char* name : {"a", "b", "c", "d"}) {
        world.add_guest("h1", name, 0.95);
    }
    world.host("h1").idle = world.host("h2").idle = true;
    world.connect_all();
    world.warm_up();
    Command command;
    command.kind = CommandKind::rebalance;
    const Outcome first = world.command(command);
    ASSERT_EQ(first.kind, OutcomeKind::plan) << first.detail.view();
    ASSERT_EQ(world.core->plan(world.core->find_plan(first.plan_id)).record.state, PlanState::applying);
    command.kind = CommandKind::plan_create;
    expect_refused(world.command(command), "plans");
    expect_full(world, "plans");
}

// The newest ones stay: nothing is refused.
void decisions() {
    Small world{with(&Limits::decisions, 1)};
    world.make_pool("kiosk");
    for (const char* user : {"ann", "bob", "cid"}) {
        world.user(CommandKind::session_open, user, "kiosk");
    }
    EXPECT_EQ(use_of(world, "decisions").limit, 1U);
    EXPECT_EQ(use_of(world, "decisions").used, 1U);
    EXPECT_EQ(use_of(world, "decisions").refused, 0U);
    ASSERT_NE(world.core->decision(0), nullptr);
    EXPECT_EQ(world.core->decision(0)->id, 3U);
    EXPECT_EQ(world.core->decision(1), nullptr);
}

void idempotency_keys() {
    Small world{with(&Limits::idempotency_keys, 1)};
    Command command;
    command.kind = CommandKind::host_cordon;
    command.target = "h1";
    command.idempotency_key = {1, 1};
    EXPECT_EQ(world.command(command).kind, OutcomeKind::changed);
    command.kind = CommandKind::host_uncordon;
    command.idempotency_key = {2, 2};
    expect_refused(world.command(command), "idempotency_keys");
    EXPECT_TRUE(world.host_row("h1").record.cordoned) << "what is refused has no effect";
    expect_full(world, "idempotency_keys");
}

void handover_queries() {
    World world{with(&Limits::handover_queries, 1)};
    world.add_host("h1");
    world.add_host("h2");
    world.connect_all();
    for (const std::uint64_t migration : {5U, 6U}) {
        const wire::HandoverQuery query{uuid_of(migration), "h2", "h1", uuid_of(7), uuid_of(8)};
        EXPECT_TRUE(world.deliver("h1", query).ok()) << "an agent asks again";
    }
    EXPECT_EQ(world.core->counters().handover_dropped, 1U);
    expect_full(world, "handover_queries");
}

void desktop_pools() {
    Small world{with(&Limits::desktop_pools, 1)};
    EXPECT_EQ(world.make_pool("one").kind, OutcomeKind::changed);
    expect_refused(world.make_pool("two"), "desktop_pools");
    expect_full(world, "desktop_pools");
}

void desktops() {
    Small world{with(&Limits::desktops, 1)};
    ASSERT_EQ(world.make_pool("own", VmKind::personal).kind, OutcomeKind::changed);
    EXPECT_EQ(world.user(CommandKind::private_put, "ann", "own").kind, OutcomeKind::changed);
    expect_refused(world.user(CommandKind::private_put, "bob", "own"), "desktops");
    expect_full(world, "desktops");
}

void sessions() {
    Small world{with(&Limits::sessions, 1)};
    ASSERT_EQ(world.make_pool("kiosk", VmKind::common, 2).kind, OutcomeKind::changed);
    world.seconds(10);
    EXPECT_EQ(world.user(CommandKind::session_open, "ann", "kiosk").kind, OutcomeKind::session);
    expect_refused(world.user(CommandKind::session_open, "bob", "kiosk"), "sessions");
    expect_full(world, "sessions");
}

void image_sketches() {
    Small world{with(&Limits::image_sketches, 1)};
    wire::ImageSketch sketch;
    ASSERT_TRUE(world.deliver("h1", wire::Message{sketch}).ok());
    expect_refused(world.vm(CommandKind::vm_index, "a"), "image_sketches");
    expect_full(world, "image_sketches");
}

const std::map<std::string_view, void (*)()> walks{
    {"hosts", &hosts},
    {"vms", &vms},
    {"links", &links},
    {"jobs", &jobs},
    {"definitions", &definitions},
    {"plans", &plans},
    {"decisions", &decisions},
    {"idempotency_keys", &idempotency_keys},
    {"handover_queries", &handover_queries},
    {"desktop_pools", &desktop_pools},
    {"desktops", &desktops},
    {"sessions", &sessions},
    {"image_sketches", &image_sketches},
    {"agent_jobs", &agent_jobs},
};

TEST(ControllerLimits, AreAllReachedAndEachRefusesByItsName) {
    const World world;
    for (const LimitUse& use : world.core->limits()) {
        const auto walk = walks.find(use.name);
        ASSERT_NE(walk, walks.end()) << "nothing here reaches the limit " << use.name;
        SCOPED_TRACE(use.name);
        walk->second();
    }
}

TEST(ControllerLimits, HaveARowInTheBudgetThatAddsUp) {
    const Settings settings = World::default_settings();
    std::uint64_t bytes = 0;
    std::set<std::string_view> names;
    for (const BudgetRow& row : Core::budget(settings)) {
        bytes += row.bytes;
        names.insert(row.name);
    }
    EXPECT_EQ(bytes, Core::bytes_needed(settings));
    const World world;
    for (const LimitUse& use : world.core->limits()) {
        EXPECT_TRUE(names.count(use.name) == 1 || use.name == "agent_jobs") << use.name << " takes no memory";
    }
}

}  // namespace
}  // namespace ballast::controller::test
