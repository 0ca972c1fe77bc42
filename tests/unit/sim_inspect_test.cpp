#include "xen_glue/sim/inspect.hpp"

#include <algorithm>

#include "tests/unit/sim_fixture.hpp"

namespace ballast::sim {
namespace {

class SimInspect : public SimFixture {};

TEST_F(SimInspect, TheLinesNameTheHostItsDomainsAndItsExecutions) {
    auto host = open_host("a");
    const Domain guest = domain_named(*host, "a-01");
    ASSERT_TRUE(host->pause(guest).ok());
    const std::string lines = to_json_lines(look("a"));
    EXPECT_TRUE(lines.starts_with("{\"host\":{\"now_ms\":")) << lines;
    EXPECT_NE(lines.find("\"guests\":2,"), std::string::npos) << lines;
    const std::string uuid{to_text(guest.uuid).view()};
    EXPECT_NE(lines.find("{\"domain\":{\"domid\":1,\"uuid\":\"" + uuid +
                         "\",\"name\":\"a-01\",\"state\":\"paused\""),
              std::string::npos)
        << lines;
    EXPECT_NE(lines.find("{\"execution\":{\"uuid\":\"" + uuid + "\",\"domid\":1,\"what\":\"ended\""),
              std::string::npos)
        << lines;
    // A host, two domains; two executions begun and one ended.
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 6);
}

TEST_F(SimInspect, LookingChangesNothingAndMeddlingDoes) {
    open_host("a");
    const std::uint64_t changes = look("a").change_count;
    EXPECT_EQ(look("a").change_count, changes);
    edit("a", [](SimHost& host) { crash(host, host.guests[0]); });
    EXPECT_EQ(state_of(look("a").guests[0]), DomainState::crashed);
    EXPECT_GT(look("a").change_count, changes);
}

TEST(SimFaultRules, RulesSkipThenStrikeThenAreUsedUp) {
    FaultRules rules;
    FaultRule rule;
    rule.call = Call::create;
    rule.skip = 1;
    rule.times = 2;
    rules.push(rule);
    EXPECT_FALSE(take_fault(rules, Call::send).has_value());
    EXPECT_FALSE(take_fault(rules, Call::create).has_value());
    EXPECT_TRUE(take_fault(rules, Call::create).has_value());
    EXPECT_TRUE(take_fault(rules, Call::create).has_value());
    EXPECT_FALSE(take_fault(rules, Call::create).has_value());
    EXPECT_TRUE(rules.empty());
    rule.skip = 0;
    rule.times = 0;
    rules.push(rule);
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(take_fault(rules, Call::create).has_value());
    }
}

TEST(SimFaultRules, ShortCallsCanOnlyFailAsAWhole) {
    FaultRule rule;
    rule.call = Call::pause;
    EXPECT_TRUE(valid(rule));
    rule.action = FaultAction::die;
    EXPECT_FALSE(valid(rule));
    rule.action = FaultAction::fail;
    rule.at_permille = 1;
    EXPECT_FALSE(valid(rule));
    rule.call = Call::send;
    EXPECT_TRUE(valid(rule));
    rule.at_permille = 1001;
    EXPECT_FALSE(valid(rule));
}

TEST(SimFaultRules, CallsAreKnownByTheirNames) {
    for (int i = 0; i <= static_cast<int>(Call::receive); ++i) {
        const Call call{static_cast<std::uint8_t>(i)};
        EXPECT_EQ(parse_call(to_string(call)), call);
    }
    EXPECT_EQ(parse_call("dance"), std::nullopt);
}

}  // namespace
}  // namespace ballast::sim
