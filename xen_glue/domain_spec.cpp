// What a domain may be made of. Stricter than libxl, which ignores what it does not understand or need: a
// field that would have no effect is refused here, because its author expected one.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "xen_glue/hypervisor.hpp"

namespace ballast {
namespace {

constexpr std::uint32_t memory_mib_min = 32;
constexpr std::uint32_t memory_mib_max = 1024 * 1024;
constexpr std::uint32_t cpu_weight_max = 65535;
constexpr std::size_t suffix_bytes_max = std::max(incoming_suffix.size(), migrated_away_suffix.size());
constexpr std::size_t spec_name_bytes_max = limits::name_bytes_max - suffix_bytes_max;
constexpr std::size_t vnc_password_bytes_max = 8;  // the protocol uses no more
constexpr std::string_view dom0_name = "Domain-0";

using Complaint = std::optional<Detail>;

bool digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
bool letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool hex(char c) noexcept {
    return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool printable(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Numbers as text, for messages.
class Number {
  public:
    explicit Number(std::uint64_t value) noexcept
        : end_{std::to_chars(text_, text_ + sizeof text_, value).ptr} {}
    operator std::string_view() const noexcept {  // NOLINT: implicit on purpose
        return {text_, static_cast<std::size_t>(end_ - text_)};
    }

  private:
    char text_[20];
    const char* end_;
};

template <class... Parts>
Complaint say(const Parts&... parts) noexcept {
    Detail detail;
    (detail.append_cut(std::string_view{parts}), ...);
    return detail;
}
template <class... Parts>
Complaint say_found(std::string_view found, const Parts&... parts) noexcept {
    return say(parts..., ", found \"", printable(found) ? found : std::string_view{"(unprintable)"}, "\"");
}

// "disks[2]."
class Item {
  public:
    Item(std::string_view list, std::size_t index) noexcept {
        text_.append_cut(list);
        text_.append_cut("[");
        text_.append_cut(Number{index});
        text_.append_cut("].");
    }
    operator std::string_view() const noexcept { return text_; }  // NOLINT: implicit on purpose

  private:
    FixedString<31> text_;
};

Complaint check_path(std::string_view owner, std::string_view field, std::string_view path) noexcept {
    if (path.empty() || path.front() != '/' || !printable(path)) {
        return say_found(path, owner, field, ": expected an absolute path of printable characters");
    }
    // Every component must be a name: an empty one, "." or ".." makes one file known by many paths.
    for (std::size_t start = 1; start <= path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        const std::string_view component = path.substr(start, end - start);
        if (component.empty() || component == "." || component == "..") {
            return say_found(path, owner, field,
                             ": expected a path without \"..\", \".\" or empty components");
        }
        start = end + 1;
    }
    return std::nullopt;
}

Complaint check_name(std::string_view name) noexcept {
    if (!valid_name(name)) {
        return say_found(name, "name: expected letters, digits and ._-+, beginning with a letter or digit");
    }
    if (name.size() > spec_name_bytes_max) {
        return say("name: expected at most ", Number{spec_name_bytes_max},
                   " bytes, so that the suffix of a moving guest fits, found ", Number{name.size()});
    }
    if (std::all_of(name.begin(), name.end(), digit)) {
        return say_found(name, "name: expected more than digits (tools would take it for a domain id)");
    }
    if (name.ends_with(incoming_suffix) || name.ends_with(migrated_away_suffix) || name == dom0_name) {
        return say_found(name, "name: expected one that the toolstack does not use itself");
    }
    return std::nullopt;
}

Complaint check_size(const DomainSpec& spec) noexcept {
    if (spec.memory_mib < memory_mib_min || spec.memory_mib > memory_mib_max) {
        return say("memory_mib: expected ", Number{memory_mib_min}, " to ", Number{memory_mib_max},
                   ", found ", Number{spec.memory_mib});
    }
    if (spec.vcpus < 1 || spec.vcpus > limits::vcpus_per_domain_max) {
        return say("vcpus: expected 1 to ", Number{limits::vcpus_per_domain_max}, ", found ",
                   Number{spec.vcpus});
    }
    if (spec.cpu_weight < 1 || spec.cpu_weight > cpu_weight_max) {
        return say("cpu_weight: expected 1 to ", Number{cpu_weight_max}, ", found ", Number{spec.cpu_weight});
    }
    if (spec.cpu_cap_percent > 100 * spec.vcpus) {
        return say("cpu_cap_percent: expected 0 (none) to 100 for each vCPU, here ", Number{100 * spec.vcpus},
                   ", found ", Number{spec.cpu_cap_percent});
    }
    return std::nullopt;
}

Complaint check_hvm_boot(const DomainSpec& spec) noexcept {
    if (!spec.kernel.empty() || !spec.ramdisk.empty() || !spec.cmdline.empty()) {
        return say("kernel, ramdisk, cmdline: expected none for an HVM guest, which boots from its disks");
    }
    if (!spec.bootloader.empty()) {
        return say_found(spec.bootloader, "bootloader: expected none for an HVM guest");
    }
    const std::string_view order = spec.boot_order;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const bool known = std::string_view{"acdn"}.find(order[i]) != std::string_view::npos;
        if (!known || order.find(order[i], i + 1) != std::string_view::npos) {
            return say_found(
                order, "boot_order: expected a, c, d, n (floppy, disk, CD, network), each at most once");
        }
    }
    return std::nullopt;
}

Complaint check_direct_boot(const DomainSpec& spec) noexcept {
    if (!spec.boot_order.empty()) {
        return say_found(spec.boot_order, "boot_order: expected none for a PV or PVH guest");
    }
    if (spec.kernel.empty() == spec.bootloader.empty()) {
        return say("kernel, bootloader: expected exactly one of them for a PV or PVH guest, found ",
                   spec.kernel.empty() ? "neither" : "both");
    }
    if (!spec.bootloader.empty()) {
        if (!spec.ramdisk.empty() || !spec.cmdline.empty()) {
            return say("ramdisk, cmdline: expected none with a bootloader, which finds its own");
        }
        if (spec.disks.empty()) {
            return say("disks: expected at least one with a bootloader, which reads the kernel from it");
        }
        return spec.bootloader == "pygrub" ? Complaint{} : check_path({}, "bootloader", spec.bootloader);
    }
    if (!printable(spec.cmdline)) {
        return say("cmdline: expected printable ASCII characters only");
    }
    if (Complaint complaint = check_path({}, "kernel", spec.kernel)) {
        return complaint;
    }
    return spec.ramdisk.empty() ? Complaint{} : check_path({}, "ramdisk", spec.ramdisk);
}

Complaint check_boot(const DomainSpec& spec) noexcept {
    switch (spec.type) {
        case GuestType::pv:
        case GuestType::pvh: return check_direct_boot(spec);
        case GuestType::hvm: return check_hvm_boot(spec);
        case GuestType::unknown: break;
    }
    return say("type: expected pv, pvh or hvm");
}

// xvda..xvdp with an optional partition 1..99; hd and sd likewise where an emulated controller exists.
bool valid_device(std::string_view device, GuestType type) noexcept {
    const bool emulated = device.starts_with("hd") || device.starts_with("sd");
    if (!device.starts_with("xvd") && !(emulated && type == GuestType::hvm)) {
        return false;
    }
    device.remove_prefix(emulated ? 2 : 3);
    if (device.empty() || device.front() < 'a' || device.front() > 'p') {
        return false;
    }
    device.remove_prefix(1);
    return device.size() <= 2 && std::all_of(device.begin(), device.end(), digit) && !device.starts_with('0');
}

Complaint check_disk(const DomainSpec& spec, std::size_t index) noexcept {
    const DiskSpec& disk = spec.disks[index];
    const Item item{"disks", index};
    if (Complaint complaint = check_path(item, "target", disk.target)) {
        return complaint;
    }
    switch (disk.format) {
        case DiskSpec::Format::raw:
        case DiskSpec::Format::qcow2: break;
        case DiskSpec::Format::phy:
            if (!disk.target.view().starts_with("/dev/")) {
                return say_found(disk.target, item, "target: expected a device under /dev for format phy");
            }
            break;
        default: return say(item, "format: expected raw, qcow2 or phy");
    }
    if (!valid_device(disk.device, spec.type)) {
        return say_found(disk.device, item,
                         "device: expected xvda to xvdp, optionally with a partition number",
                         spec.type == GuestType::hvm ? ", or hd or sd likewise" : "");
    }
    for (std::size_t other = 0; other < index; ++other) {
        const DiskSpec& earlier = spec.disks[other];
        if (earlier.device == disk.device) {
            return say_found(disk.device, item, "device: expected one that no other disk has");
        }
        if (earlier.target == disk.target && (earlier.writable || disk.writable)) {
            return say_found(disk.target, item, "target: expected a writable disk to be attached only once");
        }
    }
    return std::nullopt;
}

bool same_mac(std::string_view a, std::string_view b) noexcept {
    const auto lower = [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [lower](char x, char y) { return lower(x) == lower(y); });
}

Complaint check_mac(std::string_view item, std::string_view mac) noexcept {
    bool well_formed = mac.size() == 17;
    for (std::size_t i = 0; well_formed && i < mac.size(); ++i) {
        well_formed = i % 3 == 2 ? mac[i] == ':' : hex(mac[i]);
    }
    if (!well_formed) {
        return say_found(mac, item, "mac: expected six hexadecimal bytes like 00:16:3e:01:02:03");
    }
    // The lowest bit of the first byte marks group addresses: its hexadecimal digit is odd then.
    unsigned first_byte = 0;
    std::from_chars(mac.data(), mac.data() + 2, first_byte, 16);
    if (first_byte % 2 == 1) {
        return say_found(mac, item, "mac: expected a unicast address (an even first byte)");
    }
    if (mac == "00:00:00:00:00:00") {
        return say_found(mac, item, "mac: expected an address other than zero");
    }
    return std::nullopt;
}

Complaint check_vif(const DomainSpec& spec, std::size_t index) noexcept {
    const VifSpec& vif = spec.vifs[index];
    const Item item{"vifs", index};
    if (Complaint complaint = check_mac(item, vif.mac)) {
        return complaint;
    }
    for (std::size_t other = 0; other < index; ++other) {
        if (same_mac(spec.vifs[other].mac, vif.mac)) {
            return say_found(vif.mac, item, "mac: expected one that no other vif has");
        }
    }
    const std::string_view bridge = vif.bridge;
    const auto allowed = [](char c) { return letter(c) || digit(c) || c == '.' || c == '_' || c == '-'; };
    if (bridge.empty() || !std::all_of(bridge.begin(), bridge.end(), allowed) ||
        !(letter(bridge.front()) || digit(bridge.front()))) {
        return say_found(bridge, item, "bridge: expected the name of a network interface like xenbr0");
    }
    return std::nullopt;
}

Complaint check_vnc(const VncSpec& vnc) noexcept {
    if (!vnc.enabled) {
        return vnc.password.empty() ? Complaint{}
                                    : say("vnc.password: expected none while vnc.enabled is false");
    }
    FixedString<16> terminated = vnc.listen.view();
    terminated.append_cut(std::string_view{"\0", 1});
    unsigned char address[sizeof(in6_addr)];
    const char* text = terminated.view().data();
    if (!printable(vnc.listen) ||
        (inet_pton(AF_INET, text, address) != 1 && inet_pton(AF_INET6, text, address) != 1)) {
        return say_found(vnc.listen, "vnc.listen: expected a numeric address like 127.0.0.1");
    }
    if (vnc.password.size() > vnc_password_bytes_max || !printable(vnc.password)) {
        return say("vnc.password: expected at most ", Number{vnc_password_bytes_max},
                   " printable characters (VNC uses no more)");
    }
    return std::nullopt;
}

}  // namespace

std::optional<Detail> validate(const DomainSpec& spec) noexcept {
    if (Complaint complaint = check_name(spec.name)) {
        return complaint;
    }
    if (spec.uuid.nil()) {
        return say("uuid: expected one that is not all zeros (that is dom0's)");
    }
    if (Complaint complaint = check_size(spec)) {
        return complaint;
    }
    if (Complaint complaint = check_boot(spec)) {
        return complaint;
    }
    for (std::size_t i = 0; i < spec.disks.size(); ++i) {
        if (Complaint complaint = check_disk(spec, i)) {
            return complaint;
        }
    }
    for (std::size_t i = 0; i < spec.vifs.size(); ++i) {
        if (Complaint complaint = check_vif(spec, i)) {
            return complaint;
        }
    }
    return check_vnc(spec.vnc);
}

}  // namespace ballast
