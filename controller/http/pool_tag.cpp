#include "controller/http/pool_tag.hpp"

#include <span>

#include "shell/hmac.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::size_t tag_digits = 32;  // of the hash: two pools' settings do not meet by chance

// Hashes fields one after the other, each so that its end is known. Keyed: a template may hold a password,
// which nobody is to find by trying tags.
class FieldHash {
  public:
    explicit FieldHash(const Uuid& key) : mac_{std::as_bytes(std::span{key.bytes})} {}

    template <class Field>
    FieldHash& operator()(const Field& field) noexcept {
        if constexpr (std::is_enum_v<Field> || std::is_integral_v<Field>) {
            add(static_cast<std::uint64_t>(field));
        } else {
            const std::string_view text = field.view();
            add(text.size());
            mac_.add(std::as_bytes(std::span{text}));
        }
        return *this;
    }
    std::string finish() { return to_hex(mac_.finish()); }

  private:
    void add(std::uint64_t number) noexcept { mac_.add(std::as_bytes(std::span{&number, 1})); }
    HmacSha256 mac_;
};

void add_guest(FieldHash& hash, const wire::GuestSpec& guest) noexcept {
    hash(guest.type)(guest.memory_mib)(guest.vcpus)(guest.kernel)(guest.ramdisk)(guest.cmdline);
    hash(guest.bootloader)(guest.boot_order)(guest.vnc)(guest.vnc_listen)(guest.vnc_password);
    hash(guest.cpu_weight)(guest.cpu_cap_percent)(guest.disks.size())(guest.vifs.size());
    for (const wire::Disk& disk : guest.disks) {
        hash(disk.format)(disk.target)(disk.device)(disk.writable);
    }
    for (const wire::Vif& vif : guest.vifs) {
        hash(vif.mac)(vif.bridge);
    }
}

void add_rules(FieldHash& hash, const PoolRules& rules) noexcept {
    hash(rules.after_session)(rules.console)(rules.guest_signals)(rules.pause_after_seconds);
    hash(rules.save_after_seconds)(rules.paused_max_seconds)(rules.session_max_seconds);
    hash(rules.session_idle_seconds)(rules.disconnect_seconds)(rules.boot_timeout_seconds);
    hash(rules.shutdown_grace_seconds);
}

}  // namespace

std::string pool_tag(const Core& core, const DesktopPoolRecord& pool) {
    FieldHash hash{core.store_id()};
    hash(pool.name)(pool.kind)(pool.enabled)(pool.closing)(pool.created.unix_ms);
    hash(pool.targets.ready)(pool.targets.paused)(pool.targets.saved)(pool.targets.max);
    add_rules(hash, pool.rules);
    add_guest(hash, pool.guest);
    hash(pool.volumes.size());
    for (const VolumeRule& volume : pool.volumes) {
        hash(volume.disk)(volume.source)(volume.template_path)(volume.size_bytes);
    }
    hash(pool.data_share);
    return '"' + hash.finish().substr(0, tag_digits) + '"';
}

Reply with_pool_tag(const Core& core, std::string_view pool, Reply reply) {
    if (const std::uint32_t row = core.find_desktop_pool(pool); row != no_row) {
        reply.headers.emplace_back("ETag", pool_tag(core, core.desktop_pool(row).record));
    }
    return reply;
}

Precondition judge_if_match(std::string_view field, std::string_view entity_tag) noexcept {
    constexpr std::string_view blanks = " \t";
    const auto skip = [&field](std::string_view characters) {
        field.remove_prefix(std::min(field.find_first_not_of(characters), field.size()));
    };
    skip(blanks);
    field = field.substr(0, field.find_last_not_of(blanks) + 1);
    if (field.empty() || field == "*") {
        return Precondition::holds;
    }
    bool matches = false;
    while (!field.empty()) {
        const bool weak = field.starts_with("W/");
        field.remove_prefix(weak ? 2 : 0);
        const std::size_t end = field.starts_with('"') ? field.find('"', 1) : std::string_view::npos;
        if (end == std::string_view::npos) {
            return Precondition::malformed;
        }
        matches = matches || (!weak && field.substr(0, end + 1) == entity_tag);
        field.remove_prefix(end + 1);
        skip(blanks);
        if (!field.empty() && field.front() != ',') {
            return Precondition::malformed;
        }
        skip(" \t,");
    }
    return matches ? Precondition::holds : Precondition::fails;
}

}  // namespace ballast::controller::http
