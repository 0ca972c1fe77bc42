#pragma once

#include <array>
#include <cstddef>

#include "policy/planner/board.hpp"

namespace ballast::policy::planner {

// The nodes that are cheapest to come to, cheapest first.
class Nearest {
  public:
    static constexpr std::size_t nodes_max = 4;

    // Of nodes that cost no less than this none is taken.
    double bound() const noexcept { return size_ < nodes_max ? unlimited : items_[size_ - 1].cost; }
    void offer(Rank node, double cost) noexcept {
        if (!(cost < bound())) {
            return;
        }
        std::size_t at = size_ < nodes_max ? size_++ : size_ - 1;
        for (; at > 0 && cost < items_[at - 1].cost; --at) {
            items_[at] = items_[at - 1];
        }
        items_[at] = {node, cost};
    }
    std::size_t size() const noexcept { return size_; }
    Rank operator[](std::size_t i) const noexcept { return items_[i].node; }

  private:
    struct Item {
        Rank node = nobody;
        double cost = 0;
    };
    std::array<Item, nodes_max> items_{};
    std::size_t size_ = 0;
};

}  // namespace ballast::policy::planner
