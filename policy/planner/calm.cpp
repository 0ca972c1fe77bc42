#include "policy/planner/calm.hpp"

#include <algorithm>
#include <array>

#include "policy/means.hpp"
#include "policy/planner/objective.hpp"
#include "policy/series.hpp"

namespace ballast::policy::planner {
namespace {

// Of a load that swings by chance, one sample in forty is further above its mean.
constexpr double deviations = 2;

// What a node carried of one resource, instant by instant, the newest last.
struct Past {
    std::array<double, limits::window_samples_max> total{};
    std::size_t instants = 0;

    // A sample that cannot be counts nothing. Side by side, since this is most of the time of a calm round.
    void add(Series series, double ceiling) noexcept {
        const Series recent = series.last(std::min(series.size(), total.size()));
        instants = std::max(instants, recent.size());
        recent.as_stored([&](auto samples) {
            double* const to = total.data() + (total.size() - samples.size());
            const SamplePair most{ceiling, ceiling};
            const SamplePair none{};
            const SamplePair limit{sample_max, sample_max};
            std::size_t i = 0;
            for (; i + 2 <= samples.size(); i += 2) {
                const SamplePair sample = pair_of(samples, i);
                const SamplePair good = ((sample >= none) & (sample <= limit)) ? sample : none;
                const SamplePair sum = SamplePair{to[i], to[i + 1]} + (good < most ? good : most);
                to[i] = sum[0];
                to[i + 1] = sum[1];
            }
            for (; i < samples.size(); ++i) {
                const auto sample = static_cast<double>(samples[i]);
                to[i] += std::min(is_good(sample) ? sample : 0.0, ceiling);
            }
        });
    }
    double deviation() const noexcept {
        double sum = 0;
        double squares = 0;
        for (std::size_t i = total.size() - instants; i < total.size(); ++i) {
            sum += total[i];
            squares += total[i] * total[i];
        }
        return instants == 0 ? 0 : deviation_of(static_cast<double>(instants), sum, squares);
    }
};

// In the unit of the resource.
double deviation_on(const Board& board, const Node& node, const Pool& pool, Resource resource) noexcept {
    const Host& host = pool.hosts[node.host];
    const double capacity_there = capacity(host)[resource];
    Past past;
    if (resource == Resource::cpu) {
        past.add(host.dom0_cpu_cores, capacity_there);
    }
    for (Rank g = node.first; g != nobody; g = board.guest(g).next) {
        past.add(series(pool.vms[board.guest(g).vm], resource), capacity_there);
    }
    return past.deviation();
}

bool is_calm(const Board& board, const Node& node, const Pool& pool, const Point& thresholds) noexcept {
    for (const Resource resource : all_resources) {
        const auto axis = static_cast<std::size_t>(resource);
        if (node.at[axis] + knee_below_threshold > thresholds[axis]) {
            return false;
        }
    }
    for (const Resource resource : all_resources) {
        const auto axis = static_cast<std::size_t>(resource);
        const double room = (thresholds[axis] - node.at[axis]) / deviations;
        if (node.per_unit[axis] > 0 &&
            deviation_on(board, node, pool, resource) * node.per_unit[axis] > room) {
            return false;
        }
    }
    return true;
}

}  // namespace

void Calm::begin(Board& board, const Pool& pool, const Point& thresholds) noexcept {
    board_ = &board;
    pool_ = &pool;
    thresholds_ = thresholds;
    std::fill(marked_.begin(), marked_.end(), false);
}

bool Calm::mark(Rank n) noexcept {
    if (board_ == nullptr || marked_[n]) {
        return false;
    }
    marked_[n] = true;
    const Node& node = board_->node(n);
    const bool calm = is_calm(*board_, node, *pool_, thresholds_);
    for (Rank g = node.first; g != nobody; g = board_->guest(g).next) {
        board_->guests()[g].calm = calm;
    }
    return true;
}

void Calm::mark_all() noexcept {
    for (Rank n = 0; board_ != nullptr && n < board_->nodes().size(); ++n) {
        mark(n);
    }
    end();
}

}  // namespace ballast::policy::planner
