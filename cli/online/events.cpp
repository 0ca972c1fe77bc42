#include "cli/online/events.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "cli/online/patience.hpp"
#include "cli/problem.hpp"
#include "cli/table.hpp"
#include "cli/times.hpp"

namespace ballast::cli {

namespace {

constexpr int wait_seconds = 15;  // and then a controller that does not answer is noticed
constexpr int events_per_answer = 1000;

// `since` empty: the newest that are kept.
std::string query_of(const EventOptions& in, const std::string& since, std::int64_t limit) {
    std::string query = "/v1/events?wait=" + std::to_string(since.empty() ? 0 : wait_seconds);
    query += since.empty() ? "" : "&since=" + url_escape(since);
    query += in.kinds.empty() ? "" : "&kind=" + url_escape(in.kinds);
    return query + (limit == 0 ? "" : "&limit=" + std::to_string(limit));
}

// Columns of fixed width: a line that comes later has to stand below those before.
std::string at_least(std::string_view text, std::size_t width) {
    std::string out = printable(text);
    out.resize(std::max(out.size() + 1, width), ' ');
    return out;
}

void print_line(Context& context, Json event) {
    const std::string_view at = event.at("at").text();
    const std::string_view kind = event.at("kind").text();
    const std::string_view change = event.at("change").text();
    const Tone tone = change == "removed"                               ? Tone::faint
                      : event.at("object.severity").text() == "error"   ? Tone::bad
                      : event.at("object.severity").text() == "warning" ? Tone::warning
                      : event.at("object.state").text() == "failed"     ? Tone::bad
                                                                        : Tone::plain;
    std::string line = at_least(at, 26) + at_least(kind, 10) + at_least(change, 10) +
                       at_least(event.at("name").text(), 20) + printable(event.at("summary").text());
    line.resize(line.find_last_not_of(' ') + 1);
    if (context.terminal()) {
        line = cut_to(line, terminal_columns());
    }
    context.print(painted(line, tone, context.colour()) + "\n");
}

void print_event(Context& context, Json event) {
    switch (context.format()) {
        case Format::table: print_line(context, event); break;
        case Format::name: context.print(printable(event.at("name").text()) + "\n"); break;
        case Format::ndjson:
        case Format::json: context.print(event.dump() + "\n"); break;
    }
}

void print_events(Context& context, Json answer) {
    answer.at("events").each_item([&](Json event) { print_event(context, event); });
}

// What followed `since` is not kept any more: shows what is, as far as it is newer, and says that there is a
// gap. Events of a controller that was started anew are all newer; those of a store from before that revision
// are none that were seen.
void print_kept(Context& context, Json answer, const std::string& since) {
    const std::uint64_t seen = std::strtoull(since.c_str(), nullptr, 10);
    const bool of_the_past = answer.at("revision").count() < seen;
    bool told = false;
    const auto tell = [&](const std::string& from) {
        context.complain("events after " + since +
                         " are not kept any more, some may be missing; it goes on " + from);
        told = true;
    };
    answer.at("events").each_item([&](Json event) {
        if (of_the_past || event.at("revision").count() > seen) {
            if (!told) {
                tell("with " + event.at("revision").plain());
            }
            print_event(context, event);
        }
    });
    if (!told) {
        tell("after " + answer.at("revision").plain());
    }
}

// The last revision that is known becomes `since`.
Exit watch_events(Online& online, const EventOptions& in) {
    constexpr long gone = 410;
    Context& context = online.context();
    Patience patience{online, {.away_ms = in.no_reconnect ? 0 : Patience::no_end}};
    std::string since = in.since;
    std::int64_t limit = since.empty() ? in.limit : events_per_answer;
    std::string lost;  // the revision after which events are not kept; empty: none were lost
    for (;;) {
        const HttpResponse response = online.get(query_of(in, lost.empty() ? since : "", limit));
        if (response.status == gone) {
            (void)patience.answered();
            lost = since;
            limit = events_per_answer;
            continue;
        }
        if (!response.ok()) {
            if (patience.bears(response)) {
                continue;
            }
            return online.refuse(response);
        }
        (void)patience.answered();
        const JsonText text{response.body};
        const std::string newest = text.root().at("revision").plain();
        if (newest.empty()) {
            return Exit::failed;  // no controller says this
        }
        if (lost.empty()) {
            print_events(context, text.root());
        } else {
            print_kept(context, text.root(), lost);
        }
        std::fflush(stdout);
        since = newest;
        limit = events_per_answer;
        lost.clear();
    }
}

constexpr std::array<std::string_view, 8> blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::size_t spark_columns = 60;

// The values as a line of blocks, four values each (the highest counts); "·" where there is none.
std::string spark(const std::vector<double>& percents) {
    std::string out;
    const std::size_t per_block =
        std::max<std::size_t>(1, (percents.size() + spark_columns - 1) / spark_columns);
    for (std::size_t at = 0; at < percents.size(); at += per_block) {
        const auto first = percents.begin() + static_cast<std::ptrdiff_t>(at);
        const double highest = *std::max_element(
            first, first + static_cast<std::ptrdiff_t>(std::min(per_block, percents.size() - at)));
        const auto level = static_cast<std::size_t>(std::clamp(highest / 100 * 7.99, 0.0, 7.0));
        out += highest < 0 ? "·" : std::string{blocks.at(level)};
    }
    return out;
}

std::vector<double> percents_of(Json series) {
    std::vector<double> values;
    series.each_item([&](Json value) { values.push_back(value.is_number() ? value.number() : -1); });
    return values;
}

void add_row(Table& table, Json host, const char* what, Json series) {
    const std::vector<double> values = percents_of(series);
    double sum = 0;
    double highest = 0;
    std::size_t known = 0;
    for (const double value : values) {
        if (value >= 0) {
            sum += value;
            highest = std::max(highest, value);
            ++known;
        }
    }
    const auto whole = [&](double value) {
        return Cell{known == 0 ? "-" : std::to_string(std::lround(value)),
                    value >= 80 ? Tone::bad : Tone::plain};
    };
    table.row({{printable(host.at("name").text())},
               {what},
               whole(values.empty() ? 0 : std::max(values.back(), 0.0)),
               whole(known == 0 ? 0 : sum / static_cast<double>(known)),
               whole(highest),
               {spark(values)}});
}

Exit history(Online& online, const std::string& span) {
    Context& context = online.context();
    const HttpResponse response = online.get("/v1/history?span=" + url_escape(span));
    if (!response.ok()) {
        return online.refuse(response);
    }
    if (context.format() != Format::table) {
        context.print(response.body);
        return Exit::ok;
    }
    const JsonText text{response.body};
    Table table{{{"HOST"}, {"WHAT"}, {"NOW%", true}, {"MEAN%", true}, {"MAX%", true}, {"LAST " + span}}};
    text.root().at("hosts").each_item([&](Json host) {
        add_row(table, host, "cpu", host.at("cpu_percent"));
        add_row(table, host, "memory", host.at("memory_percent"));
    });
    context.print(table.text({.colour = context.colour(), .headings = !context.output.no_headers}));
    return Exit::ok;
}

Action declare_events(Options& options) {
    const auto in = std::make_shared<EventOptions>();
    options.flag("-w,--watch", in->watch, "stay and show what happens; Ctrl-C ends it");
    options.value(
        "--kind", &in->kinds, "KINDS",
        "only of these kinds, separated by commas: host, vm, job, plan, decision, pool, session, load, "
        "notice");
    options.value("--since", &in->since, "REVISION", "only what came after this event");
    declare_no_reconnect(options, in->no_reconnect);
    options.value("--limit", &in->limit, "COUNT", "at most so many (default 100)").between(1, 1000);
    return online([in](Online& connection) { return show_events(connection, *in); });
}

Action declare_history(Options& options) {
    const auto span = std::make_shared<std::string>("hour");
    options.value("--span", span.get(), "SPAN", "hour (default) or day").one_of({"hour", "day"});
    return online([span](Online& connection) { return history(connection, *span); });
}

constexpr std::array events_table{
    Command{
        "events", "Shows what has happened in the pool, and with -w what happens",
        "Changes of hosts, guests, jobs, plans, decisions, desktop pools and sessions, each with its "
        "object as "
        "it is then "
        "(-o ndjson), samples of hosts (load) and what the controller has to say (notice). Of the past "
        "as much "
        "is kept as limits.events allows.\n\n"
        "With -w it stays when the controller goes away, as for an upgrade: it says so on standard error, "
        "asks again, at most 10 s apart, and goes on after the last event that it has shown. Events that "
        "the controller does not keep any more (after its restart none of before) are said to be missing. "
        "Only a refusal and --no-reconnect end it, and an address at which nobody has answered yet.\n\n"
        "  ballast events -w --kind job,plan\n"
        "  ballast events -w -o ndjson --kind notice",
        "", "listEvents", &declare_events},
    Command{"history", "Shows the CPU and memory of every host over the last hour or day",
            "Kept in the controller's memory, not over its restart.\n\n  ballast history --span day", "",
            "getLoadHistory", &declare_history},
};

}  // namespace

Exit show_events(Online& online, const EventOptions& in) {
    Context& context = online.context();
    if (in.watch && context.format() == Format::json) {
        context.complain("-w does not end, and one JSON text would not either: say -o ndjson");
        return Exit::usage;
    }
    if (in.watch) {
        return watch_events(online, in);
    }
    const std::int64_t limit = in.limit == 0 && !in.since.empty() ? events_per_answer : in.limit;
    const HttpResponse response = online.get(query_of(in, in.since, limit));
    if (!response.ok()) {
        return online.refuse(response);
    }
    if (context.format() == Format::json) {
        context.print(response.body);
    } else {
        const JsonText text{response.body};
        print_events(context, text.root());
    }
    return Exit::ok;
}

std::string newest_revision(Online& online) {
    const HttpResponse newest = online.get("/v1/events?wait=0&limit=1");
    return newest.ok() ? JsonText{newest.body}.root().at("revision").plain() : std::string{};
}

std::span<const Command> event_commands() {
    return events_table;
}

}  // namespace ballast::cli
