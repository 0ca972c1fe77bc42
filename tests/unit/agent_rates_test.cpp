#include "agent/core/rates.hpp"

#include <gtest/gtest.h>

namespace ballast::agent {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

Counters counters(std::uint8_t number, std::uint32_t domid, std::uint64_t cpu_ns, std::uint64_t bytes = 0) {
    Counters out;
    out.uuid.bytes.fill(number);
    out.domid = domid;
    out.cpu_time_ns = cpu_ns;
    out.net_rx_bytes = out.net_tx_bytes = out.disk_read_bytes = out.disk_write_bytes = bytes;
    return out;
}

TEST(AgentRates, GivesNoneForTheFirstSample) {
    Rates rates;
    rates.begin(5 * second_ns, 0, 0);
    EXPECT_FALSE(rates.domain(counters(1, 1, 100)).has_value());
    EXPECT_FALSE(rates.nic_mbps().has_value());
    EXPECT_EQ(rates.interval_ms(), 0u);
}

TEST(AgentRates, AreDifferencesOverTheInterval) {
    Rates rates;
    rates.begin(5 * second_ns, 1000, 1000);
    (void)rates.domain(counters(1, 1, 1 * second_ns, 1'000'000));
    rates.end();
    rates.begin(7 * second_ns, 126'000, 126'000);
    const auto got = rates.domain(counters(1, 1, 4 * second_ns, 2'000'000));
    ASSERT_TRUE(got.has_value());
    EXPECT_DOUBLE_EQ(got->cpu_cores, 1.5);
    EXPECT_DOUBLE_EQ(got->net_mbps, 8.0);   // 2 MB in 2 s
    EXPECT_DOUBLE_EQ(got->disk_mbps, 1.0);  // megabytes
    EXPECT_DOUBLE_EQ(rates.nic_mbps().value(), 1.0);
    EXPECT_EQ(rates.interval_ms(), 2000u);
}

TEST(AgentRates, AreLeftOutForOneIntervalWhenACounterRestarts) {
    Rates rates;
    rates.begin(second_ns, 0, 0);
    (void)rates.domain(counters(1, 1, 100, 5000));
    rates.end();
    rates.begin(2 * second_ns, 0, 0);
    EXPECT_FALSE(rates.domain(counters(1, 1, 200, 10)).has_value());
    rates.end();
    rates.begin(3 * second_ns, 0, 0);
    EXPECT_TRUE(rates.domain(counters(1, 1, 300, 20)).has_value());
}

TEST(AgentRates, DoNotMixAGuestWithItsPredecessorOfTheSameUuid) {
    Rates rates;
    rates.begin(second_ns, 0, 0);
    (void)rates.domain(counters(1, 1, 100));
    rates.end();
    rates.begin(2 * second_ns, 0, 0);
    EXPECT_FALSE(rates.domain(counters(1, 2, 200)).has_value());
}

TEST(AgentRates, DoNotDependOnTheOrderOfDomains) {
    Rates rates;
    rates.begin(second_ns, 0, 0);
    for (std::uint8_t i = 1; i <= 20; ++i) {
        (void)rates.domain(counters(i, i, i * 1000u));
    }
    rates.end();
    rates.begin(2 * second_ns, 0, 0);
    for (std::uint8_t i = 20; i >= 1; --i) {
        const auto got = rates.domain(counters(i, i, i * 1000u + second_ns));
        ASSERT_TRUE(got.has_value());
        EXPECT_DOUBLE_EQ(got->cpu_cores, 1.0);
    }
}

TEST(AgentRates, AreNotMadeFromATooShortOrTooLongInterval) {
    Rates rates;
    rates.begin(second_ns, 0, 0);
    (void)rates.domain(counters(1, 1, 100));
    rates.end();
    rates.begin(second_ns + 1000, 0, 0);
    EXPECT_FALSE(rates.domain(counters(1, 1, 200)).has_value());
    rates.end();
    rates.begin(second_ns * 3600, 0, 0);
    EXPECT_FALSE(rates.domain(counters(1, 1, 300)).has_value());
}

}  // namespace
}  // namespace ballast::agent
