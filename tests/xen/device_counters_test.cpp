#include "xen_glue/xen/device_counters.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

namespace ballast::xen {
namespace {

namespace fs = std::filesystem;

// A sysfs and a proc of our own, laid out as a dom0's are.
class DeviceCountersTest : public testing::Test {
  protected:
    void SetUp() override {
        char path[] = "/tmp/ballast-sysfs-XXXXXX";
        ASSERT_NE(mkdtemp(path), nullptr);
        root_ = path;
        fs::create_directories(root_ / "sys/class/net");
    }
    void TearDown() override { fs::remove_all(root_); }

    void put(const fs::path& path, const std::string& content) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream{root_ / path} << content;
    }
    void put_statistics(const fs::path& interface, std::uint64_t rx, std::uint64_t tx) {
        put(interface / "statistics/rx_bytes", std::to_string(rx) + "\n");
        put(interface / "statistics/tx_bytes", std::to_string(tx) + "\n");
    }
    // An interface with a device on `bus` behind it.
    void put_nic(const std::string& name, const std::string& bus, std::uint64_t rx, std::uint64_t tx) {
        put_statistics("sys/class/net/" + name, rx, tx);
        fs::create_directories(root_ / "sys/class/net" / name / "device");
        const fs::path subsystem = root_ / "sys/class/net" / name / "device/subsystem";
        fs::remove(subsystem);
        fs::create_symlink("../../../bus/" + bus, subsystem);
    }
    void put_vif(std::uint32_t domid, const std::string& interface, std::uint64_t rx, std::uint64_t tx) {
        put_statistics("sys/bus/xen-backend/devices/vif-" + std::to_string(domid) + "-0/net/" + interface, rx,
                       tx);
        put_nic(interface, "xen-backend", rx, tx);
    }

    void add_domain(const DeviceOwner& owner) {
        DomainCounters domain;
        domain.domain.domid = owner.domid;
        counters_->domains.push(domain);
        owners_.push(owner);
    }
    const DomainCounters& collect(std::size_t index) {
        for (DomainCounters& domain : counters_->domains) {
            domain.net_rx_bytes = domain.net_tx_bytes = domain.disk_read_bytes = domain.disk_write_bytes = 0;
        }
        if (devices_ == nullptr) {
            devices_ = std::make_unique<DeviceCounters>((root_ / "sys").string(), (root_ / "proc").string());
        }
        devices_->collect(owners_, *counters_);
        return counters_->domains[index];
    }

    fs::path root_;
    DeviceCounters::Owners owners_;
    std::unique_ptr<DeviceCounters> devices_;
    std::unique_ptr<HostCounters> counters_ = std::make_unique<HostCounters>();
};

TEST_F(DeviceCountersTest, AVifIsSeenFromTheGuestsSide) {
    put_vif(7, "vif7.0", 100, 2000);
    add_domain({.domid = 7});
    const DomainCounters& guest = collect(0);
    EXPECT_EQ(guest.net_tx_bytes, 100U);
    EXPECT_EQ(guest.net_rx_bytes, 2000U);
}

TEST_F(DeviceCountersTest, ARenamedVifIsFoundAndSeveralAreAddedUp) {
    put_vif(7, "desk-one", 10, 20);
    put_statistics("sys/bus/xen-backend/devices/vif-7-1/net/vif7.1", 1, 2);
    add_domain({.domid = 7});
    const DomainCounters& guest = collect(0);
    EXPECT_EQ(guest.net_tx_bytes, 11U);
    EXPECT_EQ(guest.net_rx_bytes, 22U);
}

TEST_F(DeviceCountersTest, AnHvmGuestsEmulatedCardCountsToo) {
    put_vif(7, "vif7.0", 10, 20);
    put_statistics("sys/class/net/vif7.0-emu", 100, 200);
    add_domain({.domid = 7, .emulated_nics = true});
    EXPECT_EQ(collect(0).net_tx_bytes, 110U);
    EXPECT_EQ(counters_->domains[0].net_rx_bytes, 220U);
}

TEST_F(DeviceCountersTest, DisksAreAddedUpInBytesAndKeptApartByDomain) {
    put("sys/bus/xen-backend/devices/vbd-7-51712/statistics/rd_sect", "3\n");
    put("sys/bus/xen-backend/devices/vbd-7-51712/statistics/wr_sect", "5\n");
    put("sys/bus/xen-backend/devices/vbd-7-51728/statistics/rd_sect", "1\n");
    put("sys/bus/xen-backend/devices/vbd-70-51712/statistics/rd_sect", "1000\n");
    add_domain({.domid = 7});
    add_domain({.domid = 70});
    EXPECT_EQ(collect(0).disk_read_bytes, 4U * 512);
    EXPECT_EQ(counters_->domains[0].disk_write_bytes, 5U * 512);
    EXPECT_EQ(counters_->domains[1].disk_read_bytes, 1000U * 512);
}

TEST_F(DeviceCountersTest, AFileBackedDiskIsCountedAtItsProcess) {
    put("proc/4242/io",
        "rchar: 99\nwchar: 98\nsyscr: 1\nsyscw: 2\nread_bytes: 4096\nwrite_bytes: "
        "8192\ncancelled_write_bytes: 7\n");
    add_domain({.domid = 7, .device_model_pid = 4242});
    EXPECT_EQ(collect(0).disk_read_bytes, 4096U);
    EXPECT_EQ(counters_->domains[0].disk_write_bytes, 8192U);
}

TEST_F(DeviceCountersTest, OnlyNetworkCardsCountAsTheHosts) {
    put_nic("eth0", "pci", 1000, 2000);
    put_nic("eth1", "virtio", 1, 2);
    put_vif(7, "vif7.0", 500, 500);
    put_statistics("sys/class/net/xenbr0", 9999, 9999);
    put_statistics("sys/class/net/lo", 9999, 9999);
    add_domain({.domid = 7});
    collect(0);
    EXPECT_EQ(counters_->nic_rx_bytes, 1001U);
    EXPECT_EQ(counters_->nic_tx_bytes, 2002U);
}

TEST_F(DeviceCountersTest, TheNextSampleSeesWhatHasPassedSince) {
    put_vif(7, "vif7.0", 10, 20);
    put("sys/bus/xen-backend/devices/vbd-7-51712/statistics/rd_sect", "3\n");
    put("sys/bus/xen-backend/devices/vbd-7-51712/statistics/wr_sect", "5\n");
    add_domain({.domid = 7});
    EXPECT_EQ(collect(0).net_tx_bytes, 10U);
    put_vif(7, "vif7.0", 11, 25);
    put("sys/bus/xen-backend/devices/vbd-7-51712/statistics/rd_sect", "9\n");
    EXPECT_EQ(collect(0).net_tx_bytes, 11U);
    EXPECT_EQ(counters_->domains[0].net_rx_bytes, 25U);
    EXPECT_EQ(counters_->domains[0].disk_read_bytes, 9U * 512);
}

TEST_F(DeviceCountersTest, ADeviceThatCameUpLaterOrWentIsNoticed) {
    add_domain({.domid = 7});
    fs::create_directories(root_ / "sys/bus/xen-backend/devices/vif-7-0");
    EXPECT_EQ(collect(0).net_tx_bytes, 0U);
    put_vif(7, "vif7.0", 10, 20);
    EXPECT_EQ(collect(0).net_tx_bytes, 10U);
    fs::remove_all(root_ / "sys/bus/xen-backend/devices/vif-7-0");
    EXPECT_EQ(collect(0).net_tx_bytes, 0U);
    put_vif(7, "other", 1, 2);  // the same device again, for the next domain of this number
    EXPECT_EQ(collect(0).net_tx_bytes, 1U);
}

TEST_F(DeviceCountersTest, MoreDevicesThanAreKeptOpenAreCountedAsWell) {
    add_domain({.domid = 7});
    const std::size_t count = DeviceCounters::devices_kept_max + 2;
    for (std::size_t i = 0; i < count; ++i) {
        put("sys/bus/xen-backend/devices/vbd-7-" + std::to_string(i) + "/statistics/rd_sect", "1\n");
        put("sys/bus/xen-backend/devices/vbd-7-" + std::to_string(i) + "/statistics/wr_sect", "2\n");
    }
    EXPECT_EQ(collect(0).disk_read_bytes, 512 * count);
    EXPECT_EQ(collect(0).disk_write_bytes, 2 * 512 * count);
}

TEST_F(DeviceCountersTest, ACardThatWasPluggedInIsFoundAfterAWhile) {
    put_nic("eth0", "pci", 1000, 2000);
    add_domain({.domid = 7});
    collect(0);
    put_nic("eth1", "pci", 1, 2);
    for (std::uint32_t i = 0; i < DeviceCounters::nic_search_samples; ++i) {
        collect(0);
    }
    EXPECT_EQ(counters_->nic_rx_bytes, 1001U);
}

TEST_F(DeviceCountersTest, AHostWithoutBackendsOrWithUnreadableCountersCountsNothing) {
    add_domain({.domid = 7, .device_model_pid = 1});
    EXPECT_EQ(collect(0).disk_read_bytes, 0U);
    put("sys/bus/xen-backend/devices/vbd-7-51712/statistics/rd_sect", "");
    put("sys/bus/xen-backend/devices/vbd-7-51728/statistics/rd_sect", "soon");
    fs::create_directories(root_ / "sys/bus/xen-backend/devices/vif-7-0");  // its interface is not up yet
    const DomainCounters& guest = collect(0);
    EXPECT_EQ(guest.disk_read_bytes, 0U);
    EXPECT_EQ(guest.net_rx_bytes, 0U);
}

TEST(BackendName, IsReadStrictly) {
    const auto vbd = parse_backend_name("vbd-7-51712");
    ASSERT_TRUE(vbd.has_value());
    EXPECT_EQ(vbd->kind, BackendName::Kind::vbd);
    EXPECT_EQ(vbd->domid, 7U);
    EXPECT_EQ(vbd->device, 51712U);
    ASSERT_TRUE(parse_backend_name("vif-1-0").has_value());
    for (const char* name : {"", "vif", "vif-", "vif-1", "vif-1-", "vif--1-0", "vif-1-0x", "vif-x-0",
                             "console-1-0", "vif-99999999999-0", "qdisk-1-51712"}) {
        EXPECT_FALSE(parse_backend_name(name).has_value()) << name;
    }
}

}  // namespace
}  // namespace ballast::xen
