#include "cli/online/get.hpp"

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <thread>

#include "cli/online/describe.hpp"
#include "cli/online/events.hpp"
#include "cli/online/kinds.hpp"
#include "cli/online/online.hpp"
#include "cli/online/patience.hpp"
#include "cli/problem.hpp"
#include "cli/times.hpp"

namespace ballast::cli {

namespace {

// Listed by a command of their own.
constexpr std::string_view events_word = "events";

struct GetOptions {
    std::string kind;
    std::vector<std::string> names;
    std::string state;
    std::string host;
    std::string vm_kind;
    bool watch = false;
    bool no_reconnect = false;
    std::int64_t every_seconds = 2;
};

TableStyle style_of(const Context& context) {
    return {context.colour(), !context.output.no_headers, context.terminal() ? terminal_columns() : 0};
}

// The filters that the kind's list takes; false and a complaint for others.
bool filter_query(Context& context, const Kind& kind, const GetOptions& in, std::string& query) {
    const std::array filters{std::pair{std::string_view{"state"}, &in.state},
                             std::pair{std::string_view{"host"}, &in.host},
                             std::pair{std::string_view{"kind"}, &in.vm_kind}};
    for (const auto& [name, value] : filters) {
        if (value->empty()) {
            continue;
        }
        if (kind.filters.find(name) == std::string_view::npos) {
            context.complain("--" + std::string{name} + " does not apply to " + std::string{kind.plural});
            return false;
        }
        query += (query.empty() ? "?" : "&") + std::string{name} + "=" + url_escape(*value);
    }
    return true;
}

// What is asked for, one JSON text an object.
HttpResponse fetch(Online& online, const Kind& kind, const GetOptions& in, const std::string& query,
                   std::vector<std::string>& lines) {
    if (in.names.empty()) {
        return online.list(std::string{kind.path} + query, lines);
    }
    HttpResponse response;
    for (const std::string& name : in.names) {
        response = online.get(std::string{kind.path} + "/" + url_escape(name));
        if (!response.ok()) {
            return response;
        }
        lines.push_back(response.body.substr(0, response.body.find_last_not_of('\n') + 1));
    }
    return response;
}

std::string as_table(Context& context, const Kind& kind, const std::vector<std::string>& lines) {
    Table table = empty_table(kind);
    const std::int64_t now = wall_now_ms();
    for (const std::string& line : lines) {
        const JsonText object{line};
        table.row(cells_of(kind, object.root(), now));
    }
    return table.text(style_of(context));
}

std::string in_form(Context& context, const Kind& kind, const GetOptions& in,
                    const std::vector<std::string>& lines) {
    std::string out;
    switch (context.format()) {
        case Format::table: return as_table(context, kind, lines);
        case Format::name:
            for (const std::string& line : lines) {
                const JsonText object{line};
                out += printable(name_of(kind, object.root())) + "\n";
            }
            return out;
        case Format::ndjson:
            for (const std::string& line : lines) {
                out += line + "\n";
            }
            return out;
        case Format::json: break;
    }
    for (const std::string& line : lines) {
        out += (out.empty() ? "" : ",") + line;
    }
    // As the endpoint itself answers: one object, or the list.
    return in.names.size() == 1 ? out + "\n" : "{\"" + std::string{kind.plural} + "\":[" + out + "]}\n";
}

void sleep_for_seconds(std::int64_t count) {
    std::this_thread::sleep_for(std::chrono::seconds(count));
}

// On a terminal: the table again and again, in place. What cannot be had is said on its first line.
Exit repaint(Online& online, const Kind& kind, const GetOptions& in, const std::string& query) {
    Context& context = online.context();
    for (bool first = true;; first = false) {
        std::vector<std::string> lines;
        const HttpResponse response = fetch(online, kind, in, query, lines);
        if (!response.ok() && (first || in.no_reconnect || !may_pass(response))) {
            return online.refuse(response);
        }
        std::string screen = first ? "\x1b[2J\x1b[H" : "\x1b[H";
        if (response.ok()) {
            const std::string text = as_table(context, kind, lines);
            for (const char c : text) {
                screen += c == '\n' ? "\x1b[K\n" : std::string(1, c);
            }
            screen += "\x1b[J";
        } else {
            screen +=
                painted(cut_to(explain_problem(response), terminal_columns()), Tone::bad, context.colour()) +
                "\x1b[K\n";
        }
        context.print(screen);
        sleep_for_seconds(in.every_seconds);
    }
}

// Elsewhere: all objects once, then each that has changed; one that has gone is {"gone": NAME}.
class Changes {
  public:
    Changes(Context& context, const Kind& kind) : context_{context}, kind_{kind} {}

    void print(const std::vector<std::string>& lines) {
        std::map<std::string, std::string> now;
        std::vector<std::string> changed;
        for (const std::string& line : lines) {
            const JsonText object{line};
            const std::string name = name_of(kind_, object.root());
            if (const auto before = seen_.find(name); before == seen_.end() || before->second != line) {
                changed.push_back(line);
            }
            now.emplace(name, line);
        }
        if (context_.format() == Format::table) {
            Table table = empty_table(kind_);
            for (const std::string& line : changed) {
                const JsonText object{line};
                table.row(cells_of(kind_, object.root(), wall_now_ms()));
            }
            context_.print(table.text({.headings = first_ && !context_.output.no_headers}));
        } else {
            context_.print(in_form(context_, kind_, {.names = {""}}, changed));
        }
        for (const auto& [name, text] : seen_) {
            if (!now.contains(name) && context_.format() == Format::ndjson) {
                context_.print(JsonWriter{}.object().key("gone").text(name).end_object().str() + "\n");
            }
        }
        seen_ = std::move(now);
        first_ = false;
    }

  private:
    Context& context_;
    const Kind& kind_;
    std::map<std::string, std::string> seen_;
    bool first_ = true;
};

Exit follow_changes(Online& online, const Kind& kind, const GetOptions& in, const std::string& query) {
    Patience patience{online, {.away_ms = in.no_reconnect ? 0 : Patience::no_end}};
    Changes changes{online.context(), kind};
    for (;;) {
        std::vector<std::string> lines;
        const HttpResponse response = fetch(online, kind, in, query, lines);
        if (!response.ok()) {
            if (patience.bears(response)) {
                continue;
            }
            return online.refuse(response);
        }
        // What a controller says that has just been started is not a change yet.
        if (patience.answered()) {
            await_ready(online);
            continue;
        }
        changes.print(lines);
        sleep_for_seconds(in.every_seconds);
    }
}

Exit get(Online& online, const GetOptions& in) {
    Context& context = online.context();
    if (in.kind == events_word) {
        if (!in.names.empty() || !in.state.empty() || !in.host.empty() || !in.vm_kind.empty()) {
            context.complain("events are listed whole here; some of them: ballast events --kind, --since");
            return Exit::usage;
        }
        return show_events(online, {.watch = in.watch, .no_reconnect = in.no_reconnect});
    }
    const Kind& kind = *find_kind(in.kind);
    std::string query;
    if (!filter_query(context, kind, in, query)) {
        return Exit::usage;
    }
    if (!in.names.empty() && (!kind.single || !query.empty())) {
        context.complain(kind.single ? "names and filters cannot be given together"
                                     : std::string{kind.plural} + " are only listed, all of them");
        return Exit::usage;
    }
    if (in.watch && context.format() == Format::json) {
        context.complain("-w does not end, and one JSON text would not either: say -o ndjson");
        return Exit::usage;
    }
    if (in.watch && context.terminal() && context.format() == Format::table) {
        return repaint(online, kind, in, query);
    }
    if (in.watch) {
        return follow_changes(online, kind, in, query);
    }
    std::vector<std::string> lines;
    const HttpResponse response = fetch(online, kind, in, query, lines);
    if (!response.ok()) {
        return online.refuse(response);
    }
    context.print(in_form(context, kind, in, lines));
    return Exit::ok;
}

void declare_watch(Options& options, GetOptions& in) {
    options.flag("-w,--watch", in.watch, "stay and show changes; Ctrl-C ends it");
    options.value("--every", &in.every_seconds, "SECONDS", "with -w: how often to look (default 2)")
        .between(1, 3600);
    declare_no_reconnect(options, in.no_reconnect);
}

// "session list" for those who think of the object first.
template <const char* kind>
Action declare_list(Options& options) {
    const auto in = std::make_shared<GetOptions>();
    in->kind = kind;
    declare_watch(options, *in);
    return online([in](Online& connection) { return get(connection, *in); });
}
constexpr char sessions_kind[] = "sessions";
constexpr char tokens_kind[] = "tokens";

Action declare_get(Options& options) {
    const auto in = std::make_shared<GetOptions>();
    std::vector<std::string> words = kind_words();
    for (const Kind& kind : kinds()) {
        words.emplace_back(kind.singular);
    }
    words.emplace_back(events_word);
    options.argument("KIND", &in->kind, "what to list").required().one_of(words);
    options.argument("NAME", &in->names, "only these, by name, uuid or number");
    options.value("--state", &in->state, "STATES", "only those in one of these states, separated by commas");
    options.value("--host", &in->host, "HOSTS", "only those on one of these hosts")
        .completes(Completes::hosts);
    options.value("--kind", &in->vm_kind, "KINDS", "only guests, or jobs, of these kinds");
    declare_watch(options, *in);
    return online([in](Online& connection) { return get(connection, *in); });
}

// What the controller says at one path, as it says it.
template <const char* path>
Action declare_verbatim(Options&) {
    return online([](Online& connection) {
        const HttpResponse response = connection.get(path, "*/*");
        if (!response.ok()) {
            return connection.refuse(response);
        }
        connection.context().print(response.body);
        return Exit::ok;
    });
}
constexpr char metrics_path[] = "/metrics";
constexpr char snapshot_path[] = "/v1/snapshot";
constexpr char openapi_path[] = "/openapi.json";

Action declare_ready(Options&) {
    return online([](Online& connection) {
        const HttpResponse health = connection.get("/healthz");
        if (!health.ok()) {
            return connection.refuse(health);
        }
        const HttpResponse response = connection.get("/readyz");
        const JsonText text{response.body};
        const Json ready = text.root().at("ready");
        if (ready.is_null()) {
            return connection.refuse(response);
        }
        connection.context().print(connection.context().format() != Format::table ? response.body
                                   : ready.flag()                                 ? "ready\n"
                                                  : "not ready: not all known hosts have reported\n");
        return ready.flag() ? Exit::ok : Exit::failed;
    });
}

constexpr std::array get_table{
    Command{"status", "Shows the pool on one screen",
            "Hosts and guests by state, open jobs, what balancing last decided and why. A pool that is not "
            "well (a "
            "host is not up, or overloaded) is still a successful answer; scripts look at -o json.",
            "", "getStatus listHosts", &declare_status},
    Command{
        "get", "Lists objects, or shows some of them",
        "With -w on a terminal the table is painted again in place; elsewhere, each object that has "
        "changed is "
        "written again (-o ndjson for programs). A controller that goes away, as for an upgrade, is asked "
        "again until it answers; a refusal and --no-reconnect end it.\n\n"
        "  ballast get vms --host h1 --state running,paused\n"
        "  ballast get jobs -w\n"
        "  ballast get vms -o name | head",
        "",
        "listHosts getHost listVms getVm listJobs getJob listPlans getPlan listDecisions getDecision "
        "getLimits listEvents listPools getPool listSessions getSession listPrivateDesktops "
        "getPrivateDesktop listTokens getToken",
        &declare_get},
    Command{"session list", "Lists sessions, as get sessions does", "", "", "listSessions",
            &declare_list<sessions_kind>},
    Command{"token list", "Lists tokens and when they were last used, as get tokens does", "", "",
            "listTokens", &declare_list<tokens_kind>},
    Command{"describe", "Shows everything that is known of an object",
            "All its values, its open job, and what can be done with it now.\n\n  ballast describe vm web1",
            "", "getHost getVm getJob getPlan getDecision listDecisions listJobs", &declare_describe},
    Command{"snapshot", "Writes the pool as a ballast-pool/1 file",
            "The offline commands read it: ballast plan, compare and simulate.\n\n"
            "  ballast snapshot > pool.json\n  ballast plan --pool pool.json --policy vds-3b",
            "", "getSnapshot", &declare_verbatim<snapshot_path>},
    Command{"metrics", "Writes the metrics in Prometheus' text format", "", "", "getMetrics",
            &declare_verbatim<metrics_path>},
    Command{"ready", "Says whether the controller serves and all known hosts have reported",
            "For scripts that start a pool.\n\n  until ballast ready; do sleep 1; done",
            "1 it serves, but it is not ready", "getHealth getReadiness", &declare_ready},
    Command{"openapi", "Writes the contract of the HTTP endpoint (OpenAPI 3.1, as JSON)", "", "",
            "getOpenapi", &declare_verbatim<openapi_path>},
};

}  // namespace

std::span<const Command> look_commands() {
    return get_table;
}

}  // namespace ballast::cli
