#include "cli/online/online.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>

#include "base/uuid.hpp"
#include "cli/online/patience.hpp"
#include "cli/problem.hpp"
#include "shell/random.hpp"

namespace ballast::cli {

HttpResponse Online::get(const std::string& path, const char* accept) {
    HttpRequest request;
    request.path = path;
    request.accept = accept;
    return client_.send(request);
}

HttpResponse Online::list(const std::string& path, std::vector<std::string>& lines) {
    const std::string separator = path.find('?') == std::string::npos ? "?" : "&";
    std::string token;
    std::vector<std::string> found;
    for (;;) {
        HttpResponse page = get(token.empty() ? path : path + separator + "page_token=" + url_escape(token),
                                "application/x-ndjson");
        if (!page.ok()) {
            return page;
        }
        for (std::size_t at = 0; at < page.body.size();) {
            const std::size_t end = std::min(page.body.find('\n', at), page.body.size());
            if (end > at) {
                found.push_back(page.body.substr(at, end - at));
            }
            at = end + 1;
        }
        // A token that comes back would make this endless.
        if (page.next_page_token.empty() || page.next_page_token == token) {
            lines = std::move(found);
            return page;
        }
        token = page.next_page_token;
    }
}

Exit Online::refuse(const HttpResponse& response) {
    const bool raw =
        context_.format() != Format::table && response.content_type == "application/problem+json";
    if (raw) {
        std::fwrite(response.body.data(), 1, response.body.size(), stderr);
    } else {
        context_.complain(explain_problem(response));
    }
    return exit_for(response);
}

Action online(std::function<Exit(Online&)> run) {
    return [run = std::move(run)](Context& context) {
        Server server;
        std::string why;
        if (!resolve_server(context.connection, server, why)) {
            context.complain(why);
            return Exit::usage;
        }
        Online connection{context, std::move(server)};
        return run(connection);
    };
}

void declare_patience(Options& options, Stay& into) {
    options
        .value("--patience", &into.patience_seconds, "SECONDS",
               "while it stays: how long the controller may be away, as for its restart, before the command "
               "ends with code 7 (default 300; 0: not at all)")
        .between(0, 86400);
}

void declare_act(Options& options, ActOptions& into, bool ends_in_a_job) {
    options.flag("--dry-run", into.dry_run, "say what would be done; nothing happens");
    if (ends_in_a_job) {
        options.flag("--wait", into.wait, "stay until it has ended; on a terminal that is so anyway");
        options.flag("--no-wait", into.no_wait, "do not stay until it has ended").excludes("--wait");
        options
            .value("--timeout", &into.stay.timeout_seconds, "SECONDS",
                   "end with code 8 when it has not ended by then; the job goes on")
            .between(1, 86400);
        declare_patience(options, into.stay);
    }
    options.value(
        "--idempotency-key", &into.idempotency_key, "WORD",
        "the same word and request again have their effect once; by default a random one for each start");
}

HttpResponse send_change(Online& online, std::string_view method, const std::string& path,
                         const std::string& body, const ActOptions& options) {
    HttpRequest request;
    request.method = method;
    request.path = path + (options.dry_run ? "?dry_run=true" : "");
    request.body = body;
    request.if_match = options.if_match;
    if (!options.dry_run) {
        request.idempotency_key = options.idempotency_key.empty() ? std::string{to_text(new_uuid()).view()}
                                                                  : options.idempotency_key;
    }
    const bool stays = !options.dry_run && options.waits(online.context());
    Patience patience{
        online, {.away_ms = stays ? options.stay.patience_seconds * 1000 : 0, .silent = options.stay.silent}};
    for (;;) {
        HttpResponse response = online.client().send(request);
        if (response.status == 0 && patience.bears(response)) {
            // One that has just been started knows no guest, and would refuse what the first has granted.
            await_ready(online);
            continue;
        }
        (void)(response.status != 0 && patience.answered());
        if (response.lost && !request.idempotency_key.empty()) {
            response.failure +=
                "; what was asked for may have been done all the same. With "
                "--idempotency-key " +
                request.idempotency_key + " the same command does nothing twice";
        }
        return response;
    }
}

bool confirm(Context& context, bool yes, const std::string& question) {
    if (yes) {
        return true;
    }
    if (::isatty(STDIN_FILENO) != 1) {
        context.complain(question + " Nobody can be asked here: say --yes");
        return false;
    }
    std::fprintf(stderr, "%s [y/N] ", question.c_str());
    std::array<char, 16> answer{};
    const bool answered = std::fgets(answer.data(), answer.size(), stdin) != nullptr;
    if (answered && (answer[0] == 'y' || answer[0] == 'Y')) {
        return true;
    }
    std::fputs(answered ? "" : "\n", stderr);
    context.complain("nothing was done");
    return false;
}

}  // namespace ballast::cli
