#include "cli/online/plans.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <memory>

#include "cli/online/change.hpp"
#include "cli/online/destinations_table.hpp"
#include "cli/online/follow.hpp"
#include "cli/online/online.hpp"
#include "cli/problem.hpp"
#include "cli/times.hpp"

namespace ballast::cli {

namespace {

struct PlanOptions {
    std::string policy;
    std::vector<std::string> settings;
    std::int64_t max_moves = 0;
    std::string id;
    bool quiet = false;
    ActOptions act;
};

void declare_policy(Options& options, PlanOptions& in) {
    options.value("--policy", &in.policy, "NAME", "policy; by default the controller's");
    options.value("--set", &in.settings, "KEY=VALUE",
                  "a parameter of the policy, critical_load=0.7; what is left out is as configured");
    options.value("--max-moves", &in.max_moves, "COUNT", "at most so many moves").between(1, 256);
}

// A whole number, another number, or a word: the endpoint knows which of them a parameter takes.
void add_value(JsonWriter& json, std::string_view text) {
    const char* const end = text.data() + text.size();
    std::int64_t whole = 0;
    double number = 0;
    if (const auto [stopped, error] = std::from_chars(text.data(), end, whole);
        error == std::errc{} && stopped == end) {
        json.integer(whole);
    } else if (const auto [last, wrong] = std::from_chars(text.data(), end, number);
               wrong == std::errc{} && last == end && std::isfinite(number)) {
        json.number(number);
    } else {
        json.text(text);
    }
}

// "policy", "parameters" and "max_moves" of what was given. False: `why`.
bool add_policy(JsonWriter& json, const PlanOptions& in, std::string& why) {
    if (!in.policy.empty()) {
        json.key("policy").text(in.policy);
    }
    if (!in.settings.empty()) {
        json.key("parameters").object();
        for (const std::string& setting : in.settings) {
            const std::size_t equals = setting.find('=');
            if (equals == std::string::npos || equals == 0 || equals + 1 == setting.size()) {
                why = "--set " + setting + ": expected KEY=VALUE";
                return false;
            }
            json.key(setting.substr(0, equals));
            add_value(json, std::string_view{setting}.substr(equals + 1));
        }
        json.end_object();
    }
    if (in.max_moves > 0) {
        json.key("max_moves").integer(in.max_moves);
    }
    return true;
}

bool plan_body(const PlanOptions& in, std::string& body, std::string& why) {
    JsonWriter json;
    json.object();
    const bool good = add_policy(json, in, why);
    body = json.end_object().str();
    return good;
}

void print_plan(Context& context, const std::string& text) {
    if (context.format() != Format::table) {
        context.print(text);
        return;
    }
    const JsonText plan{text};
    context.print(plan_text(plan.root(), {context.colour(), !context.output.no_headers,
                                          context.terminal() ? terminal_columns() : 0}));
}

Exit send_plan(Online& online, const std::string& path, const PlanOptions& in, HttpResponse& response) {
    std::string body;
    std::string why;
    if (!plan_body(in, body, why)) {
        online.context().complain(why);
        return Exit::usage;
    }
    response = send_change(online, "POST", path, body, in.act);
    return response.ok() ? Exit::ok : online.refuse(response);
}

// For cron: a line when guests were moved, or when somebody else is moving them; nothing otherwise.
Exit report_quietly(Context& context, const std::string& text, bool of_another, Exit exit) {
    const JsonText plan{text};
    if (of_another) {
        context.print("a rebalance is under way already: " + plan_line(plan.root()) + "\n");
    } else if (exit != Exit::ok) {
        context.complain(plan_line(plan.root()) + failed_moves(plan.root()));
    } else if (plan.root().at("moves").size() > 0) {
        context.print(plan_line(plan.root()) + "\n");
    }
    return exit;
}

Exit rebalance(Online& online, const PlanOptions& in) {
    Context& context = online.context();
    HttpResponse response;
    if (const Exit exit = send_plan(online, "/v1/rebalance", in, response); exit != Exit::ok) {
        return exit;
    }
    if (in.act.dry_run) {
        print_plan(context, response.body);
        return Exit::ok;
    }
    // The endpoint answers 202 when this request started the plan, 200 when the plan was there.
    const bool of_another = response.status == 200 && !response.replayed;
    std::string text = response.body;
    Exit exit = Exit::ok;
    if (in.act.waits(context)) {
        const JsonText plan{text};
        exit = follow_plan(online, plan.root().at("id").count(), in.act.stay, text);
    }
    if (in.quiet && context.format() == Format::table) {
        return report_quietly(context, text, of_another, exit);
    }
    if (of_another) {
        context.complain("a rebalance is under way already; this is its plan");
    }
    print_plan(context, text);
    return exit;
}

Action declare_rebalance(Options& options) {
    const auto in = std::make_shared<PlanOptions>();
    declare_policy(options, *in);
    options.flag(
        "-q,--quiet", in->quiet,
        "for cron: stay until it is done, then one line if guests were moved, and nothing otherwise");
    declare_act(options, in->act);
    return online([in](Online& connection) {
        if (in->quiet) {
            in->act.wait = true;
            in->act.stay.silent = connection.context().format() == Format::table;
        }
        return rebalance(connection, *in);
    });
}

Action declare_new(Options& options) {
    const auto in = std::make_shared<PlanOptions>();
    declare_policy(options, *in);
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        HttpResponse response;
        const Exit exit = send_plan(connection, "/v1/plans", *in, response);
        if (exit == Exit::ok) {
            print_plan(connection.context(), response.body);
        }
        return exit;
    });
}

void declare_id(Options& options, PlanOptions& in) {
    options.argument("ID", &in.id, "number of the plan").required().completes(Completes::plans);
}

Action declare_show(Options& options) {
    const auto in = std::make_shared<PlanOptions>();
    declare_id(options, *in);
    return online([in](Online& connection) {
        const HttpResponse response = connection.get("/v1/plans/" + url_escape(in->id));
        if (!response.ok()) {
            return connection.refuse(response);
        }
        print_plan(connection.context(), response.body);
        return Exit::ok;
    });
}

Exit act_on_plan(Online& online, std::string_view action, const PlanOptions& in) {
    const HttpResponse response = send_change(
        online, "POST", "/v1/plans/" + url_escape(in.id) + ":" + std::string{action}, "{}", in.act);
    if (!response.ok()) {
        return online.refuse(response);
    }
    std::string text = response.body;
    Exit exit = Exit::ok;
    if (action == "apply" && !in.act.dry_run && in.act.waits(online.context())) {
        const JsonText plan{text};
        exit = follow_plan(online, plan.root().at("id").count(), in.act.stay, text);
    }
    print_plan(online.context(), text);
    return exit;
}

Action declare_apply(Options& options) {
    const auto in = std::make_shared<PlanOptions>();
    declare_id(options, *in);
    declare_act(options, in->act);
    return online([in](Online& connection) { return act_on_plan(connection, "apply", *in); });
}

Action declare_cancel(Options& options) {
    const auto in = std::make_shared<PlanOptions>();
    declare_id(options, *in);
    declare_act(options, in->act, false);
    return online([in](Online& connection) { return act_on_plan(connection, "cancel", *in); });
}

struct ExplainOptions {
    PlanOptions plan;
    std::string kind;
    std::string name;
    std::string to;
};

// Where the guest could go with its disk images. Nothing of one whose images nobody has indexed and for which
// no host says that it takes images: there the pool's disks are shared.
std::string explained_destinations(Json answer, const TableStyle& style) {
    const Json destinations = answer.at("destinations");
    bool possible = false;
    destinations.each_item([&](Json each) { possible = possible || each.at("possible").flag(); });
    const bool indexed = answer.at("images.indexed").flag();
    if (destinations.size() == 0 || !(possible || indexed)) {
        return {};
    }
    return "\nwith its disk images" +
           std::string{indexed
                           ? ":\n"
                           : ", which have never been indexed (ballast vm index), so that only its memory "
                             "counts:\n"} +
           destinations_table(destinations).text(style);
}

std::string explained(Json answer, const TableStyle& style) {
    std::string out =
        printable(answer.at("policy").plain()) + ": " + printable(answer.at("conclusion").plain()) + "\n";
    for (const char* const subject : {"vm", "host"}) {
        const Json what = answer.at(subject);
        if (what.at("decision").is_text()) {
            out += printable(what.at("name").plain()) + " " + printable(what.at("decision").plain()) +
                   (what.at("to").is_text() ? " (" + printable(what.at("to").plain()) + ")" : std::string{}) +
                   (what.at("why").is_text() ? ": " + printable(what.at("why").plain()) : std::string{}) +
                   "\n";
        }
    }
    Table kept{{{"GUEST"}, {"STATE"}, {"DECISION"}, {"WHY"}}};
    answer.at("host.guests").each_item([&](Json guest) {
        kept.row({{guest.at("name").plain()},
                  {guest.at("state").plain()},
                  {guest.at("decision").plain()},
                  {guest.at("why").is_text() ? guest.at("why").plain() : std::string{}}});
    });
    out += kept.rows() == 0 ? "" : kept.text(style);
    if (const Json migrate = answer.at("migrate"); migrate.at("decision").is_text()) {
        out += "an operator's migrate: " + printable(migrate.at("decision").plain()) +
               (migrate.at("to").is_text() ? " to " + printable(migrate.at("to").plain()) : std::string{}) +
               (migrate.at("detail").is_text() ? ": " + printable(migrate.at("detail").plain())
                                               : std::string{}) +
               "\n";
        migrate.at("reasons").each_item([&](Json reason) {
            out += "  " + printable(reason.at("candidate").plain()) + ": " + printable(reason_text(reason)) +
                   "\n";
        });
    }
    out += explained_destinations(answer, style) + search_line(answer.at("search"));
    Table moves{{{"MOVES"}, {"FROM"}, {"TO"}, {"SAVES", true}, {"PRICE", true}, {"WHY"}}};
    answer.at("moves").each_item([&](Json move) {
        moves.row({{move.at("vm").plain()},
                   {move.at("from").plain()},
                   {move.at("to").plain()},
                   {move.at("saves").plain()},
                   {move.at("price").plain()},
                   {move.at("why").plain()}});
    });
    return out + (moves.rows() == 0 ? "" : "\n" + moves.text(style)) +
           rules_table(answer.at("by_rule"), style);
}

Exit explain(Online& online, const ExplainOptions& in) {
    Context& context = online.context();
    HttpRequest request;
    request.method = "POST";
    request.path = "/v1/explain";
    JsonWriter json;
    json.object();
    std::string why;
    if (in.kind.empty() != in.name.empty()) {
        context.complain("say which: ballast explain vm NAME, ballast explain host NAME");
        return Exit::usage;
    }
    if (!in.kind.empty()) {
        json.key(in.kind).text(in.name);
    }
    if (!in.to.empty()) {
        json.key("to").text(in.to);
    }
    if (!add_policy(json, in.plan, why)) {
        context.complain(why);
        return Exit::usage;
    }
    request.body = json.end_object().str();
    const HttpResponse response = online.client().send(request);
    if (!response.ok()) {
        return online.refuse(response);
    }
    if (context.format() != Format::table) {
        context.print(response.body);
        return Exit::ok;
    }
    const JsonText answer{response.body};
    context.print(explained(answer.root(), {context.colour(), !context.output.no_headers,
                                            context.terminal() ? terminal_columns() : 0}));
    return Exit::ok;
}

Action declare_explain(Options& options) {
    const auto in = std::make_shared<ExplainOptions>();
    options.argument("KIND", &in->kind, "of a guest or a host; by default of the whole pool")
        .one_of({"vm", "host"});
    options.argument("NAME", &in->name, "its name or uuid").completes(Completes::vms);
    options.value("--to", &in->to, "HOST", "of a guest: why it could not be moved there")
        .completes(Completes::hosts);
    declare_policy(options, in->plan);
    return online([in](Online& connection) { return explain(connection, *in); });
}

constexpr std::array plans_table{
    Command{"explain", "Says what balancing would decide now, and why",
            "Nothing changes. Of a guest or host: the rule that keeps it as it is, or the move that it "
            "makes, and "
            "what its migration by hand would do.\n\n"
            "  ballast explain\n"
            "  ballast explain vm web1 --to h2\n"
            "  ballast explain host h3 --policy vds-3b --set critical_load=0.7",
            "", "explain", &declare_explain},
    Command{
        "rebalance", "Plans moves that even the load out, and carries them out",
        "The controller decides by its policy; --dry-run shows the plan and moves nothing. Only one runs "
        "at a "
        "time: a second one is told of the first, follows it and moves nothing of its own. A restart of the "
        "controller meanwhile is borne (--patience), with --quiet without a word.\n\n"
        "  ballast rebalance --dry-run\n"
        "  ballast rebalance --policy vds-3b --set critical_load=0.7 --max-moves 5\n"
        "  17 3 * * *  root  ballast rebalance --quiet     (cron)",
        "0 done, also when there was nothing to move\n1 a move failed", "rebalance getPlan getJob",
        &declare_rebalance},
    Command{"plan new", "Asks the controller for a plan, and moves nothing",
            "The plan is kept: ballast plan show, plan apply and plan cancel take its number.", "",
            "createPlan", &declare_new},
    Command{"plan show", "Shows a plan with its reasons", "", "", "getPlan", &declare_show},
    Command{"plan apply", "Carries a plan out, as far as it is still possible", "", "1 a move failed",
            "applyPlan getPlan getJob", &declare_apply},
    Command{"plan cancel", "Drops a plan; of one being applied, the moves that have not begun", "", "",
            "cancelPlan", &declare_cancel},
};

}  // namespace

std::span<const Command> plan_commands() {
    return plans_table;
}

}  // namespace ballast::cli
