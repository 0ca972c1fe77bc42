// Which hosts are far from overloaded, by how their loads swing.
#pragma once

#include <span>

#include "base/arena.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/cost.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy::planner {

// Marks the guests of nodes that are calm: whose mean load on the board is below all thresholds by more than
// twice the standard deviation of what they carried, instant by instant, as far as samples reach back; and by
// what load is taken to swing at least, which is all that is known of a node with few samples. That is a look
// at all samples of the node: it is marked when somebody asks, which in most rounds is about few nodes.
class Calm {
  public:
    Calm() noexcept = default;
    Calm(Arena& arena, std::size_t hosts_max) noexcept : marked_{arena.make_array<bool>(hosts_max)} {}

    // REQUIRES: the board has been set up from this pool. Nobody is moved on it before all are marked.
    void begin(Board& board, const Pool& pool, const Point& thresholds) noexcept;
    // Nobody is marked any more: no node counts as calm.
    void end() noexcept { board_ = nullptr; }
    // True: for the first time.
    bool mark(Rank n) noexcept;
    void mark_all() noexcept;

  private:
    Board* board_ = nullptr;
    const Pool* pool_ = nullptr;
    Point thresholds_{};
    std::span<bool> marked_;  // by node
};

}  // namespace ballast::policy::planner
