#include <algorithm>
#include <cstdio>

#include "cli/online/kinds.hpp"
#include "cli/online/plans.hpp"

namespace ballast::cli {

namespace {

constexpr std::size_t rejected_shown_max = 20;

std::string percent(Json share) {
    return cell_of(Show::percent, share, 0).text;
}

Cell seconds_of(Json seconds) {
    return seconds.is_number() ? cell_of(Show::two_decimals, seconds, 0) : Cell{};
}

std::string moves_table(Json plan, const TableStyle& style) {
    Table table{{{"VM"},
                 {"FROM"},
                 {"TO"},
                 {"STATE"},
                 {"MEM_MIB", true},
                 {"CPU_CORES", true},
                 {"EXPECT_S", true},
                 {"TOOK_S", true},
                 {"WHY"}}};
    plan.at("moves").each_item([&](Json move) {
        const Json outcome = move.at("outcome");
        table.row({{move.at("vm").plain()},
                   {move.at("from").plain()},
                   {move.at("to").plain()},
                   cell_of(Show::state, move.at("state"), 0),
                   {move.at("memory_mib").plain()},
                   cell_of(Show::two_decimals, move.at("cpu_cores"), 0),
                   seconds_of(move.at("expected_seconds")),
                   seconds_of(move.at("seconds")),
                   {outcome.text().empty() ? move.at("why").plain() : outcome.plain()}});
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
    Table table{
        {{"HOST"}, {"CPU%", true}, {"AFTER", true}, {"MEASURED", true}, {"MEM%", true}, {"AFTER", true}}};
    plan.at("before.hosts").each_item([&](Json before) {
        plan.at("after.hosts").each_item([&](Json after) {
            const bool same_host = after.at("name").text() == before.at("name").text();
            const bool changed = after.at("cpu").number() != before.at("cpu").number() ||
                                 after.at("memory").number() != before.at("memory").number();
            if (same_host && changed) {
                table.row({{before.at("name").plain()},
                           cell_of(Show::load, before.at("cpu"), 0),
                           cell_of(Show::load, after.at("cpu"), 0),
                           measured_cpu(plan, before.at("name").text()),
                           {percent(before.at("memory"))},
                           {percent(after.at("memory"))}});
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

std::string plan_text(Json plan, const TableStyle& style) {
    std::string out = (plan.at("id").is_null() ? "plan" : "plan " + plan.at("id").plain()) + ", " +
                      plan.at("policy").plain() + ", " + plan.at("state").plain() + "; CPU spread " +
                      cell_of(Show::three_decimals, plan.at("before.cpu_stddev"), 0).text + " -> " +
                      cell_of(Show::three_decimals, plan.at("after.cpu_stddev"), 0).text;
    if (plan.at("moves").size() == 0) {
        out += "; nothing to move";
    }
    if (plan.at("unresolved").size() > 0) {
        out += "; still overloaded: " + plan.at("unresolved").plain();
    }
    return printable(out) + "\n" + moves_table(plan, style) + hosts_table(plan, style) +
           search_line(plan.at("search")) + prediction_line(plan) + rejected_table(plan, style);
}

}  // namespace ballast::cli
