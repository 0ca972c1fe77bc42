#include "policy/series.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "policy/correlation.hpp"

namespace ballast::policy::test {
namespace {

// As many as a window may have, none of them a round number.
std::vector<double> many() {
    std::vector<double> samples;
    for (int i = 0; i < 60; ++i) {
        samples.push_back(1 + std::sin(i) / 3);
    }
    return samples;
}

TEST(PolicySeries, ManySamplesAddUpAsTheyDoOneByOne) {
    for (std::size_t count = 0; count <= 60; ++count) {
        std::vector<double> samples = many();
        samples.resize(count);
        const std::vector<float> narrow(samples.begin(), samples.end());
        double sum = 0;
        double peak = 0;
        for (const double sample : samples) {
            sum += sample;
            peak = std::max(peak, sample);
        }
        const auto clean = clean_sum(samples, no_ceiling);
        const auto clean_narrow = clean_sum(std::span<const float>{narrow}, no_ceiling);
        ASSERT_TRUE(clean && clean_narrow) << count;
        EXPECT_NEAR(clean->sum, sum, 1e-12) << count;
        EXPECT_EQ(clean->peak, peak) << count;
        EXPECT_NEAR(clean_narrow->sum, sum, 1e-5) << count;
    }
}

TEST(PolicySeries, OneBadSampleAnywhereIsSeen) {
    for (const double bad : {std::nan(""), -1.0, 2.5, std::numeric_limits<double>::infinity()}) {
        for (std::size_t at = 0; at < 60; ++at) {
            std::vector<double> samples = many();
            samples[at] = bad;
            EXPECT_FALSE(clean_sum(samples, 2)) << bad << " at " << at;
        }
    }
    EXPECT_TRUE(clean_sum(many(), 2));
}

TEST(PolicySeries, WhatCannotBeIsReplacedBeforeItIsAdded) {
    std::vector<double> samples = many();
    samples[40] = std::nan("");
    samples[50] = 9;
    double expected = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        expected += i == 40 ? samples[39] : i == 50 ? 2 : samples[i];
    }
    EXPECT_NEAR(sum_of_last(samples, 60, 2), expected, 1e-12);
}

double persistence_of(const std::vector<double>& samples) {
    Correlation correlation;
    correlation.add(samples, no_ceiling, clean_sum(samples, no_ceiling));
    return correlation.persistence();
}

TEST(PolicyCorrelation, WhatLastsPersistsAndWhatAlternatesDoesNot) {
    std::vector<double> step(60, 1.0);
    std::fill(step.begin() + 30, step.end(), 2.0);
    EXPECT_GT(persistence_of(step), 0.9);
    std::vector<double> alternating;
    for (int i = 0; i < 60; ++i) {
        alternating.push_back(1 + i % 2);
    }
    EXPECT_EQ(persistence_of(alternating), 0);
    EXPECT_EQ(persistence_of(std::vector<double>(60, 0.25)), 0) << "nothing varies";
    EXPECT_EQ(persistence_of({1, 2}), 0) << "too few to say";
}

TEST(PolicyCorrelation, BadSamplesChangeNothingThatTheirRuleDoesNot) {
    std::vector<double> bad = many();
    bad[20] = std::nan("");
    std::vector<double> ruled = many();
    ruled[20] = ruled[19];
    EXPECT_NEAR(persistence_of(bad), persistence_of(ruled), 1e-12);
}

}  // namespace
}  // namespace ballast::policy::test
