#include "cli/offline/contenders.hpp"

namespace ballast::cli::offline {

namespace {

constexpr double greedy_stddev = 0.05;
constexpr std::size_t greedy_moves_per_slot = 4;
constexpr double last_sample_alone = 1;
constexpr double smoothing_weight = 0.1;

Contender threshold_contender(std::string name, double threshold) {
    return {std::move(name), [threshold](Arena& arena, std::size_t hosts, std::size_t vms) {
                return AnyDecider{std::in_place_type<experiments::ThresholdBaseline>, threshold, arena, hosts,
                                  vms};
            }};
}

Contender greedy_contender(std::string name, double weight) {
    return {std::move(name), [weight](Arena& arena, std::size_t hosts, std::size_t vms) {
                return AnyDecider{std::in_place_type<experiments::GreedyBaseline>,
                                  greedy_stddev,
                                  greedy_moves_per_slot,
                                  weight,
                                  arena,
                                  hosts,
                                  vms};
            }};
}

}  // namespace

SeatedContender::SeatedContender(const Contender& contender, std::size_t hosts, std::size_t vms) {
    Arena counting;
    (void)contender.build(counting, hosts, vms);
    memory_bytes_ = counting.used_bytes();
    memory_ = std::make_unique<std::byte[]>(memory_bytes_ + 1);  // an arena without memory would only count
    Arena arena{{memory_.get(), memory_bytes_ + 1}};
    decider_ = std::make_unique<AnyDecider>(contender.build(arena, hosts, vms));
}

experiments::Decider& SeatedContender::decider() {
    return std::visit([](auto& decider) -> experiments::Decider& { return decider; }, *decider_);
}

Contender contender_for(const policy::Policy& policy, const policy::Parameters& parameters) {
    return {std::string{policy.name},
            [&policy, parameters](Arena& arena, std::size_t hosts, std::size_t vms) {
                return AnyDecider{
                    std::in_place_type<experiments::PolicyDecider>, policy, parameters, arena, hosts, vms};
            }};
}

std::vector<Contender> baselines() {
    return {threshold_contender("reactive-80", 0.8), threshold_contender("reactive-60", 0.6),
            greedy_contender("greedy", last_sample_alone), greedy_contender("greedy-ewma", smoothing_weight)};
}

}  // namespace ballast::cli::offline
