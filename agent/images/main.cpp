// ballast-image: what a worker of ballast-agent lets be done on disk images (docs/wan_migration.md). A
// program of its own, so that the agent stays small and a peer's recipes are read where no key and no
// hypervisor is.
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "agent/images/tasks.hpp"

namespace {

constexpr const char* usage =
    "ballast-image is started by ballast-agent and of no use by itself. See ballast-agent(8), and\n"
    "`ballast image` for working on disk images.\n";

bool receive_setup(ballast::agent::ImageSetup& setup) {
    ssize_t size = -1;
    do {
        size = ::recv(ballast::agent::image_channel_fd, &setup, sizeof setup, 0);
    } while (size < 0 && errno == EINTR);
    return size == static_cast<ssize_t>(sizeof setup);
}

}  // namespace

int main(int argc, char** argv) {
    using namespace ballast::agent;
    if (argc == 2 && std::string_view{argv[1]} == "--version") {
        std::puts("ballast-image " BALLAST_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc != 2 || std::string_view{argv[1]} != "--worker") {
        std::fputs(usage, stderr);
        return 2;
    }
    ::mallopt(M_ARENA_MAX, 1);
    // A worker that dies takes this process with it: nobody reads what it does any more.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGPIPE, SIG_IGN);
    const auto setup = std::make_unique<ImageSetup>();
    if (!receive_setup(*setup) || ::getppid() != static_cast<pid_t>(setup->worker_pid)) {
        return EXIT_FAILURE;
    }
    ImageWork work{*setup};
    ::_exit(work.run() ? EXIT_SUCCESS : EXIT_FAILURE);
}
