#include "cli/online/bundle.hpp"

#include <sys/utsname.h>

#include <array>
#include <memory>

#include "cli/files.hpp"
#include "cli/online/anonymous.hpp"
#include "cli/online/online.hpp"
#include "cli/problem.hpp"
#include "cli/times.hpp"

namespace ballast::cli {

namespace {

struct BundleOptions {
    std::string file;
    bool anonymous = false;
};

// Lists that go into a bundle, under these names. None of them holds a secret: the endpoint shows no tokens,
// no passwords of consoles and no definitions of guests in them.
struct Part {
    std::string_view name;
    std::string_view path;
    std::string_view of_name = {};  // what an object's `name` is one of
};
constexpr std::array lists{
    Part{"hosts", "/v1/hosts", "host"}, Part{"vms", "/v1/vms", "vm"},       Part{"jobs", "/v1/jobs"},
    Part{"plans", "/v1/plans"},         Part{"decisions", "/v1/decisions"}, Part{"limits", "/v1/limits"},
};

void write_client(JsonWriter& json) {
    utsname system{};
    json.key("client").object();
    json.key("version").text("ballast " BALLAST_VERSION);
    if (::uname(&system) == 0) {
        json.key("system").text(std::string{system.sysname} + " " + system.release + " " + system.machine);
    }
    json.end_object();
}

// One list of the endpoint, or why it could not be had: a bundle of an ailing controller is worth most.
struct Fetched {
    HttpResponse response;
    std::vector<std::string> lines;
};

Fetched fetch(Online& online, std::string_view path) {
    Fetched list;
    list.response = online.list(std::string{path}, list.lines);
    return list;
}

// All names have to be known before the first sentence is written.
void learn(Anonymous& names, const Fetched& list, std::string_view of_name) {
    for (const std::string& line : list.lines) {
        names.learn(JsonText{line}.root(), of_name);
    }
}

Anonymous names_in(Online& online, Json pool, const std::vector<Fetched>& fetched) {
    Anonymous names;
    names.learn(pool);
    for (std::size_t i = 0; i < lists.size(); ++i) {
        learn(names, fetched[i], lists.at(i).of_name);
    }
    // Whoever may not read these gets by without: what is kept of them stands in decisions, if anywhere.
    learn(names, fetch(online, "/v1/pools"), "pool");
    learn(names, fetch(online, "/v1/sessions"), "");
    learn(names, fetch(online, "/v1/private_desktops"), "");
    return names;
}

std::string bundle_text(Online& online, Json pool, bool anonymous) {
    std::vector<Fetched> fetched;
    for (const Part& part : lists) {
        fetched.push_back(fetch(online, part.path));
    }
    const Anonymous names = anonymous ? names_in(online, pool, fetched) : Anonymous{};
    JsonWriter json;
    const auto write = [&](Json value) {
        if (anonymous) {
            names.write(json, value);
        } else {
            json.raw(value.dump());
        }
    };
    json.object();
    // The pool's own members first: the file is a ballast-pool/1, of which readers ignore what they do not
    // know.
    pool.each_member([&](std::string_view name, Json value) {
        json.key(name);
        write(value);
    });
    json.key("support").object();
    json.key("format").text("ballast-support/1");
    json.key("written_at").text(rfc3339(wall_now_ms()));
    write_client(json);
    if (const HttpResponse status = online.get("/v1/status"); status.ok()) {
        const JsonText text{status.body};
        json.key("status");
        write(text.root());
    }
    for (std::size_t i = 0; i < lists.size(); ++i) {
        json.key(lists.at(i).name);
        if (!fetched[i].response.ok()) {
            json.object().key("unavailable").text(explain_problem(fetched[i].response)).end_object();
            continue;
        }
        json.array();
        for (const std::string& line : fetched[i].lines) {
            write(JsonText{line}.root());
        }
        json.end_array();
    }
    if (const HttpResponse metrics = online.get("/metrics", "text/plain"); metrics.ok() && !anonymous) {
        json.key("metrics").text(metrics.body);  // their labels name hosts
    }
    return json.end_object().end_object().str() + "\n";
}

Exit write_bundle(Online& online, const BundleOptions& in) {
    Context& context = online.context();
    const HttpResponse snapshot = online.get("/v1/snapshot");
    if (!snapshot.ok()) {
        return online.refuse(snapshot);
    }
    const JsonText pool{snapshot.body};
    if (!pool.ok() || !pool.root().is_object()) {
        context.complain("the snapshot is no JSON object: " + pool.error());
        return Exit::failed;
    }
    const std::string text = bundle_text(online, pool.root(), in.anonymous);
    if (in.file == "-") {
        context.print(text);
        return Exit::ok;
    }
    std::string stamp = rfc3339(wall_now_ms());
    std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
    const std::string path = in.file.empty() ? "ballast-support-" + stamp + ".json" : in.file;
    std::string why;
    if (!write_file(path, text, 0600, why).ok()) {
        context.complain(why);
        return Exit::failed;
    }
    context.print(path + ": " + bytes_for_people(static_cast<double>(text.size())) + "\n");
    return Exit::ok;
}

Action declare_bundle(Options& options) {
    const auto in = std::make_shared<BundleOptions>();
    options
        .argument("FILE", &in->file, "where to; - is standard output, by default a name with the time in it")
        .completes(Completes::files);
    options.flag("--anonymous", in->anonymous,
                 "hosts, guests, pools, sites, groups and users are called host1, vm1 and so on, and uuids, "
                 "addresses and metrics are left out");
    return online([in](Online& connection) { return write_bundle(connection, *in); });
}

constexpr std::array bundle_table{
    Command{"support-bundle", "Writes what a bug report needs into one file",
            "The pool with its samples, limits, decisions, plans, jobs, metrics and versions. No tokens, "
            "passwords or "
            "definitions of guests are in it, but the names of hosts and guests are, unless --anonymous is "
            "given; it is "
            "JSON, so look before you send it.\n\n"
            "The file is a ballast-pool/1 with more in it, so that what went on can be tried again:\n\n"
            "  ballast support-bundle bundle.json\n  ballast plan --pool bundle.json --policy vds-3b",
            "",
            "getSnapshot getStatus getLimits getMetrics listHosts listVms listJobs listPlans listDecisions",
            &declare_bundle},
};

}  // namespace

std::span<const Command> bundle_commands() {
    return bundle_table;
}

}  // namespace ballast::cli
