// Balancing: plans on the controller, and the rebalance that cron runs.
#pragma once

#include <span>
#include <string>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"

namespace ballast::cli {

std::span<const Command> plan_commands();

// A ballast-plan/1 in columns: its moves with their reasons, what was rejected, the hosts before and after.
std::string plan_text(Json plan, const TableStyle& style);
// How many guests and hosts each rule kept as they are ("by_rule"), with a line feed before it; nothing of
// none.
std::string rules_table(Json by_rule, const TableStyle& style);
// That the controller ended the search before it was complete; nothing when it did not.
std::string search_line(Json search);

// "plan 7 (vds-3b): 3 moves, 2 succeeded, 1 failed: vm1 h1 -> h4, …", on one line.
std::string plan_line(Json plan);

// The moves that failed, with their reasons: a line feed and a line for each.
std::string failed_moves(Json plan);

}  // namespace ballast::cli
