#include "cli/online/desktops.hpp"

#include <array>
#include <memory>

#include "cli/files.hpp"
#include "cli/online/change.hpp"
#include "cli/online/online.hpp"
#include "cli/table.hpp"

namespace ballast::cli {

namespace {

constexpr std::size_t pool_bytes_max = std::size_t{64} << 10;  // as the endpoint's bodies

struct DesktopOptions {
    std::string name;
    std::string file;
    std::string user;
    std::string pool;
    std::string client;
    std::string ready;
    std::string paused;
    std::string saved;
    std::string max;
    bool personal = false;
    bool yes = false;
    ActOptions act;
};

std::string pool_path(const DesktopOptions& in) {
    return "/v1/pools/" + url_escape(in.name);
}

// ---- pools ----

void declare_if_match(Options& options, DesktopOptions& in, const char* help) {
    options.value("--if-match", &in.act.if_match, "TAG", help);
}
constexpr char however_help[] = "only while the pool has this etag (ballast describe pool); else code 5";
constexpr char since_help[] =
    "only while the pool has this etag; by default the one it has when the command starts";

// From here on, what somebody else changes in the pool refuses the edit.
Exit hold(Online& connection, DesktopOptions& in) {
    if (!in.act.if_match.empty()) {
        return Exit::ok;
    }
    const HttpResponse response = connection.get(pool_path(in));
    if (!response.ok()) {
        return connection.refuse(response);
    }
    in.act.if_match = response.entity_tag;
    return Exit::ok;
}

template <bool creates>
Action declare_pool_file(Options& options) {
    const auto in = std::make_shared<DesktopOptions>();
    if (!creates) {
        options.argument("NAME", &in->name, "the pool").required();
    }
    options.argument("FILE", &in->file, "JSON that describes the pool; - is standard input")
        .required()
        .completes(Completes::files);
    if (!creates) {
        declare_if_match(options, *in, since_help);
    }
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        // Before the file is read: where it comes from an editor, that takes its time.
        if (const Exit held = creates ? Exit::ok : hold(connection, *in); held != Exit::ok) {
            return held;
        }
        std::string body;
        std::string why;
        if (!read_input(in->file, pool_bytes_max, body, why).ok()) {
            connection.context().complain(why);
            return Exit::usage;
        }
        const Change change = creates ? Change{"POST", "/v1/pools", body, "pool create"}
                                      : Change{"PUT", pool_path(*in), body, in->name + ": replace"};
        return change_all(connection, {change}, in->act);
    });
}

template <const char* action>
Action declare_pool_action(Options& options) {
    const auto in = std::make_shared<DesktopOptions>();
    options.argument("NAME", &in->name, "the pool").required();
    declare_if_match(options, *in, however_help);
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        return change_all(
            connection,
            {{"POST", pool_path(*in) + ":" + action, "{}", in->name + ": " + std::string{action}}}, in->act);
    });
}
constexpr char enable_word[] = "enable";
constexpr char disable_word[] = "disable";

Action declare_pool_delete(Options& options) {
    const auto in = std::make_shared<DesktopOptions>();
    options.argument("NAME", &in->name, "the pool").required();
    options.flag("--yes", in->yes, "do not ask");
    declare_if_match(options, *in, since_help);
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        if (const Exit held = hold(connection, *in); held != Exit::ok) {
            return held;
        }
        if (!in->act.dry_run && !confirm(connection.context(), in->yes,
                                         "Delete the pool " + printable(in->name) + " and its desktops?")) {
            return Exit::usage;
        }
        return change_all(connection, {{"DELETE", pool_path(*in), "", in->name + ": delete"}}, in->act);
    });
}

Action declare_pool_targets(Options& options) {
    const auto in = std::make_shared<DesktopOptions>();
    options.argument("NAME", &in->name, "the pool").required();
    options.value("--ready", &in->ready, "N", "desktops that run and wait for a user");
    options.value("--paused", &in->paused, "N", "desktops that stand still in memory");
    options.value("--saved", &in->saved, "N", "desktops that lie in a file");
    options.value("--max", &in->max, "N", "desktops in all, those in use included");
    declare_if_match(options, *in, however_help);
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        JsonWriter json;
        json.object();
        for (const auto& [name, text] : {std::pair{"ready", &in->ready}, std::pair{"paused", &in->paused},
                                         std::pair{"saved", &in->saved}, std::pair{"max", &in->max}}) {
            if (text->empty()) {
                continue;
            }
            if (!parse_id(*text)) {
                connection.context().complain("--" + std::string{name} + ": expected a number");
                return Exit::usage;
            }
            json.key(name).raw(*text);
        }
        return change_all(
            connection,
            {{"PUT", pool_path(*in) + "/targets", json.end_object().str(), in->name + ": targets"}}, in->act);
    });
}

// ---- private desktops ----

std::string private_path(const DesktopOptions& in) {
    return "/v1/private-desktops/" + url_escape(in.user);
}

Action declare_assign(Options& options) {
    const auto in = std::make_shared<DesktopOptions>();
    options.argument("USER", &in->user, "whose it is").required();
    options.value("--pool", &in->pool, "POOL", "the private pool that it is made of");
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        JsonWriter json;
        const std::string body = json.object().key("pool").text(in->pool).end_object().str();
        return change_all(connection, {{"PUT", private_path(*in), body, in->user + ": assign"}}, in->act);
    });
}

Action declare_take_away(Options& options) {
    const auto in = std::make_shared<DesktopOptions>();
    options.argument("USER", &in->user, "whose it is").required();
    options.flag("--yes", in->yes, "do not ask");
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        if (!in->act.dry_run &&
            !confirm(connection.context(), in->yes,
                     "Delete the private desktop of " + printable(in->user) + "? Its disks stay.")) {
            return Exit::usage;
        }
        return change_all(connection, {{"DELETE", private_path(*in), "", in->user + ": delete"}}, in->act);
    });
}

// ---- sessions ----

Action declare_open(Options& options) {
    const auto in = std::make_shared<DesktopOptions>();
    options.value("--user", &in->user, "USER", "who logs in");
    options.value("--pool", &in->pool, "POOL", "a desktop of this pool");
    options.flag("--private", in->personal, "the user's private desktop");
    options.value("--client", &in->client, "ADDRESS",
                  "numeric address from which alone the user may connect");
    declare_act(options, in->act);
    return online([in](Online& connection) {
        JsonWriter json;
        json.object().key("user").text(in->user);
        if (in->personal) {
            json.key("private").raw("true");
        }
        if (!in->pool.empty()) {
            json.key("pool").text(in->pool);
        }
        if (!in->client.empty()) {
            json.key("client_address").text(in->client);
        }
        return change_all(
            connection, {{"POST", "/v1/sessions", json.end_object().str(), in->user + ": session"}}, in->act);
    });
}

Action declare_close(Options& options) {
    const auto ids = std::make_shared<std::vector<std::string>>();
    const auto in = std::make_shared<DesktopOptions>();
    options.argument("ID", ids.get(), "numbers of sessions").required();
    declare_act(options, in->act, false);
    return online([in, ids](Online& connection) {
        std::vector<Change> changes;
        for (const std::string& id : *ids) {
            changes.push_back({"DELETE", "/v1/sessions/" + url_escape(id), "", "session " + id});
        }
        return change_all(connection, changes, in->act);
    });
}

Action declare_vm_history(Options& options) {
    const auto in = std::make_shared<DesktopOptions>();
    options.argument("NAME", &in->name, "name or uuid of the guest").required().completes(Completes::vms);
    return online([in](Online& connection) {
        Context& context = connection.context();
        const HttpResponse response =
            connection.get("/v1/vms/" + url_escape(in->name) + "/history",
                           context.format() == Format::table ? "text/plain" : "*/*");
        if (!response.ok()) {
            return connection.refuse(response);
        }
        context.print(response.body);
        return Exit::ok;
    });
}

Action declare_vm_destinations(Options& options) {
    const auto in = std::make_shared<DesktopOptions>();
    const auto limit_mbps = std::make_shared<std::int64_t>(0);
    options.argument("NAME", &in->name, "name or uuid of the guest").required().completes(Completes::vms);
    options
        .value("--bandwidth-mbps", limit_mbps.get(), "MBPS",
               "limit for the disk images, megabit per second; none unless said")
        .between(1, 1'000'000);
    return online([in, limit_mbps](Online& connection) {
        Context& context = connection.context();
        const HttpResponse response = connection.get(
            "/v1/vms/" + url_escape(in->name) + "/destinations?bandwidth_mbps=" + std::to_string(*limit_mbps),
            context.format() == Format::table ? "text/plain" : "application/json");
        if (!response.ok()) {
            return connection.refuse(response);
        }
        context.print(response.body);
        return Exit::ok;
    });
}

constexpr std::array desktops_table{
    Command{"pool create", "Makes a pool of desktops from a JSON file",
            "docs/desktops.md explains the members.\n\n  ballast pool create kiosk.json", "", "createPool",
            &declare_pool_file<true>},
    Command{"pool replace", "Gives a pool other rules and another template", "", "", "replacePool",
            &declare_pool_file<false>},
    Command{"pool targets", "Changes how many spares a pool keeps",
            "From cron, before the morning's logins. What is not given stays.\n\n"
            "  ballast pool targets kiosk --ready 20",
            "", "setPoolTargets getPoolTargets", &declare_pool_targets},
    Command{"pool enable", "Lets a pool grant and make desktops", "", "", "enablePool",
            &declare_pool_action<enable_word>},
    Command{"pool disable", "Keeps a pool from granting and making desktops", "", "", "disablePool",
            &declare_pool_action<disable_word>},
    Command{"pool delete", "Removes a pool that no session uses", "", "", "deletePool", &declare_pool_delete},
    Command{"private assign", "Gives a user a desktop of a private pool",
            "  ballast private assign ann --pool office", "", "assignPrivateDesktop", &declare_assign},
    Command{"private delete", "Takes a user's inactive private desktop away", "", "", "deletePrivateDesktop",
            &declare_take_away},
    Command{"session open", "Logs a user in",
            "The same again is the same session.\n\n  ballast session open --user ann --pool kiosk -o json\n"
            "  ballast session open --user ann --private",
            "", "openSession", &declare_open},
    Command{"session close", "Ends sessions", "", "", "closeSession", &declare_close},
    Command{
        "vm destinations", "Shows where a guest could go with its disk images, and how long it would take",
        "Each host with the way there, how much of the images it has already, and the predicted time; or the "
        "rule that excludes it. The first is where vm migrate --storage copy would go.\n\n"
        "  ballast vm destinations web1 --bandwidth-mbps 200",
        "", "getVmDestinations", &declare_vm_destinations},
    Command{"vm history", "Shows what changed on a guest, when and why", "", "", "getVmHistory",
            &declare_vm_history},
};

}  // namespace

std::span<const Command> desktop_commands() {
    return desktops_table;
}

}  // namespace ballast::cli
