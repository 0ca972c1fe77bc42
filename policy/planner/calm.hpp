// Which hosts are far from overloaded, by how their loads swing.
#pragma once

#include "policy/planner/board.hpp"
#include "policy/planner/cost.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy::planner {

// Marks the guests of nodes that are calm: whose mean load on the board is below all thresholds by more than
// twice the standard deviation of what they carried, instant by instant, as far as samples reach back; and by
// what load is taken to swing at least, which is all that is known of a node with few samples.
// REQUIRES: the board has been set up from this pool; nobody has been moved on it since.
void mark_calm(Board& board, const Pool& pool, const Point& thresholds) noexcept;

}  // namespace ballast::policy::planner
