#include "agent/config.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ballast::agent {
namespace {

class AgentConfigFile : public testing::Test {
  protected:
    AgentConfigFile() {
        char name[] = "/tmp/agent-config-XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    ~AgentConfigFile() override { std::filesystem::remove_all(directory_); }
    bool load(const std::string& text, const std::string& kind = {}) {
        std::ofstream{directory_ + "/agent.toml"} << text;
        return load_config(directory_ + "/agent.toml", kind, config_, errors_);
    }
    bool said(std::string_view what) const {
        for (const std::string& error : errors_) {
            if (error.find(what) != std::string::npos) {
                return true;
            }
        }
        return false;
    }

    std::string directory_;
    AgentConfig config_;
    std::vector<std::string> errors_;
};

constexpr const char* minimal =
    "[controller]\naddress = \"192.0.2.1\"\n[migration]\nadvertised = \"192.0.2.2\"\n";

TEST_F(AgentConfigFile, OfTheSampleIsRight) {
    EXPECT_TRUE(load_config("configs/agent.toml", "", config_, errors_))
        << (errors_.empty() ? "" : errors_[0]);
    EXPECT_EQ(config_.controller_port, 7711);
    EXPECT_EQ(config_.hypervisor.kind, HypervisorKind::xen);
    EXPECT_FALSE(config_.plain);
}

TEST_F(AgentConfigFile, NeedsTheControllersAddress) {
    EXPECT_FALSE(load("[migration]\nadvertised = \"192.0.2.2\"\n"));
    EXPECT_TRUE(said("controller.address"));
}

TEST_F(AgentConfigFile, NeedsAnAddressForOtherHostsWhenItListensEverywhere) {
    EXPECT_FALSE(load("[controller]\naddress = \"192.0.2.1\"\n"));
    EXPECT_TRUE(said("migration.advertised"));
}

TEST_F(AgentConfigFile, AllowsPlainConnectionsOnLoopbackOnly) {
    EXPECT_FALSE(load(std::string{minimal} + "[tls]\nplain = true\n"));
    EXPECT_TRUE(said("tls.plain"));
    EXPECT_TRUE(
        load("[controller]\naddress = \"127.0.0.1\"\n[tls]\nplain = true\n"
             "[migration]\nlisten = \"127.0.0.1\"\n"))
        << (errors_.empty() ? "" : errors_[0]);
    EXPECT_TRUE(config_.plain);
}

TEST_F(AgentConfigFile, NamesLineKeyAndExpectationOfAWrongValue) {
    EXPECT_FALSE(load("memory_reserved_mib = \"much\"\n" + std::string{minimal}));
    EXPECT_TRUE(said("agent.toml:1"));
    EXPECT_TRUE(said("memory_reserved_mib"));
    EXPECT_FALSE(load(std::string{minimal} + "port = 70000\n"));
    EXPECT_TRUE(said("migration.port"));
}

TEST_F(AgentConfigFile, RefusesAKeyThatNobodyReads) {
    EXPECT_FALSE(load(std::string{minimal} + "speed = 3\n"));
    EXPECT_TRUE(said("speed"));
}

TEST_F(AgentConfigFile, TakesTheHypervisorOfTheCommandLine) {
    ASSERT_TRUE(load("hypervisor = \"xen\"\n" + std::string{minimal}, "sim"));
    EXPECT_EQ(config_.hypervisor.kind, HypervisorKind::sim);
}

TEST_F(AgentConfigFile, DescribesTheGuestsOfASimulatedHost) {
    ASSERT_TRUE(
        load(std::string{minimal} +
             "[sim]\ncpus = 4\n[sim.group_1]\ncount = 3\nname_prefix = \"desk-\"\nload = \"constant\"\n"
             "load_mean_percent = 90\n[sim.group_3]\ncount = 1\ntype = \"pvh\"\n"))
        << (errors_.empty() ? "" : errors_[0]);
    ASSERT_EQ(config_.hypervisor.sim.guests.size(), 2u);
    EXPECT_EQ(config_.hypervisor.sim.cpus, 4u);
    EXPECT_EQ(config_.hypervisor.sim.guests[0].count, 3u);
    EXPECT_EQ(config_.hypervisor.sim.guests[0].load.mean_permille, 900u);
    EXPECT_EQ(config_.hypervisor.sim.guests[0].load.kind, sim::LoadKind::constant);
    EXPECT_EQ(config_.hypervisor.sim.guests[1].type, GuestType::pvh);
}

TEST_F(AgentConfigFile, TakesAddressesOfRelaysFromMigrationsUnlessToldOtherwise) {
    ASSERT_TRUE(load(minimal));
    EXPECT_EQ(config_.relay.listen, "0.0.0.0");
    EXPECT_EQ(config_.relay.advertised, "192.0.2.2");
    EXPECT_EQ(config_.relay.port_first, 17100);
    EXPECT_EQ(config_.relay.port_count, 100);
    ASSERT_TRUE(load(std::string{minimal} +
                     "[relay]\nlisten = \"192.0.2.3\"\nadvertised = \"desktops.example.org\"\n"
                     "port_first = 65535\nport_count = 1\n"));
    EXPECT_EQ(config_.relay.listen, "192.0.2.3");
    EXPECT_EQ(config_.relay.advertised, "desktops.example.org");
}

TEST_F(AgentConfigFile, RefusesPortsOfRelaysThatDoNotExist) {
    EXPECT_FALSE(load(std::string{minimal} + "[relay]\nport_first = 65535\nport_count = 2\n"));
    EXPECT_TRUE(said("relay.port_count"));
    EXPECT_FALSE(load(std::string{minimal} + "[relay]\nport_count = 257\n"));
    EXPECT_TRUE(said("relay.port_count"));
}

}  // namespace
}  // namespace ballast::agent
