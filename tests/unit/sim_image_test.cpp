#include "xen_glue/sim/image_stream.hpp"

#include <fcntl.h>

#include <string>

#include "base/prng.hpp"
#include "tests/unit/sim_fixture.hpp"
#include "xen_glue/sim/image_order.hpp"

namespace ballast::sim {
namespace {

constexpr std::uint64_t pages = 16'384;  // 64 MiB

class SimImage : public SimFixture {
  protected:
    void SetUp() override {
        host_ = open_host("a");
        SimOptions fast = options("b");
        fast.operation_speed = 1000;
        target_ = open_host(fast);
        const std::string path = directory_ + "/image";
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        const Domain guest = domain_named(*host_, "a-01");
        // A guest that runs meanwhile would have pages sent again, more of them on a slower machine.
        ASSERT_TRUE(host_->send_image(guest, fd, MigrationMode::stop_and_copy, progress_).ok());
        image_.resize(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)));
        ASSERT_EQ(pread(fd, image_.data(), image_.size(), 0), static_cast<ssize_t>(image_.size()));
        close(fd);
    }
    Fault restore(std::string_view image) {
        const std::string path = directory_ + "/spoiled";
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        EXPECT_EQ(write(fd, image.data(), image.size()), static_cast<ssize_t>(image.size()));
        lseek(fd, 0, SEEK_SET);
        Domain out;
        const Fault fault = target_->receive_image(fd, "", {}, progress_, out).fault();
        close(fd);
        return fault;
    }
    std::size_t guests_on_target() {
        DomainList domains;
        EXPECT_TRUE(target_->list(domains).ok());
        return domains.size() - 1;
    }

    SilentProgress progress_;
    std::unique_ptr<Hypervisor> host_;
    std::unique_ptr<Hypervisor> target_;
    std::string image_;
};

TEST_F(SimImage, AWholeImageIsAcceptedAndIsAsLargeAsItWasOrdered) {
    EXPECT_GT(image_.size(), pages * 16);
    EXPECT_LT(image_.size(), pages * 16 + 8192);
    EXPECT_EQ(restore(image_), Fault::none);
    EXPECT_EQ(restore(image_), Fault::already_exists) << "its name is taken now";
}

TEST_F(SimImage, ATruncatedImageIsRefusedAndLeavesNoDomain) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{19}, std::size_t{200},
                                   image_.size() / 2, image_.size() - 30, image_.size() - 1}) {
        EXPECT_EQ(restore(std::string_view{image_}.substr(0, size)), Fault::image_corrupt) << size;
        EXPECT_EQ(guests_on_target(), 2u);
    }
}

TEST_F(SimImage, AnyFlippedBitIsRefusedAndLeavesNoDomain) {
    Prng prng{4};
    for (int i = 0; i < 60; ++i) {
        std::string spoiled = image_;
        // Half of them in the head, where the structure is; the rest anywhere.
        const std::size_t at = prng.below(i % 2 == 0 ? 400 : spoiled.size());
        spoiled[at] = static_cast<char>(spoiled[at] ^ (1 << prng.below(8)));
        const Fault fault = restore(spoiled);
        EXPECT_TRUE(fault == Fault::image_corrupt || fault == Fault::version_mismatch)
            << "byte " << at << ": " << to_string(fault);
        EXPECT_EQ(guests_on_target(), 2u);
    }
}

TEST_F(SimImage, AnotherVersionIsNamedAsSuch) {
    std::string other = image_;
    other[image_magic.size()] = 2;
    EXPECT_EQ(restore(other), Fault::version_mismatch);
}

TEST_F(SimImage, AConfigurationThatIsWellFormedButNotValidIsRefusedWithItsField) {
    ImageConfig config;
    config.spec.name = "g";
    config.spec.uuid.bytes[0] = 1;
    config.spec.memory_mib = 64;  // and no kernel
    std::string payload;
    append_config(payload, config);
    std::string image{image_magic};
    append_u32(image, image_version);
    append_record_head(image, RecordType::config, static_cast<std::uint32_t>(payload.size()));
    image += payload;
    EXPECT_EQ(restore(image), Fault::image_corrupt);
    EXPECT_NE(target_->last_error().find("kernel, bootloader:"), std::string_view::npos)
        << target_->last_error();
}

TEST(SimImageCodec, ConfigurationsComeBackAsTheyWere) {
    ImageConfig config;
    config.ours = true;
    DomainSpec& spec = config.spec;
    spec.name = "desk-01";
    spec.uuid.bytes.fill(0xab);
    spec.type = GuestType::hvm;
    spec.memory_mib = 4096;
    spec.vcpus = 4;
    spec.boot_order = "cd";
    spec.disks.push({DiskSpec::Format::qcow2, "/srv/a", "hda", false});
    spec.disks.push({DiskSpec::Format::phy, "/dev/b", "hdb", true});
    spec.vifs.push({"00:16:3e:00:00:01", "xenbr0"});
    spec.vnc = {true, "127.0.0.1", "secret"};
    spec.cpu_weight = 512;
    spec.cpu_cap_percent = 150;
    std::string bytes;
    append_config(bytes, config);
    const auto back = decode_config(bytes);
    ASSERT_TRUE(back.has_value());
    std::string again;
    append_config(again, *back);
    EXPECT_EQ(again, bytes);
    EXPECT_TRUE(back->ours);
    EXPECT_EQ(back->spec.disks[1].target, "/dev/b");
    EXPECT_EQ(back->spec.vnc.password, "secret");
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        ASSERT_FALSE(decode_config(std::string_view{bytes}.substr(0, size)).has_value()) << size;
    }
    EXPECT_FALSE(decode_config(bytes + "x").has_value());
}

TEST(SimImageCodec, WhatAGuestDoesComesBackAsItWasAndNothingImpossibleDoes) {
    CarriedState state;
    LoadProfile profile;
    profile.kind = LoadKind::schedule;
    profile.schedule.push({5, 900});
    state.workload.load = start_load(profile, 77);
    state.workload.net_mbps = 9;
    state.workload.unresponsive = true;
    state.executed_ns = 123'456'789'012;
    std::string bytes;
    append_carried(bytes, state);
    const auto back = decode_carried(bytes);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->executed_ns, state.executed_ns);
    EXPECT_EQ(back->workload.load.random_state, state.workload.load.random_state);
    EXPECT_EQ(back->workload.load.profile.schedule[0].load_permille, 900u);
    EXPECT_TRUE(back->workload.unresponsive);

    CarriedState impossible = state;
    impossible.workload.load.load_permille = 1001;
    bytes.clear();
    append_carried(bytes, impossible);
    EXPECT_FALSE(decode_carried(bytes).has_value());
    impossible = state;
    impossible.executed_ns = -1;
    bytes.clear();
    append_carried(bytes, impossible);
    EXPECT_FALSE(decode_carried(bytes).has_value());
}

TEST(SimImageOrder, ALiveTransferGoesInRoundsAndEndsSuspended) {
    ImageOrder order{100};
    EXPECT_TRUE(order.pages({0, 60}));
    EXPECT_EQ(order.permille(), 540u);
    EXPECT_TRUE(order.pages({0, 40}));
    EXPECT_TRUE(order.pages({1, 30}));
    EXPECT_TRUE(order.suspended());
    EXPECT_TRUE(order.pages({2, 5}));
    EXPECT_TRUE(order.end({135, 0}));
}

TEST(SimImageOrder, StopAndCopyIsSuspendedFromTheStart) {
    ImageOrder order{100};
    EXPECT_TRUE(order.suspended());
    EXPECT_TRUE(order.pages({0, 100}));
    EXPECT_TRUE(order.end({100, 0}));
}

TEST(SimImageOrder, AGuestThatWroteNothingNeedsNoLastRound) {
    ImageOrder order{100};
    EXPECT_TRUE(order.pages({0, 100}));
    EXPECT_TRUE(order.suspended());
    EXPECT_TRUE(order.end({100, 0}));
}

TEST(SimImageOrder, WhatNoTransferCanHaveSentIsRefused) {
    const auto after = [](auto... steps) {
        ImageOrder order{100};
        const bool all = (steps(order) && ...);
        EXPECT_TRUE(all);
        return order;
    };
    const auto whole = [](ImageOrder& o) { return o.pages({0, 100}); };
    const auto half = [](ImageOrder& o) { return o.pages({0, 50}); };
    const auto suspend = [](ImageOrder& o) { return o.suspended(); };
    EXPECT_FALSE(after().pages({1, 10})) << "begins in the middle";
    EXPECT_FALSE(after().pages({0, 0})) << "nothing";
    EXPECT_FALSE(after().pages({0, 101})) << "more than there is";
    EXPECT_FALSE(after(half).pages({0, 51})) << "more than there is, in parts";
    EXPECT_FALSE(after(half).pages({1, 10})) << "first round not whole";
    EXPECT_FALSE(after(whole).pages({2, 10})) << "a round left out";
    EXPECT_FALSE(after(half).suspended()) << "suspended in the middle of the first round";
    EXPECT_FALSE(after(whole, suspend).suspended()) << "twice";
    EXPECT_FALSE(after(whole, suspend).pages({0, 1})) << "goes on with a round that had ended";
    EXPECT_FALSE(after(whole).end({100, 0})) << "never suspended";
    EXPECT_FALSE(after(whole, suspend).end({99, 0})) << "another sum";
    EXPECT_FALSE(after(suspend).end({0, 0})) << "no memory";
    ImageOrder long_one = after(whole);
    for (std::uint32_t round = 1; round < precopy_rounds_max; ++round) {
        EXPECT_TRUE(long_one.pages({round, 10}));
    }
    EXPECT_FALSE(long_one.pages({precopy_rounds_max, 10})) << "one live round too many";
    EXPECT_TRUE(long_one.suspended());
    EXPECT_TRUE(long_one.pages({precopy_rounds_max, 10}));
    EXPECT_FALSE(long_one.pages({precopy_rounds_max + 1, 10})) << "two last rounds";
}

}  // namespace
}  // namespace ballast::sim
