// Which host a guest goes to with its disk images, and why.
#include "controller/core/destinations.hpp"

#include <gtest/gtest.h>

#include "controller/core/core.hpp"
#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

constexpr std::uint64_t mib = 1024 * 1024;

Destination way(std::uint32_t bandwidth_mbps, std::uint32_t latency_ms) {
    Destination out;
    out.possible = true;
    out.bandwidth_mbps = bandwidth_mbps;
    out.latency_ms = latency_ms;
    return out;
}

TEST(ControllerDestinations, TheTimeIsThatOfTheMissingBytesOfTheMemoryAndOfTheLatency) {
    const std::vector<std::uint64_t> own{1, 2, 3, 4};
    const std::vector<std::uint64_t> there{2, 3, 4, 5};
    const ImageFacts images{
        .known = true, .image_bytes = 8 * mib, .distinct_blocks = 4, .compressed = 0.5, .sample = {own, 4}};
    const GuestTransfer guest{100, 0, 0};
    Destination out = way(80, 50);
    estimate(images, {{there, 4}}, guest, out);
    EXPECT_DOUBLE_EQ(out.share, 0.75);
    EXPECT_EQ(out.missing_bytes, 4096U);
    EXPECT_EQ(out.image_wire_bytes, 2048U + 4 * 3);
    EXPECT_DOUBLE_EQ(out.image_seconds, 2060 * 8 / 80e6);
    EXPECT_EQ(out.memory_bytes, 100 * mib);
    EXPECT_NEAR(out.memory_seconds, 100.0 * mib * 8 / 80e6, 1e-9);
    EXPECT_NEAR(out.seconds, out.image_seconds + out.memory_seconds + 20 * 0.05, 1e-9);
    // The operator's limit holds for the images, not for the memory.
    Destination limited = way(80, 50);
    estimate(images, {{there, 4}}, {100, 0, 8}, limited);
    EXPECT_DOUBLE_EQ(limited.image_seconds, 10 * out.image_seconds);
    EXPECT_DOUBLE_EQ(limited.memory_seconds, out.memory_seconds);
    // Memory that is written meanwhile is sent again.
    Destination busy = way(80, 50);
    estimate(images, {{there, 4}}, {100, 2, 0}, busy);
    EXPECT_GT(busy.memory_bytes, out.memory_bytes);
}

TEST(ControllerDestinations, DisksThatWereMeasuredCountWhereTheyAreSlowerThanTheWay) {
    const std::vector<std::uint64_t> keys{1, 2, 3, 4};
    ImageFacts images{.known = true,
                      .image_bytes = 8 * mib,
                      .distinct_blocks = 4,
                      .data_blocks = 1024,
                      .sample = {keys, 4}};
    const GuestTransfer guest{100, 0, 0};
    Destination unmeasured = way(8000, 0);
    estimate(images, {}, guest, unmeasured);
    EXPECT_EQ(unmeasured.read_seconds, 0);
    EXPECT_EQ(unmeasured.write_seconds, 0);
    // 4 MiB of data that the source reads in a second: four times, once of them beside what travels.
    images.read_bytes_per_second = 4 * mib;
    Destination read = way(8000, 0);
    estimate(images, {}, guest, read);
    EXPECT_DOUBLE_EQ(read.read_seconds, 1);
    EXPECT_DOUBLE_EQ(read.image_seconds, 4);
    // Written and read back there, and what it has already read once more: then that is the slowest.
    Destination written = way(8000, 0);
    estimate(images, {{keys, 4}, 2 * mib}, guest, written);
    EXPECT_DOUBLE_EQ(written.share, 1);
    EXPECT_DOUBLE_EQ(written.write_seconds, 6);
    EXPECT_DOUBLE_EQ(written.image_seconds, 6 + 3);
    // Once images have come there, as fast as they were written and read back.
    Destination known = way(8000, 0);
    estimate(images, {{keys, 4}, 2 * mib, 0.5 * mib}, guest, known);
    EXPECT_DOUBLE_EQ(known.write_seconds, 8 + 2);
    Destination unread = way(8000, 0);
    estimate(images, {{keys, 4}, 0, 0.5 * mib}, guest, unread);
    EXPECT_DOUBLE_EQ(unread.write_seconds, 8);
    // On a slow way neither matters but for the other readings.
    images.distinct_blocks = 1024;
    Destination slow = way(1, 0);
    estimate(images, {}, guest, slow);
    EXPECT_NEAR(slow.image_seconds, (1024.0 * (4096 + 3)) * 8 / 1e6 + 3, 1e-6);
}

TEST(ControllerDestinations, ImagesThatWereNeverIndexedCountNothing) {
    Destination out = way(80, 0);
    estimate({}, {}, {100, 0, 0}, out);
    EXPECT_FALSE(out.images_known);
    EXPECT_EQ(out.image_wire_bytes, 0U);
    EXPECT_EQ(out.seconds, out.memory_seconds);
}

TEST(ControllerDestinations, TheSoonestGoesFirstThenTheIdlerThenByName) {
    Destination a = way(1, 0);
    a.host = "a";
    a.seconds = 2;
    Destination b = a;
    b.host = "b";
    EXPECT_TRUE(better(a, b));
    b.cpu = -0.1;
    EXPECT_TRUE(better(b, a));
    a.seconds = 1;
    EXPECT_TRUE(better(a, b));
    a.possible = false;
    EXPECT_TRUE(better(b, a));
}

// berlin: h1 with the guest, h2. paris: h3, h4. oslo, without a link: h5.
Settings with_sites() {
    Settings settings = World::default_settings();
    settings.limits.image_sketches = 4;
    SiteMap& sites = settings.sites;
    sites.names.push("berlin");
    sites.names.push("paris");
    sites.names.push("oslo");
    sites.hosts.push({"h1", 0});
    sites.hosts.push({"h2", 0});
    sites.hosts.push({"h3", 1});
    sites.hosts.push({"h4", 1});
    sites.hosts.push({"h5", 2});
    sites.links.push({0, 1, 50, 40});
    return settings;
}

wire::ImageSketch sketch(const Uuid& guest, std::uint64_t first, std::uint64_t count) {
    wire::ImageSketch out;
    out.uuid = guest;
    out.images = count == 0 ? 0 : 1;
    out.distinct = count;
    out.data_blocks = count;
    out.image_bytes = count * 8192;
    out.compressed_permille = guest.nil() ? 0 : 500;
    out.built_unix_ms = 1'790'000'000'000;
    for (std::uint64_t i = 0; i < count; ++i) {
        out.keys.push(first + i);
    }
    return out;
}

class Ranked : public ::testing::Test {
  protected:
    Ranked() {
        for (const char* name : {"h1", "h2", "h3", "h4", "h5"}) {
            world.add_host(name);
        }
        guest = world.add_guest("h1", "a", 0.5);
        world.connect_all();
        world.warm_up();
    }
    void tell(const std::string& host, const wire::ImageSketch& said) {
        const wire::Message message = said;
        ASSERT_TRUE(world.deliver(host, message).ok());
    }
    Outcome migrate(bool dry_run) {
        Command command;
        command.kind = CommandKind::vm_migrate;
        command.target = "a";
        command.copy_storage = true;
        command.dry_run = dry_run;
        return world.command(command);
    }
    const Destination& found(std::string_view host) const {
        for (const Destination& each : world.core->last_ranking().destinations) {
            if (each.host == host) {
                return each;
            }
        }
        ADD_FAILURE() << "no " << host;
        return world.core->last_ranking().destinations[0];
    }

    World world{with_sites()};
    Uuid guest;
};

TEST_F(Ranked, AcrossASlowLinkTheHostThatHoldsMostOfTheImagesIsChosen) {
    tell("h1", sketch(guest, 0, 8000));
    tell("h3", sketch(Uuid{}, 0, 2000));
    tell("h4", sketch(Uuid{}, 0, 6000));
    tell("h5", sketch(Uuid{}, 0, 8000));
    const Outcome dry = migrate(true);
    ASSERT_EQ(dry.kind, OutcomeKind::accepted) << dry.detail.view();
    EXPECT_EQ(dry.host, "h4");
    EXPECT_NEAR(found("h3").share, 0.25, 0.01);
    EXPECT_EQ(found("h4").missing_bytes, 2000U * 4096);
    EXPECT_EQ(found("h4").bandwidth_mbps, 50U);
    EXPECT_EQ(found("h4").latency_ms, 40U);
    EXPECT_EQ(found("h4").site, "paris");
    EXPECT_LT(found("h4").seconds, found("h3").seconds);
    // What holds all of them cannot be reached, and what can be reached fastest takes no images.
    EXPECT_EQ(found("h5").constraint, policy::Constraint::site_link);
    EXPECT_EQ(found("h2").constraint, policy::Constraint::takes_no_images);
    EXPECT_EQ(world.core->decision(0), nullptr) << "a dry run decides nothing";
    const Outcome done = migrate(false);
    EXPECT_EQ(world.job(done.job_id).destination.host, "h4");
    const DecisionRow* decision = world.core->decision(0);
    ASSERT_NE(decision, nullptr);
    EXPECT_EQ(decision->kind, DecisionKind::placed);
    ASSERT_EQ(decision->destinations.size(), 4U);
    EXPECT_EQ(decision->destinations[0].host, "h4");
    EXPECT_NE(decision->why.view().find("to site paris: 7.8 MiB of its images are missing there"),
              std::string_view::npos)
        << decision->why.view();
    bool slower = false;
    for (const Reason& reason : done.reasons) {
        slower = slower ||
                 (reason.candidate == "h3" && reason.constraint == "slower" && reason.have > reason.need);
    }
    EXPECT_TRUE(slower);
}

TEST_F(Ranked, AHostOfItsOwnSiteIsSoonerThanAllThatIsThereAcrossTheLink) {
    tell("h1", sketch(guest, 0, 8000));
    tell("h2", sketch(Uuid{}, 0, 0));
    tell("h4", sketch(Uuid{}, 0, 7900));
    EXPECT_EQ(migrate(true).host, "h2");
    EXPECT_EQ(found("h2").latency_ms, 0U);
    EXPECT_EQ(found("h2").missing_bytes, 8000U * 4096);
}

TEST_F(Ranked, OfTwoThatHoldTheSameTheOneWhoseDiskWritesFasterIsChosen) {
    wire::ImageSketch slow = sketch(Uuid{}, 0, 8192);
    slow.read_bytes_per_second = std::uint64_t{64} << 20;
    wire::ImageSketch fast = slow;
    slow.write_bytes_per_second = std::uint64_t{1} << 20;
    fast.write_bytes_per_second = std::uint64_t{32} << 20;
    tell("h1", sketch(guest, 0, 8192));
    tell("h3", slow);
    tell("h4", fast);
    EXPECT_EQ(migrate(true).host, "h4");
    EXPECT_DOUBLE_EQ(found("h3").write_seconds, 32 + 0.5);
    EXPECT_DOUBLE_EQ(found("h4").write_seconds, 1 + 0.5);
}

TEST_F(Ranked, AHostThatWouldBeOverloadedIsNotChosen) {
    tell("h1", sketch(guest, 0, 8000));
    tell("h3", sketch(Uuid{}, 0, 0));
    tell("h4", sketch(Uuid{}, 0, 8000));
    world.add_guest("h4", "heavy", 3.6);
    world.report("h4");
    world.warm_up();
    EXPECT_EQ(migrate(true).host, "h3");
    EXPECT_EQ(found("h4").constraint, policy::Constraint::destination_cpu);
    EXPECT_GT(found("h4").have, found("h4").limit);
}

TEST_F(Ranked, SoIsOneThatWouldBeShortOfAnotherResource) {
    tell("h1", sketch(guest, 0, 8000));
    tell("h3", sketch(Uuid{}, 0, 0));
    tell("h4", sketch(Uuid{}, 0, 8000));
    world.add_guest("h4", "large", 0.1, 6300);
    world.report("h4");
    world.warm_up();
    EXPECT_EQ(migrate(true).host, "h3");
    EXPECT_EQ(found("h4").constraint, policy::Constraint::destination_memory_used);
    EXPECT_NEAR(found("h4").have, (6300 + 512) / 8192.0, 1e-9);
    EXPECT_EQ(found("h4").limit, 0.8);
}

// If h2 failed, only h3 has room for the large guest, as long as nobody else goes there.
TEST_F(Ranked, TheHostThatOthersAreRestartedOnIsKeptWhileThereIsAnother) {
    tell("h1", sketch(guest, 0, 8000));
    tell("h3", sketch(Uuid{}, 0, 8000));
    tell("h4", sketch(Uuid{}, 0, 4000));
    EXPECT_EQ(migrate(true).host, "h3");
    world.add_guest("h2", "large", 0.1, 7000);
    for (const char* name : {"h1", "h4", "h5"}) {
        world.add_guest(name, std::string{"small-on-"} + name, 0.1, 500);
        world.report(name);
    }
    world.report("h2");
    world.warm_up();
    EXPECT_EQ(migrate(true).host, "h4");
    EXPECT_EQ(found("h3").constraint, policy::Constraint::spare_host);
    EXPECT_LT(found("h3").seconds, found("h4").seconds);
    world.add_guest("h3", "small-on-h3", 0.1, 500);
    world.report("h3");
    world.warm_up();
    EXPECT_EQ(migrate(true).host, "h3") << "there is no spare host any more";
}

TEST_F(Ranked, WithoutItsImagesAGuestStaysAtItsSiteUnlessItsOperatorNamesAHost) {
    Command command;
    command.kind = CommandKind::vm_migrate;
    command.target = "a";
    command.dry_run = true;
    const Outcome placed = world.command(command);
    EXPECT_EQ(placed.host, "h2");
    EXPECT_EQ(placed.reasons.size(), 3U);
    EXPECT_EQ(placed.reasons[0].constraint, "other_site");
    EXPECT_EQ(world.core->last_ranking().vm, no_row);
    command.to = "h3";
    EXPECT_EQ(world.command(command).host, "h3");
}

TEST_F(Ranked, WhenNoneIsPossibleTheRefusalSaysWhyOfEach) {
    const Outcome refused = migrate(false);
    EXPECT_EQ(refused.slug, Slug::no_capacity);
    EXPECT_EQ(refused.reasons.size(), 4U);
    EXPECT_EQ(world.core->decision(0)->kind, DecisionKind::not_placed);
}

TEST_F(Ranked, SamplesAreBoundedReplacedAndForgottenWithTheirHost) {
    tell("h1", sketch(guest, 0, 10));
    for (const char* host : {"h1", "h2", "h3", "h4", "h5"}) {
        tell(host, sketch(Uuid{}, 0, 10));
        tell(host, sketch(Uuid{}, 5, 10));
    }
    const auto use = [&] {
        for (const LimitUse& each : world.core->limits()) {
            if (each.name == "image_sketches") {
                return each;
            }
        }
        return LimitUse{};
    };
    EXPECT_EQ(use().used, 4U);
    EXPECT_EQ(use().refused, 4U);
    Command index;
    index.kind = CommandKind::vm_index;
    world.add_guest("h1", "b", 0.1);
    world.report("h1");
    index.target = "b";
    EXPECT_EQ(world.command(index).limit_name, "image_sketches");
    index.target = "a";
    index.dry_run = true;
    EXPECT_EQ(world.command(index).kind, OutcomeKind::accepted);
    world.disconnect("h3");
    world.seconds(60);
    ASSERT_EQ(world.vm(CommandKind::host_forget, "h3").kind, OutcomeKind::changed);
    EXPECT_EQ(use().used, 3U);
}

TEST_F(Ranked, ASampleOfAGuestThatIsElsewhereIsIgnoredAndCounted) {
    tell("h1", sketch(guest, 0, 10));
    tell("h3", sketch(Uuid{}, 0, 10));
    wire::ImageSketch of_another_host = sketch(guest, 100, 10);
    of_another_host.built_unix_ms += 1;
    tell("h3", of_another_host);
    EXPECT_EQ(world.core->counters().image_sketches_ignored, 1U);
    static_cast<void>(migrate(true));
    EXPECT_EQ(found("h3").share, 1.0);
    // Its own host may send it anew, but nothing older than what it has sent.
    of_another_host.built_unix_ms -= 2;
    tell("h1", of_another_host);
    EXPECT_EQ(world.core->counters().image_sketches_ignored, 2U);
    of_another_host.built_unix_ms += 2;
    tell("h1", of_another_host);
    EXPECT_EQ(world.core->counters().image_sketches_ignored, 2U);
    static_cast<void>(migrate(true));
    EXPECT_EQ(found("h3").share, 0.0);
}

TEST_F(Ranked, ASampleThatCannotBeIsRefused) {
    wire::ImageSketch bad = sketch(Uuid{}, 0, 3);
    bad.keys[1] = bad.keys[0];
    EXPECT_EQ(world.deliver("h2", wire::Message{bad}).fault(), Fault::protocol_violation);
}

}  // namespace
}  // namespace ballast::controller::test
