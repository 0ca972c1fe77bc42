#include "guest/xenbus.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

namespace ballast::guest {
namespace {

enum Kind : uint32_t { kind_read = 2, kind_watch = 4, kind_write = 11, kind_event = 15, kind_error = 16 };

bool fail(int error) {
    errno = error;
    return false;
}

// xenstored names errors instead of numbering them.
int error_of(const char* word) {
    struct Row {
        const char* word;
        int error;
    };
    static constexpr Row rows[] = {{"ENOENT", ENOENT}, {"EACCES", EACCES}, {"ENOSPC", ENOSPC},
                                   {"E2BIG", E2BIG},   {"EINVAL", EINVAL}, {"EQUOTA", ENOSPC}};
    for (const Row& row : rows) {
        if (strcmp(word, row.word) == 0) {
            return row.error;
        }
    }
    return EIO;
}

}  // namespace

int Xenbus::open_device() {
    const int fd = ::open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
    return fd >= 0 || errno != ENOENT ? fd : ::open("/proc/xen/xenbus", O_RDWR | O_CLOEXEC);
}

bool Xenbus::put(const char* text, size_t length) {
    if (length > payload_bytes_max - filled_) {
        return fail(E2BIG);
    }
    memcpy(payload_ + filled_, text, length);
    filled_ += length;
    return true;
}

bool Xenbus::send(uint32_t kind, size_t length) {
    Header header{kind, ++last_request_, 0, static_cast<uint32_t>(length)};
    const iovec parts[] = {{&header, sizeof header}, {payload_, length}};
    // The device takes a message as a whole.
    const ssize_t sent = writev(fd_, parts, 2);
    return sent == static_cast<ssize_t>(sizeof header + length) || (sent >= 0 && fail(EIO));
}

bool Xenbus::receive_all(void* to, size_t length) {
    char* at = static_cast<char*>(to);
    while (length > 0) {
        const ssize_t got = ::read(fd_, at, length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? false : fail(EPIPE);
        }
        at += got;
        length -= static_cast<size_t>(got);
    }
    return true;
}

bool Xenbus::receive(Header& header) {
    if (!receive_all(&header, sizeof header)) {
        return false;
    }
    if (header.length > payload_bytes_max) {
        return fail(EPROTO);
    }
    if (!receive_all(payload_, header.length)) {
        return false;
    }
    payload_[header.length] = '\0';
    return true;
}

// Sends what was put together; leaves the answer in payload_, and its length in filled_.
bool Xenbus::exchange(uint32_t kind, size_t length) {
    Header header{};
    if (!send(kind, length)) {
        return false;
    }
    do {
        if (!receive(header)) {
            return false;
        }
        event_waits_ = event_waits_ || header.kind == kind_event;
    } while (header.kind == kind_event || header.request != last_request_);
    filled_ = header.length;
    if (header.kind == kind_error) {
        return fail(error_of(payload_));
    }
    return header.kind == kind || fail(EPROTO);
}

bool Xenbus::read(const char* path, char* value, size_t capacity) {
    filled_ = 0;
    if (!put(path, strlen(path) + 1) || !exchange(kind_read, filled_)) {
        return false;
    }
    if (filled_ >= capacity) {
        return fail(E2BIG);
    }
    memcpy(value, payload_, filled_);
    value[filled_] = '\0';
    return true;
}

bool Xenbus::write(const char* path, const char* value) {
    filled_ = 0;
    return strlen(value) <= value_bytes_max
               ? put(path, strlen(path) + 1) && put(value, strlen(value)) && exchange(kind_write, filled_)
               : fail(E2BIG);
}

bool Xenbus::watch(const char* path) {
    filled_ = 0;
    return put(path, strlen(path) + 1) && put("ballast", sizeof "ballast") && exchange(kind_watch, filled_);
}

Awaited Xenbus::await_event(int timeout_ms) {
    if (!event_waits_) {
        pollfd waiting{fd_, POLLIN, 0};
        const int ready = poll(&waiting, 1, timeout_ms);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            return Awaited::nothing;
        }
        Header header{};
        if (ready < 0 || !receive(header)) {  // of a device that is gone, the reading says why
            return Awaited::failed;
        }
        event_waits_ = header.kind == kind_event;
    }
    const bool happened = event_waits_;
    event_waits_ = false;
    return happened ? Awaited::event : Awaited::nothing;
}

}  // namespace ballast::guest
