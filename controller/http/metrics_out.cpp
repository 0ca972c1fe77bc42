#include "controller/http/metrics_out.hpp"

#include <array>
#include <charconv>

namespace ballast::controller::http {

namespace {

std::string label_text(std::string_view label, std::string_view value) {
    std::string text{label};
    text += "=\"";
    for (const char c : value) {
        if (c == '\\' || c == '"') {
            text += '\\';
        }
        text += static_cast<unsigned char>(c) < ' ' ? '?' : c;
    }
    return text += '"';
}

template <class Number>
void append_line(std::string& out, std::string_view name, std::string_view labels, Number number) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out += name;
    if (!labels.empty()) {
        out += '{';
        out += labels;
        out += '}';
    }
    out += ' ';
    out.append(digits.data(), end);
    out += '\n';
}

}  // namespace

void MetricsOut::metric(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += "# HELP " + name_ + ' ' + std::string{help} + '\n';
    out_ += "# TYPE " + name_ + ' ' + std::string{type} + '\n';
}

void MetricsOut::sample(std::string_view labels, double number) {
    append_line(out_, name_, labels, number);
}
void MetricsOut::sample(std::string_view labels, std::uint64_t number) {
    append_line(out_, name_, labels, number);
}

void MetricsOut::value(double sum, std::uint64_t count) {
    append_line(out_, name_ + "_sum", {}, sum);
    append_line(out_, name_ + "_count", {}, count);
}
void MetricsOut::value(std::string_view label, std::string_view label_value, double sum,
                       std::uint64_t count) {
    const std::string labels = label_text(label, label_value);
    append_line(out_, name_ + "_sum", labels, sum);
    append_line(out_, name_ + "_count", labels, count);
}
void MetricsOut::value(double number) {
    sample({}, number);
}
void MetricsOut::value(std::string_view label, std::string_view label_value, double number) {
    sample(label_text(label, label_value), number);
}
void MetricsOut::value(std::string_view label, std::string_view label_value, std::uint64_t number) {
    sample(label_text(label, label_value), number);
}
void MetricsOut::value(std::string_view label, std::string_view label_value, std::string_view label2,
                       std::string_view label2_value, std::uint64_t number) {
    sample(label_text(label, label_value) + ',' + label_text(label2, label2_value), number);
}

void MetricsOut::value(std::string_view label, std::string_view label_value, const Histogram& histogram) {
    buckets(label_text(label, label_value), histogram);
}

void MetricsOut::buckets(const std::string& labels, const Histogram& histogram) {
    constexpr double us_per_second = 1e6;
    const std::string prefix = labels.empty() ? labels : labels + ',';
    for (std::size_t i = 0; i < Histogram::bounds_us.size(); ++i) {
        std::array<char, 32> bound{};
        const double seconds = static_cast<double>(Histogram::bounds_us[i]) / us_per_second;
        const auto end = std::to_chars(bound.data(), bound.data() + bound.size(), seconds).ptr;
        append_line(out_, name_ + "_bucket", prefix + label_text("le", {bound.data(), end}),
                    histogram.up_to(i));
    }
    append_line(out_, name_ + "_bucket", prefix + label_text("le", "+Inf"), histogram.count());
    append_line(out_, name_ + "_sum", labels, static_cast<double>(histogram.sum_us()) / us_per_second);
    append_line(out_, name_ + "_count", labels, histogram.count());
}

}  // namespace ballast::controller::http
