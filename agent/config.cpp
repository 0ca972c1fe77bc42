#include "agent/config.hpp"

#include <unistd.h>

#include <array>
#include <climits>

#include "base/vocabulary.hpp"
#include "shell/config.hpp"

namespace ballast::agent {
namespace {

constexpr std::size_t sim_groups_max = 4;

bool is_loopback(std::string_view address) noexcept {
    return address.starts_with("127.") || address == "::1" || address == "localhost";
}

void require(Config& file, std::string_view key, const std::string& value, std::string_view what) {
    if (value.empty()) {
        file.reject(key, what);
    }
}

// No `fallback`: the key may be left out, and there is then none.
std::string directory(Config& file, std::string_view key, std::string_view fallback) {
    // Room for the names of records, locks and save files behind it.
    std::string path = file.text(key, fallback, limits::path_bytes_max - 64);
    const bool left_out = path.empty() && fallback.empty() && !file.has(key);
    if (!left_out && (path.empty() || path.front() != '/')) {
        file.reject(key, "an absolute path of a directory");
    }
    return path;
}

std::string own_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) {
        return {};
    }
    std::string text{name.data()};
    return text.substr(0, text.find('.'));
}

void read_network(Config& file, AgentConfig& out) {
    out.controller_address = file.text("controller.address", "");
    require(file, "controller.address", out.controller_address, "the controller's address");
    out.controller_port = static_cast<std::uint16_t>(file.integer("controller.port", 7711, 1, 65535));
    out.controller_name = file.text("controller.name", "controller", limits::name_bytes_max);

    out.plain = file.flag("tls.plain", false);
    out.tls_ca = file.text("tls.ca", out.plain ? "" : "/etc/ballast/ca.pem");
    out.tls_certificate = file.text("tls.certificate", out.plain ? "" : "/etc/ballast/host.pem");
    out.tls_key = file.text("tls.key", out.plain ? "" : "/etc/ballast/host.key");

    out.migration_listen = file.text("migration.listen", "0.0.0.0");
    out.migration_port = static_cast<std::uint16_t>(file.integer("migration.port", 7712, 0, 65535));
    out.migration_advertised = file.text("migration.advertised", "", 63);
    out.incoming_max =
        static_cast<std::uint32_t>(file.integer("migration.incoming_max", 4, 1, 16, "connections"));
    out.compression = static_cast<CompressionSetting>(
        file.choice("migration.compression", {"auto", "none", "lz4", "zstd"}, 0));

    if (out.plain && !is_loopback(out.controller_address)) {
        file.reject("tls.plain", "false, because controller.address is not a loopback address");
    }
    if (out.plain && !is_loopback(out.migration_listen)) {
        file.reject("tls.plain", "false, because migration.listen is not a loopback address");
    }
    if (out.migration_advertised.empty()) {
        if (out.migration_listen == "0.0.0.0" || out.migration_listen == "::") {
            file.reject("migration.advertised", "the address at which other hosts reach this one");
        }
        out.migration_advertised = out.migration_listen;
    }
}

// After read_network: what is not said of relays is as for migrations.
void read_relay(Config& file, AgentConfig& out) {
    out.relay.listen = file.text("relay.listen", out.migration_listen);
    out.relay.advertised = file.text("relay.advertised", out.migration_advertised, 63);
    out.relay.port_first = static_cast<std::uint16_t>(file.integer("relay.port_first", 17100, 1, 65535));
    out.relay.port_count = static_cast<std::uint16_t>(
        file.integer("relay.port_count", 100, 0, limits::domains_per_host_max, "ports"));
    if (out.relay.port_first + out.relay.port_count > 65536) {
        file.reject("relay.port_count", "a range of ports that ends at 65535 or below");
    }
}

std::uint32_t number(Config& file, const std::string& key, std::int64_t fallback, std::int64_t min,
                     std::int64_t max, std::string_view unit = {}) {
    return static_cast<std::uint32_t>(file.integer(key, fallback, min, max, unit));
}

void read_sim_group(Config& file, const std::string& section, sim::SimOptions& out) {
    sim::GuestGroup group;
    group.count = number(file, section + ".count", 0, 0, 255, "guests");
    group.name_prefix = file.text(section + ".name_prefix", "vm-", 40);
    constexpr std::array types{GuestType::pv, GuestType::pvh, GuestType::hvm};
    group.type = types[file.choice(section + ".type", {"pv", "pvh", "hvm"}, 0)];
    group.memory_mib = number(file, section + ".memory_mib", 512, 32, 1048576, "MiB");
    group.vcpus = number(file, section + ".vcpus", 1, 1, 128);
    group.load.kind = static_cast<sim::LoadKind>(
        file.choice(section + ".load", {"constant", "random_walk", "ramp", "steps", "bursts"}, 1));
    group.load.mean_permille = 10 * number(file, section + ".load_mean_percent", 20, 0, 100, "percent");
    group.load.spread_permille = 10 * number(file, section + ".load_spread_percent", 5, 0, 100, "percent");
    group.load.period_s = number(file, section + ".load_period_seconds", 600, 1, 86400, "seconds");
    group.net_mbps = number(file, section + ".net_mbps", 20, 0, 10000, "megabit per second");
    group.disk_mbps = number(file, section + ".disk_mbps", 40, 0, 10000, "megabit per second");
    group.dirty_mib_per_s = number(file, section + ".dirty_mib_per_s", 8, 0, 10000, "MiB per second");
    group.signals = static_cast<sim::Signals>(
        file.choice(section + ".signals", {"normal", "never", "garbage", "huge"}, 0));
    if (group.count > 0) {
        out.guests.push_back(group);
    }
}

void read_sim(Config& file, const AgentConfig& config, sim::SimOptions& out) {
    out.state_file = file.text("sim.state_file", config.state_dir + "/sim-host");
    out.seed = static_cast<std::uint64_t>(file.integer("sim.seed", 1, 0, INT64_MAX));
    out.cpus = number(file, "sim.cpus", 8, 1, 1024);
    out.memory_mib = number(file, "sim.memory_mib", 16384, 1024, 16777216, "MiB");
    out.dom0_memory_mib = number(file, "sim.dom0_memory_mib", 1024, 256, 8388608, "MiB");
    out.link_mbps = number(file, "sim.link_mbps", 1000, 1, 100000, "megabit per second");
    out.disk_mbps = number(file, "sim.disk_mbps", 4000, 1, 100000, "megabit per second");
    out.can_shadow = file.flag("sim.can_shadow", true);
    out.can_hap = file.flag("sim.can_hap", true);
    out.operation_speed = number(file, "sim.operation_speed", 1, 1, 1000);
    out.load_speed = number(file, "sim.load_speed", 1, 1, 1000);
    out.suspend_late_ms = number(file, "sim.suspend_late_ms", 0, 0, 60'000, "milliseconds");
    out.image_bytes_per_page = number(file, "sim.image_bytes_per_page", 16, 0, 4096, "bytes");
    out.console_port = static_cast<std::uint16_t>(file.integer("sim.console_port", 0, 0, 65535));
    if (out.dom0_memory_mib > out.memory_mib / 2) {
        file.reject("sim.dom0_memory_mib", "at most half of sim.memory_mib");
    }
    for (std::size_t i = 1; i <= sim_groups_max; ++i) {
        read_sim_group(file, "sim.group_" + std::to_string(i), out);
    }
}

}  // namespace

bool load_config(const std::string& path, const std::string& hypervisor_kind, AgentConfig& out,
                 std::vector<std::string>& errors) {
    const std::unique_ptr<Config> file = Config::from_file(path);
    out = {};
    out.host_name = file->text("host_name", own_name(), limits::name_bytes_max);
    if (!valid_name(out.host_name)) {
        file->reject("host_name", "letters, digits or ._-+, with a letter or digit first");
    }
    out.state_dir = directory(*file, "state_dir", "/var/lib/ballast");
    out.run_dir = directory(*file, "run_dir", "/run/ballast");
    out.save_dir = directory(*file, "save_dir", "/var/lib/ballast/saved");
    out.memory_reserved_mib = number(*file, "memory_reserved_mib", 256, 0, 1048576, "MiB");
    out.net_mbps = number(*file, "net_mbps", 0, 0, 1000000, "megabit per second");
    out.hypervisor.kind = static_cast<HypervisorKind>(file->choice("hypervisor", {"xen", "sim"}, 0));
    if (!hypervisor_kind.empty()) {
        out.hypervisor.kind = hypervisor_kind == "sim" ? HypervisorKind::sim : HypervisorKind::xen;
    }
    out.hypervisor.quick_vif_script = file->flag("quick_vif_script", true);
    read_network(*file, out);
    read_relay(*file, out);
    out.store_directory = directory(*file, "store.directory", "");
    out.images_directory = directory(*file, "images.directory", "");
    out.page_references = file->flag("images.page_references", false);
    out.images_keep_hours = number(*file, "images.keep_hours", 72, 1, 8760, "hours");
    read_sim(*file, out, out.hypervisor.sim);
    file->finish();
    errors = file->errors();
    return file->ok();
}

}  // namespace ballast::agent
