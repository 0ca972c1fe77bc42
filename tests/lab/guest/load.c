#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BURNERS_MAX = 8, PAGE = 4096, SECTOR = 512 };

// Loads are child processes: stopping one is a kill, and the ticking parent is never held up.
static pid_t burners[BURNERS_MAX];
static pid_t dirtier;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sleep_ns(int64_t ns) {
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    nanosleep(&t, NULL);
}

static void stop(pid_t *child) {
    if (*child <= 0) return;
    kill(*child, SIGKILL);
    waitpid(*child, NULL, 0);
    *child = 0;
}

static pid_t start(void) {
    pid_t child = fork();
    if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
    return child;
}

static void burn_for_ever(int percent) {
    const int64_t period = 100 * 1000000;
    for (;;) {
        int64_t begin = now_ns();
        // Many turns between two looks at the clock: in a guest the clock itself may be the dear part.
        while (now_ns() - begin < period * percent / 100)
            for (volatile int turn = 0; turn < 20000; ++turn) {}
        if (percent < 100) sleep_ns(period - period * percent / 100);
    }
}

void load_burn(int percent) {
    for (int i = 0; i < BURNERS_MAX; ++i) {
        stop(&burners[i]);
        int share = percent - 100 * i;
        if (share <= 0) continue;
        burners[i] = start();
        if (burners[i] == 0) burn_for_ever(share < 100 ? share : 100);
    }
}

static void dirty_for_ever(int mib_per_second, int size_mib) {
    const int slices_per_second = 20;
    size_t size = (size_t)size_mib << 20;
    volatile uint64_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(1);
    size_t pages_per_slice = ((size_t)mib_per_second << 20) / PAGE / slices_per_second;
    size_t page = 0;
    for (uint64_t round = 1;; ++round) {
        int64_t begin = now_ns();
        for (size_t i = 0; i < pages_per_slice; ++i) {
            memory[page * (PAGE / sizeof *memory)] = round;
            page = (page + 1) % (size / PAGE);
        }
        int64_t left = 1000000000 / slices_per_second - (now_ns() - begin);
        if (left > 0) sleep_ns(left);
    }
}

void load_dirty(int mib_per_second, int size_mib) {
    stop(&dirtier);
    if (mib_per_second <= 0 || size_mib <= 0) return;
    dirtier = start();
    if (dirtier == 0) dirty_for_ever(mib_per_second, size_mib);
}

int load_disk_write(const char *line) {
    static int disk = -1;
    static char *sector;
    if (disk < 0) disk = open("/dev/xvda", O_WRONLY | O_DIRECT | O_SYNC | O_CLOEXEC);
    if (disk < 0) return errno;
    if (sector == NULL) {
        sector = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (sector == MAP_FAILED) return sector = NULL, ENOMEM;
    }
    memset(sector, 0, SECTOR);
    snprintf(sector, SECTOR, "%s", line);
    return pwrite(disk, sector, SECTOR, 0) == SECTOR ? 0 : errno;
}

int load_disk_sum(unsigned long long *sum) {
    static int disk = -1;  // never closed: the cache would go with it
    static unsigned char piece[1 << 16];
    if (disk < 0) disk = open("/dev/xvda", O_RDONLY | O_CLOEXEC);
    if (disk < 0) return errno;
    *sum = 1469598103934665603u;
    ssize_t got = 0;
    for (off_t at = 0; (got = pread(disk, piece, sizeof piece, at)) > 0; at += got)
        for (ssize_t i = 0; i < got; ++i) *sum = (*sum ^ piece[i]) * 1099511628211u;
    return got < 0 ? errno : 0;
}
