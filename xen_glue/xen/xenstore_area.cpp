#include "xen_glue/xen/xenstore_area.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern "C" {
#include <xenstore.h>
#include <xenstore_lib.h>
}

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/assert.hpp"

namespace ballast::xen {
namespace {

constexpr std::size_t relative_path_bytes_max = 255;
// Xenstored fires the second for every shutdown as well as for every death.
constexpr const char* introduce_watch = "@introduceDomain";
constexpr const char* release_watch = "@releaseDomain";

// What a guest tells Ballast lies there; one watch also covers all that is below.
constexpr std::string_view guest_watch = "data/ballast";
constexpr const char* guest_token = "guest";
constexpr const char* write_token = "write";

// A transaction that others have disturbed is tried again. They write a handful of nodes a second.
constexpr int transaction_attempts_max = 100;

// Whose area a watch's path lies in; nothing for the watches of domains.
std::optional<std::uint32_t> guest_of(std::string_view path) noexcept {
    constexpr std::string_view start = "/local/domain/";
    if (!path.starts_with(start)) {
        return std::nullopt;
    }
    path.remove_prefix(start.size());
    std::uint32_t domid = 0;
    return std::from_chars(path.data(), path.data() + path.size(), domid).ec == std::errc{}
               ? std::optional{domid}
               : std::nullopt;
}

bool path_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':' || c == '@';
}

// Errno says why not.
bool daemon_listens() noexcept {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string_view path = xs_daemon_socket();
    const std::size_t length = std::min(path.size(), sizeof address.sun_path - 1);
    std::copy_n(path.data(), length, address.sun_path);
    const int rc = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int error = errno;
    ::close(fd);
    errno = error;
    return rc == 0 || error == EAGAIN;  // busy is alive
}

}  // namespace

Xenstore::~Xenstore() {
    if (handle_ != nullptr) {
        xs_close(handle_);
    }
}

Status Xenstore::open(std::string& why) {
    // Where the socket is dead, libxenstore goes on to the kernel's device, and the first question hangs for
    // ever.
    if (!daemon_listens()) {
        why = fmt::format("xenstored does not listen on {}: {}", xs_daemon_socket(), strerrordesc_np(errno));
        return Err{Fault::hypervisor_unavailable};
    }
    handle_ = xs_open(0);
    if (handle_ == nullptr) {
        why = fmt::format("cannot connect to xenstored: {}", strerrordesc_np(errno));
        return Err{Fault::hypervisor_unavailable};
    }
    return {};
}

Status Xenstore::read(const std::string& path, std::size_t bytes_max, std::string& out, bool& present) {
    out.clear();
    present = false;
    unsigned length = 0;
    errno = 0;
    const std::unique_ptr<void, decltype(&std::free)> value{xs_read(handle_, XBT_NULL, path.c_str(), &length),
                                                            &std::free};
    if (value == nullptr) {
        return errno == ENOENT ? Status{} : Status{Err{Fault::hypervisor_unavailable}};
    }
    out.assign(static_cast<const char*>(value.get()), std::min<std::size_t>(length, bytes_max));
    present = true;
    return {};
}

Status Xenstore::list(const std::string& path, std::vector<std::string>& names) {
    names.clear();
    unsigned count = 0;
    errno = 0;
    const std::unique_ptr<char*, decltype(&std::free)> found{
        xs_directory(handle_, XBT_NULL, path.c_str(), &count), &std::free};
    if (found == nullptr) {
        return errno == ENOENT ? Status{} : Status{Err{Fault::hypervisor_unavailable}};
    }
    names.assign(found.get(), found.get() + count);
    return {};
}

Status Xenstore::write(const std::string& path, std::string_view value) {
    if (!xs_write(handle_, XBT_NULL, path.c_str(), value.data(), static_cast<unsigned>(value.size()))) {
        switch (errno) {
            case ENOENT: return Err{Fault::not_found};
            case ENOSPC: return Err{Fault::limit_reached};  // the guest's quota of nodes
            case EINVAL:
            case E2BIG: return Err{Fault::invalid_argument};
            default: return Err{Fault::hypervisor_unavailable};
        }
    }
    return {};
}

Status Xenstore::replace(const std::string& path, std::string_view expected, std::string_view value,
                         bool& replaced) {
    replaced = false;
    for (int attempt = 0; attempt < transaction_attempts_max; ++attempt) {
        const xs_transaction_t transaction = xs_transaction_start(handle_);
        if (transaction == XBT_NULL) {
            return Err{Fault::hypervisor_unavailable};
        }
        unsigned length = 0;
        errno = 0;
        const std::unique_ptr<void, decltype(&std::free)> held{
            xs_read(handle_, transaction, path.c_str(), &length), &std::free};
        const bool absent = held == nullptr && errno == ENOENT;
        const bool equal =
            held != nullptr && std::string_view{static_cast<const char*>(held.get()), length} == expected;
        if (!equal) {
            (void)xs_transaction_end(handle_, transaction, true);
            return held != nullptr || absent ? Status{} : Status{Err{Fault::hypervisor_unavailable}};
        }
        const bool put =
            xs_write(handle_, transaction, path.c_str(), value.data(), static_cast<unsigned>(value.size()));
        errno = 0;
        if (xs_transaction_end(handle_, transaction, !put) && put) {
            replaced = true;
            return {};
        }
        if (!put || errno != EAGAIN) {
            return Err{Fault::hypervisor_unavailable};
        }
    }
    return Err{Fault::hypervisor_unavailable};
}

// A watch tells of itself once, when it is set: that is taken in here. Xenstored tells of a change before it
// answers what is asked later on the same connection, so that a question brings in what was still on its way.
Status Xenstore::watch_writes(const std::string& path) {
    std::string value;
    bool present = false;
    if (!xs_watch(handle_, path.c_str(), write_token)) {
        return Err{Fault::hypervisor_unavailable};
    }
    BALLAST_CHECK(read(path, 0, value, present));
    while (const std::unique_ptr<char*, decltype(&std::free)> event{xs_check_watch(handle_), &std::free}) {
    }
    return {};
}

bool Xenstore::written(const std::string& path) {
    std::string value;
    bool present = false;
    const bool asked = read(path, 0, value, present).ok();
    const std::unique_ptr<char*, decltype(&std::free)> event{xs_check_watch(handle_), &std::free};
    (void)xs_unwatch(handle_, path.c_str(), write_token);
    return !asked || event != nullptr;
}

int Xenstore::watch_domains() {
    if (!watching_) {
        if (!xs_watch(handle_, introduce_watch, "introduce") ||
            !xs_watch(handle_, release_watch, "release")) {
            return -1;
        }
        watching_ = true;
    }
    return xs_fileno(handle_);
}

Status Xenstore::watch_guests(std::span<const std::uint32_t> domids) {
    for (std::size_t i = watched_guests_.size(); i-- > 0;) {
        const std::uint32_t domid = watched_guests_[i];
        if (std::ranges::find(domids, domid) == domids.end()) {
            // Of a domain that is gone as well: the watch is on the path.
            (void)xs_unwatch(handle_, guest_path(domid, guest_watch).c_str(), guest_token);
            watched_guests_.remove_unordered(i);
        }
    }
    for (const std::uint32_t domid : domids) {
        if (std::find(watched_guests_.begin(), watched_guests_.end(), domid) != watched_guests_.end()) {
            continue;
        }
        if (watched_guests_.full() ||
            !xs_watch(handle_, guest_path(domid, guest_watch).c_str(), guest_token)) {
            return Err{Fault::hypervisor_unavailable};
        }
        watched_guests_.push(domid);
    }
    return {};
}

HostEvents Xenstore::drain_watches() {
    HostEvents events;
    while (watching_) {
        const std::unique_ptr<char*, decltype(&std::free)> event{xs_check_watch(handle_), &std::free};
        if (event == nullptr) {
            break;
        }
        const std::optional<std::uint32_t> domid = guest_of(event.get()[XS_WATCH_PATH]);
        if (!domid) {
            events.domains = true;
        } else if (std::find(events.guests.begin(), events.guests.end(), *domid) == events.guests.end()) {
            events.all_guests = !events.guests.try_push(*domid) || events.all_guests;
        }
    }
    return events;
}

std::string guest_path(std::uint32_t domid, std::string_view relative) {
    BALLAST_ASSERT(valid_guest_path(relative));
    return fmt::format("/local/domain/{}/{}", domid, relative);
}

bool valid_guest_path(std::string_view relative) noexcept {
    if (relative.empty() || relative.size() > relative_path_bytes_max) {
        return false;
    }
    while (true) {
        const std::size_t slash = relative.find('/');
        const std::string_view part = relative.substr(0, slash);
        if (part.empty() || part == "." || part == ".." || !std::ranges::all_of(part, path_letter)) {
            return false;
        }
        if (slash == std::string_view::npos) {
            return true;
        }
        relative.remove_prefix(slash + 1);
    }
}

bool writable_guest_path(std::string_view relative) noexcept {
    return valid_guest_path(relative) && (relative.starts_with("data/") || relative.starts_with("vm-data/"));
}

void make_printable(std::string& text) noexcept {
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, '?');
}

}  // namespace ballast::xen
