#include <algorithm>

#include "controller/http/render.hpp"
#include "policy/rule_words.hpp"

namespace ballast::controller::http {

namespace {

// Those that the plan's policy takes.
void render_parameters(JsonOut& json, std::string_view policy_name, const policy::Parameters& parameters) {
    const policy::Policy* policy = policy::find_policy(policy_name);
    json.key("parameters");
    json.object();
    for (const policy::ParameterInfo& info : policy::parameter_table()) {
        if (policy != nullptr && !policy::takes(policy->family, info)) {
            continue;
        }
        if (!info.words.empty()) {
            json.member(info.name, policy::text_of(parameters, info).view());
        } else if (info.count != nullptr) {
            json.member(info.name, parameters.*info.count);
        } else {
            json.member(info.name, parameters.*info.number);
        }
    }
    json.end_object();
}

// What the move was expected to take, and took.
void render_times(JsonOut& json, const PlanMove& move) {
    if (move.expected_seconds > 0) {
        json.member("expected_seconds", move.expected_seconds);
    }
    if (move.expected_downtime_seconds > 0) {
        json.member("expected_downtime_seconds", move.expected_downtime_seconds);
    }
    if (move.took_ms != 0) {
        json.member("seconds", move.took_ms / ms_per_second);
        json.member("downtime_seconds", move.downtime_ms / ms_per_second);
    }
}

void render_moves(JsonOut& json, const PlanView& plan) {
    json.key("moves");
    json.array();
    for (const PlanMove& move : plan.moves) {
        json.object();
        json.member("kind", policy::to_string(move.kind));
        json.member("vm", move.vm_name.view());
        json.member("vm_uuid", move.vm_uuid);
        json.member("from", move.from.view());
        json.member("to", move.to.view());
        if (move.kind == policy::MoveKind::swap) {
            json.member("with", move.with_name.view());
        }
        json.member("memory_mib", move.memory_mib);
        json.member("cpu_cores", move.vm_cpu_cores);
        json.member("why", move.why.view());
        json.member("state", to_string(move.state));
        if (move.job_id != 0) {
            json.member("job", move.job_id);
        }
        if (!move.outcome.empty()) {
            json.member("outcome", move.outcome.view());
        }
        render_times(json, move);
        json.end_object();
    }
    json.end_array();
}

void render_rejections(JsonOut& json, std::span<const PlanRejection> rejected, std::uint32_t left_out) {
    json.key("rejected");
    json.array();
    for (const PlanRejection& rejection : rejected) {
        json.object();
        json.member("vm", rejection.vm.view());
        json.member("to", rejection.to.view());
        json.member("constraint", policy::to_string(rejection.constraint));
        json.member("have", rejection.have);
        json.member("limit", rejection.limit);
        json.member("why",
                    policy::rule_sentence(rejection.constraint, rejection.have, rejection.limit,
                                          policy::subject_of(!rejection.vm.empty(), !rejection.to.empty()))
                        .view());
        json.end_object();
    }
    json.end_array();
    if (left_out != 0) {
        json.member("rejected_left_out", left_out);
    }
}

void render_counts(JsonOut& json, std::string_view name,
                   const std::array<std::uint32_t, policy::constraint_count>& counts) {
    json.key(name);
    json.object();
    for (std::size_t rule = 0; rule < counts.size(); ++rule) {
        if (counts[rule] != 0) {
            json.member(policy::to_string(static_cast<policy::Constraint>(rule)), counts[rule]);
        }
    }
    json.end_object();
}

void render_load(JsonOut& json, const HostName& host, const policy::HostLoad& load) {
    json.object();
    json.member("name", host.view());
    json.member("cpu", load.cpu);
    json.member("memory", load.memory);
    json.member("net", load.net);
    json.member("disk", load.disk);
    json.member("memory_used", load.memory_used);
    json.end_object();
}

void render_spread(JsonOut& json, const PoolSpread& spread) {
    json.member("cpu_stddev", spread.cpu_stddev);
    json.member("memory_stddev", spread.memory_stddev);
    json.member("net_stddev", spread.net_stddev);
    json.member("disk_stddev", spread.disk_stddev);
    json.member("memory_used_stddev", spread.memory_used_stddev);
}

void render_loads(JsonOut& json, const PlanView& plan, bool after) {
    json.key(after ? "after" : "before");
    json.object();
    json.key("hosts");
    json.array();
    for (const PlanHostLoad& host : plan.hosts) {
        render_load(json, host.host, after ? host.after : host.before);
    }
    json.end_array();
    render_spread(json, after ? plan.record.after : plan.record.before);
    json.end_object();
}

void render_error(JsonOut& json, std::string_view name, const ErrorSum& error) {
    if (error.count != 0) {
        json.member(name, error.mean());
    }
}

// What was measured when the plan had been carried out, and how far from it "after" is.
void render_prediction(JsonOut& json, const PlanView& plan) {
    json.key("prediction");
    json.object();
    json.member("state", to_string(plan.record.prediction));
    if (plan.record.prediction == PredictionState::compared) {
        json.member("measured_at", plan.record.measured_at);
        json.key("measured");
        json.object();
        json.key("hosts");
        json.array();
        for (const PlanHostLoad& host : plan.hosts) {
            if (host.compared) {
                render_load(json, host.host, host.measured);
            }
        }
        json.end_array();
        render_spread(json, plan.record.measured);
        json.end_object();
    }
    const PredictionError error = prediction_error(plan);
    json.key("error");
    json.object();
    render_error(json, "cpu", error.cpu);
    render_error(json, "memory", error.memory);
    render_error(json, "net", error.net);
    render_error(json, "disk", error.disk);
    render_error(json, "memory_used", error.memory_used);
    render_error(json, "duration_ratio", error.duration);
    render_error(json, "downtime_seconds", error.downtime_seconds);
    json.end_object();
    json.end_object();
}

}  // namespace

void render_by_rule(JsonOut& json, const RuleCounts& by_rule) {
    const auto counted = [](std::uint32_t count) { return count != 0; };
    if (std::none_of(by_rule.vms.begin(), by_rule.vms.end(), counted) &&
        std::none_of(by_rule.hosts.begin(), by_rule.hosts.end(), counted)) {
        return;
    }
    json.key("by_rule");
    json.object();
    render_counts(json, "vms", by_rule.vms);
    render_counts(json, "hosts", by_rule.hosts);
    json.end_object();
}

void render_search(JsonOut& json, const Search& search) {
    if (search.end == policy::SearchEnd::none) {
        return;
    }
    json.key("search");
    json.object();
    json.member("asked_ms", search.asked_ms);
    json.member("allowed_ms", search.allowed_ms);
    json.member("complete", search.end == policy::SearchEnd::complete);
    json.end_object();
}

void render_plan(JsonOut& json, const PlanView& plan) {
    const PlanRecord& record = plan.record;
    json.object();
    json.member("format", "ballast-plan/1");
    if (record.id != 0) {
        json.member("id", record.id);
    }
    json.member("state", to_string(record.state));
    json.member("origin", to_string(record.origin));
    json.member("policy", record.policy.view());
    json.member("conclusion", record.conclusion.view());
    render_parameters(json, record.policy, record.parameters);
    render_search(json, record.search);
    json.member("source", record.source.view());
    render_moves(json, plan);
    render_rejections(json, plan.rejected, record.rejected_left_out);
    render_by_rule(json, plan.by_rule);
    json.key("unresolved");
    json.array();
    for (const PlanHostLoad& host : plan.hosts) {
        if (host.unresolved) {
            json.text(host.host.view());
        }
    }
    json.end_array();
    render_loads(json, plan, false);
    render_loads(json, plan, true);
    if (record.prediction != PredictionState::none) {
        render_prediction(json, plan);
    }
    json.member("created_at", record.created);
    json.member("ended_at", record.ended);
    json.end_object();
}

std::vector<std::string_view> plan_headings() {
    return {"ID",       "STATE",         "POLICY",       "ORIGIN",   "SOURCE", "MOVES",
            "REJECTED", "STDDEV_BEFORE", "STDDEV_AFTER", "MEASURED", "CREATED"};
}

void plan_row(TextTable& table, const PlanView& plan) {
    const PlanRecord& record = plan.record;
    table.cell(record.id);
    table.cell(to_string(record.state));
    table.cell(record.policy.view());
    table.cell(to_string(record.origin));
    table.cell(record.source.view());
    table.cell(std::uint64_t{plan.moves.size()});
    table.cell(std::uint64_t{plan.rejected.size() + record.rejected_left_out});
    table.cell(record.before.cpu_stddev, 3);
    table.cell(record.after.cpu_stddev, 3);
    if (record.prediction == PredictionState::compared) {
        table.cell(record.measured.cpu_stddev, 3);
    } else {
        table.cell(std::string_view{});
    }
    table.cell(rfc3339(record.created));
}

std::vector<std::string_view> move_headings() {
    return {"VM",       "FROM",   "TO",  "STATE", "MEM_MIB", "CPU_CORES",
            "EXPECT_S", "TOOK_S", "JOB", "WHY",   "OUTCOME"};
}

void move_row(TextTable& table, const PlanMove& move) {
    table.cell(move.vm_name.view());
    table.cell(move.from.view());
    table.cell(move.to.view());
    table.cell(to_string(move.state));
    table.cell(move.memory_mib);
    table.cell(move.vm_cpu_cores, 2);
    table.cell(move.expected_seconds, 1);
    if (move.took_ms == 0) {
        table.cell(std::string_view{});
    } else {
        table.cell(move.took_ms / ms_per_second, 1);
    }
    table.cell(move.job_id == 0 ? std::string{} : std::to_string(move.job_id));
    table.cell(move.why.view());
    table.cell(move.outcome.view());
}

void render_decision(JsonOut& json, const DecisionRow& decision) {
    json.object();
    json.member("id", decision.id);
    json.member("kind", to_string(decision.kind));
    json.member("at", decision.at);
    json.member("repeated", decision.repeated);
    json.member("last_repeated_at", decision.last_repeated);
    json.member("origin", to_string(decision.origin));
    json.member("policy", decision.policy.view());
    json.member("source", decision.source.view());
    json.member("source_cpu", decision.source_cpu);
    json.member("critical_load", decision.critical_load);
    if (!decision.vm.empty()) {
        json.member("vm", decision.vm.view());
    }
    if (!decision.chosen.empty()) {
        json.member("chosen", decision.chosen.view());
    }
    if (decision.plan_id != 0) {
        json.member("plan", decision.plan_id);
    }
    if (decision.job_id != 0) {
        json.member("job", decision.job_id);
    }
    json.member("why", decision.why.view());
    if (!decision.destinations.empty()) {
        json.key("destinations");
        render_destinations(json, decision.destinations.span());
    }
    render_rejections(json, decision.rejected.span(), decision.rejected_left_out);
    render_by_rule(json, decision.by_rule);
    render_search(json, decision.search);
    json.end_object();
}

std::vector<std::string_view> decision_headings() {
    return {"ID", "AT", "KIND", "REPEATED", "POLICY", "SOURCE", "CPU%", "VM", "TO", "PLAN", "WHY"};
}

void decision_row(TextTable& table, const DecisionRow& decision) {
    table.cell(decision.id);
    table.cell(rfc3339(decision.at));
    table.cell(to_string(decision.kind));
    table.cell(decision.repeated);
    table.cell(decision.policy.view());
    table.cell(decision.source.view());
    table.cell(decision.source_cpu * 100, 0);
    table.cell(decision.vm.view());
    table.cell(decision.chosen.view());
    table.cell(decision.plan_id == 0 ? std::string{} : std::to_string(decision.plan_id));
    table.cell(decision.why.view());
}

}  // namespace ballast::controller::http
