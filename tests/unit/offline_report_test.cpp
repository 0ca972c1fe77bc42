#include "cli/offline/report.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cli/offline/statistics.hpp"
#include "cli/offline/svg_plot.hpp"

namespace ballast::cli::offline {
namespace {

Report two_rows() {
    Report report{{"<name", "value"}};
    report.row({"a,\"b\"", "1.5"});
    report.row({"c", ""});
    return report;
}

TEST(Report, AlignsWordsLeftAndNumbersRight) {
    EXPECT_EQ(two_rows().text(), "name   value\na,\"b\"    1.5\nc          -\n");
    EXPECT_EQ(two_rows().text(false), "a,\"b\"  1.5\nc        -\n");
}

TEST(Report, QuotesWhatEachFormNeedsQuoted) {
    EXPECT_EQ(two_rows().csv(), "name,value\n\"a,\"\"b\"\"\",1.5\nc,\n");
    EXPECT_EQ(two_rows().ndjson(),
              "{\"name\":\"a,\\\"b\\\"\",\"value\":1.5}\n{\"name\":\"c\",\"value\":null}\n");
    EXPECT_EQ(two_rows().markdown(), "| name | value |\n|---|--:|\n| a,\"b\" | 1.5 |\n| c | – |\n");
}

TEST(Report, DecimalsRoundAndNeverSayMinusZero) {
    EXPECT_EQ(decimals(1.25, 1), "1.3");
    EXPECT_EQ(decimals(-0.04, 1), "0.0");
    EXPECT_EQ(decimals(2, 0), "2");
}

TEST(Statistics, AreThoseOfASample) {
    Statistics statistics;
    EXPECT_EQ(statistics.text(), "0.0 ± 0.0");
    for (const double value : {2, 4, 4, 4, 5, 5, 7, 9}) {
        statistics.add(value);
    }
    EXPECT_DOUBLE_EQ(statistics.mean(), 5);
    EXPECT_NEAR(statistics.stddev(), 2.138, 1e-3);
}

TEST(SvgPlot, ManyPointsAreDrawnAsMeansOfRuns) {
    const std::string small = line_plot({"t", "x", "y"}, 1, {{"s", std::vector<double>(10, 0.5), {}}});
    const std::string large = line_plot({"t", "x", "y"}, 1, {{"s", std::vector<double>(100'000, 0.5), {}}});
    EXPECT_LT(large.size(), small.size() + 240 * 14);
    EXPECT_TRUE(large.ends_with("</svg>\n"));
}

TEST(SvgPlot, NamesCannotBreakTheDocument) {
    const std::string plot = bar_plot({"<t>", "x&y", "y"}, {"\"a\" <b>"}, {{"s & t", {1}, {0.5}}});
    EXPECT_EQ(plot.find("<b>"), std::string::npos);
    EXPECT_NE(plot.find("&lt;t&gt;"), std::string::npos);
    EXPECT_NE(plot.find("s &amp; t"), std::string::npos);
}

TEST(SvgPlot, NothingToShowIsStillAPlot) {
    EXPECT_TRUE(line_plot({"t", "x", "y"}, 1, {}).ends_with("</svg>\n"));
    EXPECT_TRUE(bar_plot({"t", "x", "y"}, {}, {}).ends_with("</svg>\n"));
    EXPECT_TRUE(line_plot({"t", "x", "y"}, 1, {{"s", {}, {}}}).ends_with("</svg>\n"));
}

TEST(SvgPlot, WhatCannotBeDrawnIsLeftOut) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (const double value :
         {infinity, -infinity, std::nan(""), std::numeric_limits<double>::max(), 0x1p-1074}) {
        for (const std::string& plot :
             {line_plot({"t", "x", "y"}, 1, {{"s", {1, value, 1}, {}}, {"t", {value}, {}}}),
              bar_plot({"t", "x", "y"}, {"a", "b"},
                       {{"s", {1, value}, {value, 1}}, {"t", {value, 0}, {}}})}) {
            EXPECT_TRUE(plot.ends_with("</svg>\n"));
            EXPECT_EQ(plot.find("inf"), std::string::npos) << plot;
            EXPECT_EQ(plot.find("nan"), std::string::npos) << plot;
        }
    }
}

}  // namespace
}  // namespace ballast::cli::offline
