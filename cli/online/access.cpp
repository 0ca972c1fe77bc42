#include "cli/online/access.hpp"

#include <array>
#include <memory>

#include "cli/online/change.hpp"
#include "cli/online/online.hpp"
#include "cli/table.hpp"
#include "shell/durable_file.hpp"

namespace ballast::cli {

namespace {

struct TokenOptions {
    std::string name;
    std::string role = "viewer";
    std::string user;
    std::string file;
    std::int64_t days = 90;
    bool never = false;
    bool dry_run = false;
};

HttpResponse send(Online& connection, std::string_view method, const std::string& path, std::string body,
                  bool dry_run) {
    HttpRequest request;
    request.method = method;
    request.path = path + (dry_run ? "?dry_run=true" : "");
    request.body = std::move(body);
    return connection.client().send(request);
}

// The token goes into the file, or alone to standard output, where a pipe can take it.
Exit hand_over(Context& context, const TokenOptions& in, const HttpResponse& response) {
    const JsonText text{response.body};
    const std::string secret = text.root().at("token").plain();
    std::string why;
    if (!in.file.empty() && !write_durable(in.file, secret + "\n", why).ok()) {
        context.complain(why + "; the token " + in.name + " was made: revoke it");
        return Exit::failed;
    }
    if (context.format() != Format::table) {
        context.print(response.body);
    } else if (in.file.empty()) {
        context.print(secret + "\n");
    }
    context.explain("token " + in.name + " is number " + text.root().at("id").plain());
    return Exit::ok;
}

Action declare_token_create(Options& options) {
    const auto in = std::make_shared<TokenOptions>();
    options.argument("NAME", &in->name, "what it is for: it stands in lists and in the audit log").required();
    options.value("--role", &in->role, "ROLE", "what it may do (default viewer)")
        .one_of({"user", "viewer", "helpdesk", "operator", "admin"});
    options.value("--user", &in->user, "USER", "with --role user: whose sessions it sees and opens");
    options.value("--days", &in->days, "DAYS", "how long it lasts (default 90)").between(1, 3650);
    options.flag("--never-expires", in->never, "it lasts until it is revoked").excludes("--days");
    options.value("--to", &in->file, "FILE", "write it there, readable by its owner only, not to the output")
        .completes(Completes::files);
    options.flag("--dry-run", in->dry_run, "say whether it would be made; nothing happens");
    return online([in](Online& connection) {
        constexpr std::int64_t day_seconds = 86400;
        JsonWriter json;
        json.object().key("name").text(in->name).key("role").text(in->role);
        if (!in->user.empty()) {
            json.key("user").text(in->user);
        }
        json.key("expires_in_seconds").raw(std::to_string(in->never ? 0 : in->days * day_seconds));
        const HttpResponse response =
            send(connection, "POST", "/v1/tokens", json.end_object().str(), in->dry_run);
        if (!response.ok()) {
            return connection.refuse(response);
        }
        if (in->dry_run) {
            connection.context().print(connection.context().format() == Format::table
                                           ? in->name + ": would be made\n"
                                           : response.body);
            return Exit::ok;
        }
        return hand_over(connection.context(), *in, response);
    });
}

Action declare_revoke(Options& options) {
    const auto ids = std::make_shared<std::vector<std::string>>();
    const auto in = std::make_shared<TokenOptions>();
    options.argument("ID", ids.get(), "numbers of tokens").required();
    options.flag("--dry-run", in->dry_run, "say whether it could be done; nothing happens");
    return online([in, ids](Online& connection) {
        Context& context = connection.context();
        Exit worst = Exit::ok;
        for (const std::string& id : *ids) {
            const HttpResponse response =
                send(connection, "DELETE", "/v1/tokens/" + url_escape(id), "", in->dry_run);
            if (!response.ok()) {
                worst = std::max(worst, connection.refuse(response));
            } else if (context.format() != Format::table) {
                context.print(response.body);
            } else {
                context.print("token " + id + (in->dry_run ? ": would be revoked\n" : ": revoked\n"));
            }
        }
        return worst;
    });
}

Action declare_whoami(Options&) {
    return online([](Online& connection) {
        Context& context = connection.context();
        const HttpResponse response = connection.get("/v1/whoami");
        if (!response.ok()) {
            return connection.refuse(response);
        }
        if (context.format() != Format::table) {
            context.print(response.body);
            return Exit::ok;
        }
        const JsonText text{response.body};
        const Json caller = text.root();
        std::string line = caller.at("name").plain() + ": " + caller.at("role").plain() + " (by " +
                           caller.at("proof").plain() + ")";
        if (caller.at("expires_at").is_text()) {
            line += ", until " + caller.at("expires_at").plain();
        }
        context.print(printable(line) + "\n");
        return Exit::ok;
    });
}

constexpr std::array access_table{
    Command{
        "token create", "Makes a token and shows it, this once",
        "The controller keeps only a hash: a token that is lost is revoked and made again. Needs the role "
        "admin; as root on the controller's machine no token is needed for that.\n\n"
        "  ballast token create monitoring --role viewer --never-expires --to /etc/prometheus/ballast.token\n"
        "  ballast token create ann --role user --user ann --days 1",
        "", "createToken", &declare_token_create},
    Command{"token revoke", "Ends tokens at once", "", "", "revokeToken", &declare_revoke},
    Command{"whoami", "Says who the caller is to the controller, and what role that has", "", "", "whoAmI",
            &declare_whoami},
};

}  // namespace

std::span<const Command> access_commands() {
    return access_table;
}

}  // namespace ballast::cli
