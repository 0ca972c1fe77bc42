// fleet: the load that the scale benchmark puts on a controller.
//
//   fleet agents PORT HOSTS GUESTS_PER_HOST [SAMPLE_INTERVAL_MS [HOST_MEMORY_MIB]]
//       so many agents on one loop, until it is ended; a line of counts each second
//   fleet logins PORT POOL USER_PREFIX COUNT PER_SECOND CONNECTIONS
//       a line for each login: milliseconds, status, body
//   fleet gets PORT COUNT PER_SECOND CONNECTIONS PATH...
//       GETs of the paths by turns; a line for each: milliseconds, status
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "shell/log.hpp"
#include "tests/bench/fleet/host.hpp"
#include "tests/bench/fleet/logins.hpp"

namespace ballast::fleet {
namespace {

constexpr Duration host_turn = milliseconds(5);

std::uint32_t number(const char* text) {
    return static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

void allow_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run_agents(const FleetSettings& settings) {
    Loop loop;
    FleetCounts counts;
    Peers peers;
    std::vector<std::unique_ptr<Host>> hosts;
    for (std::uint32_t i = 1; i <= settings.hosts; ++i) {
        hosts.push_back(std::make_unique<Host>(loop, settings, counts, peers, i));
        hosts.back()->dial();
    }
    Timer turn{loop, [&hosts] {
                   const Instant at = mono_now();
                   for (const auto& host : hosts) {
                       host->tick(at);
                   }
               }};
    turn.start_every(host_turn);
    Timer reporter{loop, [&counts] {
                       fmt::print("up={} connections={} samples={} reports={} jobs={} refused={}\n",
                                  counts.up, counts.connections, counts.samples, counts.reports, counts.jobs,
                                  counts.refused);
                       std::fflush(stdout);
                   }};
    reporter.start_every(seconds(1));
    SignalWatch signals{loop, [&loop](int) { loop.stop(); }};
    loop.run();
    return 0;
}

int run_logins(const LoginSettings& settings) {
    Loop loop;
    Logins logins{loop, settings, [&loop] { loop.stop(); }};
    if (logins.trouble().empty()) {
        loop.run();
    }
    if (!logins.trouble().empty()) {
        fmt::print(stderr, "{}\n", logins.trouble());
        return 1;
    }
    for (const Login& login : logins.all()) {
        fmt::print("{:.3f} {} {}\n", static_cast<double>(login.answered_us - login.due_us) / 1000,
                   login.status, login.body);
    }
    return 0;
}

int run(int argc, char** argv) {
    const std::string_view verb = argc > 1 ? argv[1] : "";
    set_log_level(LogLevel::error);
    allow_descriptors();
    if (verb == "agents" && argc >= 5 && argc <= 7) {
        FleetSettings settings;
        settings.port = static_cast<std::uint16_t>(number(argv[2]));
        settings.hosts = number(argv[3]);
        settings.guests_per_host = number(argv[4]);
        settings.sample_interval = argc > 5 ? milliseconds(number(argv[5])) : settings.sample_interval;
        settings.host_memory_mib = argc > 6 ? number(argv[6]) : settings.host_memory_mib;
        return run_agents(settings);
    }
    if (verb == "logins" && argc == 8) {
        return run_logins({.port = static_cast<std::uint16_t>(number(argv[2])),
                           .pool = argv[3],
                           .user_prefix = argv[4],
                           .count = number(argv[5]),
                           .per_second = std::strtod(argv[6], nullptr),
                           .connections = number(argv[7])});
    }
    if (verb == "gets" && argc >= 7) {
        LoginSettings settings;
        settings.port = static_cast<std::uint16_t>(number(argv[2]));
        settings.count = number(argv[3]);
        settings.per_second = std::strtod(argv[4], nullptr);
        settings.connections = number(argv[5]);
        settings.paths.assign(argv + 6, argv + argc);
        return run_logins(settings);
    }
    std::fputs(
        "usage: fleet agents PORT HOSTS GUESTS_PER_HOST [SAMPLE_INTERVAL_MS [HOST_MEMORY_MIB]]\n"
        "       fleet logins PORT POOL USER_PREFIX COUNT PER_SECOND CONNECTIONS\n"
        "       fleet gets PORT COUNT PER_SECOND CONNECTIONS PATH...\n",
        stderr);
    return 2;
}

}  // namespace
}  // namespace ballast::fleet

int main(int argc, char** argv) {
    return ballast::fleet::run(argc, argv);
}
