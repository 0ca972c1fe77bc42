// What a desktop's guest is built of: its pool's template with its own name, uuid and network addresses.
#include <algorithm>

#include "base/prng.hpp"
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

// With so many desktops that one in ten addresses is taken, one in 10^16 searches ends without a free one.
constexpr std::uint64_t uuid_attempts_max = 16;

// `text` with "{desktop}" and "{user}" replaced, cut where it does not fit.
template <std::size_t n>
FixedString<n> filled_in(const FixedString<n>& text, const DesktopRecord& desktop) noexcept {
    constexpr std::string_view desktop_mark = "{desktop}";
    constexpr std::string_view user_mark = "{user}";
    FixedString<n> out;
    std::string_view rest = text.view();
    while (!rest.empty()) {
        if (rest.starts_with(desktop_mark)) {
            out.append_cut(desktop.name.view());
            rest.remove_prefix(desktop_mark.size());
        } else if (rest.starts_with(user_mark)) {
            out.append_cut(desktop.user.view());
            rest.remove_prefix(user_mark.size());
        } else {
            out.append_cut(rest.substr(0, 1));
            rest.remove_prefix(1);
        }
    }
    return out;
}

// A network card's address, the same for the same desktop for ever: leases hang on it. In Xen's own range
// 00:16:3e.
std::uint64_t mac_of(const Uuid& uuid, std::size_t vif) noexcept {
    std::uint64_t seed = vif;
    for (const std::uint8_t byte : uuid.bytes) {
        seed = seed * 257 + byte;
    }
    const auto bits = static_cast<std::uint32_t>(Prng{seed}.next());
    return std::uint64_t{0x00163e} << 24 | __builtin_bswap32((bits & 0xffff7fU) << 8);
}

FixedString<17> in_words(std::uint64_t mac) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    FixedString<17> text;
    for (unsigned i = 0; i < 6; ++i) {
        const auto byte = static_cast<std::uint8_t>(mac >> (8 * (5 - i)));
        const std::array<char, 3> part{':', digits[byte >> 4], digits[byte & 15U]};
        text.append_cut(std::string_view{part.data(), part.size()}.substr(i == 0 ? 1 : 0));
    }
    return text;
}

// A desktop of this pool with this uuid would have a card of the same address as another guest has, or two.
bool shares_a_mac(const Tables& t, std::uint32_t pool, const Uuid& uuid) noexcept {
    const std::size_t cards = t.desktop_pools[pool].record.guest.vifs.size();
    for (std::size_t i = 0; i < cards; ++i) {
        const std::uint64_t mac = mac_of(uuid, i);
        for (std::size_t other = 0; other < i; ++other) {
            if (mac_of(uuid, other) == mac) {
                return true;
            }
        }
        if (!who_has_mac(t, mac).empty()) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool desktop_has_mac(const Tables& t, const DesktopRow& desktop, std::uint64_t mac) noexcept {
    const std::size_t cards =
        desktop.record.uuid.nil() ? std::size_t{0} : t.desktop_pools[desktop.pool].record.guest.vifs.size();
    for (std::size_t i = 0; i < cards; ++i) {
        if (mac_of(desktop.record.uuid, i) == mac) {
            return true;
        }
    }
    return false;
}

Uuid new_desktop_uuid(const Tables& t, std::uint32_t pool, std::string_view name,
                      std::uint64_t number) noexcept {
    Uuid uuid = derived_uuid(t.identity, name, number);
    for (std::uint64_t more = 1; more < uuid_attempts_max && shares_a_mac(t, pool, uuid); ++more) {
        uuid = derived_uuid(t.identity, name, number + more);
    }
    return uuid;
}

Uuid derived_uuid(const Identity& identity, std::string_view what, std::uint64_t number) noexcept {
    std::uint64_t seed = 0xcbf29ce484222325ULL;  // FNV-1a
    const auto mix = [&seed](std::uint8_t byte) { seed = (seed ^ byte) * 0x100000001b3ULL; };
    std::for_each(identity.store_id.bytes.begin(), identity.store_id.bytes.end(), mix);
    for (const char c : what) {
        mix(static_cast<std::uint8_t>(c));
    }
    for (unsigned i = 0; i < 8; ++i) {
        mix(static_cast<std::uint8_t>(number >> (8 * i)));
    }
    Prng words{seed};
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        const std::uint64_t word = words.next();
        for (std::size_t j = 0; j < 8; ++j) {
            // The store's own random id stays in every byte: stores never make the same uuids.
            bytes[i + j] = static_cast<std::uint8_t>(word >> (8 * j)) ^ identity.store_id.bytes[i + j];
        }
    }
    return uuid_from_random(bytes);
}

void fill_desktop_spec(const Tables& t, const DesktopRow& desktop, wire::GuestSpec& out) noexcept {
    out = t.desktop_pools[desktop.pool].record.guest;
    out.name = desktop.record.name;
    out.uuid = desktop.record.uuid;
    out.cmdline = filled_in(out.cmdline, desktop.record);
    for (wire::Disk& disk : out.disks) {
        disk.target = filled_in(disk.target, desktop.record);
    }
    for (std::size_t i = 0; i < out.vifs.size(); ++i) {
        out.vifs[i].mac = in_words(mac_of(desktop.record.uuid, i));
    }
}

void fill_data_share(const Tables& t, const DesktopRow& desktop, wire::GuestNote& note) noexcept {
    note.data_share = filled_in(t.desktop_pools[desktop.pool].record.data_share, desktop.record);
}

void in_store(const HostRow& host, wire::Volume& volume) noexcept {
    const std::string_view store = host.store_path.view();
    const std::string_view path = volume.path.view();
    if (!store.empty() && path.size() > store.size() + 1 && path.starts_with(store) &&
        path[store.size()] == '/') {
        volume.path = Path{Path{path.substr(store.size() + 1)}};
    }
}

Name who_has_its_disks(const Tables& t, std::uint32_t pool, const DesktopRecord& desktop) noexcept {
    for (const wire::Disk& disk : t.desktop_pools[pool].record.guest.disks) {
        const Path target = filled_in(disk.target, desktop);
        for (const DesktopRow& other : t.desktops.rows()) {
            if (!disk.writable || !other.in_use || other.record.name == desktop.name) {
                continue;
            }
            for (const wire::Disk& taken : t.desktop_pools[other.pool].record.guest.disks) {
                if (taken.writable && filled_in(taken.target, other.record) == target) {
                    return other.record.name;
                }
            }
        }
    }
    return {};
}

bool next_volume(const Tables& t, const DesktopRow& desktop, wire::Volume& out) noexcept {
    const DesktopPoolRecord& pool = t.desktop_pools[desktop.pool].record;
    if (desktop.record.volumes >= pool.volumes.size()) {
        return false;
    }
    const VolumeRule& rule = pool.volumes[desktop.record.volumes];
    out.path = filled_in(pool.guest.disks[rule.disk].target, desktop.record);
    out.source = rule.source;
    out.template_path = rule.template_path;
    out.size_bytes = rule.size_bytes;
    return true;
}

}  // namespace ballast::controller
