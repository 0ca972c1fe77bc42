#include "base/histogram.hpp"

#include <gtest/gtest.h>

namespace ballast {
namespace {

TEST(Histogram, CountsEachUnderTheFirstBoundThatHoldsIt) {
    Histogram histogram;
    histogram.add_us(0);
    histogram.add_us(500);
    histogram.add_us(501);
    histogram.add_ms(600'000);
    histogram.add_ms(600'001);
    EXPECT_EQ(histogram.up_to(0), 2U);
    EXPECT_EQ(histogram.up_to(1), 3U);
    EXPECT_EQ(histogram.up_to(Histogram::bounds_us.size() - 1), 4U);
    EXPECT_EQ(histogram.count(), 5U);
    EXPECT_EQ(histogram.sum_us(), 1001U + 600'000'000U + 600'001'000U);
}

TEST(Histogram, HasItsBoundsInOrder) {
    for (std::size_t i = 1; i < Histogram::bounds_us.size(); ++i) {
        EXPECT_LT(Histogram::bounds_us[i - 1], Histogram::bounds_us[i]);
    }
}

}  // namespace
}  // namespace ballast
