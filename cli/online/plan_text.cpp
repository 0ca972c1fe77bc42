#include <algorithm>
#include <cstdio>

#include "cli/online/kinds.hpp"
#include "cli/online/plans.hpp"
#include "policy/rule_words.hpp"

namespace ballast::cli {

namespace {

constexpr std::size_t rejected_shown_max = 20;

std::string percent(Json share) {
    return cell_of(Show::percent, share, 0).text;
}

Cell seconds_of(Json seconds) {
    return seconds.is_number() ? cell_of(Show::two_decimals, seconds, 0) : Cell{};
}

// A dry run's plan is not kept: it has no number, and nothing of it will ever happen.
bool is_dry_run(Json plan) {
    return plan.at("id").is_null();
}

std::string moves_table(Json plan, const TableStyle& style) {
    const bool happens = !is_dry_run(plan);
    std::vector<Table::Column> columns{{"VM"}, {"FROM"}, {"TO"}};
    if (happens) {
        columns.push_back({"STATE"});
    }
    columns.insert(columns.end(), {{"MEM_MIB", true}, {"CPU_CORES", true}, {"EXPECT_S", true}});
    if (happens) {
        columns.push_back({"TOOK_S", true});
    }
    columns.push_back({"WHY"});
    Table table{columns};
    plan.at("moves").each_item([&](Json move) {
        const Json outcome = move.at("outcome");
        std::vector<Cell> row{{move.at("vm").plain()}, {move.at("from").plain()}, {move.at("to").plain()}};
        if (happens) {
            row.push_back(cell_of(Show::state, move.at("state"), 0));
        }
        row.push_back({move.at("memory_mib").plain()});
        row.push_back(cell_of(Show::two_decimals, move.at("cpu_cores"), 0));
        row.push_back(seconds_of(move.at("expected_seconds")));
        if (happens) {
            row.push_back(seconds_of(move.at("seconds")));
        }
        row.push_back({outcome.text().empty() ? move.at("why").plain() : outcome.plain()});
        table.row(std::move(row));
    });
    return table.rows() == 0 ? "" : "\n" + table.text(style);
}

std::string rejected_table(Json plan, const TableStyle& style) {
    Table table{{{"REJECTED"}, {"TO"}, {"WHY"}}};
    std::size_t count = 0;
    plan.at("rejected").each_item([&](Json rejection) {
        if (++count <= rejected_shown_max) {
            table.row({{rejection.at("vm").plain()},
                       {rejection.at("to").plain()},
                       {rejection.at("why").is_text() ? rejection.at("why").plain()
                                                      : rejection.at("constraint").plain()}});
        }
    });
    if (count == 0) {
        return {};
    }
    const std::size_t left_out = count - table.rows() + plan.at("rejected_left_out").count();
    return "\n" + table.text(style) + (left_out == 0 ? "" : "and " + std::to_string(left_out) + " more\n");
}

std::string three_decimals(Json number) {
    return cell_of(Show::three_decimals, number, 0).text;
}

// A controller that is newer than this program may have rules that it does not know.
std::string rule_for_people(std::string_view word) {
    const std::optional<policy::Constraint> rule = policy::rule_of_word(word);
    return std::string{rule.has_value() ? policy::rule_phrase(*rule) : word};
}

// Of one host; nothing when it was not compared.
Cell measured_cpu(Json plan, std::string_view host) {
    Cell cell;
    plan.at("prediction.measured.hosts").each_item([&](Json measured) {
        if (measured.at("name").text() == host) {
            cell = cell_of(Show::load, measured.at("cpu"), 0);
        }
    });
    return cell;
}

// The hosts that the plan changes.
std::string hosts_table(Json plan, const TableStyle& style) {
    const bool happens = !is_dry_run(plan);
    std::vector<Table::Column> columns{{"HOST"}, {"CPU%", true}, {"AFTER", true}};
    if (happens) {
        columns.push_back({"MEASURED", true});
    }
    columns.insert(columns.end(), {{"MEM%", true}, {"AFTER", true}});
    Table table{columns};
    plan.at("before.hosts").each_item([&](Json before) {
        plan.at("after.hosts").each_item([&](Json after) {
            const bool same_host = after.at("name").text() == before.at("name").text();
            const bool changed = after.at("cpu").number() != before.at("cpu").number() ||
                                 after.at("memory").number() != before.at("memory").number();
            if (same_host && changed) {
                std::vector<Cell> row{{before.at("name").plain()},
                                      cell_of(Show::load, before.at("cpu"), 0),
                                      cell_of(Show::load, after.at("cpu"), 0)};
                if (happens) {
                    row.push_back(measured_cpu(plan, before.at("name").text()));
                }
                row.push_back({percent(before.at("memory"))});
                row.push_back({percent(after.at("memory"))});
                table.row(std::move(row));
            }
        });
    });
    return table.rows() == 0 ? "" : "\n" + table.text(style);
}

// One line once the plan's moves are done: how good the prediction was.
std::string prediction_line(Json plan) {
    const Json prediction = plan.at("prediction");
    const std::string_view state = prediction.at("state").text();
    if (state != "compared") {
        return state.empty()     ? ""
               : state == "open" ? "\nmeasured when the window after the last move is over\n"
                                 : "\nnot measured: other moves, or no samples, on every host\n";
    }
    const Json error = prediction.at("error");
    std::string line = "\nmeasured: CPU spread " +
                       cell_of(Show::three_decimals, prediction.at("measured.cpu_stddev"), 0).text +
                       "; hosts' CPU off by " + cell_of(Show::three_decimals, error.at("cpu"), 0).text;
    if (error.at("duration_ratio").is_number()) {
        line += ", durations by " + percent(error.at("duration_ratio")) + " %";
    }
    return line + "\n";
}

}  // namespace

std::string plan_line(Json plan) {
    std::size_t succeeded = 0;
    std::size_t failed = 0;
    std::string moves;
    plan.at("moves").each_item([&](Json move) {
        const std::string_view state = move.at("state").text();
        succeeded += state == "succeeded" ? 1 : 0;
        failed += state == "failed" || state == "cancelled" ? 1 : 0;
        moves += (moves.empty() ? ": " : ", ") + move.at("vm").plain() + " " + move.at("from").plain() +
                 " -> " + move.at("to").plain();
    });
    const std::size_t all = plan.at("moves").size();
    std::string line = plan.at("id").is_null() ? "plan" : "plan " + plan.at("id").plain();
    line += " (" + plan.at("policy").plain() + "): " + std::to_string(all) + (all == 1 ? " move" : " moves");
    line += succeeded > 0 ? ", " + std::to_string(succeeded) + " succeeded" : "";
    line += failed > 0 ? ", " + std::to_string(failed) + " failed" : "";
    return printable(line + moves);
}

std::string failed_moves(Json plan) {
    std::string lines;
    plan.at("moves").each_item([&](Json move) {
        const std::string_view state = move.at("state").text();
        if (state == "failed" || state == "cancelled") {
            lines += "\n  " + printable(move.at("vm").plain() + " " + move.at("from").plain() + " -> " +
                                        move.at("to").plain() + ": " + move.at("outcome").plain());
        }
    });
    return lines;
}

std::string search_line(Json search) {
    if (!search.is_object() || search.at("complete").flag()) {
        return {};
    }
    const std::string asked = search.at("asked_ms").count() == 0
                                  ? "until nothing improves"
                                  : "for " + search.at("asked_ms").plain() + " ms";
    return "\nthe search ended after " + search.at("allowed_ms").plain() +
           " ms, before it was complete; asked " + asked +
           ". The next round goes on from there; offline, \"ballast plan\" searches as long as asked\n";
}

std::string rules_table(Json by_rule, const TableStyle& style) {
    Table rules{{{"VMS", true}, {"HOSTS", true}, {"KEPT BECAUSE"}}};
    const auto count = [](Json number) { return number.is_number() ? number.plain() : std::string{"0"}; };
    by_rule.at("vms").each_member([&](std::string_view rule, Json guests) {
        rules.row({{guests.plain()}, {count(by_rule.at("hosts").at(rule))}, {rule_for_people(rule)}});
    });
    by_rule.at("hosts").each_member([&](std::string_view rule, Json hosts) {
        if (!by_rule.at("vms").at(rule).is_number()) {
            rules.row({{"0"}, {hosts.plain()}, {rule_for_people(rule)}});
        }
    });
    return rules.rows() == 0 ? "" : "\n" + rules.text(style);
}

std::string plan_text(Json plan, const TableStyle& style) {
    const bool nothing = plan.at("moves").size() == 0;
    std::string out = is_dry_run(plan) ? "dry run, " + plan.at("policy").plain()
                                       : "plan " + plan.at("id").plain() + ", " + plan.at("policy").plain() +
                                             ", " + plan.at("state").plain();
    out += ": " + plan.at("conclusion").plain();
    std::string spread = "CPU spread " + three_decimals(plan.at("before.cpu_stddev"));
    if (nothing) {
        spread += "; nothing to move";
    } else {
        spread += " -> " + three_decimals(plan.at("after.cpu_stddev")) + ", memory " +
                  three_decimals(plan.at("before.memory_stddev")) + " -> " +
                  three_decimals(plan.at("after.memory_stddev")) + " (standard deviation over the hosts)";
    }
    if (plan.at("unresolved").size() > 0) {
        spread += "; still overloaded" + std::string{nothing ? ": " : " after it: "} +
                  plan.at("unresolved").plain();
    }
    return printable(out) + "\n" + printable(spread) + "\n" + moves_table(plan, style) +
           hosts_table(plan, style) + search_line(plan.at("search")) + prediction_line(plan) +
           rejected_table(plan, style) + rules_table(plan.at("by_rule"), style);
}

}  // namespace ballast::cli
