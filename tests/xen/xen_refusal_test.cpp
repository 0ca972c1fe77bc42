// What the door to Xen refuses before anything is touched: guests that cannot be built, sent or received.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "tests/xen/xen_hypervisor_fixture.hpp"
#include "xen_glue/xen/image_header.hpp"

namespace ballast::xen {
namespace {

class XenCreateTest : public XenHypervisorTest {
  protected:
    static DomainSpec spec() {
        DomainSpec out;
        out.name = "desk";
        out.uuid = uuid_number(50);
        out.type = GuestType::pv;
        out.memory_mib = 128;
        out.kernel = "/bin/sh";  // any file that exists
        return out;
    }
    Fault created(const DomainSpec& wanted) {
        Domain domain;
        return xen_->create(wanted, progress_, domain).fault();
    }
};

TEST_F(XenCreateTest, RefusesATakenNameOrUuid) {
    put_guest(1, "desk");
    EXPECT_EQ(created(spec()), Fault::already_exists);
    DomainSpec same_uuid = spec();
    same_uuid.name = "desk-2";
    same_uuid.uuid = uuid_number(1);
    EXPECT_EQ(created(same_uuid), Fault::already_exists);
    EXPECT_NE(xen_->last_error().find("in use on this host"), std::string_view::npos) << xen_->last_error();
}

TEST_F(XenCreateTest, RefusesAnInvalidSpecWithTheField) {
    DomainSpec wanted = spec();
    wanted.memory_mib = 1;
    EXPECT_EQ(created(wanted), Fault::invalid_argument);
    EXPECT_NE(xen_->last_error().find("memory_mib"), std::string_view::npos) << xen_->last_error();
}

TEST_F(XenCreateTest, RefusesAGuestThatDoesNotFit) {
    xen_stub::host().free_pages = pages_of_128_mib - 1;
    EXPECT_EQ(created(spec()), Fault::no_memory);
    EXPECT_NE(xen_->last_error().find("KiB free"), std::string_view::npos) << xen_->last_error();
    EXPECT_NE(progress_.notes.find("KiB free"), std::string::npos);
}

TEST_F(XenCreateTest, RefusesAMissingDiskAndAMissingBridge) {
    DomainSpec without_disk = spec();
    DiskSpec disk;
    disk.target = "/nonexistent/desk.img";
    disk.device = "xvda";
    without_disk.disks.push(disk);
    EXPECT_EQ(created(without_disk), Fault::storage_mismatch);
    DomainSpec without_bridge = spec();
    without_bridge.vifs.push({.mac = "00:16:3e:00:00:01", .bridge = "no-such-br"});
    EXPECT_EQ(created(without_bridge), Fault::unsupported);
    EXPECT_NE(xen_->last_error().find("no-such-br"), std::string_view::npos) << xen_->last_error();
}

class XenImageTest : public XenHypervisorTest {
  protected:
    void SetUp() override {
        XenHypervisorTest::SetUp();
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    }
    void TearDown() override {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    Fault sent(std::uint32_t domid, MigrationMode mode) {
        return xen_->send_image(found(domid), ends_[0], mode, progress_).fault();
    }
    Fault received(const std::string& image, std::string_view suffix = "--incoming") {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        EXPECT_EQ(::write(ends[1], image.data(), image.size()), static_cast<ssize_t>(image.size()));
        ::close(ends[1]);
        Domain domain;
        const Fault fault = xen_->receive_image(ends[0], suffix, {}, progress_, domain).fault();
        ::close(ends[0]);
        return fault;
    }
    bool nothing_was_sent() {
        pollfd descriptor{.fd = ends_[1], .events = POLLIN, .revents = 0};
        return poll(&descriptor, 1, 0) == 0;
    }
    static std::string config_json(const std::string& name = "desk", const std::string& extra = "") {
        return R"({"c_info":{"type":"pv","name":")" + name +
               R"(","uuid":"6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01"},"b_info":{"max_vcpus":1,"max_memkb":131072,)"
               R"("target_memkb":131072,"type.pv":{}})" +
               extra + "}";
    }

    int ends_[2] = {-1, -1};
};

TEST_F(XenImageTest, AGuestThatCannotBeSuspendedIsRefusedBeforeAByteIsSent) {
    xen_stub::Domain& guest = put_guest(1, "desk");
    guest.pauses = 1;
    EXPECT_EQ(sent(1, MigrationMode::automatic), Fault::guest_paused);
    guest.pauses = 0;
    guest.shutdown = true;
    guest.shutdown_reason = reason_crash;
    EXPECT_EQ(sent(1, MigrationMode::automatic), Fault::guest_crashed);
    guest.shutdown_reason = reason_suspend;
    EXPECT_EQ(sent(1, MigrationMode::automatic), Fault::state_conflict);
    EXPECT_TRUE(nothing_was_sent());
}

TEST_F(XenImageTest, LiveIsRefusedWhereTheHypervisorCannotTrackWhatTheGuestWrites) {
    put_guest(1, "a-pv", "pv");
    put_guest(2, "a-pvh", "pvh");
    xen_stub::host().shadow = false;
    EXPECT_EQ(sent(1, MigrationMode::live), Fault::live_migration_unavailable);
    EXPECT_NE(xen_->last_error().find("shadow paging"), std::string_view::npos);
    EXPECT_NE(sent(2, MigrationMode::live), Fault::live_migration_unavailable);  // HAP is enough
    xen_stub::host().hap = false;
    EXPECT_EQ(sent(2, MigrationMode::live), Fault::live_migration_unavailable);
}

TEST_F(XenImageTest, AReceiverThatIsGoneIsSeenBeforeLibxlWrites) {
    put_guest(1, "desk");
    ::close(ends_[1]);
    ends_[1] = -1;
    EXPECT_EQ(sent(1, MigrationMode::automatic), Fault::connection_lost);
}

TEST_F(XenImageTest, AGuestOfAnotherToolstackCannotBeSent) {
    put_guest(1, "desk");  // without libxl's stored configuration
    EXPECT_EQ(sent(1, MigrationMode::stop_and_copy), Fault::unsupported);
    EXPECT_TRUE(nothing_was_sent());
}

TEST_F(XenImageTest, GarbageNeverReachesLibxl) {
    EXPECT_EQ(received(""), Fault::image_corrupt);
    EXPECT_EQ(received("garbage"), Fault::image_corrupt);
    EXPECT_EQ(received(std::string(4096, 'x')), Fault::image_corrupt);
    EXPECT_EQ(received(format_image_head("not json")), Fault::image_corrupt);
    EXPECT_EQ(received(format_image_head("{}")), Fault::image_corrupt);
    EXPECT_EQ(received(format_image_head("[]")), Fault::image_corrupt);
    EXPECT_EQ(received(format_image_head(config_json())), Fault::image_corrupt);  // no stream
    EXPECT_EQ(received(format_image_head(config_json()) + std::string(64, 'x')), Fault::image_corrupt);
    EXPECT_NE(xen_->last_error().find("LibxlFmt"), std::string_view::npos) << xen_->last_error();
}

TEST_F(XenImageTest, AConfigurationThatLacksWhatMattersIsRefused) {
    const std::string uuid = R"("uuid":"6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01")";
    const std::string size = R"("max_vcpus":1,"max_memkb":131072)";
    const std::string huge = R"("max_vcpus":99999,"max_memkb":131072)";
    const auto config = [](const std::string& info, const std::string& build) {
        return R"({"c_info":{)" + info + R"(},"b_info":{)" + build + R"(,"type.pv":{}}})";
    };
    for (const std::string& json : {
             config(R"("type":"pv",)" + uuid, size),                              // no name
             config(R"("type":"pv","name":"../x",)" + uuid, size),                // a bad one
             config(R"("type":"pv","name":"desk")", size),                        // no uuid
             config(R"("type":"pv","name":"desk",)" + uuid, R"("max_vcpus":1)"),  // no memory
             config(R"("type":"pvh","name":"desk",)" + uuid, size),               // two types
             config(R"("type":"pv","name":"desk",)" + uuid, huge),                // too many vCPUs
         }) {
        EXPECT_EQ(received(format_image_head(json)), Fault::image_corrupt) << json;
        EXPECT_NE(xen_->last_error().find("not usable"), std::string_view::npos) << xen_->last_error();
    }
    // The one without a flaw gets as far as its missing stream.
    EXPECT_EQ(received(format_image_head(config(R"("type":"pv","name":"desk",)" + uuid, size))),
              Fault::image_corrupt);
    EXPECT_NE(xen_->last_error().find("of 16 bytes"), std::string_view::npos) << xen_->last_error();
}

TEST_F(XenImageTest, TheDisksOfASavedGuestAreReadFromItsImage) {
    const std::unique_ptr<FILE, int (*)(FILE*)> file{std::tmpfile(), std::fclose};
    const int fd = ::fileno(file.get());
    const auto disks_in = [&](const std::string& image, DiskList& out) {
        EXPECT_EQ(::ftruncate(fd, 0), 0);
        EXPECT_EQ(::pwrite(fd, image.data(), image.size(), 0), static_cast<ssize_t>(image.size()));
        return xen_->disks_in_image(fd, out).fault();
    };
    const std::string head =
        format_image_head(config_json("desk", R"(,"disks":[{"pdev_path":"/srv/a.img","vdev":"xvda",)"
                                              R"("format":"raw","readwrite":1},)"
                                              R"({"pdev_path":"/srv/b","vdev":"xvdb","format":"qcow2"}])"));
    DiskList disks;
    ASSERT_EQ(disks_in(head, disks), Fault::none) << xen_->last_error();
    ASSERT_EQ(disks.size(), 2U);
    EXPECT_EQ(disks[0].target, "/srv/a.img");
    EXPECT_EQ(disks[0].device, "xvda");
    EXPECT_TRUE(disks[0].writable && disks[0].format == DiskSpec::Format::raw);
    EXPECT_EQ(disks[1].target, "/srv/b");
    EXPECT_FALSE(disks[1].writable || disks[1].format == DiskSpec::Format::raw);
    ASSERT_EQ(disks_in(format_image_head(config_json()), disks), Fault::none);
    EXPECT_TRUE(disks.empty());
    EXPECT_EQ(disks_in(head.substr(0, head.size() - 9), disks), Fault::image_corrupt);
    EXPECT_EQ(disks_in(format_image_head("{}"), disks), Fault::image_corrupt);
    EXPECT_EQ(disks_in("", disks), Fault::image_corrupt);
}

TEST_F(XenImageTest, AGuestWhoseNameOrUuidIsTakenIsRefused) {
    put_guest(1, "desk--incoming");
    EXPECT_EQ(received(format_image_head(config_json())), Fault::already_exists);
    xen_stub::Domain& same = put_guest(2, "other");
    same.uuid = parse_uuid("6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01").value();
    EXPECT_EQ(received(format_image_head(config_json()), ""), Fault::already_exists);
    xen_stub::remove_domain(1);
    // A move within one host: the same uuid under another name goes on to the stream, which is not there.
    EXPECT_EQ(received(format_image_head(config_json())), Fault::image_corrupt);
}

TEST_F(XenImageTest, AGuestThatDoesNotFitOrWhoseDiskIsMissingIsRefused) {
    EXPECT_EQ(received(format_image_head(
                  config_json("desk", R"(,"disks":[{"pdev_path":"/nonexistent/d.img","vdev":"xvda",)"
                                      R"("format":"raw","readwrite":1}])"))),
              Fault::storage_mismatch);
    xen_stub::host().free_pages = 100;
    EXPECT_EQ(received(format_image_head(config_json())), Fault::no_memory);
}

TEST_F(XenImageTest, ANameThatGrowsTooLongIsRefused) {
    EXPECT_EQ(received(format_image_head(config_json(std::string(60, 'n')))), Fault::invalid_argument);
}

}  // namespace
}  // namespace ballast::xen
