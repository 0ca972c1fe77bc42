#include "xenbus.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

// Message kinds of the xenstore protocol (docs/misc/xenstore.txt of Xen).
enum { XENBUS_READ = 2, XENBUS_WRITE = 11, XENBUS_ERROR = 16 };

struct message_header {
    uint32_t kind;
    uint32_t request;
    uint32_t transaction;
    uint32_t length;
};

static int bus = -1;

int xenbus_open(void) {
    if (bus < 0) bus = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
    return bus < 0 ? -1 : 0;
}

static int read_all(void *to, size_t length) {
    char *at = to;
    while (length > 0) {
        ssize_t got = read(bus, at, length);
        if (got <= 0) return -1;
        at += got;
        length -= (size_t)got;
    }
    return 0;
}

// One request and its answer; the answer's text is cut to what `answer` holds.
static int exchange(uint32_t kind, const char *body, size_t length, char *answer, size_t capacity) {
    static uint32_t request;
    char out[sizeof(struct message_header) + 1024];
    struct message_header header = {kind, ++request, 0, (uint32_t)length};
    if (xenbus_open() != 0 || length > 1024) return -1;
    memcpy(out, &header, sizeof header);
    memcpy(out + sizeof header, body, length);
    // The kernel takes a message in pieces too, but in one write nothing can come in between.
    if (write(bus, out, sizeof header + length) != (ssize_t)(sizeof header + length)) return -1;

    char text[4096];
    if (read_all(&header, sizeof header) != 0 || header.length > sizeof text) return -1;
    if (read_all(text, header.length) != 0 || header.kind == XENBUS_ERROR) return -1;
    size_t kept = header.length < capacity ? header.length : capacity - 1;
    memcpy(answer, text, kept);
    answer[kept] = '\0';
    return (int)kept;
}

int xenbus_read(const char *path, char *value, size_t capacity) {
    return exchange(XENBUS_READ, path, strlen(path) + 1, value, capacity);
}

int xenbus_write(const char *path, const char *value) {
    char body[1024];
    char answer[16];
    size_t path_length = strlen(path) + 1;
    size_t value_length = strlen(value);
    if (path_length + value_length > sizeof body) return -1;
    memcpy(body, path, path_length);
    memcpy(body + path_length, value, value_length);
    return exchange(XENBUS_WRITE, body, path_length + value_length, answer, sizeof answer) < 0 ? -1 : 0;
}
