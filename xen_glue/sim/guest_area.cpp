#include "xen_glue/sim/guest_area.hpp"

#include <algorithm>
#include <optional>

#include "base/compose.hpp"

#include "xen_glue/sim/sim_host.hpp"

namespace ballast::sim {
namespace {

constexpr std::string_view boot_path = "data/boot-complete";
constexpr std::string_view load_path = "data/load";
constexpr std::string_view nonce_path = "vm-data/ballast/nonce";
constexpr std::string_view told_nonce_path = "data/ballast/nonce";
constexpr std::string_view told_address_path = "data/ballast/ip";
constexpr std::string_view told_ready_path = "data/ballast/ready";

bool path_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"-_.:@"}.find(c) != std::string_view::npos;
}

AreaEntry* find_entry(Snapshot& snapshot, std::uint32_t domid, std::string_view path) noexcept {
    AreaEntry* const end = snapshot.area.end();
    AreaEntry* const found = std::find_if(snapshot.area.begin(), end, [domid, path](const AreaEntry& entry) {
        return entry.domid == domid && entry.path == path;
    });
    return found == end ? nullptr : found;
}

AreaValue text_of(const Uuid& uuid) noexcept {
    return uuid.nil() ? AreaValue{} : AreaValue{to_text(uuid).view()};
}

// What the guest's program writes. Its address is made of its uuid: the same wherever it runs.
AreaValue told(const Guest& guest, std::string_view path) noexcept {
    AreaValue value;
    switch (guest.workload.signals) {
        case Signals::never: break;
        case Signals::normal:
            value = path == told_nonce_path   ? text_of(guest.nonce)
                    : path == told_ready_path ? AreaValue{"1"}
                                              : AreaValue{compose("10.77.", unsigned{guest.uuid.bytes[14]},
                                                                  ".", unsigned{guest.uuid.bytes[15]})
                                                              .view()};
            break;
        case Signals::garbage: value = "\x1b[31m\xff; rm -rf /"; break;
        case Signals::huge:
            while (value.size() < AreaValue::capacity()) {
                value.append_cut("megabytes of ");
            }
            break;
    }
    return value;
}

// An area goes with its domain.
void forget_dead(Snapshot& snapshot) noexcept {
    for (std::size_t i = snapshot.area.size(); i-- > 0;) {
        if (find_domid(snapshot.host, snapshot.area[i].domid) == nullptr) {
            snapshot.area.remove_ordered(i);
        }
    }
}

}  // namespace

bool valid_area_path(std::string_view path) noexcept {
    for (std::size_t start = 0; start <= path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        const std::string_view part = path.substr(start, end - start);
        if (part.empty() || part == "." || part == ".." ||
            !std::all_of(part.begin(), part.end(), path_letter)) {
            return false;
        }
        start = end + 1;
    }
    return true;
}

AreaValue read_area(const Snapshot& snapshot, const Guest& guest, std::string_view path) noexcept {
    for (const AreaEntry& entry : snapshot.area) {
        if (entry.domid == guest.domid && entry.path == path) {
            return entry.value.view();
        }
    }
    if (path == nonce_path) {
        return text_of(guest.nonce);
    }
    if (!signals_up(guest) || guest.workload.signals == Signals::never) {
        return {};
    }
    if (path == told_nonce_path || path == told_address_path || path == told_ready_path) {
        return told(guest, path);
    }
    return path == boot_path ? "1" : "";
}

Status write_area(Snapshot& snapshot, Guest& guest, std::string_view path, std::string_view value) noexcept {
    if (!valid_area_path(path) || !(path.starts_with("data/") || path.starts_with("vm-data/"))) {
        return Err{Fault::invalid_argument};
    }
    if (path == nonce_path) {
        const std::optional<Uuid> nonce = parse_uuid(value);
        if (!nonce && !value.empty()) {
            return Err{Fault::invalid_argument};
        }
        guest.nonce = nonce.value_or(Uuid{});
        return {};
    }
    AreaEntry entry;
    entry.domid = guest.domid;
    if (!entry.path.try_assign(path) || !entry.value.try_assign(value)) {
        return Err{Fault::limit_reached};
    }
    if (AreaEntry* known = find_entry(snapshot, guest.domid, path)) {
        *known = entry;
    } else if (!value.empty()) {
        if (snapshot.area.full()) {
            forget_dead(snapshot);
        }
        if (!snapshot.area.try_push(entry)) {
            return Err{Fault::limit_reached};
        }
    }
    if (path == load_path && override_load(guest.workload.load, value)) {
        snapshot.host.grants_stale = true;
    }
    return {};
}

}  // namespace ballast::sim
