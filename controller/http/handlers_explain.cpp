// What balancing would decide now, and why: of the whole pool, of one guest, or of one host. Nothing changes.
#include <algorithm>
#include <cmath>
#include <vector>

#include "controller/http/api.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/plan_request.hpp"
#include "policy/rule_words.hpp"

namespace ballast::controller::http {

namespace {

struct ExplainAsked {
    std::uint32_t vm = no_row;
    std::uint32_t host = no_row;
    FixedString<63> to;  // of a guest: only this destination
};

std::uint32_t read_named(JsonFields& fields, std::string_view name,
                         const std::function<std::uint32_t(const std::string&)>& find) {
    const std::optional<std::string> text = fields.text(name, false, ExplainAsked{}.to.capacity());
    const std::uint32_t row = text.has_value() ? find(*text) : no_row;
    if (text.has_value() && row == no_row) {
        fields.reject(name, "there is no " + std::string{name} + " \"" + *text + "\", or several");
    }
    return row;
}

ExplainAsked read_explain(JsonFields& fields, const Core& core) {
    ExplainAsked asked;
    asked.vm = read_named(fields, "vm", [&](const std::string& name) { return core.find_vm(name); });
    asked.host = read_named(fields, "host", [&](const std::string& name) { return core.find_host(name); });
    if (fields.has("vm") && fields.has("host")) {
        fields.reject("host", "a guest or a host, not both");
    }
    const std::uint32_t to =
        read_named(fields, "to", [&](const std::string& name) { return core.find_host(name); });
    if (fields.has("to") && !fields.has("vm")) {
        fields.reject("to", "only together with vm");
    }
    asked.to = to != no_row ? FixedString<63>{core.host(to).record.name.view()} : FixedString<63>{};
    return asked;
}

void explain_verdict(JsonOut& json, const Core& core, const policy::Verdict& verdict,
                     policy::Subject subject) {
    const bool stays = verdict.kind == policy::Verdict::Kind::stays;
    json.member("decision", stays                                          ? "stays"
                            : verdict.kind == policy::Verdict::Kind::moves ? "moves"
                                                                           : "not_judged");
    if (verdict.to != policy::no_index) {
        json.member("to", core.host(verdict.to).record.name.view());
    }
    if (stays) {
        json.member("rule", policy::to_string(verdict.constraint));
        if (!std::isnan(verdict.have)) {
            json.member("have", verdict.have);
        }
        json.member("limit", verdict.limit);
        json.member("why",
                    policy::rule_sentence(verdict.constraint, verdict.have, verdict.limit, subject).view());
    }
}

void explain_load(JsonOut& json, const policy::HostLoad& load) {
    json.member("cpu", load.cpu);
    json.member("memory", load.memory);
    json.member("net", load.net);
    json.member("disk", load.disk);
    json.member("memory_used", load.memory_used);
}

void explain_change(JsonOut& json, std::string_view name, const policy::HostLoad& before,
                    const policy::HostLoad& after) {
    json.key(name);
    json.object();
    json.key("before");
    json.object();
    explain_load(json, before);
    json.end_object();
    json.key("after");
    json.object();
    explain_load(json, after);
    json.end_object();
    json.end_object();
}

bool explain_concerns(const policy::Move& move, const ExplainAsked& asked) {
    const policy::Legs legs = policy::legs(move);
    return std::any_of(legs.begin(), legs.end(), [&](const policy::Leg& leg) {
        return asked.vm != no_row ? leg.vm == asked.vm
                                  : asked.host == no_row || leg.from == asked.host || leg.to == asked.host;
    });
}

// What the moves gain on both their hosts, and cost.
void explain_moves(JsonOut& json, const Core& core, const policy::Plan& round, const ExplainAsked& asked) {
    json.key("moves");
    json.array();
    for (const policy::Move& move : round.moves.items()) {
        if (!explain_concerns(move, asked)) {
            continue;
        }
        json.object();
        json.member("kind", policy::to_string(move.kind));
        json.member("vm", core.vm(move.vm).record.name.view());
        json.member("from", core.host(move.from).record.name.view());
        json.member("to", core.host(move.to).record.name.view());
        if (move.with != policy::no_index) {
            json.member("with", core.vm(move.with).record.name.view());
        }
        json.member("memory_mib", move.memory_mib);
        json.member("seconds", move.seconds);
        json.member("saves", move.saves);
        json.member("price", move.price);
        json.member("why", move.why.view());
        explain_change(json, "from_load", move.from_before, move.from_after);
        explain_change(json, "to_load", move.to_before, move.to_after);
        json.end_object();
    }
    json.end_array();
}

void explain_rejected(JsonOut& json, const Core& core, const policy::Plan& round, const ExplainAsked& asked) {
    json.key("rejected");
    json.array();
    for (const policy::Rejection& rejection : round.rejected.items()) {
        const bool of_vm = rejection.vm != policy::no_index;
        const bool named = asked.vm != no_row     ? rejection.vm == asked.vm
                           : asked.host != no_row ? (rejection.to == asked.host ||
                                                     (of_vm && core.vm(rejection.vm).host == asked.host))
                                                  : true;
        if (!named) {
            continue;
        }
        json.object();
        json.member("vm", of_vm ? core.vm(rejection.vm).record.name.view() : std::string_view{});
        json.member("to", rejection.to != policy::no_index ? core.host(rejection.to).record.name.view()
                                                           : std::string_view{});
        json.member("constraint", policy::to_string(rejection.constraint));
        json.member("have", rejection.have);
        json.member("limit", rejection.limit);
        json.member("why", policy::rule_sentence(rejection.constraint, rejection.have, rejection.limit,
                                                 policy::subject_of(of_vm, rejection.to != policy::no_index))
                               .view());
        json.end_object();
    }
    json.end_array();
}

void explain_nearest(JsonOut& json, const Core& core, const policy::Standing& nearest) {
    json.key("nearest");
    if (nearest.host == policy::no_index) {
        json.null();
        return;
    }
    json.object();
    json.member("host", core.host(nearest.host).record.name.view());
    json.member("resource", policy::to_string(nearest.resource));
    json.member("have", nearest.have);
    json.member("limit", nearest.limit);
    json.member("overloaded", nearest.overloaded);
    json.end_object();
}

// Those that are on the host: what keeps each of them there is what keeps a draining one from being empty.
std::vector<std::uint32_t> guests_by_name(const Core& core, std::uint32_t host) {
    std::vector<std::uint32_t> guests;
    for (std::uint32_t i = 0; i < core.vms().size(); ++i) {
        if (core.vm(i).in_use && core.vm(i).host == host) {
            guests.push_back(i);
        }
    }
    std::ranges::sort(guests, {}, [&core](std::uint32_t i) { return core.vm(i).record.name.view(); });
    return guests;
}

void explain_subject(JsonOut& json, const Core& core, const policy::Plan& round, const ExplainAsked& asked) {
    if (asked.vm != no_row) {
        const VmRow& vm = core.vm(asked.vm);
        json.key("vm");
        json.object();
        json.member("name", vm.record.name.view());
        json.member("uuid", vm.record.uuid);
        json.member("state", to_string(vm.state));
        json.member("movable", vm.record.movable);
        if (vm.host != no_row) {
            json.member("host", core.host(vm.host).record.name.view());
        }
        explain_verdict(json, core, round.vms[asked.vm], policy::Subject::guest);
        json.end_object();
    }
    if (asked.host != no_row) {
        json.key("host");
        json.object();
        json.member("name", core.host(asked.host).record.name.view());
        json.member("state", to_string(core.host(asked.host).state));
        explain_verdict(json, core, round.hosts[asked.host], policy::Subject::host);
        json.key("guests");
        json.array();
        for (const std::uint32_t vm : guests_by_name(core, asked.host)) {
            json.object();
            json.member("name", core.vm(vm).record.name.view());
            json.member("state", to_string(core.vm(vm).state));
            explain_verdict(json, core, round.vms[vm], policy::Subject::guest);
            json.end_object();
        }
        json.end_array();
        json.end_object();
    }
}

void explain_round(JsonOut& json, const Core& core, const PlanView& plan, const ExplainAsked& asked) {
    const policy::Plan& round = core.last_round();
    json.member("policy", plan.record.policy.view());
    json.member("balancing", core.settings().balance.enabled);
    json.member("conclusion", plan.record.conclusion.view());
    explain_nearest(json, core, round.nearest);
    explain_subject(json, core, round, asked);
    explain_moves(json, core, round, asked);
    explain_rejected(json, core, round, asked);
    json.member("rejected_left_out", round.rejected.left_out());
    render_by_rule(json, plan.by_rule);
    render_search(json, plan.record.search);
}

std::string_view migrate_decision(const Outcome& outcome) noexcept {
    return outcome.kind == OutcomeKind::problem      ? "refused"
           : outcome.kind == OutcomeKind::already_so ? "already_so"
                                                     : "accepted";
}

// What an operator's migrate would do with the guest: a host, or why none.
void explain_migrate(JsonOut& json, const Outcome& outcome) {
    json.key("migrate");
    json.object();
    json.member("decision", migrate_decision(outcome));
    const bool possible = outcome.kind != OutcomeKind::problem;
    if (possible && !outcome.host.empty()) {
        json.member("to", outcome.host.view());
    }
    if (!outcome.detail.empty()) {
        json.member("detail", outcome.detail.view());
    }
    render_reasons(json, outcome);
    json.end_object();
}

std::string explain_text(const Core& core, const PlanView& plan, const ExplainAsked& asked) {
    const policy::Plan& round = core.last_round();
    TextTable table{{"WHAT", "DECISION", "TO", "RULE", "WHY"}};
    const auto row = [&](std::string_view name, const policy::Verdict& verdict, policy::Subject subject) {
        const bool stays = verdict.kind == policy::Verdict::Kind::stays;
        table.cell(name);
        table.cell(stays ? "stays" : "moves");
        table.cell(verdict.to != policy::no_index ? core.host(verdict.to).record.name.view()
                                                  : std::string_view{});
        table.cell(stays ? policy::to_string(verdict.constraint) : std::string_view{});
        table.cell(
            stays ? policy::rule_sentence(verdict.constraint, verdict.have, verdict.limit, subject).view()
                  : std::string_view{});
    };
    for (std::uint32_t i = 0; i < core.hosts().size(); ++i) {
        if (core.host(i).in_use && asked.vm == no_row && (asked.host == no_row || asked.host == i)) {
            row(core.host(i).record.name.view(), round.hosts[i], policy::Subject::host);
        }
    }
    if (asked.vm != no_row) {
        row(core.vm(asked.vm).record.name.view(), round.vms[asked.vm], policy::Subject::guest);
    }
    if (asked.host != no_row) {
        for (const std::uint32_t vm : guests_by_name(core, asked.host)) {
            row(core.vm(vm).record.name.view(), round.vms[vm], policy::Subject::guest);
        }
    }
    return std::string{plan.record.conclusion.view()} + "\n\n" + table.text();
}

// What an operator's migrate of the guest would do, to the host that was asked for or to any.
const Outcome* consider_migrate(Api& api, const ExplainAsked& asked) {
    Command move;
    move.kind = CommandKind::vm_migrate;
    move.target = FixedString<63>{to_text(api.core().vm(asked.vm).record.uuid).view()};
    move.to = asked.to;
    return api.consider(move);
}

// Where it could go with its disk images: all hosts, whichever was asked for. No guest in it: it cannot move
// now at all.
const Ranking& rank_hosts(Api& api, const ExplainAsked& asked) {
    Command move;
    move.kind = CommandKind::vm_migrate;
    move.target = FixedString<63>{to_text(api.core().vm(asked.vm).record.uuid).view()};
    move.copy_storage = true;
    static_cast<void>(api.consider(move));
    return api.core().last_ranking();
}

std::string explain_guest_text(Api& api, const ExplainAsked& asked) {
    std::string text;
    if (const Outcome* outcome = consider_migrate(api, asked); outcome != nullptr) {
        text += "\nan operator's migrate: " + std::string{migrate_decision(*outcome)} +
                (outcome->kind == OutcomeKind::problem || outcome->host.empty()
                     ? std::string{}
                     : " to " + std::string{outcome->host.view()}) +
                (outcome->detail.empty() ? std::string{} : ": " + std::string{outcome->detail.view()}) + "\n";
    }
    if (const Ranking& ranking = rank_hosts(api, asked); ranking.vm != no_row) {
        text += "\nwith its disk images:\n" + ranking_table(ranking);
    }
    return text;
}

void explain_guest(JsonOut& json, Api& api, const ExplainAsked& asked) {
    if (const Outcome* outcome = consider_migrate(api, asked); outcome != nullptr) {
        explain_migrate(json, *outcome);
    }
    if (const Ranking& ranking = rank_hosts(api, asked); ranking.vm != no_row) {
        json.key("images");
        render_ranked_images(json, ranking);
        json.key("destinations");
        render_destinations(json, ranking.destinations);
    }
}

}  // namespace

Answer explain(Api& api, const Call& call) {
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    const Core& core = api.core();
    Command plan;
    JsonFields fields = body.root();
    const ExplainAsked asked = read_explain(fields, core);
    read_plan_request(fields, core, plan);
    fields.finish();
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    plan.has_parameters = true;  // as balancing decides, which waits for enough samples
    plan.kind = CommandKind::plan_create;
    if (const Outcome* outcome = api.consider(plan);
        outcome == nullptr || outcome->kind == OutcomeKind::problem) {
        return api.refuse_outcome(call.request, outcome);
    }
    const PlanView round = core.dry_plan();
    Reply reply;
    if (call.request.format == Format::text) {
        reply.content_type = "text/plain; charset=utf-8";
        reply.body = explain_text(core, round, asked);
        if (asked.vm != no_row) {
            reply.body += explain_guest_text(api, asked);
        }
        return reply;
    }
    JsonOut json{reply.body, reply_bytes_max};
    json.object();
    explain_round(json, core, round, asked);
    if (asked.vm != no_row) {
        explain_guest(json, api, asked);
    }
    json.end_object();
    json.next_document();
    return reply;
}

}  // namespace ballast::controller::http
