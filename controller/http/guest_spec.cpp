#include "controller/http/guest_spec.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/mac.hpp"
#include "base/uuid.hpp"
#include "base/vocabulary.hpp"
#include "shell/random.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::int64_t memory_mib_min = 8;
constexpr std::int64_t memory_mib_max = 16 * 1024 * 1024;
constexpr std::int64_t cpu_weight_max = 65535;  // of Xen's credit schedulers

// Reads a bounded text into `out`; false when it is absent or wrong.
template <std::size_t n>
bool read_text(JsonFields& fields, std::string_view name, bool required, FixedString<n>& out) {
    const std::optional<std::string> text = fields.text(name, required, n);
    return text.has_value() && out.try_assign(*text);
}

// In Xen's own range, 00:16:3e.
FixedString<17> new_mac() {
    const std::uint64_t bits = random_u64();
    std::array<char, 18> text{};
    std::snprintf(text.data(), text.size(), "00:16:3e:%02x:%02x:%02x", static_cast<unsigned>(bits & 0x7f),
                  static_cast<unsigned>(bits >> 8 & 0xff), static_cast<unsigned>(bits >> 16 & 0xff));
    return std::string_view{text.data(), 17};
}

void read_disk(JsonFields& fields, wire::GuestSpec& spec) {
    wire::Disk disk;
    const std::string format = fields.text("format", true, 8).value_or("raw");
    if (format == "raw") {
        disk.format = wire::Disk::Format::raw;
    } else if (format == "qcow2") {
        disk.format = wire::Disk::Format::qcow2;
    } else if (format == "phy") {
        disk.format = wire::Disk::Format::phy;
    } else {
        fields.reject("format", "expected raw, qcow2 or phy");
    }
    read_absolute_path(fields, "target", true, disk.target);
    read_text(fields, "device", true, disk.device);
    disk.writable = fields.flag("writable", false).value_or(true);
    (void)spec.disks.try_push(disk);  // the list's bound was checked
}

void read_vif(JsonFields& fields, wire::GuestSpec& spec) {
    wire::Vif vif;
    if (!read_text(fields, "mac", false, vif.mac)) {
        vif.mac = new_mac();
    } else if (const std::optional<std::uint64_t> mac = parse_mac(vif.mac.view()); !mac) {
        fields.reject(
            "mac",
            "expected six pairs of hexadecimal digits, \"00:16:3e:01:02:03\", not all zero, the first "
            "pair even (an odd one is a group's)");
    } else if (std::any_of(spec.vifs.begin(), spec.vifs.end(),
                           [&](const wire::Vif& other) { return parse_mac(other.mac.view()) == mac; })) {
        fields.reject("mac", "expected one that no other card has");
    }
    read_text(fields, "bridge", true, vif.bridge);
    (void)spec.vifs.try_push(vif);
}

void read_identity(JsonFields& fields, wire::GuestSpec& spec) {
    if (read_text(fields, "name", true, spec.name) && !valid_name(spec.name.view())) {
        fields.reject("name", "expected letters, digits and ._-+, a letter or digit first");
    }
    const std::optional<std::string> uuid = fields.text("uuid", false, UuidText::capacity());
    if (!uuid.has_value()) {
        spec.uuid = new_uuid();
    } else if (const std::optional<Uuid> parsed = parse_uuid(*uuid); parsed.has_value() && !parsed->nil()) {
        spec.uuid = *parsed;
    } else {
        fields.reject("uuid", "expected a uuid, \"8-4-4-4-12\" hexadecimal digits");
    }
}

void read_type(JsonFields& fields, wire::GuestSpec& spec) {
    const std::string type = fields.text("type", true, 7).value_or("pv");
    const std::optional<GuestType> parsed = parse_guest_type(type);
    if (!parsed.has_value() || *parsed == GuestType::unknown) {
        fields.reject("type", "expected pv, pvh or hvm");
    } else {
        spec.type = *parsed;
    }
}

void read_boot(JsonFields& fields, wire::GuestSpec& spec) {
    read_absolute_path(fields, "kernel", false, spec.kernel);
    read_absolute_path(fields, "ramdisk", false, spec.ramdisk);
    read_text(fields, "cmdline", false, spec.cmdline);
    read_text(fields, "bootloader", false, spec.bootloader);
    read_text(fields, "boot_order", false, spec.boot_order);
    if (spec.type != GuestType::hvm && spec.kernel.empty() == spec.bootloader.empty()) {
        fields.reject("kernel", "a pv or pvh guest has either a kernel or a bootloader");
    }
}

void read_hardware(JsonFields& fields, wire::GuestSpec& spec) {
    spec.memory_mib = static_cast<std::uint32_t>(
        fields.integer("memory_mib", true, memory_mib_min, memory_mib_max).value_or(0));
    spec.vcpus = static_cast<std::uint32_t>(
        fields.integer("vcpus", false, 1, std::int64_t{limits::vcpus_per_domain_max}).value_or(1));
    read_boot(fields, spec);
    fields.object("vnc", [&](JsonFields& vnc) {
        spec.vnc = true;
        spec.vnc_listen = "127.0.0.1";
        read_text(vnc, "listen", false, spec.vnc_listen);
        read_text(vnc, "password", false, spec.vnc_password);
    });
    spec.cpu_weight =
        static_cast<std::uint32_t>(fields.integer("cpu_weight", false, 1, cpu_weight_max).value_or(256));
    spec.cpu_cap_percent = static_cast<std::uint32_t>(
        fields.integer("cpu_cap_percent", false, 0, 100 * std::int64_t{limits::vcpus_per_domain_max})
            .value_or(0));
}

}  // namespace

void read_absolute_path(JsonFields& fields, std::string_view name, bool required, Path& out) {
    if (read_text(fields, name, required, out) && !out.view().starts_with('/')) {
        fields.reject(name, "expected an absolute path on the host");
    }
}

void read_guest_spec(JsonFields& fields, wire::GuestSpec& spec) {
    read_identity(fields, spec);
    read_type(fields, spec);
    read_hardware(fields, spec);
    fields.objects("disks", limits::disks_per_domain_max, [&](JsonFields& disk) { read_disk(disk, spec); });
    fields.objects("vifs", limits::vifs_per_domain_max, [&](JsonFields& vif) { read_vif(vif, spec); });
}

void read_guest_template(JsonFields& fields, wire::GuestSpec& spec,
                         const std::function<void(JsonFields& disk, std::size_t index)>& volume) {
    read_type(fields, spec);
    read_hardware(fields, spec);
    fields.objects("disks", limits::disks_per_domain_max, [&](JsonFields& disk) {
        read_disk(disk, spec);
        volume(disk, spec.disks.size() - 1);
    });
    fields.objects("vifs", limits::vifs_per_domain_max, [&](JsonFields& vif) {
        wire::Vif made;
        read_text(vif, "bridge", true, made.bridge);
        (void)spec.vifs.try_push(made);
    });
}

}  // namespace ballast::controller::http
