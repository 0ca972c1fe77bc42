#include "xen_glue/xen/disk_backends.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/xen/stub/xen_stub.hpp"

namespace ballast::xen {
namespace {

namespace fs = std::filesystem;

class DiskBackendsTest : public testing::Test {
  protected:
    void SetUp() override {
        xen_stub::reset();
        root_ = testing::TempDir() + "disk-backends";
        fs::remove_all(root_);
        fs::create_directories(root_ + "/dev/block");
        std::string why;
        ASSERT_TRUE(store_.open(why).ok()) << why;
    }
    void TearDown() override {
        fs::remove_all(root_);
        xen_stub::reset();  // xenstored answers again
    }

    void put_loop(const std::string& name, const std::string& number, bool direct) {
        fs::create_directories(root_ + "/block/" + name + "/loop");
        std::ofstream{root_ + "/block/" + name + "/loop/dio"} << (direct ? "1\n" : "0\n");
        fs::create_symlink("../../block/" + name, root_ + "/dev/block/" + number);
    }
    static void put_disk(const std::string& kind, const std::string& device, const std::string& parameters,
                         const std::string& mode, const std::string& physical_device,
                         bool direct_io_safe = false) {
        const std::string path = "/local/domain/0/backend/" + kind + "/5/" + device + "/";
        xen_stub::put_node(path + "params", parameters);
        xen_stub::put_node(path + "mode", mode);
        if (!physical_device.empty()) {
            xen_stub::put_node(path + "physical-device", physical_device);
        }
        if (direct_io_safe) {
            xen_stub::put_node(path + "direct-io-safe", "1");
        }
    }
    std::string tie() {
        std::string out;
        EXPECT_TRUE(DiskBackends(store_, root_).tie(5, out).ok());
        return out;
    }

    std::string root_;
    Xenstore store_;
};

TEST_F(DiskBackendsTest, AGuestWithoutDisksOrOnBlockDevicesIsFree) {
    EXPECT_EQ(tie(), "");
    put_disk("vbd", "51712", "/dev/vg/desk", "w", "fe:3");
    EXPECT_EQ(tie(), "");
}

TEST_F(DiskBackendsTest, AFileInDom0sPageCacheTiesTheGuestThatWritesIt) {
    put_loop("loop31", "7:31", false);
    put_disk("vbd", "51712", "/srv/desk.img", "r", "7:1f");  // hexadecimal
    EXPECT_EQ(tie(), "");
    put_disk("vbd", "51712", "/srv/desk.img", "w", "7:1f");
    EXPECT_NE(tie().find("/srv/desk.img"), std::string::npos) << tie();
}

TEST_F(DiskBackendsTest, AFilePastThePageCacheDoesNot) {
    put_loop("loop2", "7:2", true);
    put_disk("vbd", "51712", "/srv/desk.img", "w", "7:2");
    EXPECT_EQ(tie(), "");
}

TEST_F(DiskBackendsTest, AQemuTiesTheGuestUnlessItsRawFileIsOpenedPastThePageCache) {
    put_disk("qdisk", "51712", "qcow2:/srv/desk.qcow2", "w", "");
    EXPECT_NE(tie().find("qcow2:/srv/desk.qcow2"), std::string::npos) << tie();
    put_disk("qdisk", "51712", "qcow2:/srv/desk.qcow2", "w", "", true);
    EXPECT_NE(tie(), "");
    put_disk("qdisk", "51712", "qcow2:/srv/tools.qcow2", "r", "");
    EXPECT_EQ(tie(), "");
    put_disk("qdisk", "51728", "aio:/srv/desk.img", "w", "");
    EXPECT_NE(tie(), "");
    put_disk("qdisk", "51728", "aio:/srv/desk.img", "w", "", true);
    EXPECT_EQ(tie(), "");
}

TEST_F(DiskBackendsTest, ALoopDeviceThatCannotBeSwitchedIsComplainedOf) {
    put_loop("loop-of-a-test", "7:9", false);  // /dev has no such device
    put_disk("vbd", "51712", "/srv/desk.img", "w", "7:9");
    std::string complaints;
    EXPECT_TRUE(DiskBackends(store_, root_).bypass_page_cache(5, complaints).ok());
    EXPECT_NE(complaints.find("/srv/desk.img goes through dom0's page cache"), std::string::npos)
        << complaints;
}

TEST_F(DiskBackendsTest, XenstoredsSilenceIsNotTakenForAGuestWithoutDisks) {
    put_disk("vbd", "51712", "/dev/vg/desk", "w", "fe:3");
    xen_stub::kill_xenstored();
    std::string out;
    EXPECT_FALSE(DiskBackends(store_, root_).tie(5, out).ok());
}

}  // namespace
}  // namespace ballast::xen
