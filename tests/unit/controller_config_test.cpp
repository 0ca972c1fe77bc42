#include "controller/config.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ballast::controller {
namespace {

class ControllerConfigFile : public testing::Test {
  protected:
    ControllerConfigFile() {
        char name[] = "/tmp/controller-config-XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    ~ControllerConfigFile() override { std::filesystem::remove_all(directory_); }
    // A complete file with this [balance].
    bool balance(const std::string& text) { return load("[balance]\n" + text); }
    // With these sections.
    bool load(const std::string& text) {
        std::ofstream{directory_ + "/controller.toml"}
            << "state_dir = \"" << directory_ << "\"\n[agents]\nlisten = \"127.0.0.1\"\nplain = true\n"
            << text;
        config_ = ControllerConfig{};
        errors_.clear();
        return load_config(directory_ + "/controller.toml", config_, errors_);
    }
    std::string errors() const {
        std::string all;
        for (const std::string& error : errors_) {
            all += error + "\n";
        }
        return all;
    }

    std::string directory_;
    ControllerConfig config_;
    std::vector<std::string> errors_;
};

TEST_F(ControllerConfigFile, OfTheSampleIsRight) {
    EXPECT_TRUE(load_config("configs/controller.toml", config_, errors_)) << errors();
    EXPECT_EQ(config_.core.balance.policy.view(), "ballast");
    EXPECT_TRUE(config_.core.balance.apart.empty());
}

TEST_F(ControllerConfigFile, GuestsToBeKeptApartAreGroupsByTheBeginningsOfTheirNames) {
    ASSERT_TRUE(balance("apart = [\"web-\", \"db-\"]\n")) << errors();
    ASSERT_EQ(config_.core.balance.apart.size(), 2U);
    EXPECT_EQ(config_.core.balance.apart[0].view(), "web-");
    EXPECT_EQ(config_.core.balance.apart[1].view(), "db-");
}

TEST_F(ControllerConfigFile, AGroupOfAllGuestsIsRefused) {
    EXPECT_FALSE(balance("apart = [\"web-\", \"\"]\n"));
    EXPECT_NE(errors().find("balance.apart"), std::string::npos) << errors();
}

TEST_F(ControllerConfigFile, GroupsAreTextsAndNoMoreThanTheirLimit) {
    EXPECT_FALSE(balance("apart = \"web-\"\n"));
    EXPECT_NE(errors().find("balance.apart"), std::string::npos) << errors();
    const auto groups = [](std::size_t count) {
        std::string list = "apart = [";
        for (std::size_t i = 0; i < count; ++i) {
            list += "\"group" + std::to_string(i) + "-\",";
        }
        return list + "]\n";
    };
    EXPECT_TRUE(balance(groups(apart_groups_max))) << errors();
    EXPECT_FALSE(balance(groups(apart_groups_max + 1)));
    EXPECT_NE(errors().find("balance.apart"), std::string::npos) << errors();
    EXPECT_FALSE(balance("apart = [\"" + std::string(limits::name_bytes_max + 1, 'x') + "\"]\n"));
}

TEST_F(ControllerConfigFile, NamesOfClientCertificatesAreThoseThatAUserCanHaveAndEachIsGivenOneRole) {
    const auto roles = [this](const std::string& list) {
        return load(
            "[http]\ncertificate = \"c.pem\"\nkey = \"c.key\"\nclient_ca = \"ca.pem\"\nclient_roles = [" +
            list + "]\n");
    };
    const std::string longest(limits::name_bytes_max, 'u');
    EXPECT_TRUE(roles("\"ann=user\", \"" + longest + "=user\"")) << errors();
    EXPECT_FALSE(roles("\"" + longest + "x=user\""));
    EXPECT_NE(errors().find("http.client_roles"), std::string::npos) << errors();
    EXPECT_FALSE(roles("\"ann=viewer\", \"ann=admin\""));
    EXPECT_NE(errors().find("\"ann\" twice"), std::string::npos) << errors();
}

TEST_F(ControllerConfigFile, ThePlannersParametersAreKeysOfBalance) {
    ASSERT_TRUE(balance("keep_spare_host = \"no\"\nmoves_from_minute = 1320\nmoves_until_minute = 360\n"))
        << errors();
    const policy::Parameters& parameters = config_.core.balance.parameters;
    EXPECT_EQ(parameters.keep_spare_host, 0U);
    EXPECT_EQ(parameters.moves_from_minute, 1320U);
    EXPECT_EQ(parameters.moves_until_minute, 360U);
    EXPECT_FALSE(balance("moves_from_minute = 1441\n"));
    EXPECT_NE(errors().find("moves_from_minute"), std::string::npos) << errors();
}

}  // namespace
}  // namespace ballast::controller
