// Who takes part in a replay: policies of policy/, and the trivial baselines, each with the memory that it
// needs.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "sim/experiments/baselines.hpp"
#include "sim/experiments/decider.hpp"

namespace ballast::cli::offline {

using AnyDecider =
    std::variant<experiments::PolicyDecider, experiments::ThresholdBaseline, experiments::GreedyBaseline>;

struct Contender {
    std::string name;
    // For pools up to these sizes.
    std::function<AnyDecider(Arena&, std::size_t hosts, std::size_t vms)> build;
};

// A contender in memory of its own.
class SeatedContender {
  public:
    SeatedContender(const Contender& contender, std::size_t hosts, std::size_t vms);
    experiments::Decider& decider();
    std::size_t memory_bytes() const { return memory_bytes_; }

  private:
    std::unique_ptr<std::byte[]> memory_;
    std::size_t memory_bytes_ = 0;
    std::unique_ptr<AnyDecider> decider_;
};

Contender contender_for(const policy::Policy& policy, const policy::Parameters& parameters);

// "reactive 80 %", "reactive 60 %", "greedy", "greedy on means".
std::vector<Contender> baselines();

}  // namespace ballast::cli::offline
