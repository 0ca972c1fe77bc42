#include "controller/config.hpp"

#include <sys/un.h>

#include <algorithm>
#include <utility>

#include "controller/config_sites.hpp"
#include "shell/config.hpp"

namespace ballast::controller {
namespace {

bool is_loopback(std::string_view address) noexcept {
    return address.starts_with("127.") || address == "::1";
}

std::uint32_t count(Config& file, std::string_view key, std::uint32_t fallback, std::int64_t min,
                    std::int64_t max, std::string_view unit = {}) {
    return static_cast<std::uint32_t>(file.integer(key, fallback, min, max, unit));
}

Duration whole_seconds(Config& file, std::string_view key, Duration fallback, std::int64_t min,
                       std::int64_t max) {
    return seconds(file.integer(key, fallback.ms / 1000, min, max, "seconds"));
}

void read_agents(Config& file, AgentsConfig& out) {
    out.listen = file.text("agents.listen", "0.0.0.0", 63);
    out.port = static_cast<std::uint16_t>(file.integer("agents.port", 7711, 0, 65535));
    out.plain = file.flag("agents.plain", false);
    out.tls.ca = file.text("agents.ca", out.plain ? "" : "/etc/ballast/ca.pem");
    out.tls.certificate = file.text("agents.certificate", out.plain ? "" : "/etc/ballast/controller.pem");
    out.tls.key = file.text("agents.key", out.plain ? "" : "/etc/ballast/controller.key");
    if (out.plain && !is_loopback(out.listen)) {
        file.reject("agents.plain", "false, because agents.listen is not a loopback address");
    }
}

// "NAME=ROLE" each.
void read_client_roles(Config& file, HttpConfig& out) {
    constexpr std::size_t names_max = 256;
    out.client_ca = file.text("http.client_ca", "");
    for (const std::string& text : file.texts("http.client_roles", names_max)) {
        const std::size_t equals = text.rfind('=');
        const std::optional<Role> role = equals == std::string::npos
                                             ? std::nullopt
                                             : parse_role(std::string_view{text}.substr(equals + 1));
        if (!role.has_value() || equals == 0) {
            file.reject(
                "http.client_roles",
                "\"NAME=ROLE\" with user, viewer, helpdesk, operator or admin, found \"" + text + "\"");
            return;
        }
        std::string name = text.substr(0, equals);
        if (name.size() > limits::name_bytes_max) {
            // A user's name has no more: what is cut off could make it another user's.
            file.reject("http.client_roles", "names of at most " + std::to_string(limits::name_bytes_max) +
                                                 " bytes, found \"" + name + "\"");
            return;
        }
        if (std::ranges::find(out.gate.certificates, name, &CertificateRole::common_name) !=
            out.gate.certificates.end()) {
            file.reject("http.client_roles", "each name once, found \"" + name + "\" twice");
            return;
        }
        out.gate.certificates.push_back({std::move(name), *role});
    }
    if (!out.client_ca.empty() && out.plain) {
        file.reject("http.client_ca", "http.certificate too: without TLS there are no client certificates");
    }
    if (out.client_ca.empty() && !out.gate.certificates.empty()) {
        file.reject("http.client_roles", "http.client_ca too, which signs these names");
    }
}

void read_names(Config& file, HttpConfig& out) {
    constexpr std::size_t names_max = 16;
    constexpr std::size_t name_bytes_max = 253;  // of a host name in the DNS
    out.names = file.texts("http.names", names_max, name_bytes_max);
    for (const std::string& name : out.names) {
        if (name.empty() || name.find_first_of(":/* ") != std::string::npos) {
            file.reject("http.names", "host names without scheme and port, found \"" + name + "\"");
            return;
        }
    }
}

void read_http(Config& file, const std::string& state_dir, HttpConfig& out) {
    out.listen = file.text("http.listen", "127.0.0.1", 63);
    out.port = static_cast<std::uint16_t>(file.integer("http.port", 7780, 0, 65535));
    out.tls_certificate = file.text("http.certificate", "");
    out.tls_key = file.text("http.key", "");
    out.plain_anywhere = file.flag("http.plain_anywhere", false);
    out.plain = out.tls_certificate.empty();
    out.gate.authenticate = file.choice("http.auth", {"token", "none"}, 0) == 0;
    out.gate.failed_logins_per_minute =
        count(file, "http.failed_logins_per_minute", out.gate.failed_logins_per_minute, 1, 6000);
    read_names(file, out);
    read_client_roles(file, out);
    out.audit.file_bytes_max = std::uint64_t{count(file, "audit.file_mib", 16, 1, 1024, "MiB")} << 20;
    out.audit.files_max = count(file, "audit.files", out.audit.files_max, 2, 1000);
    out.socket = file.text("http.socket", state_dir + "/http.sock", sizeof(sockaddr_un::sun_path) - 1);
    out.connections_max = count(file, "http.connections_max", 64, 2, 1024);
    out.connections_per_address_max = count(file, "http.connections_per_address_max", 32, 1, 1024);
    out.header_bytes_max = count(file, "http.header_bytes_max", 8192, 1024, 65536, "bytes");
    out.body_bytes_max = count(file, "http.body_bytes_max", 65536, 1024, 1048576, "bytes");
    out.idle_timeout = whole_seconds(file, "http.idle_timeout_seconds", seconds(30), 1, 600);
    out.request_timeout = whole_seconds(file, "http.request_timeout_seconds", seconds(60), 1, 600);
    if (out.tls_certificate.empty() != out.tls_key.empty()) {
        file.reject(out.tls_key.empty() ? "http.key" : "http.certificate",
                    "both http.certificate and http.key, or neither");
    }
    if (!out.listen.empty() && out.plain && !is_loopback(out.listen) && !out.plain_anywhere) {
        file.reject("http.listen", "a loopback address, because http.certificate is not set");
    }
    if (!out.gate.authenticate && !out.listen.empty() && !is_loopback(out.listen)) {
        file.reject("http.auth", "\"token\", because http.listen is not a loopback address");
    }
    if (out.listen.empty() && out.socket.empty()) {
        file.reject("http.listen", "an address, because http.socket is empty too");
    }
}

void read_limits(Config& file, Limits& out) {
    out.hosts = count(file, "limits.hosts", out.hosts, 1, 1024);
    out.vms = count(file, "limits.vms", out.vms, 1, 131072);
    out.links = count(file, "limits.links", out.links, 1, 4096);
    out.jobs = count(file, "limits.jobs", out.jobs, 1, 65536);
    out.definitions = count(file, "limits.definitions", out.definitions, 1, 65536);
    out.plans = count(file, "limits.plans", out.plans, 1, 1024);
    out.moves_per_plan = count(file, "limits.moves_per_plan", out.moves_per_plan, 1, 256);
    out.rejected_per_plan = count(file, "limits.rejected_per_plan", out.rejected_per_plan, 1, 1024);
    out.decisions = count(file, "limits.decisions", out.decisions, 1, 65536);
    out.idempotency_keys = count(file, "limits.idempotency_keys", out.idempotency_keys, 1, 1048576);
    out.handover_queries = count(file, "limits.handover_queries", out.handover_queries, 1, 4096);
    out.desktop_pools = count(file, "limits.desktop_pools", out.desktop_pools, 1, 1024);
    out.desktops = count(file, "limits.desktops", out.desktops, 1, 131072);
    out.sessions = count(file, "limits.sessions", out.sessions, 1, 131072);
    out.image_sketches = count(file, "limits.image_sketches", out.image_sketches, 0, 4096);
    out.history_per_vm = count(file, "limits.history_per_vm", out.history_per_vm, 1, 256);
    out.history_stored = count(file, "limits.history_stored", out.history_stored, 0, 2'000'000);
    if (out.links < out.hosts) {
        file.reject("limits.links", "at least limits.hosts: every host has a connection");
    }
}

void read_feed(Config& file, FeedConfig& out) {
    constexpr std::uint32_t kib = 1024;
    out.events = count(file, "limits.events", 4096, 16, 1048576);
    out.event_bytes = kib * count(file, "limits.event_kib", 2048, 64, 262144, "KiB");
    out.readers = count(file, "limits.event_readers", 32, 1, 1024);
}

// The policies' parameters are the keys of [balance] that the policies' table names. Automatic rounds judge a
// host by a whole window, and leave a guest that moved alone for a while.
void read_parameters(Config& file, policy::Parameters& out) {
    constexpr std::uint32_t cool_down_seconds = 300;
    out.cool_down_seconds = cool_down_seconds;
    for (const policy::ParameterInfo& info : policy::parameter_table()) {
        const std::string key = "balance." + std::string{info.name};
        if (info.count == &policy::Parameters::samples_min) {
            out.samples_min = out.window;  // as set, for the table has the window before it
        }
        if (!info.words.empty()) {
            const std::vector<std::string_view> words{info.words.begin(), info.words.end()};
            out.*info.count = static_cast<std::uint32_t>(file.choice(key, words, out.*info.count));
        } else if (info.count != nullptr) {
            out.*info.count = count(file, key, out.*info.count, static_cast<std::int64_t>(info.min),
                                    static_cast<std::int64_t>(info.max), info.unit);
        } else {
            out.*info.number = file.number(key, out.*info.number, info.min, info.max, info.unit);
        }
    }
}

void read_balance(Config& file, Settings& core) {
    BalanceSettings& out = core.balance;
    out.enabled = file.flag("balance.enabled", false);
    out.interval = whole_seconds(file, "balance.interval_seconds", out.interval, 1, 3600);
    const std::string policy = file.text("balance.policy", out.policy.view(), out.policy.capacity());
    if (policy::find_policy(policy) == nullptr) {
        std::string expected = "one of";
        for (const policy::Policy& known : policy::policies()) {
            expected += " \"" + std::string{known.name} + '"';
        }
        file.reject("balance.policy", expected);
    } else {
        out.policy = std::string_view{policy};
    }
    policy::Parameters& parameters = out.parameters;
    read_parameters(file, parameters);
    out.plain_guests = file.flag("balance.plain_guests", true);
    for (const std::string& prefix : file.texts("balance.apart", apart_groups_max, limits::name_bytes_max)) {
        if (prefix.empty()) {
            file.reject("balance.apart", "beginnings of names, none of them empty");
        } else {
            out.apart.push(Name{prefix});
        }
    }
    const policy::Policy* chosen = policy::find_policy(out.policy);
    core.limits.window_samples =
        count(file, "limits.window_samples", policy::samples_wanted(parameters, chosen->family), 1,
              limits::window_samples_max, "samples");
    if (core.limits.window_samples < parameters.window) {
        file.reject("limits.window_samples", "at least balance.window");
    }
    if (parameters.samples_min > parameters.window) {
        file.reject("balance.samples_min", "at most balance.window");
    }
    if (const auto wrong = policy::check(parameters); wrong.has_value()) {
        file.reject("balance", wrong->view());
    }
}

void read_deadlines(Config& file, Settings& core) {
    struct Row {
        std::string_view key;
        JobKind kind;
    };
    for (const Row& row :
         {Row{"deadlines.create_seconds", JobKind::create}, Row{"deadlines.pause_seconds", JobKind::pause},
          Row{"deadlines.unpause_seconds", JobKind::unpause}, Row{"deadlines.save_seconds", JobKind::save},
          Row{"deadlines.restore_seconds", JobKind::restore},
          Row{"deadlines.shutdown_seconds", JobKind::shutdown},
          Row{"deadlines.destroy_seconds", JobKind::destroy},
          Row{"deadlines.migrate_seconds", JobKind::migrate}}) {
        Duration& deadline = core.deadlines[static_cast<std::size_t>(row.kind)];
        deadline = whole_seconds(file, row.key, deadline, 1, 86400);
    }
    core.migrate_copy_deadline =
        whole_seconds(file, "deadlines.migrate_copy_seconds", core.migrate_copy_deadline, 1, 86400);
    const Duration migrate = core.deadline(JobKind::migrate);
    core.deadlines[static_cast<std::size_t>(JobKind::migrate_in)] = migrate;
    core.deadlines[static_cast<std::size_t>(JobKind::migrate_out)] = migrate;
    core.deadline_grace = whole_seconds(file, "deadlines.grace_seconds", core.deadline_grace, 1, 3600);
}

void read_hosts(Config& file, Settings& core) {
    core.sample_interval = whole_seconds(file, "hosts.sample_interval_seconds", core.sample_interval, 1, 300);
    core.stale_after_intervals =
        count(file, "hosts.stale_after_intervals", core.stale_after_intervals, 2, 100);
    core.memory_reserved_mib =
        count(file, "hosts.memory_reserved_mib", core.memory_reserved_mib, 0, 1048576, "MiB");
    core.host_disk_mbps = file.number("hosts.disk_mbps", 0, 0, 1e6, "megabytes per second");
    core.migrations_max = count(file, "hosts.migrations_max", core.migrations_max, 1, 256);
}

void read_desktops(Config& file, DesktopSettings& out) {
    out.host_operations_max = count(file, "desktops.host_operations_max", out.host_operations_max, 1, 32);
    out.probe = whole_seconds(file, "desktops.probe_seconds", out.probe, 1, 3600);
    out.opening = whole_seconds(file, "desktops.opening_seconds", out.opening, 1, 3600);
    out.closing = whole_seconds(file, "desktops.closing_seconds", out.closing, 1, 600);
    out.retry_first = whole_seconds(file, "desktops.retry_first_seconds", out.retry_first, 1, 3600);
    out.retry_max = whole_seconds(file, "desktops.retry_max_seconds", out.retry_max, 1, 86400);
    out.host_away = whole_seconds(file, "desktops.host_away_seconds", out.host_away, 10, 86400);
    if (out.retry_max < out.retry_first) {
        file.reject("desktops.retry_max_seconds", "at least desktops.retry_first_seconds");
    }
}

}  // namespace

bool load_config(const std::string& path, ControllerConfig& out, std::vector<std::string>& errors) {
    const std::unique_ptr<Config> file = Config::from_file(path);
    if (file->errors().empty()) {
        out.state_dir = file->text("state_dir", "/var/lib/ballast-controller", limits::path_bytes_max - 64);
        if (out.state_dir.empty() || out.state_dir.front() != '/') {
            file->reject("state_dir", "an absolute path of a directory");
        }
        out.lock_memory = file->flag("lock_memory", true);
        read_agents(*file, out.agents);
        read_http(*file, out.state_dir, out.http);
        read_hosts(*file, out.core);
        read_balance(*file, out.core);
        read_deadlines(*file, out.core);
        read_limits(*file, out.core.limits);
        read_feed(*file, out.feed);
        out.http.tokens_max = count(*file, "limits.tokens", 256, 1, 4096);
        read_desktops(*file, out.core.desktops);
        read_sites(*file, out.core.sites);
        out.core.idempotency_ttl =
            seconds(file->integer("idempotency_hours", 24, 1, 24 * 30, "hours") * 3600);
        file->finish();
    }
    errors = file->errors();
    return errors.empty();
}

}  // namespace ballast::controller
