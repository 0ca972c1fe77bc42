// How far a search goes whose cost is hbal's score: to where hbal's rule would end, at the price at which
// plans end there (docs/planner.md, "How good it is").
#pragma once

#include <cstddef>

#include "policy/planner/changes.hpp"

namespace ballast::policy::planner {

class Aim {
  public:
    // No aim yet: the search goes as far as the preset prices let it.
    void begin(Changes& changes) noexcept;
    // The rule ends at this cost, after so many migrations; nobody has moved yet.
    void follow_rule(double cost, std::size_t migrations) noexcept;
    // Nobody knows how far the rule would go.
    void price_without_rule() noexcept;
    // True: the cost is still too high, and the search is to go on, at a lower price.
    bool lower_price() noexcept;
    // Whoever is not needed for the aim goes home, unless that is worth a migration to begin anew with.
    void send_home() noexcept;

  private:
    void set_price_share(double share) noexcept;
    Change least_missed(double room) noexcept;

    Changes* changes_ = nullptr;
    double target_ = 0;       // what the cost is to become; 0: as low as the prices let it
    bool uneven_ = false;     // so much that the price may fall below that without a rule
    double price_share_ = 1;  // of the preset prices that counts now
};

}  // namespace ballast::policy::planner
