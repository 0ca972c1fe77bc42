#include "cli/offline/plan_json.hpp"

#include <gtest/gtest.h>

#include "cli/offline/plan_text.hpp"
#include "cli/offline/settings.hpp"
#include "sim/experiments/spread_score.hpp"

namespace ballast::cli::offline {
namespace {

constexpr std::string_view two_host_pool = R"({"format":"ballast-pool/1","hosts":[
 {"name":"h1","cpu_cores":10,"memory_mib":8192,"net_mbps":1000,"disk_mbps":500},
 {"name":"h2","cpu_cores":10,"memory_mib":8192,"net_mbps":1000,"disk_mbps":500}],"vms":[
 {"name":"a","host":"h1","memory_mib":1024,"vcpus":5,"cpu_cores":[5]},
 {"name":"b","host":"h1","memory_mib":1024,"vcpus":5,"cpu_cores":[4]},
 {"name":"c","host":"h2","memory_mib":1024,"vcpus":1,"cpu_cores":[1]}]})";

PoolFile planned_pool(std::string_view text) {
    PoolError error;
    std::optional<PoolFile> file = parse_pool(text, error);
    EXPECT_TRUE(file.has_value()) << error.sentence();
    return std::move(*file);
}

TEST(OfflinePlan, TheBusiestGuestOfAHotHostGoesToTheOtherAndTheJsonSaysSo) {
    const PoolFile file = planned_pool(two_host_pool);
    const Planning planning{file.pool(), *policy::find_policy("vds-1a"), policy::Parameters{}};
    const std::string json = plan_json(planning);
    EXPECT_NE(json.find(R"("format":"ballast-plan/1","policy":"vds-1a")"), std::string::npos) << json;
    EXPECT_NE(json.find(R"("parameters":{"critical_load":0.8,"window":7,)"), std::string::npos);
    EXPECT_NE(
        json.find(
            R"("moves":[{"kind":"migrate","vm":"a","from":"h1","to":"h2","memory_mib":1024,"cpu_cores":5,)"),
        std::string::npos)
        << json;
    EXPECT_NE(json.find(R"("unresolved":[])"), std::string::npos);
    EXPECT_NE(
        json.find(
            R"("before":{"hosts":[{"name":"h1","cpu":0.9,"memory":0.25,"net":0,"disk":0,"memory_used":0.25})"),
        std::string::npos)
        << json;
    EXPECT_NE(json.find(R"("cpu_stddev":0.4,)"), std::string::npos);
    EXPECT_NE(json.find(R"("after":{"hosts":[{"name":"h1","cpu":0.4,)"), std::string::npos);
    EXPECT_NE(json.find(R"("cpu_stddev":0.1,)"), std::string::npos);
}

TEST(OfflinePlan, TheSamePoolGivesTheSameBytes) {
    const PoolFile first = planned_pool(two_host_pool);
    const PoolFile second = planned_pool(two_host_pool);
    for (const policy::Policy& policy : policy::policies()) {
        const Planning one{first.pool(), policy, policy::Parameters{}};
        const Planning other{second.pool(), policy, policy::Parameters{}};
        EXPECT_EQ(plan_json(one), plan_json(other)) << policy.name;
    }
}

TEST(OfflinePlan, ThePlanForPeopleNamesMovesHostsAndWhatStays) {
    const PoolFile file = planned_pool(two_host_pool);
    const std::string text = plan_text({file.pool(), *policy::find_policy("vds-1a"), policy::Parameters{}});
    EXPECT_NE(text.find("vds-1a: 1 move"), std::string::npos) << text;
    EXPECT_NE(text.find("1 migrations, 1.0 GiB of guests"), std::string::npos) << text;
    EXPECT_NE(text.find("h1    up     90.0   40.0"), std::string::npos) << text;
    EXPECT_NE(text.find("Guests that stay"), std::string::npos) << text;
}

TEST(OfflinePlan, APoolWithoutHostsOrGuestsHasAPlanThatMovesNothing) {
    const PoolFile file = planned_pool(R"({"format":"ballast-pool/1","hosts":[],"vms":[]})");
    for (const policy::Policy& policy : policy::policies()) {
        const Planning planning{file.pool(), policy, policy::Parameters{}};
        EXPECT_TRUE(planning.plan().moves.empty()) << policy.name;
        EXPECT_EQ(experiments::spread_score(planning.pool(), planning.plan()), 0);
    }
}

TEST(SpreadScore, IsTheSumOfTheDeviationsAfterThePlan) {
    const PoolFile file = planned_pool(two_host_pool);
    const Planning nothing{file.pool(), *policy::find_policy("none"), policy::Parameters{}};
    // memory given and used 2/8 against 1/8; vCPUs 1.0 against 0.1; CPU 0.9 against 0.1
    EXPECT_NEAR(experiments::spread_score(nothing.pool(), nothing.plan()), 0.0625 + 0.0625 + 0.45 + 0.4,
                1e-9);
    const Planning moved{file.pool(), *policy::find_policy("vds-1a"), policy::Parameters{}};
    EXPECT_NEAR(experiments::spread_score(moved.pool(), moved.plan()), 0.0625 + 0.0625 + 0.05 + 0.1, 1e-9);
}

TEST(Settings, AnUnknownPolicyIsAnsweredWithTheListOfValidOnes) {
    std::string why;
    EXPECT_FALSE(choose_policies({"vds-9z"}, why).has_value());
    EXPECT_NE(why.find("vds-3b"), std::string::npos) << why;
    EXPECT_NE(why.find("none"), std::string::npos) << why;
}

TEST(Settings, AnUnknownParameterIsAnsweredWithTheListOfValidOnes) {
    std::string why;
    const auto policies = choose_policies({"vds-3b"}, why);
    EXPECT_FALSE(apply_settings({"critical_lode=0.8"}, *policies, why).has_value());
    EXPECT_NE(why.find("critical_load"), std::string::npos) << why;
    EXPECT_FALSE(apply_settings({"critical_load"}, *policies, why).has_value());
    EXPECT_NE(why.find("NAME=VALUE"), std::string::npos) << why;
    EXPECT_FALSE(apply_settings({"critical_load=7"}, *policies, why).has_value());
    EXPECT_NE(why.find("critical_load"), std::string::npos) << why;
}

TEST(Settings, AParameterThatThePolicyDoesNotTakeIsRefused) {
    std::string why;
    const auto none = choose_policies({"none"}, why);
    EXPECT_FALSE(apply_settings({"guest_rate=0.3"}, *none, why).has_value());
    const auto rated = choose_policies({"none", "vds-4a"}, why);
    const auto parameters = apply_settings({"guest_rate=0.3"}, *rated, why);
    ASSERT_TRUE(parameters.has_value()) << why;
    EXPECT_EQ(parameters->guest_rate, 0.3);
}

}  // namespace
}  // namespace ballast::cli::offline
