// A fresh stand-in for Xen and the door to it, for each test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/xen/stub/xen_stub.hpp"
#include "xen_glue/xen/xen_hypervisor.hpp"

namespace ballast::xen {

inline constexpr std::uint64_t pages_of_128_mib = 32768;
inline constexpr std::uint32_t reason_poweroff = 0;
inline constexpr std::uint32_t reason_reboot = 1;
inline constexpr std::uint32_t reason_suspend = 2;
inline constexpr std::uint32_t reason_crash = 3;

inline Uuid uuid_number(std::uint8_t number) {
    Uuid uuid;
    uuid.bytes[0] = 0xab;
    uuid.bytes[15] = number;
    return uuid;
}

class NoProgress final : public ProgressSink {
  public:
    void progress(std::uint64_t, std::uint32_t, bool) override {}
    void note(std::string_view line) override { notes += std::string{line} + "\n"; }
    std::string notes;
};

class XenHypervisorTest : public testing::Test {
  protected:
    void SetUp() override {
        xen_stub::reset();
        std::string why;
        xen_ = open({}, why);
        ASSERT_NE(xen_, nullptr) << why;
    }

    xen_stub::Domain& put_guest(std::uint32_t domid, const std::string& name,
                                const std::string& type = "pv") {
        xen_stub::put_domain({.domid = domid,
                              .uuid = uuid_number(static_cast<std::uint8_t>(domid)),
                              .pages = pages_of_128_mib,
                              .max_pages = pages_of_128_mib,
                              .cpu_time_ns = 5'000'000,
                              .vcpus = 2,
                              .hvm_container = type != "pv"},
                             name, type);
        return *xen_stub::find_domain(domid);
    }
    Domain found(std::uint32_t domid) {
        Domain domain;
        EXPECT_TRUE(xen_->find(uuid_number(static_cast<std::uint8_t>(domid)), domain).ok())
            << xen_->last_error();
        return domain;
    }

    std::unique_ptr<Hypervisor> xen_;
    NoProgress progress_;
};

}  // namespace ballast::xen
