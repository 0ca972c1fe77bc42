// The xenstore protocol (Xen's docs/misc/xenstore.txt) over the kernel's device /dev/xen/xenbus, as far as a
// guest needs it to speak of itself: read, write, watch. Without libxenstore, without heap, without the C++
// library, so that the program is one small static file. A message is at most 4096 bytes; what does not fit
// is refused, never cut.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ballast::guest {

inline constexpr size_t payload_bytes_max = 4096;  // of one message, by the protocol
inline constexpr size_t value_bytes_max = 1024;    // of what we read or write

enum class Awaited { event, nothing, failed };

class Xenbus {
  public:
    // Takes an open descriptor: the device, or a socket whose other end plays xenstored.
    explicit Xenbus(int fd) : fd_{fd} {}
    // The device under its present or its old name; -1 with errno.
    static int open_device();

    // Paths are relative to the guest's own directory. All of these are false with errno set when the device
    // or xenstored says no (ENOENT: no such node). `value` gets the text and a final zero.
    bool read(const char* path, char* value, size_t capacity);
    bool write(const char* path, const char* value);
    // From now on every change below `path` makes an event, and one comes at once. The kernel registers it
    // again after the guest has been saved, restored or moved, which makes an event as well.
    bool watch(const char* path);
    // Waits up to `timeout_ms`; an event that came while an answer was awaited is told at once. Failed, with
    // errno set, when the device can tell nothing more: whoever waits again would not wait.
    Awaited await_event(int timeout_ms);

  private:
    struct Header {
        uint32_t kind;
        uint32_t request;
        uint32_t transaction;
        uint32_t length;
    };
    bool exchange(uint32_t kind, size_t length);
    bool send(uint32_t kind, size_t length);
    bool receive(Header& header);
    bool receive_all(void* to, size_t length);
    bool put(const char* text, size_t length);

    int fd_;
    uint32_t last_request_ = 0;
    bool event_waits_ = false;
    size_t filled_ = 0;  // of payload_, when a request is put together
    char payload_[payload_bytes_max + 1];
};

}  // namespace ballast::guest
