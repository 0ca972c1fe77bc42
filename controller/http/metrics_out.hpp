// Prometheus' text format, version 0.0.4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/histogram.hpp"

namespace ballast::controller::http {

class MetricsOut {
  public:
    explicit MetricsOut(std::string& out) : out_{out} {}
    // Starts a metric: every value that follows is one of its samples. `type` is "counter", "gauge"
    // "histogram" or "summary".
    void metric(std::string_view name, std::string_view type, std::string_view help);
    void value(double number);
    void value(std::uint64_t number) { sample({}, number); }
    void value(std::string_view label, std::string_view label_value, double number);
    void value(std::string_view label, std::string_view label_value, std::uint64_t number);
    void value(std::string_view label, std::string_view label_value, std::string_view label2,
               std::string_view label2_value, std::uint64_t number);

    // `type` "summary": the sum of what was observed, and how often; no quantiles.
    void value(double sum, std::uint64_t count);
    void value(std::string_view label, std::string_view label_value, double sum, std::uint64_t count);
    // `type` "histogram": its buckets, sum and count, in seconds.
    void value(const Histogram& histogram) { buckets({}, histogram); }
    void value(std::string_view label, std::string_view label_value, const Histogram& histogram);

  private:
    void buckets(const std::string& labels, const Histogram& histogram);
    void sample(std::string_view labels, double number);
    void sample(std::string_view labels, std::uint64_t number);

    std::string& out_;
    std::string name_;
};

}  // namespace ballast::controller::http
