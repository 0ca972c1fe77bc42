// The only program of a lab guest: it is /init, and /sbin/poweroff and /sbin/reboot as well.
//
// Five times a second it prints a line to its console:
//   tick boot=ID n=COUNT real=SECONDS mono=SECONDS domid=D mem=ok burn=P dirty=R disk=E
// `boot` is random for each boot and `n` lives in memory only: a guest that was moved or restored goes on
// with both, a guest that was started again does not. `mem` compares a block of memory with its first sum.
//
// It shows its newest tick on its screen as well, where it has one, and starts /sbin/ballast-guest when that is there.
//
// It obeys lines written to its node data/lab-command or typed on its console, and answers in data/lab-answer:
//   burn PERCENT | dirty MIB_PER_SECOND SIZE_MIB | disk on|off|sum | ip A.B.C.D | patience MS | stop | poweroff | reboot | crash
// "disk sum" leaves the sum of the whole disk, as the guest's page cache has it, in data/lab-sum. "patience" is how
// long the kernel tries to freeze processes before it gives a suspension up (20 s otherwise); one that waits for the
// disk cannot be frozen.
#define _GNU_SOURCE
#include "load.h"
#include "xenbus.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 200, POLL_EVERY_TICKS = 3, CHECK_EVERY_TICKS = 16, PATTERN_WORDS = 1 << 16 };

static struct {
    uint32_t boot;
    uint64_t count;
    int burn;
    int dirty;
    int disk_wanted;
    int disk_error;
    int screen;
    char domid[16];
    char command[256];
    char address[64];
} guest;

static uint64_t pattern[PATTERN_WORDS];
static uint64_t pattern_sum;

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t sum_of_pattern(void) {
    uint64_t sum = 1469598103934665603u;
    for (int i = 0; i < PATTERN_WORDS; ++i) sum = (sum ^ pattern[i]) * 1099511628211u;
    return sum;
}

static void fill_pattern(void) {
    uint64_t state = guest.boot | 1u;
    for (int i = 0; i < PATTERN_WORDS; ++i) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        pattern[i] = state;
    }
    pattern_sum = sum_of_pattern();
}

// Debian's kernel has the disk and network front ends as modules; /modules.txt lists them in loading order.
static void load_modules(void) {
    char path[256];
    FILE *list = fopen("/modules.txt", "r");
    if (list == NULL) return;
    while (fscanf(list, "%255s", path) == 1) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0) printf("guest: %s: %s\n", path, strerror(errno));
        if (fd >= 0) close(fd);
    }
    fclose(list);
}

static void set_address(const char *address) {
    struct ifreq request = {.ifr_name = "eth0"};
    struct sockaddr_in *to = (struct sockaddr_in *)&request.ifr_addr;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to->sin_family = AF_INET;
    if (fd < 0 || inet_pton(AF_INET, address, &to->sin_addr) != 1) return;
    int failed = ioctl(fd, SIOCSIFADDR, &request);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    failed |= ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
    if (failed) return;
    snprintf(guest.address, sizeof guest.address, "%s", address);
    xenbus_write("attr/vif/0/ipv4/0", address);
}

static void crash(void) {
    int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "c", 1) < 0) perror("guest: crash");
}

static void tell_disk_sum(void) {
    char text[64];
    unsigned long long sum = 0;
    const int error = load_disk_sum(&sum);
    if (error != 0) {
        snprintf(text, sizeof text, "%s", strerror(error));
    } else {
        snprintf(text, sizeof text, "%016llx", sum);
    }
    xenbus_write("data/lab-sum", text);
}

static void set_patience(int ms) {
    int fd = open("/sys/power/pm_freeze_timeout", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || dprintf(fd, "%d", ms) < 0) perror("guest: patience");
    if (fd >= 0) close(fd);
}

static void obey(const char *line) {
    int a = 0;
    int b = 0;
    char word[64] = "";
    if (sscanf(line, "burn %d", &a) == 1) {
        load_burn(guest.burn = a);
    } else if (sscanf(line, "dirty %d %d", &a, &b) == 2) {
        load_dirty(guest.dirty = a, b);
    } else if (strcmp(line, "disk sum") == 0) {
        tell_disk_sum();
    } else if (sscanf(line, "disk %63s", word) == 1) {
        guest.disk_wanted = strcmp(word, "on") == 0;
    } else if (sscanf(line, "ip %63s", word) == 1) {
        set_address(word);
    } else if (sscanf(line, "patience %d", &a) == 1) {
        set_patience(a);
    } else if (strcmp(line, "stop") == 0) {
        load_burn(guest.burn = 0);
        load_dirty(guest.dirty = 0, 0);
        guest.disk_wanted = 0;
    } else if (strcmp(line, "poweroff") == 0) {
        reboot(RB_POWER_OFF);
    } else if (strcmp(line, "reboot") == 0) {
        reboot(RB_AUTOBOOT);
    } else if (strcmp(line, "crash") == 0) {
        crash();
    } else {
        printf("guest: not understood: %s\n", line);
        return;
    }
    xenbus_write("data/lab-answer", line);
}

// A moved guest finds its data/ empty (its number may be the same by chance): it says again that it is up.
static void announce_when_new(void) {
    char nonce[128];
    if (xenbus_read("data/boot-complete", nonce, sizeof nonce) > 0) return;
    if (xenbus_read("domid", guest.domid, sizeof guest.domid) < 0) return;
    if (xenbus_read("vm-data/boot-nonce", nonce, sizeof nonce) <= 0) snprintf(nonce, sizeof nonce, "1");
    if (guest.address[0] != '\0') xenbus_write("attr/vif/0/ipv4/0", guest.address);
    xenbus_write("data/boot-complete", nonce);
}

static void poll_store(void) {
    char command[sizeof guest.command];
    announce_when_new();
    if (xenbus_read("data/lab-command", command, sizeof command) <= 0) {
        guest.command[0] = '\0';  // removed: the same command may come again
        return;
    }
    if (strcmp(command, guest.command) == 0) return;
    snprintf(guest.command, sizeof guest.command, "%s", command);
    obey(command);
}

static void poll_console(void) {
    static char line[256];
    static size_t length;
    struct pollfd input = {.fd = 0, .events = POLLIN};
    char c;
    while (poll(&input, 1, 0) == 1 && read(0, &c, 1) == 1) {
        if (c != '\n' && c != '\r') {
            if (length + 1 < sizeof line) line[length++] = c;
            continue;
        }
        line[length] = '\0';
        if (length > 0) obey(line);
        length = 0;
    }
}

static void tick(void) {
    static const char *memory = "ok";
    char line[256];
    if (guest.count % CHECK_EVERY_TICKS == 0 && sum_of_pattern() != pattern_sum) memory = "BAD";
    snprintf(line, sizeof line, "tick boot=%08x n=%llu real=%.3f mono=%.3f domid=%s mem=%s burn=%d dirty=%d disk=%d",
             guest.boot, (unsigned long long)guest.count++, seconds(CLOCK_REALTIME), seconds(CLOCK_MONOTONIC),
             guest.domid[0] != '\0' ? guest.domid : "?", memory, guest.burn, guest.dirty, guest.disk_error);
    puts(line);
    if (guest.screen >= 0 && guest.count % POLL_EVERY_TICKS == 0) dprintf(guest.screen, "\r\n%s", line);
    if (guest.disk_wanted && guest.count % POLL_EVERY_TICKS == 0) guest.disk_error = load_disk_write(line);
}

static void obey_kernel_command_line(void) {
    char text[1024];
    char *rest = NULL;
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (length < 0) return;
    text[length] = '\0';
    for (char *word = strtok_r(text, " \n", &rest); word != NULL; word = strtok_r(NULL, " \n", &rest)) {
        if (strncmp(word, "lab.", 4) != 0) continue;
        // lab.burn=50 is the command "burn 50"; lab.dirty=8,16 is "dirty 8 16".
        for (char *c = word; *c != '\0'; ++c)
            if (*c == '=' || *c == ',') *c = ' ';
        obey(word + 4);
    }
}

// The guest's side of a desktop's start, where the lab has put it into the initramfs.
static void start_reporter(void) {
    static char program[] = "/sbin/ballast-guest";
    char *const arguments[] = {program, NULL};
    if (access(program, X_OK) != 0) return;
    if (fork() == 0) {
        execv(program, arguments);
        _exit(127);
    }
}

static void start_up(void) {
    mount("proc", "/proc", "proc", 0, "");
    mount("sysfs", "/sys", "sysfs", 0, "");
    mount("devtmpfs", "/dev", "devtmpfs", 0, "");
    setvbuf(stdout, NULL, _IOLBF, 0);
    fcntl(0, F_SETFL, O_NONBLOCK);
    if (getrandom(&guest.boot, sizeof guest.boot, GRND_NONBLOCK) != sizeof guest.boot)
        guest.boot = (uint32_t)(seconds(CLOCK_REALTIME) * 1e6);
    signal(SIGPIPE, SIG_IGN);
    fill_pattern();
    load_modules();
    guest.screen = open("/dev/tty1", O_WRONLY | O_CLOEXEC | O_NOCTTY);
    start_reporter();
    obey_kernel_command_line();
}

int main(int argc, char **argv) {
    (void)argc;
    if (strstr(argv[0], "poweroff") != NULL) return reboot(RB_POWER_OFF);
    if (strstr(argv[0], "reboot") != NULL) return reboot(RB_AUTOBOOT);
    start_up();
    for (;;) {
        if (guest.count % POLL_EVERY_TICKS == 0) poll_store();
        poll_console();
        tick();
        poll(NULL, 0, TICK_MS);
    }
}
