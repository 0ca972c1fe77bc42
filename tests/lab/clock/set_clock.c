// Sets dom0's clock, and with it the hypervisor's and its guests', by the outer machine's: all hosts then
// agree to milliseconds, and gaps in guest ticks can be measured across a move.
//
// The outer machine answers each line with its time in microseconds. Of many tries the quickest counts.
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 20, PORT = 37 };

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int connect_to_outer(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, "10.0.3.100", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? fd : -1;
}

// The outer machine's time, or 0.
static int64_t ask(int fd) {
    char answer[64];
    if (write(fd, "?\n", 2) != 2) return 0;
    ssize_t length = read(fd, answer, sizeof answer - 1);
    if (length <= 0) return 0;
    answer[length] = '\0';
    return atoll(answer);
}

int main(void) {
    int fd = connect_to_outer();
    int64_t best = INT64_MAX;
    int64_t error = 0;
    if (fd < 0) return perror("set_clock"), 1;
    for (int i = 0; i < TRIES; ++i) {
        int64_t before = now_us();
        int64_t outer = ask(fd);
        int64_t after = now_us();
        if (outer == 0) return fprintf(stderr, "set_clock: no answer\n"), 1;
        if (after - before >= best) continue;
        best = after - before;
        error = outer - (before + after) / 2;
    }
    int64_t right = now_us() + error;
    struct timespec t = {right / 1000000, right % 1000000 * 1000};
    if (clock_settime(CLOCK_REALTIME, &t) != 0) return perror("set_clock"), 1;
    printf("clock was off by %lld us, is known to %lld us\n", (long long)-error, (long long)best / 2);
    return 0;
}
