// What agents tell of their own processes.
#include <gtest/gtest.h>

#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

TEST(ControllerCore, AddsUpWhatAgentsTellOfThemselvesOverTheirRestarts) {
    World world{World::default_settings()};
    world.add_host("h1");
    world.connect_all();
    const auto tell = [&](std::uint64_t cpu_ms, std::uint64_t samples, std::uint64_t to_client_bytes) {
        const auto message = std::make_unique<wire::Message>(wire::SampleReport{});
        auto& report = std::get<wire::SampleReport>(*message);
        report.sequence = ++world.agents.at("h1").samples;
        report.has_agent = true;
        report.agent.cpu_ms = cpu_ms;
        report.agent.resident_kib = 5000;
        report.agent.calls.push(
            {static_cast<std::uint32_t>(HypervisorCall::sample), samples, 1, 10 * samples});
        report.agent.calls.push({1000, 1, 1, 1});  // of a newer agent
        report.agent.console_to_client_bytes = to_client_bytes;
        EXPECT_TRUE(world.deliver("h1", *message).ok());
    };
    tell(100, 7, 400);
    tell(200, 9, 500);
    tell(50, 20, 30);  // a younger process, although it has made more calls
    const AgentCounters& sum = world.core->counters().agents;
    const AgentCounters::Calls& calls = sum.calls[static_cast<std::size_t>(HypervisorCall::sample)];
    EXPECT_EQ(calls.count, 29U);
    EXPECT_EQ(calls.errors, 2U);
    EXPECT_EQ(calls.total_us, 290U);
    EXPECT_EQ(sum.console_to_client_bytes, 530U);
    EXPECT_EQ(world.core->host(world.core->find_host("h1")).agent.cpu_ms, 50U);
}

}  // namespace
}  // namespace ballast::controller::test
