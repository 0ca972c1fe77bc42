// ballast-agent: samples this Xen host and carries out the controller's orders.
#include <getopt.h>
#include <malloc.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/adopt.hpp"
#include "agent/agent.hpp"
#include "agent/save_files.hpp"
#include "agent/worker.hpp"
#include "shell/footprint.hpp"
#include "shell/log.hpp"
#include "shell/notify.hpp"

namespace {

constexpr int exit_usage = 2;
constexpr const char* default_config = "/etc/ballast/agent.toml";
constexpr const char* usage =
    "usage: ballast-agent [--config FILE] [--hypervisor=xen|sim] [--check | --adopt FILE]\n"
    "Samples this Xen host, and carries out the orders of a ballast-controller.\n"
    "\n"
    "  --config FILE         settings (default /etc/ballast/agent.toml; configs/agent.toml explains them)\n"
    "  --hypervisor=xen|sim  the real one, or a simulated host; wins over the file\n"
    "  --check               read the settings, say what is wrong with them, and end\n"
    "  --adopt FILE          take over the guest that `xl save` wrote to FILE: check that the image is whole "
    "and\n"
    "                        move it to the save files, from where it can be restored; and end\n"
    "  --version             print the version and end\n"
    "  --help                print this and end\n"
    "\n"
    "Exit status: 0 ended by a signal, 1 the environment does not allow it to run, 2 bad usage or "
    "settings.\n";

struct Arguments {
    std::string config = default_config;
    std::string hypervisor;
    bool check = false;
    std::string adopt;
};

// Ends the program for --help, --version and mistakes.
Arguments parse(int argc, char** argv) {
    const option options[] = {{"config", required_argument, nullptr, 'c'},
                              {"hypervisor", required_argument, nullptr, 'y'},
                              {"check", no_argument, nullptr, 'k'},
                              {"adopt", required_argument, nullptr, 'a'},
                              {"version", no_argument, nullptr, 'v'},
                              {"help", no_argument, nullptr, 'h'},
                              {nullptr, 0, nullptr, 0}};
    Arguments arguments;
    for (int chosen = 0; (chosen = ::getopt_long(argc, argv, "", options, nullptr)) != -1;) {
        switch (chosen) {
            case 'c': arguments.config = optarg; break;
            case 'y': arguments.hypervisor = optarg; break;
            case 'k': arguments.check = true; break;
            case 'a': arguments.adopt = optarg; break;
            case 'v': std::puts("ballast-agent " BALLAST_VERSION); std::exit(EXIT_SUCCESS);
            case 'h': std::fputs(usage, stdout); std::exit(EXIT_SUCCESS);
            default: std::fputs(usage, stderr); std::exit(exit_usage);
        }
    }
    if (optind < argc) {
        std::fprintf(stderr, "ballast-agent: unexpected argument '%s'\n%s", argv[optind], usage);
        std::exit(exit_usage);
    }
    if (!arguments.hypervisor.empty() && arguments.hypervisor != "xen" && arguments.hypervisor != "sim") {
        std::fprintf(stderr, "ballast-agent: --hypervisor: expected xen or sim, found '%s'\n",
                     arguments.hypervisor.c_str());
        std::exit(exit_usage);
    }
    return arguments;
}

int adopt(const ballast::agent::AgentConfig& config, const std::string& path) {
    using namespace ballast;
    wire::SavedGuest guest;
    std::string why;
    if (const Status status = agent::adopt_saved(config, path, guest, why); !status.ok()) {
        std::fprintf(stderr, "ballast-agent: %s: %s\n", path.c_str(), why.c_str());
        return EXIT_FAILURE;
    }
    std::printf("%s is %s's now\n", agent::SaveFiles{config.save_dir}.complete_path(guest.uuid).c_str(),
                std::string{guest.name.view()}.c_str());
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace ballast;
    ::mallopt(M_ARENA_MAX, 1);
    if (argc == 2 && std::string_view{argv[1]} == "--worker") {
        return agent::worker_main();
    }
    const Arguments arguments = parse(argc, argv);
    agent::AgentConfig config;
    std::vector<std::string> errors;
    if (!agent::load_config(arguments.config, arguments.hypervisor, config, errors)) {
        for (const std::string& error : errors) {
            std::fprintf(stderr, "%s\n", error.c_str());
        }
        return exit_usage;
    }
    if (arguments.check) {
        std::printf("%s: ok\n", arguments.config.c_str());
        return EXIT_SUCCESS;
    }
    if (!arguments.adopt.empty()) {
        return adopt(config, arguments.adopt);
    }
    ::signal(SIGPIPE, SIG_IGN);
    reserve_stack();
    Loop loop;
    const SignalWatch signals{loop, [&loop](int number) {
                                  if (number != SIGHUP) {
                                      (void)notify_stopping();
                                      loop.stop();
                                  }
                              }};
    std::string why;
    const std::unique_ptr<agent::Agent> running = agent::Agent::start(loop, config, why);
    if (!running) {
        log_error("cannot start: {}", why);
        return EXIT_FAILURE;
    }
    log_notice("ballast-agent " BALLAST_VERSION " on {}: guests come in on {}:{}", config.host_name,
               config.migration_listen, running->migration_port());
    (void)notify_ready("watching");
    loop.run();
    return EXIT_SUCCESS;
}
