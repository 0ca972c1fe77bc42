#include "cli/online/describe.hpp"

#include <array>
#include <memory>

#include "cli/online/destinations_table.hpp"
#include "cli/online/kinds.hpp"
#include "cli/online/online.hpp"
#include "cli/table.hpp"
#include "cli/times.hpp"

namespace ballast::cli {

namespace {

constexpr std::size_t recent_max = 5;

// "2026-…Z (4m ago)"
std::string value_text(std::string_view name, Json value) {
    std::string text = printable(value.plain());
    if (name.ends_with("_at")) {
        if (const std::optional<std::int64_t> then = parse_time(value.text()); then.has_value()) {
            const std::int64_t ago = wall_now_ms() - *then;
            text += ago >= 0 ? " (" + duration_for_people(ago) + " ago)"
                             : " (in " + duration_for_people(-ago) + ")";
        }
    }
    return text;
}

void describe_into(Json object, std::size_t indent, std::string& out) {
    std::size_t width = 0;
    object.each_member([&](std::string_view name, Json) { width = std::max(width, name.size()); });
    object.each_member([&](std::string_view name, Json member) {
        const std::string margin(indent, ' ');
        const bool items = member.is_array() && member.size() > 0;
        bool objects = false;
        if (items) {
            member.each_item([&](Json item) { objects = objects || item.is_object(); });
        }
        if (member.is_object()) {
            out += margin + std::string{name} + "\n";
            describe_into(member, indent + 2, out);
        } else if (objects && name == "destinations") {
            out += margin + std::string{name} + "\n";
            for (const std::string& line : destinations_table(member).lines({})) {
                out += margin + "  " + line + "\n";
            }
        } else if (objects) {
            out += margin + std::string{name} + "\n";
            member.each_item([&](Json item) { out += margin + "  " + printable(item.plain()) + "\n"; });
        } else {
            std::string label{name};
            label.resize(width + 2, ' ');
            out += margin + label + value_text(name, member) + "\n";
        }
    });
}

// The last jobs and decisions that name the guest.
std::string recent(Online& online, const Kind& kind, std::string_view member, const std::string& vm) {
    std::vector<std::string> lines;
    if (!online.list(std::string{kind.path}, lines).ok()) {
        return {};
    }
    Table table = empty_table(kind);
    for (const std::string& line : lines) {
        const JsonText object{line};
        if (object.root().at(member).text() == vm && table.rows() < recent_max) {
            table.row(cells_of(kind, object.root(), wall_now_ms()));
        }
    }
    const TableStyle style{online.context().colour(), true,
                           online.context().terminal() ? terminal_columns() : 0};
    return table.rows() == 0 ? "" : "\nlast " + std::string{kind.plural} + "\n" + table.text(style);
}

Exit describe(Online& online, const std::string& word, const std::string& name) {
    const Kind& kind = *find_kind(word);
    const HttpResponse response = online.get(std::string{kind.path} + "/" + url_escape(name));
    if (!response.ok()) {
        return online.refuse(response);
    }
    const JsonText object{response.body};
    if (online.context().format() != Format::table) {
        online.context().print(response.body);
        return Exit::ok;
    }
    std::string out = describe_object(object.root());
    if (!response.entity_tag.empty()) {
        out += "etag  " + printable(response.entity_tag) + "\n";  // what --if-match takes
    }
    if (kind.plural == "vms") {
        const std::string vm{object.root().at("name").text()};
        out +=
            recent(online, *find_kind("jobs"), "vm", vm) + recent(online, *find_kind("decisions"), "vm", vm);
    }
    online.context().print(out);
    return Exit::ok;
}

std::string census(Json counts) {
    std::string out = counts.at("all").plain();
    std::string states;
    counts.each_member([&](std::string_view name, Json count) {
        if (name != "all") {
            states += (states.empty() ? "" : ", ") + count.plain() + " " + std::string{name};
        }
    });
    return states.empty() ? out : out + " (" + states + ")";
}

std::string hosts_in_short(Online& online, const TableStyle& style) {
    std::vector<std::string> lines;
    const Kind& kind = *find_kind("hosts");
    if (!online.list("/v1/hosts", lines).ok()) {
        return {};
    }
    Table table{{{"HOST"}, {"STATE"}, {"CPU%", true}, {""}, {"MEM%", true}, {""}, {"VMS", true}, {"REASON"}}};
    const auto bar = [](double share) {
        constexpr std::size_t cells = 12;
        const auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * cells + 0.5);
        return std::string(filled, '#') + std::string(cells - filled, '.');
    };
    for (const std::string& line : lines) {
        const JsonText text{line};
        const Json host = text.root();
        const double cpu = host.at("cpu").number();
        const double memory = host.at("memory").number();
        table.row({{name_of(kind, host)},
                   cell_of(Show::state, host.at("state"), 0),
                   cell_of(Show::load, host.at("cpu"), 0),
                   {bar(cpu), tone_of_load(cpu)},
                   cell_of(Show::load, host.at("memory"), 0),
                   {bar(memory), tone_of_load(memory)},
                   {host.at("vms").plain()},
                   {host.at("state_reason").plain()}});
    }
    return table.text(style);
}

Exit status(Online& online) {
    Context& context = online.context();
    const HttpResponse response = online.get("/v1/status");
    if (!response.ok()) {
        return online.refuse(response);
    }
    if (context.format() != Format::table) {
        context.print(response.body);
        return Exit::ok;
    }
    const JsonText text{response.body};
    const Json now = text.root();
    const TableStyle style{context.colour(), true, context.terminal() ? terminal_columns() : 0};
    const auto uptime = static_cast<std::int64_t>(now.at("uptime_seconds").count()) * 1000;
    std::string out = "controller  " + printable(now.at("version").plain()) + ", up " +
                      duration_for_people(uptime) +
                      (now.at("ready").flag() ? "" : ", not yet ready: not all hosts have reported") + "\n";
    out += "hosts       " + printable(census(now.at("hosts"))) + ", " + now.at("hosts_overloaded").plain() +
           " overloaded\n";
    out += "vms         " + printable(census(now.at("vms"))) + "\n";
    out += "open jobs   " + now.at("jobs_open").plain() + "\n";
    const Json balance = now.at("balance");
    out += "balancing   " + std::string{balance.at("enabled").flag() ? "on" : "off"} + ", " +
           printable(balance.at("policy").plain());
    if (const std::string waits = waits_for_samples(now); !waits.empty()) {
        out += "; " + waits;
    } else if (const Json decision = balance.at("last_decision"); !decision.is_null()) {
        const std::optional<std::int64_t> at = parse_time(decision.at("last_repeated_at").text());
        out += "; " + (at.has_value() ? duration_for_people(wall_now_ms() - *at) + " ago: " : std::string{}) +
               printable(decision.at("why").plain());
    }
    context.print(out + "\n\n" + hosts_in_short(online, style));
    return Exit::ok;
}

struct DescribeOptions {
    std::string kind;
    std::string name;
};

}  // namespace

std::string waits_for_samples(Json status) {
    const std::uint64_t there = status.at("hosts.all").count() - status.at("hosts.down").count();
    const std::uint64_t measured = status.at("hosts_measured").count();
    if (!status.at("hosts_measured").is_number() || measured >= there) {
        return {};
    }
    return "waits for samples: " + std::to_string(measured) + " of " + std::to_string(there) +
           " hosts have been measured";
}

std::string describe_object(Json object) {
    std::string out;
    describe_into(object, 0, out);
    return out;
}

Action declare_describe(Options& options) {
    const auto in = std::make_shared<DescribeOptions>();
    std::vector<std::string> words;
    for (const Kind& kind : kinds()) {
        if (kind.single) {
            words.emplace_back(kind.singular);
        }
    }
    options.argument("KIND", &in->kind, "its kind").required().one_of(words);
    options.argument("NAME", &in->name, "its name, uuid or number").required();
    return online([in](Online& connection) { return describe(connection, in->kind, in->name); });
}

Action declare_status(Options&) {
    return online(&status);
}

}  // namespace ballast::cli
