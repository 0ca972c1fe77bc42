#include "policy/planner/annealing.hpp"

#include <bit>
#include <limits>

namespace ballast::policy::planner {
namespace {

// Of a migration's price: the first temperature, and what is left of a temperature on the next rung.
constexpr float first_temperature = 0.4F;
constexpr float cooling = 0.977F;
constexpr std::uint32_t rungs = 128;  // to a twentieth
// Changes that are looked at: so many for every guest, up to a number, and for every guest and node.
constexpr std::uint64_t per_guest = 6000;
constexpr std::uint64_t of_guests_max = 1'200'000;
constexpr std::uint64_t per_place = 12;

constexpr std::uint32_t below(std::uint32_t bits, std::size_t bound) noexcept {
    return static_cast<std::uint32_t>(std::uint64_t{bits} * bound >> 32);
}

// Of a uniform draw, distributed exponentially but for what a straight line between powers of two is off: the
// logarithm of a library differs from machine to machine.
constexpr float exponential(std::uint32_t bits) noexcept {
    constexpr float ln2 = 0.6931472F;
    const int halvings = std::countl_zero(bits | 1U);
    const std::uint32_t rest = bits << halvings;  // its first bit is set
    const float fraction = static_cast<float>(rest >> 8) * 0x1p-23F - 1;
    return ln2 * (static_cast<float>(halvings + 1) - fraction);
}

}  // namespace

Annealing::Annealing(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept
    : guests_{arena.make_array<AxisRow>(movers_max(vms_max))},
      rank_{arena.make_array<Rank>(movers_max(vms_max))},
      node_{arena.make_array<Rank>(movers_max(vms_max))},
      home_{arena.make_array<Rank>(movers_max(vms_max))},
      place_in_away_{arena.make_array<Index>(movers_max(vms_max))},
      away_{arena.make_array<Index>(movers_max(vms_max))},
      first_at_home_{arena.make_array<Index>(hosts_max + 1)},
      takes_{arena.make_array<bool>(hosts_max)},
      levels_{arena.make_array<AxisRow>(hosts_max)},
      per_unit_{arena.make_array<AxisRow>(hosts_max)} {}

bool Annealing::begin(Board& board, Objective& objective, std::span<const bool> settled, double least_price,
                      double share, std::uint64_t evaluations_max) noexcept {
    board_ = &board;
    objective_ = &objective;
    random_ = Prng{0};
    if (evaluations_max < rungs || !take_part(settled, share)) {
        return false;
    }
    cost_at_home_ = objective.of(board);
    temperature_ = first_temperature * static_cast<float>(least_price);
    const std::uint64_t all =
        std::min(per_guest * count_, of_guests_max) + per_place * count_ * board.nodes().size();
    shortened_ = evaluations_max < all;
    per_rung_ = std::max<std::uint64_t>(1, std::min(all, evaluations_max) / rungs);
    rung_ = 0;
    evaluations_ = 0;
    show_nodes();
    return true;
}

bool Annealing::take_part(std::span<const bool> settled, double share) noexcept {
    const auto takes_part = [&](Rank g) {
        const Guest& guest = board_->guest(g);
        return guest.free && !settled[g] && !guest.session && guest.group == 0 && guest.partner == nobody &&
               guest.came_from == nobody && board_->node(guest.node).counts;
    };
    // Sorted by home, by counting.
    const auto first = first_at_home_.first(board_->nodes().size() + 1);
    std::fill(first.begin(), first.end(), 0);
    for (Rank g = 0; g < board_->guests().size(); ++g) {
        if (takes_part(g)) {
            ++first[board_->guest(g).node + 1];
        }
    }
    for (std::size_t n = 1; n < first.size(); ++n) {
        first[n] += first[n - 1];
    }
    count_ = first.back();
    if (count_ == 0 || count_ > guests_.size()) {
        return false;
    }
    away_count_ = 0;
    for (Rank g = static_cast<Rank>(board_->guests().size()); g-- > 0;) {
        if (!takes_part(g)) {
            continue;
        }
        // From the last guest to the first, each takes the last seat that is left: afterwards `first` of the
        // next node has come down to where its own begin.
        const Guest& guest = board_->guest(g);
        const Index i = --first[guest.node + 1];
        rank_[i] = g;
        node_[i] = home_[i] = guest.node;
        for (std::size_t a = 0; a < axis_count; ++a) {
            guests_[i][a] = static_cast<float>(guest.amount[a]);
        }
        guests_[i][memory] = static_cast<float>(guest.memory_mib);
        guests_[i][price] = static_cast<float>(share * objective_->price(guest));
    }
    std::copy(first.begin() + 1, first.end(), first.begin());
    first.back() = static_cast<Index>(count_);
    return true;
}

// By the curves where the board is now a node costs, on each axis, q * u * u + l * u, which is but for a
// constant the square of sqrt(q) * (u + l / 2q).
void Annealing::show_nodes() noexcept {
    objective_->follow(*board_);
    const Curves& curves = objective_->curves();
    Point scale{};
    Point middle{};
    calm_.fill(std::numeric_limits<float>::infinity());
    for (std::size_t a = 0; a < axis_count; ++a) {
        scale[a] = std::sqrt(curves.quadratic[a]);
        middle[a] = scale[a] > 0 ? curves.linear[a] / (2 * curves.quadratic[a]) : 0;
        if (a < resource_count && scale[a] > 0) {
            calm_[a] = static_cast<float>(2 * scale[a] * (objective_->calm() + middle[a]));
        }
    }
    for (Rank n = 0; n < board_->nodes().size(); ++n) {
        const Node& node = board_->node(n);
        for (std::size_t a = 0; a < axis_count; ++a) {
            levels_[n][a] = static_cast<float>(2 * scale[a] * (node.at[a] + middle[a]));
            per_unit_[n][a] = static_cast<float>(scale[a] * node.per_unit[a]);
        }
        levels_[n][memory] = static_cast<float>(node.room_mib);
        levels_[n][site] = static_cast<float>(node.site);
        takes_[n] = node.takes;
    }
}

void Annealing::follow() noexcept {
    for (Index i = 0; i < count_; ++i) {
        if (board_->guest(rank_[i]).node != node_[i]) {
            board_->move(rank_[i], node_[i]);
        }
    }
    show_nodes();
}

// Of the cost, when something of these amounts goes from one node to another.
float Annealing::change(const AxisRow& goes, Rank from, Rank to) const noexcept {
    const AxisRow& per_unit_here = per_unit_[from];
    const AxisRow& per_unit_there = per_unit_[to];
    const AxisRow& levels_here = levels_[from];
    const AxisRow& levels_there = levels_[to];
    AxisRow parts;
    for (std::size_t a = 0; a < row_size; ++a) {
        const float here = goes[a] * per_unit_here[a];
        const float there = goes[a] * per_unit_there[a];
        parts[a] = there * (levels_there[a] + there) + here * (here - levels_here[a]);
    }
    for (std::size_t a = 0; a < row_size / 2; ++a) {
        parts[a] += parts[a + row_size / 2];
    }
    return (parts[0] + parts[1]) + (parts[2] + parts[3]);
}

float Annealing::paid(Index i, Rank to) const noexcept {
    return guests_[i][price] *
           static_cast<float>(static_cast<int>(to != home_[i]) - static_cast<int>(node_[i] != home_[i]));
}

// `sign`: of the amounts.
bool Annealing::overfills(const AxisRow& comes, float sign, Rank to) const noexcept {
    for (std::size_t a = 0; a < resource_count; ++a) {
        const float more = sign * comes[a] * per_unit_[to][a];
        if (more > 0 && levels_[to][a] + 2 * more > calm_[a]) {
            return true;
        }
    }
    return false;
}

void Annealing::put(Index i, Rank to) noexcept {
    const Rank from = node_[i];
    for (std::size_t a = 0; a < axis_count; ++a) {
        levels_[from][a] -= 2 * guests_[i][a] * per_unit_[from][a];
        levels_[to][a] += 2 * guests_[i][a] * per_unit_[to][a];
    }
    levels_[from][memory] += guests_[i][memory];
    levels_[to][memory] -= guests_[i][memory];
    node_[i] = to;
    if (from == home_[i]) {
        place_in_away_[i] = static_cast<Index>(away_count_);
        away_[away_count_++] = i;
    } else if (to == home_[i]) {
        const Index last = away_[--away_count_];
        away_[place_in_away_[i]] = last;
        place_in_away_[last] = place_in_away_[i];
    }
}

void Annealing::relocate(Index i, Rank to) noexcept {
    const Rank from = node_[i];
    const AxisRow& goes = guests_[i];
    if (to == from || !(change(goes, from, to) + paid(i, to) < tolerance_)) {
        return;
    }
    if (may_enter(i, to) && levels_[to][memory] >= goes[memory] && levels_[to][site] == levels_[from][site] &&
        (to == home_[i] || !overfills(goes, 1, to))) {
        put(i, to);
    }
}

// Each goes where the other is.
void Annealing::exchange(Index i, Index k) noexcept {
    const Rank from = node_[i];
    const Rank to = node_[k];
    if (from == to) {
        return;
    }
    AxisRow goes;
    for (std::size_t a = 0; a < row_size; ++a) {
        goes[a] = guests_[i][a] - guests_[k][a];
    }
    if (!(change(goes, from, to) + paid(i, to) + paid(k, from) < tolerance_)) {
        return;
    }
    if (may_enter(i, to) && may_enter(k, from) && levels_[to][memory] >= goes[memory] &&
        levels_[from][memory] >= -goes[memory] && levels_[to][site] == levels_[from][site] &&
        !overfills(goes, 1, to) && !overfills(goes, -1, from)) {
        put(i, to);
        put(k, from);
    }
}

void Annealing::propose() noexcept {
    constexpr std::array<Kind, 8> kinds{Kind::anybody_moves, Kind::stead, Kind::away_trade, Kind::stead,
                                        Kind::away_moves,    Kind::stead, Kind::away_trade, Kind::goes_home};
    const std::uint64_t which = random_.next();
    const std::uint64_t luck = random_.next();
    const auto one = static_cast<std::uint32_t>(which >> 32);
    const auto other = static_cast<std::uint32_t>(which);
    tolerance_ = temperature_ * exponential(static_cast<std::uint32_t>(luck >> 32));
    const Kind kind = away_count_ == 0 ? Kind::anybody_moves : kinds[evaluations_ % kinds.size()];
    if (kind == Kind::anybody_moves) {
        return relocate(below(one, count_), below(other, board_->nodes().size()));
    }
    const Index i = away_[below(one, away_count_)];
    if (kind == Kind::away_moves) {
        relocate(i, below(other, board_->nodes().size()));
    } else if (kind == Kind::goes_home) {
        relocate(i, home_[i]);
    } else if (kind == Kind::away_trade) {
        exchange(i, away_[below(other, away_count_)]);
    } else {
        // Another guest of the same home, if it is there, goes instead.
        const Index first = first_at_home_[home_[i]];
        const Index k = first + below(other, first_at_home_[home_[i] + 1] - first);
        if (node_[k] == home_[i]) {
            exchange(i, k);
        }
    }
}

bool Annealing::step(std::uint64_t evaluations) noexcept {
    for (; evaluations > 0 && rung_ < rungs; --evaluations) {
        propose();
        if (++evaluations_ % per_rung_ == 0) {
            follow();
            temperature_ *= cooling;
            ++rung_;
        }
    }
    return rung_ == rungs;
}

bool Annealing::pays() const noexcept {
    double cost = objective_->of(*board_);
    for (const Index i : away_.first(away_count_)) {
        cost += static_cast<double>(guests_[i][price]);
    }
    return cost < cost_at_home_;
}

void Annealing::undo() noexcept {
    for (Index i = 0; i < count_; ++i) {
        if (node_[i] != home_[i]) {
            put(i, home_[i]);
        }
    }
    follow();
}

}  // namespace ballast::policy::planner
