// What the commands that talk to the controller share: the connection, refusals, lists, and the options of
// whatever changes something.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.hpp"
#include "cli/http_client.hpp"
#include "cli/json.hpp"

namespace ballast::cli {

class Online {
  public:
    Online(Context& context, Server server) : context_{context}, client_{std::move(server), context} {}

    Context& context() noexcept { return context_; }
    HttpClient& client() noexcept { return client_; }

    HttpResponse get(const std::string& path, const char* accept = "application/json");

    // All objects of a list, whatever its pages: one JSON text each, as the controller wrote it. Nothing is
    // in `lines` unless the response is ok.
    HttpResponse list(const std::string& path, std::vector<std::string>& lines);

    // Says on standard error what the answer refuses (as JSON when that is asked for) and how to end.
    Exit refuse(const HttpResponse& response);

  private:
    Context& context_;
    HttpClient client_;
};

// An action that needs the controller: without a way to it, it ends before `run`.
Action online(std::function<Exit(Online&)> run);

// How long to stay with what was begun.
struct Stay {
    static constexpr std::int64_t patience_seconds_usual = 300;  // a restart, or an upgrade that goes well

    std::int64_t timeout_seconds = 0;                        // 0: as long as it takes
    std::int64_t patience_seconds = patience_seconds_usual;  // with a controller that has gone away
    bool silent = false;                                     // says nothing when that comes back
};
void declare_patience(Options& options, Stay& into);

// Options of commands that change something.
struct ActOptions {
    bool dry_run = false;
    bool wait = false;
    bool no_wait = false;
    Stay stay;
    std::string idempotency_key;  // empty: a random one
    std::string if_match;         // only while it has this entity tag; empty: however it is

    // Whether to stay until the job has ended: as said, else on a terminal.
    bool waits(const Context& context) const { return wait || (!no_wait && context.terminal()); }
};
void declare_act(Options& options, ActOptions& into, bool ends_in_a_job = true);

// One changing request with its dry run and its key. `path` is without a query. A command that stays sends it
// again, with the same key, when its answer was lost.
HttpResponse send_change(Online& online, std::string_view method, const std::string& path,
                         const std::string& body, const ActOptions& options);

// True when the user says yes, or `yes` is set. Where nobody can be asked, it is no, and says what to do.
bool confirm(Context& context, bool yes, const std::string& question);

}  // namespace ballast::cli
