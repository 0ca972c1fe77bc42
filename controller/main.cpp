// ballast-controller: reads its settings, reserves its memory, restores what it knew, and serves agents and
// operators on one loop until it is told to stop.
#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "controller/agents.hpp"
#include "controller/config.hpp"
#include "controller/engine.hpp"
#include "controller/http/api.hpp"
#include "controller/http/feed/feed.hpp"
#include "controller/http/server.hpp"
#include "controller/loop_parts.hpp"
#include "controller/reservation.hpp"
#include "controller/shell_budget.hpp"
#include "controller/store.hpp"
#include "shell/durable_file.hpp"
#include "shell/footprint.hpp"
#include "shell/log.hpp"
#include "shell/log_beside.hpp"
#include "shell/loop.hpp"
#include "shell/loop_turns.hpp"
#include "shell/notify.hpp"

namespace ballast::controller {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr Duration tick_period = seconds(1);
constexpr Duration token_uses_saved_every = seconds(60);
constexpr Duration audit_synced_every = seconds(1);
constexpr Duration settled_after = seconds(30);  // agents have connected by then
// Descriptors beside the connections: listeners, epolls, timers, the store.
constexpr rlim_t descriptors_spare = 64;

constexpr const char* usage =
    "usage: ballast-controller --config FILE [--check | --budget] [--log-level LEVEL]\n"
    "       ballast-controller --roles | --version | --help\n"
    "\n"
    "  --config FILE      settings (configs/controller.toml explains each)\n"
    "  --check            only says whether the settings are right\n"
    "  --budget           only prints what the settings reserve, a row for each table\n"
    "  --roles            only prints which role may call which operation, in Markdown\n"
    "  --log-level LEVEL  error, warning, notice, info (default) or debug\n"
    "\n"
    "Exit codes: 0 stopped as asked; 1 failed; 2 wrong usage or settings.\n";

struct Options {
    std::string config;
    bool check = false;
    bool budget = false;
    bool roles = false;
    bool help = false;
    bool version = false;
    LogLevel level = LogLevel::info;
};

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        std::string_view argument = argv[i];
        std::optional<std::string_view> value;
        if (const std::size_t equals = argument.find('='); equals != std::string_view::npos) {
            value = argument.substr(equals + 1);
            argument = argument.substr(0, equals);
        }
        const bool takes_value = argument == "--config" || argument == "--log-level";
        if (takes_value && !value.has_value() && i + 1 < argc) {
            value = argv[++i];
        }
        if (takes_value != value.has_value()) {
            return std::nullopt;
        }
        if (argument == "--config") {
            options.config = *value;
        } else if (argument == "--log-level") {
            const std::optional<LogLevel> level = parse_log_level(*value);
            if (!level.has_value()) {
                return std::nullopt;
            }
            options.level = *level;
        } else if (argument == "--check") {
            options.check = true;
        } else if (argument == "--budget") {
            options.budget = true;
        } else if (argument == "--roles") {
            options.roles = true;
        } else if (argument == "--help" || argument == "-h") {
            options.help = true;
        } else if (argument == "--version") {
            options.version = true;
        } else {
            return std::nullopt;
        }
    }
    return options;
}

void print_rows(const Budget& budget) {
    for (const BudgetRow& row : budget) {
        std::printf("%-20.*s %10llu %12llu %14llu\n", static_cast<int>(row.name.size()), row.name.data(),
                    static_cast<unsigned long long>(row.count),
                    static_cast<unsigned long long>(row.bytes_each),
                    static_cast<unsigned long long>(row.bytes));
    }
}

void print_budget(const ControllerConfig& config) {
    std::printf("%-20s %10s %12s %14s\n", "TABLE", "COUNT", "BYTES EACH", "BYTES");
    print_rows(Core::budget(config.core));
    print_rows(http::Feed::budget(config.feed, config.core.limits));
    std::printf("%-20s %10s %12s %14zu\n", "reserved at start", "", "",
                Core::bytes_needed(config.core) + http::Feed::bytes_needed(config.feed, config.core.limits));
    std::printf("\nBeside it, at most (as a rule far less: docs/memory.md):\n");
    print_rows(shell_budget(config));
}

// As many descriptors as all connections at once take.
void raise_descriptor_limit(const ControllerConfig& config) {
    const rlim_t needed = rlim_t{config.core.limits.links} + config.http.connections_max + descriptors_spare;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) {
        return;
    }
    limit.rlim_cur = std::min(needed, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < needed) {
        log_warning("the limits need {} file descriptors, the system allows {}", needed, limit.rlim_max);
    }
}

// What is made with the loop from here on is of that part.
Loop& for_part(Loop& loop, LoopPart part) noexcept {
    (void)loop.enter(part);
    return loop;
}

// What runs once everything is up.
class Controller {
  public:
    Controller(Loop& loop, Engine& engine, http::Server& server, http::Feed& feed, Tokens& tokens,
               AuditLog& audit)
        : loop_{loop},
          engine_{engine},
          ticker_{for_part(loop, loop_clock), [this] { (void)engine_.step(Tick{}); }},
          token_saver_{loop, [&tokens] { tokens.save_uses(); }},
          audit_syncer_{loop, [&audit] { audit.sync_beside(); }},
          watchdog_{loop, [] { (void)notify_watchdog(); }},
          footprint_timer_{loop, [] { release_start_pages(); }},
          audit_watch_{for_part(loop, loop_store), audit.ended_fd(), Interest::read,
                       [&audit, &server](Interest) {
                           audit.clear_ended();
                           audit.settle();
                           server.release(true);
                           server.look_at_waits();
                       }},
          store_watch_{for_part(loop, loop_store), engine.store().ended_fd(), Interest::read,
                       [&engine](Interest) { engine.store_ended(); }},
          turn_end_{loop, [&engine] { engine.end_turn(); }},
          signals_{for_part(loop, loop_other), [this](int number) { on_signal(number); }} {
        engine.on_stored([&server](bool stored, bool jobs_changed) {
            server.release(stored);
            if (jobs_changed) {
                server.look_at_waits();
            }
        });
        engine.on_step([&feed](std::span<const Action> actions) { feed.on_step(actions); });
        feed.on_news([&server] { server.go_on_with_streams(); });
        engine.on_store_lost([this] { stop(exit_failed); });
        engine.on_planned([&loop](std::int64_t took_ns) { loop.charge(loop_planning, took_ns); });
    }

    int run() {
        ticker_.start_every(tick_period);
        token_saver_.start_every(token_uses_saved_every);
        audit_syncer_.start_every(audit_synced_every);
        footprint_timer_.start_once(settled_after);
        if (const Duration period = watchdog_period(); period.ms > 0) {
            watchdog_.start_every(period);
        }
        loop_.run();
        engine_.settle();  // the turn that stopped the loop
        (void)notify_stopping();
        return exit_code_;
    }

  private:
    void on_signal(int number) {
        if (number == SIGHUP) {
            log_notice("SIGHUP: settings are read at the start only; restart to change them");
        } else {
            log_notice("stopping");
            stop(0);
        }
    }
    void stop(int code) {
        exit_code_ = code;
        loop_.stop();
    }

    Loop& loop_;
    Engine& engine_;
    Timer ticker_;
    Timer token_saver_;
    Timer audit_syncer_;
    Timer watchdog_;
    Timer footprint_timer_;
    FdWatch audit_watch_;
    FdWatch store_watch_;
    TurnEnd turn_end_;
    SignalWatch signals_;
    int exit_code_ = 0;
};

int fail(std::string_view why) {
    log_error("{}", why);
    return exit_failed;
}

int serve(const ControllerConfig& config) {
    const LogBeside log_beside;  // first: it writes what the others' ends have to say
    raise_descriptor_limit(config);
    std::string why;
    if (!make_directory(config.state_dir, why).ok()) {
        return fail(why);
    }
    const std::size_t core_bytes = Core::bytes_needed(config.core);
    const std::size_t feed_bytes = http::Feed::bytes_needed(config.feed, config.core.limits);
    const std::size_t bytes = core_bytes + feed_bytes;
    const Reservation memory{core_bytes, config.lock_memory};
    const Reservation feed_memory{feed_bytes, config.lock_memory};
    if (!memory.ok() || !feed_memory.ok()) {
        return fail("cannot reserve " + std::to_string(bytes) +
                    " bytes: " + (memory.ok() ? feed_memory.why() : memory.why()));
    }
    log_info("reserved {} KiB for {} hosts and {} guests{}", bytes / 1024, config.core.limits.hosts,
             config.core.limits.vms, memory.locked() ? ", locked" : "");
    if (config.lock_memory && !memory.locked()) {
        log_warning("the reserved memory is not locked ({}): it may be swapped out; raise LimitMEMLOCK",
                    memory.why());
    }
    const std::unique_ptr<Store> store = Store::open(config.state_dir + "/controller.db", wall_now(), why);
    if (store == nullptr) {
        return fail(why);
    }
    Tokens tokens{*store, config.http.tokens_max};
    const bool asks_for_tokens = config.http.gate.authenticate;
    if (!tokens.load(why) || (asks_for_tokens && !tokens.make_first(config.state_dir, wall_now(), why))) {
        return fail(why);
    }
    Gate gate{config.http.gate, tokens};
    AuditLog audit{config.http.audit};
    if (!audit.open(config.state_dir + "/audit", why)) {
        return fail(why);
    }
    const auto engine = std::make_unique<Engine>(config.core, memory.block(), *store);
    if (!engine->restore(why).ok()) {
        return fail(why);
    }
    reserve_stack();
    Loop loop;
    const LoopTurns turns{loop, loop_part_names};
    const std::unique_ptr<Agents> agents =
        Agents::open(for_part(loop, loop_agents), *engine, config.agents, config.core.limits.links, why);
    if (agents == nullptr) {
        return fail(why);
    }
    engine->connect(*agents);
    http::Feed feed{for_part(loop, loop_events), config.feed, config.core.limits, feed_memory.block(),
                    [&engine]() -> const Core& { return engine->core(); }};
    http::Api api{*engine, tokens, gate, audit};
    const std::unique_ptr<http::Server> server =
        http::Server::open(for_part(loop, loop_http), config.http, api, why);
    if (server == nullptr) {
        return fail(why);
    }
    api.surround({agents.get(), server.get(), &feed, wall_now(), mono_now(), bytes, memory.locked(),
                  config.http.connections_max, &turns});
    Controller controller{loop, *engine, *server, feed, tokens, audit};
    log_notice("ballast-controller {}: agents on {} port {}, HTTP on {} port {}", BALLAST_VERSION,
               config.agents.listen, agents->port(),
               config.http.listen.empty() ? "(none)" : config.http.listen, server->port());
    if (!asks_for_tokens) {
        log_warning("http.auth is \"none\": whoever reaches the HTTP port may do everything");
    }
    (void)notify_ready("serving");
    return controller.run();
}

int run(int argc, char** argv) {
    const std::optional<Options> options = parse(argc, argv);
    if (!options.has_value()) {
        std::fputs(usage, stderr);
        return exit_usage;
    }
    if (options->help) {
        std::fputs(usage, stdout);
        return 0;
    }
    if (options->version) {
        std::printf("ballast-controller %s\n", BALLAST_VERSION);
        return 0;
    }
    if (options->roles) {
        std::fputs(http::roles_page().c_str(), stdout);
        return 0;
    }
    if (options->config.empty()) {
        std::fputs(usage, stderr);
        return exit_usage;
    }
    set_log_level(options->level);
    ControllerConfig config;
    std::vector<std::string> errors;
    if (!load_config(options->config, config, errors)) {
        for (const std::string& error : errors) {
            std::fprintf(stderr, "%s\n", error.c_str());
        }
        return exit_usage;
    }
    if (options->budget) {
        print_budget(config);
        return 0;
    }
    return options->check ? 0 : serve(config);
}

}  // namespace
}  // namespace ballast::controller

int main(int argc, char** argv) {
    // A store that grows beyond what the system allows is an error to be told, not the end.
    ::signal(SIGXFSZ, SIG_IGN);
    // One heap, for the store's thread too: glibc would otherwise reserve address space for more.
    ::mallopt(M_ARENA_MAX, 1);
    return ballast::controller::run(argc, argv);
}
