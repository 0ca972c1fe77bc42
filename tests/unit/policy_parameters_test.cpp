// The one table of parameters: what is set, refused, and how it reads back.
#include "policy/parameters.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

namespace ballast::policy::test {
namespace {

std::string error_of(const std::optional<ParameterError>& error) {
    return error ? std::string{error->view()} : "none";
}

TEST(PolicyParameters, EveryRowIsNamedOnceInRangeByDefaultAndSaysWhatItIs) {
    std::set<std::string_view> names;
    for (const ParameterInfo& info : parameter_table()) {
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_NE(info.number == nullptr, info.count == nullptr) << info.name;
        EXPECT_GE(default_of(info), info.min) << info.name;
        EXPECT_LE(default_of(info), info.max) << info.name;
        EXPECT_FALSE(info.meaning.empty()) << info.name;
        EXPECT_EQ(find_parameter(info.name), &info);
        if (!info.words.empty()) {
            EXPECT_EQ(info.words.size(), static_cast<std::size_t>(info.max) + 1) << info.name;
        }
    }
    EXPECT_FALSE(check(Parameters{}));
}

TEST(PolicyParameters, WhatIsSetReadsBackAsItWasWritten) {
    for (const ParameterInfo& info : parameter_table()) {
        Parameters parameters;
        const auto other =
            info.words.empty() ? std::string{info.max == 1 ? "0.5" : "1"} : std::string{info.words.back()};
        const std::string value = info.count != nullptr && info.words.empty() ? "1" : other;
        EXPECT_EQ(error_of(set(parameters, info.name, value)), "none") << info.name;
        EXPECT_EQ(text_of(parameters, info).view(), value) << info.name;
    }
}

TEST(PolicyParameters, AnUnknownNameListsTheValidOnes) {
    Parameters parameters;
    const std::string all = error_of(set(parameters, "treshold", "1"));
    EXPECT_TRUE(
        all.starts_with("no parameter is called \"treshold\"; expected one of critical_load, window, "));
    for (const ParameterInfo& info : parameter_table()) {
        EXPECT_NE(all.find(info.name), std::string::npos) << info.name << " in: " << all;
    }
    const std::string of_scoa = error_of(set(parameters, "hot_samples", "1", Family::scoa));
    EXPECT_TRUE(of_scoa.starts_with("this policy takes no parameter \"hot_samples\"; expected one of"));
    EXPECT_NE(of_scoa.find("scoa_load"), std::string::npos);
    EXPECT_EQ(of_scoa.find("guest_rate"), std::string::npos);
    EXPECT_EQ(error_of(set(parameters, "hot_samples", "1", Family::sandpiper)), "none");
}

TEST(PolicyParameters, ValuesOutOfRangeOrMalformedNameTheRangeAndChangeNothing) {
    Parameters parameters;
    EXPECT_EQ(error_of(set(parameters, "window", "61")),
              "window: expected 1 to 60 whole samples, found \"61\"");
    for (const char* value : {"", "x", "7x", " 7", "7.5", "-1", "nan", "inf", "1e99", "0"}) {
        EXPECT_NE(error_of(set(parameters, "window", value)), "none") << value;
    }
    EXPECT_EQ(parameters.window, Parameters{}.window);
    EXPECT_EQ(error_of(set(parameters, "critical_load", "nan")),
              "critical_load: expected 0.01 to 1 utilisation, found \"nan\"");
    EXPECT_EQ(error_of(set(parameters, "scoa_load", "most")),
              "scoa_load: expected mean or peak, found \"most\"");
    EXPECT_EQ(error_of(set(parameters, "weigh_disk", "1")), "weigh_disk: expected no or yes, found \"1\"");
    EXPECT_NE(error_of(set(parameters, *find_parameter("window"), 7.5)), "none");
    const std::string hostile(100'000, 'a');
    EXPECT_NE(error_of(set(parameters, hostile, hostile)), "none");
}

TEST(PolicyParameters, OneMayContradictAnother) {
    Parameters parameters;
    parameters.hot_samples = 6;
    ASSERT_TRUE(check(parameters));
    EXPECT_EQ(check(parameters)->view(), "hot_samples: expected at most hot_window (5), found 6");
}

TEST(PolicyParameters, AThresholdIsItsOwnElseTheCriticalLoad) {
    Parameters parameters;
    parameters.critical_load = 0.7;
    parameters.net_threshold = 0.5;
    EXPECT_DOUBLE_EQ(threshold(parameters, Resource::cpu), 0.7);
    EXPECT_DOUBLE_EQ(threshold(parameters, Resource::net), 0.5);
    EXPECT_TRUE(std::isinf(threshold(parameters, Resource::disk)));
    parameters.weigh_disk = 1;
    EXPECT_DOUBLE_EQ(threshold(parameters, Resource::disk), 0.7);
}

TEST(PolicyParameters, ThePoliciesSayHowManySamplesTheyLookAt) {
    Parameters parameters;
    parameters.window = 3;
    EXPECT_EQ(samples_wanted(parameters, Family::vds), 3U);
    EXPECT_EQ(samples_wanted(parameters, Family::sandpiper), 5U);
    EXPECT_EQ(samples_wanted(parameters, Family::ballast), limits::window_samples_max);
}

}  // namespace
}  // namespace ballast::policy::test
