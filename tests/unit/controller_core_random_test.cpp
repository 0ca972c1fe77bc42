// Seeded random histories: whatever is asked and whatever breaks, the invariants hold after every event
// (World::check), and once the world is healed every job ends and every guest runs on exactly one host.
#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "controller/core/core.hpp"
#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

constexpr int host_count = 4;
constexpr int guests = 14;

std::string host_name(std::uint64_t i) {
    return "h" + std::to_string(i + 1);
}
std::string guest_name(std::uint64_t i) {
    return "g" + std::to_string(i);
}

void populate(World& world, Prng& random) {
    for (int h = 0; h < host_count; ++h) {
        world.add_host(host_name(static_cast<std::uint64_t>(h)), 4, 6144);
    }
    for (int g = 0; g < guests; ++g) {
        const std::uint64_t host = random.below(2);  // crowded on two of them
        world.add_guest(host_name(host), guest_name(static_cast<std::uint64_t>(g)), random.unit() * 0.9,
                        128 * (1 + random.below(5)));
    }
    world.connect_all();
}

void command(World& world, Prng& random) {
    static constexpr CommandKind kinds[] = {
        CommandKind::vm_pause,   CommandKind::vm_unpause,    CommandKind::vm_save,
        CommandKind::vm_restore, CommandKind::vm_migrate,    CommandKind::vm_migrate,
        CommandKind::host_drain, CommandKind::host_uncordon, CommandKind::host_uncordon,
        CommandKind::rebalance,  CommandKind::job_cancel};
    Command wanted;
    wanted.kind = kinds[random.below(std::size(kinds))];
    const bool about_host =
        wanted.kind == CommandKind::host_drain || wanted.kind == CommandKind::host_uncordon;
    wanted.target =
        FixedString<63>{about_host ? host_name(random.below(host_count)) : guest_name(random.below(guests))};
    if (wanted.kind == CommandKind::vm_migrate && random.chance(0.5)) {
        wanted.to = FixedString<63>{host_name(random.below(host_count))};
    }
    wanted.id = world.store.identity.next_job_id - 1 - random.below(4);
    wanted.idempotency_key = random.chance(0.3) ? Digest{1, random.below(8)} : Digest{};
    wanted.idempotency_body = {1, random.below(2)};
    wanted.dry_run = random.chance(0.1);
    (void)world.command(wanted);
}

void disturb(World& world, Prng& random) {
    const std::string name = host_name(random.below(host_count));
    Agent& agent = world.host(name);
    switch (random.below(6)) {
        case 0: agent.link == 0 ? world.connect(name) : world.disconnect(name); break;
        case 1: agent.refuse_next = random.chance(0.5) ? Fault::no_memory : Fault::hypervisor_failed; break;
        case 2: agent.samples_stopped = !agent.samples_stopped; break;
        case 3: agent.idle = !agent.idle; break;
        case 4:
            if (random.chance(0.2)) {
                world.restart();
            }
            break;
        default: world.connect_all(); break;
    }
}

void heal(World& world) {
    for (auto& [name, agent] : world.agents) {
        agent.refuse_next = Fault::none;
        agent.samples_stopped = agent.idle = false;
    }
    world.connect_all();
    world.settings.balance.enabled = false;
    world.seconds(150);
}

std::string history(std::uint64_t seed, int seconds) {
    Settings settings = World::default_settings();
    settings.balance.enabled = true;
    settings.balance.parameters.cool_down_seconds = 20;
    settings.deadlines.fill(ballast::seconds(40));
    settings.deadline_grace = ballast::seconds(10);
    World world{settings};
    Prng random{seed};
    populate(world, random);
    for (int i = 0; i < seconds; ++i) {
        world.second();
        if (random.chance(0.4)) {
            command(world, random);
        }
        if (random.chance(0.15)) {
            disturb(world, random);
        }
    }
    heal(world);
    for (int g = 0; g < guests; ++g) {
        const std::string name = guest_name(static_cast<std::uint64_t>(g));
        const VmRow& row = world.vm_row(name);
        std::size_t saved = 0;
        for (const auto& [host, agent] : world.agents) {
            saved += agent.saved.count(row.record.uuid);
        }
        const std::string place = world.place_of(name);
        EXPECT_EQ(saved + (place.empty() ? 0U : 1U), 1U) << name << " at '" << place << "' seed " << seed;
        if (!place.empty() && row.job == no_row) {
            EXPECT_EQ(world.host_row(place).record.name, world.core->host(row.host).record.name);
        }
    }
    for (const JobRow& job : world.core->jobs()) {
        const bool young = job.in_use && job.record.created.unix_ms > world.now.wall.unix_ms - 60'000;
        EXPECT_TRUE(!job.in_use || young || job.settled())
            << "job " << job.record.id << " " << to_string(job.record.kind) << " "
            << to_string(job.record.state) << " " << to_string(job.record.fault) << ": "
            << job.record.source.host.view() << " " << to_string(job.record.source.state) << ", "
            << job.record.destination.host.view() << " " << to_string(job.record.destination.state)
            << " seed " << seed;
    }
    return world.transcript;
}

class RandomHistory : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomHistory, KeepsTheInvariantsAndConverges) {
    (void)history(GetParam(), 400);
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistory, ::testing::Range<std::uint64_t>(1, 61));

TEST(RandomHistories, TheSameEventsGiveTheSameActions) {
    const std::string first = history(77, 300);
    for (const char* what : {"job_succeeded", "job_failed", "plan_done", "link_lost", "host_state"}) {
        EXPECT_NE(first.find(what), std::string::npos) << "the history must be worth comparing: no " << what;
    }
    EXPECT_EQ(first, history(77, 300));
}

}  // namespace
}  // namespace ballast::controller::test
