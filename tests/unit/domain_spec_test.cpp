#include "xen_glue/hypervisor.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace ballast {
namespace {

DomainSpec pv_guest() {
    DomainSpec spec;
    spec.name = "web-01";
    spec.uuid.bytes[15] = 1;
    spec.type = GuestType::pv;
    spec.memory_mib = 512;
    spec.vcpus = 2;
    spec.kernel = "/boot/vmlinuz";
    spec.ramdisk = "/boot/initrd.img";
    spec.cmdline = "console=hvc0 root=/dev/xvda1";
    spec.disks.push({DiskSpec::Format::qcow2, "/srv/web-01.qcow2", "xvda", true});
    spec.disks.push({DiskSpec::Format::phy, "/dev/vg/web-01", "xvdb1", false});
    spec.vifs.push({"00:16:3e:00:00:01", "xenbr0"});
    return spec;
}

DomainSpec hvm_guest() {
    DomainSpec spec = pv_guest();
    spec.type = GuestType::hvm;
    spec.kernel.clear();
    spec.ramdisk.clear();
    spec.cmdline.clear();
    spec.boot_order = "cd";
    spec.disks[0].device = "hda";
    return spec;
}

TEST(DomainSpec, OrdinaryGuestsOfEveryTypeAreValid) {
    EXPECT_EQ(validate(pv_guest()), std::nullopt);
    EXPECT_EQ(validate(hvm_guest()), std::nullopt);
    DomainSpec pvh = pv_guest();
    pvh.type = GuestType::pvh;
    EXPECT_EQ(validate(pvh), std::nullopt);
    DomainSpec pygrub = pv_guest();
    pygrub.kernel.clear();
    pygrub.ramdisk.clear();
    pygrub.cmdline.clear();
    pygrub.bootloader = "pygrub";
    EXPECT_EQ(validate(pygrub), std::nullopt);
    DomainSpec with_vnc = pv_guest();
    with_vnc.vnc = {true, "127.0.0.1", "secret"};
    EXPECT_EQ(validate(with_vnc), std::nullopt);
    with_vnc.vnc.listen = "::1";
    EXPECT_EQ(validate(with_vnc), std::nullopt);
}

struct BadCase {
    const char* what;
    std::function<void(DomainSpec&)> spoil;
    const char* named;     // the sentence begins with the field
    const char* expected;  // and says this
};

void expect_each_refused(const DomainSpec& good, const std::vector<BadCase>& cases) {
    for (const BadCase& bad : cases) {
        SCOPED_TRACE(bad.what);
        DomainSpec spec = good;
        bad.spoil(spec);
        const std::optional<Detail> complaint = validate(spec);
        ASSERT_TRUE(complaint.has_value());
        EXPECT_TRUE(complaint->view().starts_with(bad.named)) << complaint->view();
        EXPECT_NE(complaint->view().find(bad.expected), std::string_view::npos) << complaint->view();
    }
}

TEST(DomainSpec, NamesThatToolsWouldMisunderstandAreRefused) {
    expect_each_refused(
        pv_guest(),
        {
            {"empty", [](DomainSpec& s) { s.name.clear(); }, "name:", "beginning with a letter or digit"},
            {"slash", [](DomainSpec& s) { s.name = "a/b"; }, "name:", "found \"a/b\""},
            {"control", [](DomainSpec& s) { s.name = "a\nb"; }, "name:", "(unprintable)"},
            {"long", [](DomainSpec& s) { s.name = std::string_view{std::string(50, 'a')}; },
             "name:", "at most 49 bytes"},
            {"number", [](DomainSpec& s) { s.name = "17"; }, "name:", "domain id"},
            {"incoming", [](DomainSpec& s) { s.name = "a--incoming"; }, "name:", "does not use itself"},
            {"dom0", [](DomainSpec& s) { s.name = "Domain-0"; }, "name:", "does not use itself"},
            {"nil uuid", [](DomainSpec& s) { s.uuid = Uuid{}; }, "uuid:", "not all zeros"},
        });
}

TEST(DomainSpec, SizesOutsideTheirBoundsAreRefused) {
    expect_each_refused(
        pv_guest(),
        {
            {"little memory", [](DomainSpec& s) { s.memory_mib = 31; },
             "memory_mib:", "32 to 1048576, found 31"},
            {"much memory", [](DomainSpec& s) { s.memory_mib = 1048577; }, "memory_mib:", "found 1048577"},
            {"no vcpu", [](DomainSpec& s) { s.vcpus = 0; }, "vcpus:", "1 to 128, found 0"},
            {"many vcpus", [](DomainSpec& s) { s.vcpus = 129; }, "vcpus:", "found 129"},
            {"no weight", [](DomainSpec& s) { s.cpu_weight = 0; }, "cpu_weight:", "1 to 65535"},
            {"cap", [](DomainSpec& s) { s.cpu_cap_percent = 201; },
             "cpu_cap_percent:", "here 200, found 201"},
        });
    DomainSpec smallest = pv_guest();
    smallest.memory_mib = 32;
    smallest.cpu_cap_percent = 200;
    EXPECT_EQ(validate(smallest), std::nullopt);
}

TEST(DomainSpec, WhatWouldHaveNoEffectOnTheBootIsRefused) {
    expect_each_refused(
        pv_guest(),
        {
            {"no type", [](DomainSpec& s) { s.type = GuestType::unknown; }, "type:", "pv, pvh or hvm"},
            {"neither", [](DomainSpec& s) { s.kernel.clear(); }, "kernel, bootloader:", "found neither"},
            {"both", [](DomainSpec& s) { s.bootloader = "pygrub"; }, "kernel, bootloader:", "found both"},
            {"order", [](DomainSpec& s) { s.boot_order = "c"; }, "boot_order:", "none for a PV"},
            {"cmdline", [](DomainSpec& s) { s.cmdline = "a\tb"; }, "cmdline:", "printable"},
            {"relative kernel", [](DomainSpec& s) { s.kernel = "vmlinuz"; }, "kernel:", "absolute path"},
            {"kernel dots", [](DomainSpec& s) { s.kernel = "/boot/../x"; }, "kernel:", "without \"..\""},
            {"ramdisk dot", [](DomainSpec& s) { s.ramdisk = "/boot/./x"; }, "ramdisk:", "without"},
            {"ramdisk slash", [](DomainSpec& s) { s.ramdisk = "/boot//x"; }, "ramdisk:", "without"},
            {"bootloader with ramdisk",
             [](DomainSpec& s) {
                 s.kernel.clear();
                 s.bootloader = "pygrub";
             },
             "ramdisk, cmdline:", "none with a bootloader"},
        });
    expect_each_refused(
        hvm_guest(),
        {
            {"kernel", [](DomainSpec& s) { s.kernel = "/boot/vmlinuz"; }, "kernel, ramdisk, cmdline:", "HVM"},
            {"bootloader", [](DomainSpec& s) { s.bootloader = "pygrub"; }, "bootloader:", "none for an HVM"},
            {"letter", [](DomainSpec& s) { s.boot_order = "cx"; }, "boot_order:", "found \"cx\""},
            {"twice", [](DomainSpec& s) { s.boot_order = "cc"; }, "boot_order:", "at most once"},
        });
}

TEST(DomainSpec, DisksMustNameOneDeviceEachInAWayThatXenKnows) {
    expect_each_refused(
        pv_guest(),
        {
            {"relative", [](DomainSpec& s) { s.disks[1].target = "vg/web"; }, "disks[1].target:", "absolute"},
            {"dots", [](DomainSpec& s) { s.disks[0].target = "/srv/.."; }, "disks[0].target:", "without"},
            {"phy file", [](DomainSpec& s) { s.disks[1].target = "/srv/x"; },
             "disks[1].target:", "under /dev"},
            {"format", [](DomainSpec& s) { s.disks[0].format = DiskSpec::Format{7}; },
             "disks[0].format:", "raw, qcow2"},
            {"hd on pv", [](DomainSpec& s) { s.disks[0].device = "hda"; },
             "disks[0].device:", "xvda to xvdp"},
            {"beyond p", [](DomainSpec& s) { s.disks[0].device = "xvdq"; },
             "disks[0].device:", "found \"xvdq\""},
            {"no letter", [](DomainSpec& s) { s.disks[0].device = "xvd"; }, "disks[0].device:", "xvda"},
            {"partition 0", [](DomainSpec& s) { s.disks[0].device = "xvda01"; }, "disks[0].device:", "xvda"},
            {"same device", [](DomainSpec& s) { s.disks[1].device = "xvda"; },
             "disks[1].device:", "no other disk"},
            {"same target",
             [](DomainSpec& s) {
                 s.disks[1] = s.disks[0];
                 s.disks[1].device = "xvdc";
             },
             "disks[1].target:", "only once"},
        });
    DomainSpec shared_read_only = pv_guest();
    shared_read_only.disks.push({DiskSpec::Format::phy, "/dev/vg/web-01", "xvdc", false});
    EXPECT_EQ(validate(shared_read_only), std::nullopt);
}

TEST(DomainSpec, NetworkCardsNeedAUnicastAddressOfTheirOwnAndABridge) {
    expect_each_refused(
        pv_guest(),
        {
            {"no mac", [](DomainSpec& s) { s.vifs[0].mac.clear(); }, "vifs[0].mac:", "six hexadecimal bytes"},
            {"short", [](DomainSpec& s) { s.vifs[0].mac = "00:16:3e:00:00"; }, "vifs[0].mac:", "six"},
            {"dashes", [](DomainSpec& s) { s.vifs[0].mac = "00-16-3e-00-00-01"; }, "vifs[0].mac:", "six"},
            {"multicast", [](DomainSpec& s) { s.vifs[0].mac = "01:00:5e:00:00:01"; },
             "vifs[0].mac:", "unicast"},
            {"zero", [](DomainSpec& s) { s.vifs[0].mac = "00:00:00:00:00:00"; },
             "vifs[0].mac:", "other than zero"},
            {"twice",
             [](DomainSpec& s) {
                 s.vifs.push({"00:16:3E:00:00:01", "xenbr1"});
             },
             "vifs[1].mac:", "no other"},
            {"no bridge", [](DomainSpec& s) { s.vifs[0].bridge.clear(); },
             "vifs[0].bridge:", "network interface"},
            {"slash", [](DomainSpec& s) { s.vifs[0].bridge = "br/0"; }, "vifs[0].bridge:", "found \"br/0\""},
            {"option", [](DomainSpec& s) { s.vifs[0].bridge = "-br0"; },
             "vifs[0].bridge:", "network interface"},
        });
}

TEST(DomainSpec, VncListensOnANumericAddressWithAPasswordThatCounts) {
    DomainSpec good = pv_guest();
    good.vnc.enabled = true;
    expect_each_refused(
        good, {
                  {"host name", [](DomainSpec& s) { s.vnc.listen = "localhost"; },
                   "vnc.listen:", "numeric address"},
                  {"empty", [](DomainSpec& s) { s.vnc.listen.clear(); }, "vnc.listen:", "numeric"},
                  {"hidden tail",
                   [](DomainSpec& s) {
                       s.vnc.listen = std::string_view{"127.0.0.1\0x", 11};
                   },
                   "vnc.listen:", "numeric"},
                  {"long", [](DomainSpec& s) { s.vnc.password = "123456789"; }, "vnc.password:", "at most 8"},
                  {"off",
                   [](DomainSpec& s) {
                       s.vnc.enabled = false;
                       s.vnc.password = "x";
                   },
                   "vnc.password:", "none while"},
              });
}

}  // namespace
}  // namespace ballast
