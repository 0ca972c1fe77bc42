// ballast-guest: tells the host, by way of the guest's own xenstore area, that the guest has booted, and at
// which address it is; answers whenever it is asked again. See docs/guest.md.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "guest/report.hpp"

namespace {

using namespace ballast::guest;

// How often the address is looked at again: DHCP may be late, or change its mind.
constexpr int look_every_ms = 10'000;

constexpr char usage[] =
    "usage: ballast-guest                  tell the host that this guest is up, and answer when it asks "
    "again\n"
    "       ballast-guest --once           tell it once, and end\n"
    "       ballast-guest get data-share   print where this user's data lie (empty: nowhere)\n"
    "       ballast-guest get notice       print what the host wants its user to know (empty: nothing)\n"
    "Exit status: 0 done, 1 xenstore does not answer (not a Xen guest, or not root), 2 bad usage.\n";

void print(int fd, const char* text) {
    [[maybe_unused]] const ssize_t ignored = write(fd, text, strlen(text));
}

int failed(const char* what) {
    const int error = errno;
    print(STDERR_FILENO, "ballast-guest: ");
    print(STDERR_FILENO, what);
    print(STDERR_FILENO, ": ");
    print(STDERR_FILENO, strerror(error));
    print(STDERR_FILENO, "\n");
    return 1;
}

int get(Xenbus& bus, const char* path) {
    char value[value_bytes_max + 1];
    if (!bus.read(path, value, sizeof value)) {
        if (errno != ENOENT) {
            return failed("cannot read xenstore");
        }
        value[0] = '\0';
    }
    print(STDOUT_FILENO, value);
    print(STDOUT_FILENO, "\n");
    return 0;
}

int tell(Xenbus& bus, bool once) {
    char told[address_bytes_max] = "";
    if (!once && !bus.watch(asked_directory)) {
        return failed("cannot watch xenstore");
    }
    // What fails ends the program: its unit starts it again.
    for (Awaited was = Awaited::event; was != Awaited::failed; was = bus.await_event(look_every_ms)) {
        char address[address_bytes_max];
        own_address(address);
        if (was == Awaited::nothing && strcmp(address, told) == 0) {
            continue;
        }
        if (!Report{bus}.write(address)) {
            return failed("cannot write xenstore");
        }
        memcpy(told, address, sizeof told);
        if (once) {
            return 0;
        }
    }
    return failed("cannot hear xenstore");
}

}  // namespace

int main(int argc, char** argv) {
    const bool once = argc == 2 && strcmp(argv[1], "--once") == 0;
    const bool gets = argc == 3 && strcmp(argv[1], "get") == 0;
    const char* path = nullptr;
    if (gets) {
        path = strcmp(argv[2], "data-share") == 0 ? asked_share
               : strcmp(argv[2], "notice") == 0   ? asked_notice
                                                  : nullptr;
    }
    if (argc != 1 && !once && path == nullptr) {
        print(STDERR_FILENO, usage);
        return 2;
    }
    const int fd = Xenbus::open_device();
    if (fd < 0) {
        return failed("/dev/xen/xenbus");
    }
    Xenbus bus{fd};
    return gets ? get(bus, path) : tell(bus, once);
}
