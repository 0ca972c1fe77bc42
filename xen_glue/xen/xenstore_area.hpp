// Xenstore: the names and areas of domains, and the watches that tell of domains coming and going. A handle
// of our own beside libxl's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "xen_glue/hypervisor.hpp"

struct xs_handle;

namespace ballast::xen {

class Xenstore {
  public:
    Xenstore() = default;
    ~Xenstore();
    Xenstore(const Xenstore&) = delete;
    Xenstore& operator=(const Xenstore&) = delete;

    // `hypervisor_unavailable`, with a sentence in `why`, when no xenstored runs in this dom0.
    Status open(std::string& why);

    // Reads one node into `out`, at most `bytes_max` of it. An absent node is a success with `present` false
    // (and `out` empty); any other failure is `hypervisor_unavailable`: a lost xenstored does not come back
    // to a handle.
    Status read(const std::string& path, std::size_t bytes_max, std::string& out, bool& present);
    // The names of the nodes below `path`; none when it is absent.
    Status list(const std::string& path, std::vector<std::string>& names);
    Status write(const std::string& path, std::string_view value);
    // Writes `value` if the node holds `expected`, which nobody can change in between. `replaced`: it did.
    Status replace(const std::string& path, std::string_view expected, std::string_view value,
                   bool& replaced);

    // From now on it is known whether anybody writes to this node: one at a time, and not beside the watches
    // below.
    Status watch_writes(const std::string& path);
    // Whether anybody has, or that cannot be told; ends the watch.
    bool written(const std::string& path);

    // A descriptor that becomes readable when a domain was introduced, shut down or released; -1 when
    // xenstored does not answer. The first call sets the watches, for which libxenstore starts a small reader
    // thread with all signals blocked.
    int watch_domains();
    // The watches of guests' areas that are set are brought to these (domids, without 0).
    Status watch_guests(std::span<const std::uint32_t> domids);
    HostEvents drain_watches();

  private:
    xs_handle* handle_ = nullptr;
    bool watching_ = false;
    FixedVector<std::uint32_t, limits::domains_per_host_max> watched_guests_;
};

// "/local/domain/7/data/x". REQUIRES: valid_guest_path(relative).
std::string guest_path(std::uint32_t domid, std::string_view relative);

// Whether `relative` names a node below a guest's own directory: no empty, "." or ".." parts, only letters,
// digits and "-_.:@", not too long.
bool valid_guest_path(std::string_view relative) noexcept;

// Where `guest_write` may write: places that nothing but Ballast and the guest's own scripts look at.
// Everything else steers the toolstack ("control/shutdown", "memory/target").
bool writable_guest_path(std::string_view relative) noexcept;

// What a guest wrote, made harmless for logs and terminals: unprintable bytes become '?'.
void make_printable(std::string& text) noexcept;

}  // namespace ballast::xen
