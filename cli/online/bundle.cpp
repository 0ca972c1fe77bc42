#include "cli/online/bundle.hpp"

#include <sys/utsname.h>

#include <array>
#include <map>
#include <memory>

#include "cli/files.hpp"
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
};
constexpr std::array lists{
    Part{"hosts", "/v1/hosts"},         Part{"vms", "/v1/vms"},
    Part{"jobs", "/v1/jobs"},           Part{"plans", "/v1/plans"},
    Part{"decisions", "/v1/decisions"}, Part{"limits", "/v1/limits"},
};

// Names of hosts and guests, each with what it is called in an anonymous bundle.
class Names {
  public:
    void learn(Json pool) {
        number(pool.at("hosts"), "host");
        number(pool.at("vms"), "vm");
    }

    // Every text of the JSON with the names in it replaced, also inside sentences; uuids and addresses are
    // dropped.
    void write(JsonWriter& out, Json value) const {
        if (value.is_object()) {
            out.object();
            value.each_member([&](std::string_view name, Json member) {
                const bool traceable = name == "uuid" || name.ends_with("_uuid") || name == "console" ||
                                       name == "migration_address" || name == "address" || name == "labels";
                if (!traceable) {
                    out.key(name);
                    write(out, member);
                }
            });
            out.end_object();
        } else if (value.is_array()) {
            out.array();
            value.each_item([&](Json item) { write(out, item); });
            out.end_array();
        } else if (value.is_text()) {
            out.text(replaced(value.text()));
        } else {
            out.raw(value.dump());
        }
    }

  private:
    void number(Json list, std::string_view word) {
        std::size_t count = 0;
        list.each_item([&](Json object) {
            ++count;
            aliases_.emplace(object.at("name").text(), std::string{word} + std::to_string(count));
        });
    }

    // Whole words only: a guest that is called "a" must not eat the letters of sentences.
    std::string replaced(std::string_view text) const {
        if (const auto whole = aliases_.find(text); whole != aliases_.end()) {
            return whole->second;
        }
        const auto of_name = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                   c == '_' || c == '.' || c == '+' || (static_cast<unsigned char>(c) & 0x80U) != 0;
        };
        std::string out;
        while (!text.empty()) {
            std::size_t end = 0;
            while (end < text.size() && of_name(text[end])) {
                ++end;
            }
            if (end == 0) {
                out += text.front();
                text.remove_prefix(1);
                continue;
            }
            std::string_view word = text.substr(0, end);
            if (aliases_.find(word) == aliases_.end() && word.ends_with('.')) {
                word.remove_suffix(1);  // the end of a sentence
            }
            const auto alias = aliases_.find(word);
            out += alias != aliases_.end() ? alias->second : std::string{word};
            text.remove_prefix(word.size());
        }
        return out;
    }

    std::map<std::string, std::string, std::less<>> aliases_;
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
void write_list(JsonWriter& json, Online& online, const Part& part, const Names* names) {
    std::vector<std::string> lines;
    const HttpResponse response = online.list(std::string{part.path}, lines);
    json.key(part.name);
    if (!response.ok()) {
        json.object().key("unavailable").text(explain_problem(response)).end_object();
        return;
    }
    json.array();
    for (const std::string& line : lines) {
        const JsonText text{line};
        if (names != nullptr) {
            names->write(json, text.root());
        } else {
            json.raw(line);
        }
    }
    json.end_array();
}

std::string bundle_text(Online& online, Json pool, bool anonymous) {
    Names names;
    names.learn(pool);
    const auto write = [&](JsonWriter& out, Json value) {
        if (anonymous) {
            names.write(out, value);
        } else {
            out.raw(value.dump());
        }
    };
    JsonWriter json;
    json.object();
    // The pool's own members first: the file is a ballast-pool/1, of which readers ignore what they do not
    // know.
    pool.each_member([&](std::string_view name, Json value) {
        json.key(name);
        write(json, value);
    });
    json.key("support").object();
    json.key("format").text("ballast-support/1");
    json.key("written_at").text(rfc3339(wall_now_ms()));
    write_client(json);
    if (const HttpResponse status = online.get("/v1/status"); status.ok()) {
        const JsonText text{status.body};
        json.key("status");
        write(json, text.root());
    }
    for (const Part& part : lists) {
        write_list(json, online, part, anonymous ? &names : nullptr);
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
                 "hosts and guests are called host1 and vm1, and uuids, addresses and metrics are left out");
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
