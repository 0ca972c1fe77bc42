#include "cli/offline/svg_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace ballast::cli::offline {

namespace {

constexpr double width = 760;
constexpr double height = 340;
constexpr double left = 64;
constexpr double right = 150;  // for the legend
constexpr double top = 34;
constexpr double bottom = 46;
constexpr double plot_width = width - left - right;
constexpr double plot_height = height - top - bottom;
constexpr std::size_t points_max = 240;

// Distinct for people with the common colour blindnesses (after Okabe and Ito).
constexpr std::array<std::string_view, 9> colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00",
                                                  "#56b4e9", "#000000", "#8c6d00", "#7f7f7f"};
// Series beyond the colours repeat them dashed.
constexpr std::string_view dash_of(std::size_t series) {
    return series < colours.size() ? "" : " stroke-dasharray=\"5 3\"";
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
    }
    return out;
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view text) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                       escaped(text));
}

// A step of 1, 2 or 5 times a power of ten that divides `span` into at most six.
double tick_step(double span) {
    const double rough = span / 6;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= rough) {
            return factor * power;
        }
    }
    return 10 * power;
}

// Others have no place between the axes: they are left out.
bool drawable(double value) {
    constexpr double most = 1e300;  // the axes are a little longer
    return std::abs(value) <= most;
}

double highest(const std::vector<PlotSeries>& series) {
    double value = 0;
    for (const PlotSeries& one : series) {
        for (std::size_t i = 0; i < one.values.size(); ++i) {
            const double top_of_bar = one.values[i] + (i < one.spread.size() ? one.spread[i] : 0);
            value = drawable(top_of_bar) ? std::max(value, top_of_bar) : value;
        }
    }
    constexpr double least = 1e-300;  // of which a tick's step can still be worked out
    return std::max(value, 0.0) > least ? value : 1;
}

double y_of(double value, double y_max) {
    return top + plot_height * (1 - value / y_max);
}

std::string frame(const PlotLabels& labels, double y_max) {
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" font-family=\"sans-serif\" "
        "font-size=\"11\">\n<rect width=\"{:.0f}\" height=\"{:.0f}\" fill=\"#fff\"/>\n",
        width, height, width, height);
    out +=
        fmt::format("<text x=\"{:.0f}\" y=\"20\" font-size=\"13\">{}</text>\n", left, escaped(labels.title));
    for (double value = 0; value <= y_max * 1.0001; value += tick_step(y_max)) {
        const double y = y_of(value, y_max);
        out +=
            fmt::format("<path d=\"M{:.0f} {:.1f}H{:.0f}\" stroke=\"#ddd\"/>\n", left, y, left + plot_width);
        out += text_at(left - 6, y + 4, "end", fmt::format("{:.4g}", value));
    }
    out += text_at(left + plot_width / 2, height - 8, "middle", labels.x);
    out +=
        fmt::format("<text transform=\"translate(14 {:.0f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                    top + plot_height / 2, escaped(labels.y));
    return out;
}

std::string legend(const std::vector<PlotSeries>& series) {
    constexpr double line_height = 16;
    std::string out;
    for (std::size_t s = 0; s < series.size(); ++s) {
        const double y = top + 8 + line_height * static_cast<double>(s);
        out += fmt::format("<path d=\"M{:.0f} {:.0f}h18\" stroke=\"{}\" stroke-width=\"4\"{}/>\n",
                           width - right + 12, y, colours[s % colours.size()], dash_of(s));
        out += text_at(width - right + 36, y + 4, "start", series[s].name);
    }
    return out;
}

// The means of equal runs, at most points_max of them; infinite where a run has one that cannot be drawn.
std::vector<double> thinned(const std::vector<double>& values) {
    const std::size_t run = (values.size() + points_max - 1) / points_max;
    std::vector<double> out;
    for (std::size_t first = 0; first < values.size(); first += run) {
        const std::size_t end = std::min(values.size(), first + run);
        double sum = 0;
        for (std::size_t i = first; i < end; ++i) {
            sum += values[i];
        }
        out.push_back(sum / static_cast<double>(end - first));
    }
    return out;
}

}  // namespace

std::string line_plot(const PlotLabels& labels, double x_step, const std::vector<PlotSeries>& series) {
    const double y_max = highest(series) * 1.05;
    std::string out = frame(labels, y_max);
    std::size_t longest = 1;
    for (const PlotSeries& one : series) {
        longest = std::max(longest, one.values.size());
    }
    const double x_max = x_step * static_cast<double>(longest);
    for (double x = 0; x <= x_max * 1.0001; x += tick_step(x_max)) {
        out += text_at(left + plot_width * x / x_max, top + plot_height + 16, "middle",
                       fmt::format("{:.4g}", x));
    }
    for (std::size_t s = 0; s < series.size(); ++s) {
        const std::vector<double> points = thinned(series[s].values);
        out += "<polyline fill=\"none\" stroke-width=\"1.3\" stroke=\"" +
               std::string{colours[s % colours.size()]} + "\"" + std::string{dash_of(s)} + " points=\"";
        for (std::size_t i = 0; i < points.size(); ++i) {
            if (!drawable(points[i])) {
                continue;
            }
            const double x =
                left + plot_width * (static_cast<double>(i) + 0.5) / static_cast<double>(points.size());
            out += fmt::format("{:.1f},{:.1f} ", x, y_of(points[i], y_max));
        }
        out += "\"/>\n";
    }
    return out + legend(series) + "</svg>\n";
}

std::string bar_plot(const PlotLabels& labels, const std::vector<std::string>& categories,
                     const std::vector<PlotSeries>& series) {
    const double y_max = highest(series) * 1.05;
    std::string out = frame(labels, y_max);
    const double group = plot_width / static_cast<double>(std::max<std::size_t>(categories.size(), 1));
    const double bar = group * 0.8 / static_cast<double>(std::max<std::size_t>(series.size(), 1));
    for (std::size_t c = 0; c < categories.size(); ++c) {
        const double start = left + group * (static_cast<double>(c) + 0.1);
        out += text_at(start + group * 0.4, top + plot_height + 16, "middle", categories[c]);
        for (std::size_t s = 0; s < series.size(); ++s) {
            const double value = series[s].values[c];
            if (!drawable(value)) {
                continue;
            }
            const double x = start + bar * static_cast<double>(s);
            out += fmt::format(
                "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n", x,
                y_of(value, y_max), bar * 0.9, y_of(0, y_max) - y_of(value, y_max),
                colours[s % colours.size()]);
            if (c < series[s].spread.size() && drawable(value + series[s].spread[c])) {
                const double low = std::max(0.0, value - series[s].spread[c]);
                out += fmt::format("<path d=\"M{:.1f} {:.1f}V{:.1f}\" stroke=\"#444\"/>\n", x + bar * 0.45,
                                   y_of(low, y_max), y_of(value + series[s].spread[c], y_max));
            }
        }
    }
    return out + legend(series) + "</svg>\n";
}

}  // namespace ballast::cli::offline
