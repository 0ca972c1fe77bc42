// The whole system in a world that breaks keeps its promises; and a system with a safety rule taken out does
// not: each rule's absence is noticed, so the promises are really looked at.
#include "sim/soak.hpp"

#include <gtest/gtest.h>

namespace ballast::simulator {
namespace {

TEST(Simulator, KeepsEveryPromiseOnManySeeds) {
    std::uint64_t events = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const Scenario scenario = make_scenario(seed);
        const RunResult result = run(scenario);
        ASSERT_FALSE(result.violation)
            << explain_failure(scenario, scenario.incidents.size(), "of this test");
        events += result.events;
    }
    EXPECT_GT(events, 20'000U);
}

TEST(Simulator, TheSameSeedGivesTheSameRun) {
    for (const std::uint64_t seed : {3U, 17U, 40U}) {
        const RunResult first = run(make_scenario(seed));
        const RunResult second_run = run(make_scenario(seed), true);
        EXPECT_EQ(first.fingerprint, second_run.fingerprint) << seed;
        EXPECT_EQ(first.events, second_run.events) << seed;
    }
    EXPECT_NE(run(make_scenario(3)).fingerprint, run(make_scenario(4)).fingerprint);
}

struct Broken {
    Mutation mutation;
    Invariant noticed;
};

class RuleTakenOut : public ::testing::TestWithParam<Broken> {};

// The seed of the first run in which the promise is broken.
std::optional<std::uint64_t> first_broken(const Broken& rule) {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        Scenario scenario = make_scenario(seed);
        scenario.mutation = rule.mutation;
        const RunResult result = run(scenario);
        if (result.violation && result.violation->invariant == rule.noticed) {
            return seed;
        }
    }
    return std::nullopt;
}

TEST_P(RuleTakenOut, IsNoticedByThePromiseThatItGuards) {
    EXPECT_TRUE(first_broken(GetParam())) << to_string(GetParam().mutation);
}

INSTANTIATE_TEST_SUITE_P(EachRule, RuleTakenOut,
                         ::testing::Values(Broken{Mutation::journal_lies, Invariant::never_lost},
                                           Broken{Mutation::unpause_early, Invariant::one_copy},
                                           Broken{Mutation::destroy_early, Invariant::never_lost},
                                           Broken{Mutation::forget_keys, Invariant::durable},
                                           Broken{Mutation::acks_lost, Invariant::every_job_ends},
                                           Broken{Mutation::second_clock, Invariant::same_decisions},
                                           Broken{Mutation::forget_used, Invariant::reset_between},
                                           Broken{Mutation::empty_report, Invariant::one_copy}),
                         [](const auto& each) { return std::string{to_string(each.param.mutation)}; });

TEST(Simulator, ShrinksAFailureToTheIncidentsThatMatter) {
    const Broken rule{Mutation::unpause_early, Invariant::one_copy};
    const std::optional<std::uint64_t> seed = first_broken(rule);
    ASSERT_TRUE(seed);
    Scenario scenario = make_scenario(*seed);
    scenario.mutation = rule.mutation;
    const Scenario shrunk = shrink(scenario, rule.noticed, 200);
    EXPECT_LE(shrunk.incidents.size(), 2U)
        << "a migration is all that it takes, and balancing may ask for it";
    const std::string text = explain_failure(shrunk, scenario.incidents.size(), "abc");
    EXPECT_NE(text.find("executes on h"), std::string::npos) << text;
    EXPECT_NE(text.find("of commit abc"), std::string::npos) << text;
}

}  // namespace
}  // namespace ballast::simulator
