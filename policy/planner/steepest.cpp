#include "policy/planner/steepest.hpp"

#include <algorithm>
#include <limits>

namespace ballast::policy::planner {
namespace {

constexpr float unbounded = std::numeric_limits<float>::infinity();
// Below this a gain is rounding.
constexpr double saving_min = 1e-12;
// hbal's --min-gain-limit and --min-gain: where the score is below the one, what gains less than the other is
// left.
constexpr double even_score = 0.1;
constexpr double even_gain = 0.01;
// In a pool of fewer hosts a single migration changes so much that the bounds do not hold.
constexpr std::size_t bounded_from = 48;
// Of what takes no guests.
constexpr float forbidding = 1e30F;
// What floats may be wrong by.
constexpr float hope_slack = 1e-5F;

}  // namespace

Steepest::Steepest(Arena& arena, std::size_t hosts_max, std::size_t movers_max) noexcept
    : hope_{arena.make_array<float>(movers_max)},
      reach_{arena.make_array<float>(movers_max)},
      bow_{arena.make_array<float>(movers_max)},
      slopes_{arena.make_array<AxisRow>(hosts_max)},
      groups_{arena.make_array<Group>(groups_of(hosts_max))} {}

void Steepest::begin(Board& board, Objective& objective, const Movers& movers) noexcept {
    board_ = &board;
    objective_ = &objective;
    movers_ = movers;
    evaluations_ = 0;
    std::fill_n(hope_.begin(), movers.count, unbounded);
    objective.follow(board);
    cost_ = objective.of(board);
    over_ = false;
    for (Group& group : groups_) {
        for (Floats& slope : group.slope) {
            slope.fill(forbidding);
        }
    }
    show_nodes();
    begin_round();
}

void Steepest::show_nodes() noexcept {
    gentlest_.fill(unbounded);
    bows_.fill(0);
    for (std::size_t a = 0; a < axis_count; ++a) {
        const double q = objective_->curves().quadratic[a];
        bows_[a] = static_cast<float>(1.2 * q / board_->sums().hosts);
    }
    for (Rank n = 0; n < board_->nodes().size(); ++n) {
        const Node& node = board_->node(n);
        const Tangent tangent = tangent_of(objective_->curves(), node);
        for (std::size_t a = 0; a < axis_count; ++a) {
            slopes_[n][a] = static_cast<float>(tangent.slope[a]);
            groups_[n / lane_count].slope[a][n % lane_count] = node.takes ? slopes_[n][a] : forbidding;
            groups_[n / lane_count].bend[a][n % lane_count] = static_cast<float>(tangent.bend[a]);
            gentlest_[a] = node.takes ? std::min(gentlest_[a], slopes_[n][a]) : gentlest_[a];
        }
    }
}

// The most hopeful first: then few of the others have to be worked out.
void Steepest::begin_round() noexcept {
    best_ = {};
    cursor_ = 0;
    const auto hopes = hope_.first(movers_.count);
    evaluate(static_cast<std::size_t>(std::max_element(hopes.begin(), hopes.end()) - hopes.begin()));
}

double Steepest::saved(Rank g, Rank to) const noexcept {
    const Rank from = board_->guest(g).node;
    return -objective_->exact_change(board_->sums(), board_->node(from), board_->shift(g, from, -1),
                                     board_->node(to), board_->shift(g, to, 1));
}

// What coming costs eight nodes.
void Steepest::rises(const Group& nodes, const AxisRow& amount, Floats& out) noexcept {
    static_assert(axis_count == 6);
    const AxisRow each = amount;
    // Axes within lanes: sums stay in registers.
    Floats sum;
    for (std::size_t n = 0; n < lane_count; ++n) {
        sum[n] = each[0] * (nodes.slope[0][n] + each[0] * nodes.bend[0][n]) +
                 each[1] * (nodes.slope[1][n] + each[1] * nodes.bend[1][n]) +
                 each[2] * (nodes.slope[2][n] + each[2] * nodes.bend[2][n]) +
                 each[3] * (nodes.slope[3][n] + each[3] * nodes.bend[3][n]) +
                 each[4] * (nodes.slope[4][n] + each[4] * nodes.bend[4][n]) +
                 each[5] * (nodes.slope[5][n] + each[5] * nodes.bend[5][n]);
    }
    out = sum;
}

// By the tangents, wherever the mover might go.
float Steepest::note_bounds(std::size_t i) noexcept {
    const AxisRow& amount = movers_.amounts[i];
    const Rank from = movers_.nodes[i];
    const Group& home = groups_[from / lane_count];
    float leaves = 0;
    reach_[i] = 0;
    bow_[i] = 0;
    for (std::size_t a = 0; a < axis_count; ++a) {
        leaves += amount[a] * (slopes_[from][a] - amount[a] * home.bend[a][from % lane_count]);
        const float reach = amount[a] * std::max(0.0F, slopes_[from][a] - gentlest_[a]);
        reach_[i] += reach;
        bow_[i] += reach * reach * bows_[a];
    }
    Floats low;
    low.fill(unbounded);
    Floats costs{};
    const std::size_t groups = groups_of(board_->nodes().size());
    for (const Group& group : groups_.first(groups)) {
        rises(group, amount, costs);
        for (std::size_t lane = 0; lane < lane_count; ++lane) {
            low[lane] = std::min(low[lane], costs[lane]);
        }
    }
    hope_[i] = leaves - *std::min_element(low.begin(), low.end()) + bow_[i] + hope_slack * reach_[i];
    return leaves;
}

void Steepest::evaluate(std::size_t i) noexcept {
    const float leaves = note_bounds(i);
    const auto nodes = board_->nodes();
    evaluations_ += nodes.size();
    if (static_cast<double>(hope_[i]) <= best_.saved) {
        return;
    }
    const Rank g = movers_.guests[i];
    const float more = bow_[i] + hope_slack * reach_[i];
    double most = -unlimited;
    Floats costs{};
    for (Rank to = 0; to < nodes.size(); ++to) {
        if (to % lane_count == 0) {
            rises(groups_[to / lane_count], movers_.amounts[i], costs);
        }
        const float hoped = leaves - costs[to % lane_count] + more;
        if (static_cast<double>(hoped) > most && to != movers_.nodes[i] && !board_->obstacle(g, to)) {
            most = std::max(most, saved(g, to));
            ++evaluations_;
            if (most > best_.saved) {
                best_ = {i, to, most};
            }
        }
    }
    hope_[i] = static_cast<float>(most) + hope_slack * reach_[i];
}

// After a migration from one node to the other: bounds of what the movers' best ones save.
void Steepest::widen(Rank cooler, Rank fuller, const Point& before) noexcept {
    const Point& now = objective_->curves().quadratic;
    double least = unlimited;
    double most = 0;
    for (std::size_t a = 0; a < axis_count; ++a) {
        if (before[a] > 0) {
            least = std::min(least, now[a] / before[a]);
            most = std::max(most, now[a] / before[a]);
        }
    }
    const auto grown = static_cast<float>(least);
    const auto spread = static_cast<float>(most - least);
    const auto bowed = static_cast<float>(most * most * most - least);
    const bool takes = board_->node(cooler).takes;
    AxisRow bends{};
    for (std::size_t a = 0; a < axis_count; ++a) {
        bends[a] = 2 * groups_[cooler / lane_count].bend[a][cooler % lane_count];
    }
    const AxisRow there = slopes_[cooler];
    for (std::size_t i = 0; i < movers_.count; ++i) {
        const AxisRow& amount = movers_.amounts[i];
        const AxisRow& here = slopes_[movers_.nodes[i]];
        AxisRow parts;
        for (std::size_t a = 0; a < parts.size(); ++a) {
            parts[a] = amount[a] * (here[a] - there[a] - amount[a] * bends[a]);
        }
        for (std::size_t a = 0; a < parts.size(); ++a) {
            parts[a] += parts[a] * parts[a] * bows_[a];
        }
        const float by_coming = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + (parts[4] + parts[5]);
        const float hope = hope_[i] * grown + spread * reach_[i] + bowed * bow_[i];
        reach_[i] *= static_cast<float>(most);
        bow_[i] *= static_cast<float>(most * most * most);
        hope_[i] = takes ? std::max(hope, by_coming + hope_slack * reach_[i]) : hope;
        hope_[i] = movers_.nodes[i] == fuller ? unbounded : hope_[i];
    }
    evaluations_ += movers_.count / lane_count;
}

// False: nothing lowers the cost any more.
bool Steepest::end_round() noexcept {
    const double hosts = board_->sums().hosts;
    const double least = cost_ <= even_score * hosts ? even_gain * hosts : saving_min;
    if (best_.to == nobody || !(best_.saved > least)) {
        return false;
    }
    const Rank from = movers_.nodes[best_.mover];
    const Point before = objective_->curves().quadratic;
    board_->move(movers_.guests[best_.mover], best_.to);
    movers_.nodes[best_.mover] = best_.to;
    objective_->follow(*board_);
    cost_ = objective_->of(*board_);
    show_nodes();
    if (board_->nodes().size() < bounded_from) {
        std::fill_n(hope_.begin(), movers_.count, unbounded);
    } else {
        widen(from, best_.to, before);
    }
    begin_round();
    return true;
}

bool Steepest::step(std::uint64_t evaluations) noexcept {
    const std::uint64_t until =
        evaluations < UINT64_MAX - evaluations_ ? evaluations_ + evaluations : UINT64_MAX;
    while (!over_ && evaluations_ < until) {
        while (cursor_ < movers_.count &&
               (static_cast<double>(hope_[cursor_]) <= best_.saved || cursor_ == best_.mover)) {
            ++cursor_;
        }
        if (cursor_ < movers_.count) {
            evaluate(cursor_++);
        } else {
            over_ = !end_round();
        }
    }
    return over_;
}

std::size_t Steepest::migrations() const noexcept {
    std::size_t away = 0;
    for (std::size_t i = 0; i < movers_.count; ++i) {
        away += movers_.nodes[i] != movers_.homes[i] ? 1 : 0;
    }
    return away;
}

void Steepest::undo() noexcept {
    for (std::size_t i = 0; i < movers_.count; ++i) {
        if (movers_.nodes[i] != movers_.homes[i]) {
            movers_.nodes[i] = movers_.homes[i];
            board_->move(movers_.guests[i], movers_.homes[i]);
        }
    }
    objective_->follow(*board_);
}

}  // namespace ballast::policy::planner
