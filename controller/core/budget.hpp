// What the tables take: for --budget before anything is reserved, and for /v1/limits while running.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/fixed_vector.hpp"
#include "controller/core/settings.hpp"

namespace ballast::controller {

struct BudgetRow {
    std::string_view name;  // the limit's key: "hosts"
    std::uint64_t count = 0;
    std::uint64_t bytes_each = 0;  // everything that one more of it costs, lists included
    std::uint64_t bytes = 0;       // count * bytes_each
};
using Budget = FixedVector<BudgetRow, 20>;

struct LimitUse {
    std::string_view name;
    std::uint64_t limit = 0;
    std::uint64_t used = 0;
    std::uint64_t refused = 0;  // requests and reports turned away by it
};
using LimitUses = FixedVector<LimitUse, 20>;

}  // namespace ballast::controller
