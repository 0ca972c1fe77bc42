// Small, self-contained SVG plots for docs/experiments.md: lines over time and grouped bars.
#pragma once

#include <string>
#include <vector>

namespace ballast::cli::offline {

struct PlotSeries {
    std::string name;
    std::vector<double> values;
    std::vector<double> spread;  // bars only: standard deviation, drawn as a whisker; empty: none
};

struct PlotLabels {
    std::string title;
    std::string x;
    std::string y;
};

// Values that are infinite or no numbers are not drawn.

// Values stand `x_step` apart. More than 240 of them are drawn as the means of equal runs, so that a file
// stays small.
std::string line_plot(const PlotLabels& labels, double x_step, const std::vector<PlotSeries>& series);

// One group of bars for each category; every series has one value for each.
std::string bar_plot(const PlotLabels& labels, const std::vector<std::string>& categories,
                     const std::vector<PlotSeries>& series);

}  // namespace ballast::cli::offline
