// What the tests of the simulated host's model share: a host in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "xen_glue/sim/sim_host.hpp"

namespace ballast::sim {

inline constexpr std::int64_t second_ns = 1'000'000'000;

inline NewGuest guest_called(std::string_view name, std::uint64_t memory_mib = 256,
                             std::uint32_t load_permille = 500) {
    static std::uint32_t serial = 0;
    ++serial;
    NewGuest guest;
    std::memcpy(guest.uuid.bytes.data(), &serial, sizeof serial);
    guest.name = name;
    guest.memory_kib = memory_mib * 1024;
    LoadProfile profile;
    profile.kind = LoadKind::constant;
    profile.mean_permille = load_permille;
    guest.workload.load = start_load(profile, 1);
    guest.workload.net_mbps = 80;
    guest.workload.disk_mbps = 8;
    guest.workload.dirty_mib_per_s = 10;
    return guest;
}

// A host of 4 CPUs and 4 GiB; heap-allocated, because it is large.
struct TestHost {
    std::unique_ptr<SimHost> state = std::make_unique<SimHost>();

    TestHost() {
        HostConfig config;
        config.cpus = 4;
        config.memory_kib = 4 * 1024 * 1024;
        start(*state, config, 100 * second_ns);
    }
    SimHost& operator*() { return *state; }
    void pass(std::int64_t ns) { advance(*state, state->now_ns + ns); }
    Guest& add(const NewGuest& wanted) {
        const auto domid = begin_create(*state, wanted);
        EXPECT_TRUE(domid.ok()) << to_string(domid.ok() ? Fault::none : domid.fault());
        EXPECT_TRUE(finish_create(*state, domid.value()).ok());
        return *find_domid(*state, domid.value());
    }
    Guest& add_running(const NewGuest& wanted) {
        Guest& guest = add(wanted);
        EXPECT_TRUE(unpause(*state, guest).ok());
        return guest;
    }
};

}  // namespace ballast::sim
