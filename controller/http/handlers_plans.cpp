#include "controller/http/api.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/plan_request.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

namespace {

// Every parameter of the policies' table: words as text, counts as integers.
void read_parameters(JsonFields& fields, policy::Parameters& out) {
    for (const policy::ParameterInfo& info : policy::parameter_table()) {
        std::optional<policy::ParameterError> wrong;
        if (!info.words.empty()) {
            if (const auto word = fields.text(info.name, false, limits::name_bytes_max)) {
                wrong = policy::set(out, info.name, *word);
            }
        } else if (info.count != nullptr) {
            const auto count = fields.integer(info.name, false, static_cast<std::int64_t>(info.min),
                                              static_cast<std::int64_t>(info.max));
            wrong = count ? policy::set(out, info, static_cast<double>(*count)) : std::nullopt;
        } else if (const auto number = fields.number(info.name, false, info.min, info.max)) {
            wrong = policy::set(out, info, *number);
        }
        if (wrong) {
            fields.reject(info.name, std::string{wrong->view()});
        }
    }
}

}  // namespace

void read_plan_request(JsonFields& fields, const Core& core, Command& command) {
    command.parameters = core.settings().balance.parameters;
    const std::optional<std::string> policy = fields.text("policy", false, command.policy.capacity());
    if (policy.has_value() &&
        (policy::find_policy(*policy) == nullptr || !command.policy.try_assign(*policy))) {
        std::string known;
        for (const policy::Policy& each : policy::policies()) {
            known += (known.empty() ? "" : ", ") + std::string{each.name};
        }
        fields.reject("policy", "expected one of " + known);
    }
    fields.object("parameters", [&](JsonFields& inside) { read_parameters(inside, command.parameters); });
    const std::optional<std::int64_t> moves = fields.integer("max_moves", false, 1, 256);
    if (moves.has_value()) {
        command.parameters.moves_max = static_cast<std::uint32_t>(*moves);
    }
    command.has_parameters = fields.has("parameters") || moves.has_value();
}

Answer list_plans(Api& api, const Call& call) {
    Page page;
    if (std::optional<Problem> problem = read_page(call.request, page); problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    const SetFilter states{call.request, "state"};
    const auto rows = api.core().plans();
    std::vector<ListItem> items;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        if (rows[i].in_use && states.passes(to_string(rows[i].record.state))) {
            items.push_back(ListItem::newest_first(rows[i].record.id, i));
        }
    }
    return list_reply(call.request, page, std::move(items), plan_form(api.core()));
}

Answer get_plan(Api& api, const Call& call) {
    const std::optional<std::uint64_t> id = call.number();
    const std::uint32_t plan = id.has_value() ? api.core().find_plan(*id) : no_row;
    if (plan == no_row) {
        return api.not_found(call, "plan");
    }
    const Wait wait{0, *id, mono_now() + Api::wait_asked(call.request), false};
    return api.over(wait) ? Answer{api.plan_reply(call.request, api.core().plan(plan), 200)} : Answer{wait};
}

// POST /v1/plans and /v1/rebalance: {"policy", "parameters", "max_moves"}, all optional.
Answer create_plan(Api& api, const Call& call) {
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    Command command;
    JsonFields fields = body.root();
    read_plan_request(fields, api.core(), command);
    fields.finish();
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    return api.run(call, command);
}

Answer act_on_plan(Api& api, const Call& call) {
    const std::optional<std::uint64_t> id = call.number();
    if (!id.has_value()) {
        return api.not_found(call, "plan");
    }
    Command command;
    command.id = *id;
    return api.run(call, command);
}

Answer list_decisions(Api& api, const Call& call) {
    Page page;
    if (std::optional<Problem> problem = read_page(call.request, page); problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    const Core& core = api.core();
    std::vector<ListItem> items;
    for (std::uint32_t age = 0; core.decision(age) != nullptr; ++age) {
        items.push_back(ListItem::newest_first(core.decision(age)->id, age));
    }
    const ListForm form{
        "decisions", decision_headings(),
        [&core](JsonOut& json, std::uint32_t age) { render_decision(json, *core.decision(age)); },
        [&core](TextTable& table, std::uint32_t age) { decision_row(table, *core.decision(age)); }};
    return list_reply(call.request, page, std::move(items), form);
}

Answer get_decision(Api& api, const Call& call) {
    const std::optional<std::uint64_t> id = call.number();
    const DecisionRow* decision = id.has_value() ? api.core().find_decision(*id) : nullptr;
    if (decision == nullptr) {
        return api.not_found(call, "decision");
    }
    const ListForm form{"decisions", decision_headings(),
                        [&](JsonOut& json, std::uint32_t) { render_decision(json, *decision); },
                        [&](TextTable& table, std::uint32_t) { decision_row(table, *decision); }};
    return object_reply(call.request, form, 0);
}

}  // namespace ballast::controller::http
