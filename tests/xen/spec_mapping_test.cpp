#include "xen_glue/xen/spec_mapping.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "xen_glue/xen/toolstack.hpp"

namespace ballast::xen {
namespace {

constexpr const char* real_xl = "/usr/lib/xen-4.17/bin/xl";
constexpr const char* golden_directory = "tests/xen/golden/";

DomainSpec guest(std::string_view name, const char* uuid, GuestType type, std::uint32_t memory_mib) {
    DomainSpec spec;
    spec.name = name;
    spec.uuid = parse_uuid(uuid).value();
    spec.type = type;
    spec.memory_mib = memory_mib;
    return spec;
}

void direct_boot(DomainSpec& spec, std::string_view cmdline) {
    spec.kernel = "/boot/vmlinuz-guest";
    spec.ramdisk = "/boot/initrd-guest";
    spec.cmdline = cmdline;
}

DiskSpec disk(DiskSpec::Format format, std::string_view target, std::string_view device,
              bool writable = true) {
    DiskSpec spec;
    spec.format = format;
    spec.target = target;
    spec.device = device;
    spec.writable = writable;
    return spec;
}

VncSpec vnc(std::string_view listen, std::string_view password) {
    VncSpec spec;
    spec.enabled = true;
    spec.listen = listen;
    spec.password = password;
    return spec;
}

DomainSpec pv_guest() {
    DomainSpec spec = guest("desk-1", "6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c01", GuestType::pv, 128);
    spec.vcpus = 2;
    spec.cpu_weight = 512;
    spec.cpu_cap_percent = 150;
    direct_boot(spec, "console=hvc0 quiet");
    spec.disks.push(disk(DiskSpec::Format::raw, "/srv/desk-1.img", "xvda"));
    spec.disks.push(disk(DiskSpec::Format::qcow2, "/srv/tools.qcow2", "xvdb", false));
    spec.disks.push(disk(DiskSpec::Format::phy, "/dev/vg/desk-1", "xvdc"));
    spec.vifs.push({.mac = "00:16:3e:00:00:01", .bridge = "br-lan"});
    spec.vifs.push({.mac = "00:16:3e:aB:cD:ef", .bridge = "xenbr0"});
    spec.vnc = vnc("127.0.0.1", "secret");
    return spec;
}

DomainSpec pv_bootloader_guest() {
    DomainSpec spec = guest("desk-2", "6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c02", GuestType::pv, 64);
    spec.bootloader = "pygrub";
    spec.disks.push(disk(DiskSpec::Format::qcow2, "/srv/desk-2.qcow2", "xvda"));
    return spec;
}

DomainSpec pvh_guest() {
    DomainSpec spec = guest("desk-3", "6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c03", GuestType::pvh, 256);
    direct_boot(spec, "console=hvc0");
    spec.disks.push(disk(DiskSpec::Format::raw, "/srv/desk-3.img", "xvda"));
    spec.vifs.push({.mac = "00:16:3e:00:00:03", .bridge = "xenbr0"});
    spec.vnc = vnc("0.0.0.0", "");
    return spec;
}

DomainSpec hvm_guest() {
    DomainSpec spec = guest("desk-4", "6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c04", GuestType::hvm, 512);
    spec.vcpus = 4;
    spec.boot_order = "dc";
    spec.disks.push(disk(DiskSpec::Format::raw, "/srv/desk-4.img", "hda"));
    spec.vifs.push({.mac = "00:16:3e:00:00:04", .bridge = "xenbr0"});
    spec.vnc = vnc("127.0.0.1", "secret");
    return spec;
}

DomainSpec hvm_headless_guest() {
    DomainSpec spec = guest("desk-5", "6c1ad7a8-5b3f-4e8a-9d59-2a6f2b1a0c05", GuestType::hvm, 512);
    spec.disks.push(disk(DiskSpec::Format::raw, "/srv/desk-5.img", "hda"));
    return spec;
}

struct GoldenCase {
    const char* name;
    DomainSpec (*spec)();
};

class SpecMapping : public testing::TestWithParam<GoldenCase> {
  protected:
    void SetUp() override {
        std::string why;
        toolstack_ = Toolstack::open(why);
        ASSERT_NE(toolstack_, nullptr) << why;
    }
    std::string golden_path(const char* suffix) const {
        return std::string{golden_directory} + GetParam().name + suffix;
    }

    std::unique_ptr<Toolstack> toolstack_;
};

std::string pretty(const rapidjson::Document& document) {
    rapidjson::StringBuffer buffer;
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer{buffer};
    document.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

void parse(const std::string& text, rapidjson::Document& out) {
    out.Parse(text.c_str(), text.size());
    ASSERT_FALSE(out.HasParseError()) << text;
}

std::string read_file(const std::string& path) {
    std::ifstream file{path};
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string own_directory() {
    std::array<char, 4096> path{};
    const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
    const std::string text{path.data(), static_cast<std::size_t>(length > 0 ? length : 0)};
    return text.substr(0, text.rfind('/'));
}

std::string output_of(const std::string& command) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe{popen(command.c_str(), "re"), &pclose};
    std::string text;
    std::array<char, 4096> part{};
    std::size_t got = 0;
    while (pipe != nullptr && (got = std::fread(part.data(), 1, part.size(), pipe.get())) > 0) {
        text.append(part.data(), got);
    }
    return text;
}

TEST_P(SpecMapping, GivesWhatXlMakesOfTheSameGuestAndOurMark) {
    const DomainSpec spec = GetParam().spec();
    ASSERT_FALSE(validate(spec).has_value()) << validate(spec)->view();
    DomainConfig config;
    ASSERT_TRUE(to_libxl(toolstack_->ctx(), spec, *config).ok());
    const CString json{libxl_domain_config_to_json(toolstack_->ctx(), config.get())};
    rapidjson::Document ours;
    rapidjson::Document golden;
    parse(json.get(), ours);
    parse(read_file(golden_path(".json")), golden);

    // xl knows no mark of ours; it is the one difference.
    ASSERT_TRUE(ours["c_info"].HasMember("xsdata")) << pretty(ours);
    EXPECT_STREQ(ours["c_info"]["xsdata"]["vm-data/ballast"].GetString(), "1");
    EXPECT_EQ(ours["c_info"]["xsdata"].MemberCount(), 1U);
    ours["c_info"].RemoveMember("xsdata");
    EXPECT_TRUE(ours == golden) << "ours:\n" << pretty(ours) << "\nxl's:\n" << pretty(golden);
}

TEST_P(SpecMapping, GoldenFilesAreWhatTheInstalledXlWrites) {
    if (access(real_xl, X_OK) != 0) {
        GTEST_SKIP() << "xen-utils-4.17 is not installed";
    }
    const std::string written = output_of("LD_PRELOAD=" + own_directory() + "/xen-stub.so " + real_xl +
                                          " -N create " + golden_path(".cfg") + " 2>/dev/null");
    EXPECT_EQ(written, read_file(golden_path(".json")));
}

// What goes into a save file must come back as it was.
TEST_P(SpecMapping, SurvivesLibxlsJson) {
    DomainConfig config;
    ASSERT_TRUE(to_libxl(toolstack_->ctx(), GetParam().spec(), *config).ok());
    const CString first{libxl_domain_config_to_json(toolstack_->ctx(), config.get())};
    DomainConfig again;
    ASSERT_EQ(libxl_domain_config_from_json(toolstack_->ctx(), again.get(), first.get()), 0);
    const CString second{libxl_domain_config_to_json(toolstack_->ctx(), again.get())};
    EXPECT_STREQ(first.get(), second.get());
}

INSTANTIATE_TEST_SUITE_P(Guests, SpecMapping,
                         testing::Values(GoldenCase{"pv", &pv_guest},
                                         GoldenCase{"pv-bootloader", &pv_bootloader_guest},
                                         GoldenCase{"pvh", &pvh_guest}, GoldenCase{"hvm", &hvm_guest},
                                         GoldenCase{"hvm-headless", &hvm_headless_guest}),
                         [](const auto& tested) {
                             std::string name = tested.param.name;
                             std::erase(name, '-');
                             return name;
                         });

TEST(SpecMappingRefuses, AnUnreadableMacAddress) {
    std::string why;
    const auto toolstack = Toolstack::open(why);
    ASSERT_NE(toolstack, nullptr) << why;
    for (const char* mac : {"00:16:3e:00:00", "00:16:3e:00:00:0g", "0016.3e00.0001xx", ""}) {
        DomainSpec spec = pv_bootloader_guest();
        spec.vifs.push({.mac = mac, .bridge = "xenbr0"});
        DomainConfig config;
        EXPECT_EQ(to_libxl(toolstack->ctx(), spec, *config).fault(), Fault::invalid_argument) << mac;
    }
}

}  // namespace
}  // namespace ballast::xen
