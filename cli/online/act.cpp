#include "cli/online/act.hpp"

#include <array>
#include <memory>

#include "cli/files.hpp"
#include "cli/online/change.hpp"
#include "cli/online/follow.hpp"
#include "cli/online/online.hpp"
#include "cli/table.hpp"

namespace ballast::cli {

namespace {

constexpr std::size_t spec_bytes_max = std::size_t{64} << 10;  // as the endpoint's bodies

struct VmOptions {
    std::vector<std::string> names;
    std::string to;
    std::string mode;
    std::string storage;
    std::int64_t bandwidth_mbps = 0;
    std::string word;
    bool force = false;
    bool yes = false;
    ActOptions act;
};

std::string vm_path(const std::string& name, std::string_view action) {
    return "/v1/vms/" + url_escape(name) + ":" + std::string{action};
}

// The same action on each of the guests: all are started, then all are waited for.
Exit act_on_vms(Online& online, std::string_view action, const VmOptions& in, const std::string& body) {
    std::vector<Change> changes;
    for (const std::string& name : in.names) {
        const Already already = action == "migrate" ? Already::place : Already::state;
        changes.push_back({"POST", vm_path(name, action), body, name + ": " + std::string{action}, already});
    }
    return change_all(online, changes, in.act);
}

void declare_names(Options& options, VmOptions& in) {
    options.argument("NAME", &in.names, "names or uuids of guests").required().completes(Completes::vms);
}

std::string placement_body(const VmOptions& in) {
    JsonWriter json;
    json.object();
    if (!in.to.empty()) {
        json.key("to").text(in.to);
    }
    if (!in.mode.empty()) {
        json.key("mode").text(in.mode);
    }
    if (!in.storage.empty()) {
        json.key("storage").text(in.storage);
    }
    if (in.bandwidth_mbps != 0) {
        json.key("bandwidth_mbps").integer(in.bandwidth_mbps);
    }
    return json.end_object().str();
}

// An action without options of its own.
template <const char* action>
Action declare_plain(Options& options) {
    const auto in = std::make_shared<VmOptions>();
    declare_names(options, *in);
    declare_act(options, in->act);
    return online([in](Online& connection) { return act_on_vms(connection, action, *in, "{}"); });
}
constexpr char pause_word[] = "pause";
constexpr char unpause_word[] = "unpause";
constexpr char save_word[] = "save";
constexpr char restore_word[] = "restore";
constexpr char index_word[] = "index";

Action declare_start(Options& options) {
    const auto in = std::make_shared<VmOptions>();
    declare_names(options, *in);
    options.value("--to", &in->to, "HOST", "on this host; by default the controller chooses")
        .completes(Completes::hosts);
    declare_act(options, in->act);
    return online(
        [in](Online& connection) { return act_on_vms(connection, "start", *in, placement_body(*in)); });
}

Action declare_migrate(Options& options) {
    const auto in = std::make_shared<VmOptions>();
    declare_names(options, *in);
    options.value("--to", &in->to, "HOST", "to this host; by default the controller chooses")
        .completes(Completes::hosts);
    options.value("--mode", &in->mode, "MODE", "how (default automatic: live where host and guest can)")
        .one_of({"live", "stop_and_copy", "automatic"});
    options
        .value("--storage", &in->storage, "WHAT",
               "copy takes the disk images along; shared, unless said, leaves them where both hosts see them")
        .one_of({"shared", "copy"});
    options
        .value("--bandwidth-mbps", &in->bandwidth_mbps, "MBPS",
               "limit for the disk images, megabit per second; none unless said")
        .between(1, 1'000'000);
    declare_act(options, in->act);
    return online(
        [in](Online& connection) { return act_on_vms(connection, "migrate", *in, placement_body(*in)); });
}

std::string listed(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) {
        out += (out.empty() ? "" : ", ") + printable(name);
    }
    return out;
}

Action declare_shutdown(Options& options) {
    const auto in = std::make_shared<VmOptions>();
    declare_names(options, *in);
    options.flag("--force", in->force, "also guests that Ballast did not create");
    declare_act(options, in->act);
    return online([in](Online& connection) {
        return act_on_vms(connection, "shutdown", *in, in->force ? R"({"force":true})" : "{}");
    });
}

Action declare_destroy(Options& options) {
    const auto in = std::make_shared<VmOptions>();
    declare_names(options, *in);
    options.flag("--force", in->force, "also guests that Ballast did not create");
    options.flag("--yes", in->yes, "do not ask");
    declare_act(options, in->act);
    return online([in](Online& connection) {
        if (!in->act.dry_run &&
            !confirm(connection.context(), in->yes,
                     "Destroy " + listed(in->names) + "? What is not on disk by now is lost.")) {
            return Exit::usage;
        }
        return act_on_vms(connection, "destroy", *in, in->force ? R"({"force":true})" : "{}");
    });
}

Action declare_movable(Options& options) {
    const auto in = std::make_shared<VmOptions>();
    options.argument("YES_OR_NO", &in->word, "may balancing move it?").required().one_of({"yes", "no"});
    declare_names(options, *in);
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        std::vector<Change> changes;
        for (const std::string& name : in->names) {
            changes.push_back({"POST", vm_path(name, "set-movable"),
                               in->word == "yes" ? R"({"movable":true})" : R"({"movable":false})",
                               name + ": movable " + in->word, Already::beside});
        }
        return change_all(connection, changes, in->act);
    });
}

Action declare_forget_vm(Options& options) {
    const auto in = std::make_shared<VmOptions>();
    declare_names(options, *in);
    options.flag("--yes", in->yes, "do not ask");
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        if (!in->act.dry_run && !confirm(connection.context(), in->yes,
                                         "Forget " + listed(in->names) + " and what defines it?")) {
            return Exit::usage;
        }
        std::vector<Change> changes;
        for (const std::string& name : in->names) {
            changes.push_back({"DELETE", "/v1/vms/" + url_escape(name), "", name + ": forget"});
        }
        return change_all(connection, changes, in->act);
    });
}

// The file's JSON with the host added, when one is given.
bool spec_with_host(Context& context, const std::string& path, const std::string& to, std::string& body) {
    std::string why;
    if (!read_input(path, spec_bytes_max, body, why).ok()) {
        context.complain(why);
        return false;
    }
    const JsonText spec{body};
    if (!spec.ok() || !spec.root().is_object()) {
        context.complain(path + ": " + (spec.ok() ? "expected a JSON object" : spec.error()));
        return false;
    }
    if (!to.empty()) {
        JsonWriter json;
        json.object();
        spec.root().each_member([&](std::string_view name, Json value) {
            if (name != "to") {
                json.key(name).raw(value.dump());
            }
        });
        body = json.key("to").text(to).end_object().str();
    }
    return true;
}

Action declare_create(Options& options) {
    const auto in = std::make_shared<VmOptions>();
    options.argument("FILE", &in->word, "JSON that describes the guest; - is standard input")
        .required()
        .completes(Completes::files);
    options.value("--to", &in->to, "HOST", "on this host; by default the controller chooses")
        .completes(Completes::hosts);
    declare_act(options, in->act);
    return online([in](Online& connection) {
        std::string body;
        if (!spec_with_host(connection.context(), in->word, in->to, body)) {
            return Exit::usage;
        }
        return change_all(connection, {{"POST", "/v1/vms", body, "create"}}, in->act);
    });
}

constexpr std::array vm_table{
    Command{"vm start", "Starts guests that are inactive", "", "", "startVm", &declare_start},
    Command{"vm pause", "Stops the virtual CPUs of guests; memory stays", "", "", "pauseVm",
            &declare_plain<pause_word>},
    Command{"vm unpause", "Lets paused guests run again", "", "", "unpauseVm", &declare_plain<unpause_word>},
    Command{"vm save", "Writes guests to a file of their host and frees their memory", "", "", "saveVm",
            &declare_plain<save_word>},
    Command{"vm restore", "Lets saved guests run again where their file is", "", "", "restoreVm",
            &declare_plain<restore_word>},
    Command{"vm shutdown", "Asks guests to shut down", "", "", "shutdownVm", &declare_shutdown},
    Command{"vm destroy", "Ends guests at once, as a power failure does", "", "", "destroyVm",
            &declare_destroy},
    Command{
        "vm migrate", "Moves guests to another host while they run",
        "Without --to the controller chooses the host as its policy would; with --storage copy the one where "
        "the guest would run soonest (vm destinations).\n\n"
        "  ballast vm migrate web1 --to h2 --wait\n  ballast vm migrate web1 web2 --dry-run",
        "", "migrateVm getJob", &declare_migrate},
    Command{
        "vm index", "Makes the fingerprints of guests' disk images",
        "With them, Ballast knows how much of the images other hosts have already, and which of them a guest "
        "gets to soonest. The guests run on.\n\n"
        "  ballast vm index web1 --wait\n  ballast vm destinations web1",
        "", "indexVm getJob", &declare_plain<index_word>},
    Command{"vm movable", "Says whether balancing may move guests", "  ballast vm movable no db1", "",
            "setVmMovable", &declare_movable},
    Command{"vm create", "Creates a guest from a JSON file",
            "The members are those of POST /v1/vms: name, type (pv, pvh, hvm), memory_mib, vcpus, kernel, "
            "ramdisk, "
            "cmdline, bootloader, boot_order, disks, vifs, vnc and others. Paths are on the host.\n\n"
            "  ballast vm create web1.json --to h2 --wait",
            "", "createVm", &declare_create},
    Command{"vm forget", "Forgets inactive guests and their definitions", "", "", "forgetVm",
            &declare_forget_vm},
};

// ---- hosts ----

struct HostOptions {
    std::string name;
    bool yes = false;
    ActOptions act;
};

Exit act_on_host(Online& online, std::string_view action, const HostOptions& in) {
    return change_all(online,
                      {{"POST", "/v1/hosts/" + url_escape(in.name) + ":" + std::string{action}, "{}",
                        in.name + ": " + std::string{action}}},
                      in.act);
}

void declare_host(Options& options, HostOptions& in) {
    options.argument("NAME", &in.name, "name or uuid of the host").required().completes(Completes::hosts);
}

template <const char* action>
Action declare_host_action(Options& options) {
    const auto in = std::make_shared<HostOptions>();
    declare_host(options, *in);
    declare_act(options, in->act, false);
    return online([in](Online& connection) { return act_on_host(connection, action, *in); });
}
constexpr char cordon_word[] = "cordon";
constexpr char uncordon_word[] = "uncordon";

Action declare_drain(Options& options) {
    const auto in = std::make_shared<HostOptions>();
    declare_host(options, *in);
    declare_act(options, in->act);
    return online([in](Online& connection) {
        const Exit asked = act_on_host(connection, "drain", *in);
        if (asked != Exit::ok || in->act.dry_run || !in->act.waits(connection.context())) {
            return asked;
        }
        return follow_drain(connection, in->name, in->act.stay);
    });
}

Action declare_forget_host(Options& options) {
    const auto in = std::make_shared<HostOptions>();
    declare_host(options, *in);
    options.flag("--yes", in->yes, "do not ask");
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        if (!in->act.dry_run &&
            !confirm(connection.context(), in->yes, "Forget the host " + in->name + "?")) {
            return Exit::usage;
        }
        return change_all(connection,
                          {{"DELETE", "/v1/hosts/" + url_escape(in->name), "", in->name + ": forget"}},
                          in->act);
    });
}

constexpr std::array host_table{
    Command{"host cordon", "Lets no more guests in", "", "", "cordonHost", &declare_host_action<cordon_word>},
    Command{"host uncordon", "Lets guests in again, and ends draining", "", "", "uncordonHost",
            &declare_host_action<uncordon_word>},
    Command{"host drain", "Lets no more guests in and moves those there away",
            "With --wait it stays until no guest is left: then the host can be switched off. A host that the "
            "controller, once restarted, has not heard of yet is not taken to be empty.",
            "", "drainHost getHost", &declare_drain},
    Command{"host forget", "Forgets a host that is down", "", "", "forgetHost", &declare_forget_host},
};

// ---- jobs ----

struct JobOptions {
    std::vector<std::string> ids;
    std::string id;
    std::int64_t bandwidth_mbps = 0;
    Stay stay;
    ActOptions act;
};

Action declare_job_wait(Options& options) {
    const auto in = std::make_shared<JobOptions>();
    options.argument("ID", &in->ids, "numbers of jobs").required().completes(Completes::jobs);
    options
        .value("--timeout", &in->stay.timeout_seconds, "SECONDS",
               "end with code 8 when they have not ended by then")
        .between(1, 86400);
    declare_patience(options, in->stay);
    return online([in](Online& connection) {
        std::vector<std::uint64_t> ids;
        for (const std::string& text : in->ids) {
            const std::optional<std::uint64_t> id = parse_id(text);
            if (!id.has_value()) {
                connection.context().complain("\"" + text + "\" is no number of a job");
                return Exit::usage;
            }
            ids.push_back(*id);
        }
        return follow_jobs(connection, ids, in->stay);
    });
}

Action declare_job_cancel(Options& options) {
    const auto in = std::make_shared<JobOptions>();
    options.argument("ID", &in->id, "number of the job").required().completes(Completes::jobs);
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        return change_all(
            connection,
            {{"POST", "/v1/jobs/" + url_escape(in->id) + ":cancel", "{}", "job " + in->id + ": cancel"}},
            in->act);
    });
}

Action declare_job_limit(Options& options) {
    const auto in = std::make_shared<JobOptions>();
    options.argument("ID", &in->id, "number of the job").required().completes(Completes::jobs);
    options.argument("MBPS", &in->bandwidth_mbps, "megabit per second; 0 for no limit")
        .required()
        .between(0, 1'000'000);
    declare_act(options, in->act, false);
    return online([in](Online& connection) {
        const std::string limit =
            in->bandwidth_mbps == 0 ? "no limit" : "limit " + std::to_string(in->bandwidth_mbps) + " Mbit/s";
        in->act.no_wait = true;  // the change is done at once; the job goes on
        return change_all(connection,
                          {{"POST", "/v1/jobs/" + url_escape(in->id) + ":limit",
                            R"({"bandwidth_mbps":)" + std::to_string(in->bandwidth_mbps) + "}",
                            "job " + in->id + ": " + limit}},
                          in->act);
    });
}

constexpr std::array job_table{
    Command{
        "job wait", "Stays until jobs have ended",
        "Ends as the worst of them. While the controller is away, as for its restart, it asks again for as "
        "long as --patience says.",
        "", "getJob", &declare_job_wait},
    Command{"job cancel", "Asks a job to stop",
            "A migration is given up only while the guest still runs at its source.", "", "cancelJob",
            &declare_job_cancel},
    Command{"job limit", "Changes how fast the disk images of a migration travel",
            "Of a migration with --storage copy, while it runs.\n\n  ballast job limit 1795279823 200", "",
            "limitJob", &declare_job_limit},
};

}  // namespace

std::span<const Command> vm_commands() {
    return vm_table;
}
std::span<const Command> host_commands() {
    return host_table;
}
std::span<const Command> job_commands() {
    return job_table;
}

}  // namespace ballast::cli
