// xen-probe: the door to Xen on a command line, for trying it on a real dom0 beside `xl`. Every command
// prints key=value lines on standard output (send: on standard error) and exits 0, or prints the fault and
// the toolstack's lines on standard error and exits 1; 2 on wrong usage.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <span>
#include <string>

#include "xen_glue/xen/xen_hypervisor.hpp"

namespace ballast {
namespace {

constexpr const char* usage =
    "usage: xen-probe list | facts | sample [COUNT [INTERVAL_MS]] | find UUID | pause UUID | unpause UUID | "
    "resume UUID\n"
    "       | rename UUID NEW | console UUID | guest-read UUID PATH | guest-write UUID PATH VALUE | watch "
    "COUNT\n"
    "       | create KEY=VALUE... | shutdown UUID TIMEOUT_MS | destroy UUID\n"
    "       | save UUID FILE [MODE] | restore FILE [SUFFIX] | send UUID [MODE] (to stdout) | receive "
    "[SUFFIX] (stdin)\n"
    "create keys: name uuid type memory vcpus kernel ramdisk cmdline bootloader boot "
    "disk=FORMAT:PATH:DEV:rw|ro\n"
    "             vif=MAC[@BRIDGE] vnc=ADDRESS[/PASSWORD] weight cap\n";

class PrintedProgress final : public ProgressSink {
  public:
    void progress(std::uint64_t done_bytes, std::uint32_t round, bool guest_suspended) override {
        if (round != round_ || guest_suspended != suspended_) {
            fmt::print(stderr, "round={} suspended={} done_bytes={}\n", round, guest_suspended, done_bytes);
        }
        round_ = round;
        suspended_ = guest_suspended;
        done_bytes_ = done_bytes;
    }
    void note(std::string_view line) override { fmt::print(stderr, "note: {}\n", line); }
    std::uint64_t done_bytes() const noexcept { return done_bytes_; }

  private:
    std::uint64_t done_bytes_ = 0;
    std::uint32_t round_ = UINT32_MAX;
    bool suspended_ = false;
};

using Arguments = std::span<char*>;

void print(std::FILE* out, const Domain& domain) {
    fmt::print(out,
               "domid={} uuid={} name={} type={} state={} memory_kib={} memory_max_kib={} vcpus={} cpu_ns={} "
               "ours={}\n",
               domain.domid, to_text(domain.uuid).view(), domain.name.view(), to_string(domain.type),
               to_string(domain.state), domain.memory_kib, domain.memory_max_kib, domain.vcpus,
               domain.cpu_time_ns, domain.ours);
}

void print(const HostFacts& facts) {
    fmt::print("cpus={} memory_kib={} free_kib={} pv={} hvm={} hap={} shadow={} version={} kind={}\n",
               facts.cpu_count, facts.memory_kib, facts.memory_free_kib, facts.can_pv, facts.can_hvm,
               facts.can_hap, facts.can_shadow, facts.hypervisor_version.view(),
               facts.hypervisor_kind.view());
}

[[noreturn]] void die_of_usage() {
    std::fputs(usage, stderr);
    std::exit(2);
}

std::string_view at(Arguments arguments, std::size_t index) {
    if (index >= arguments.size()) {
        die_of_usage();
    }
    return arguments[index];
}

std::uint32_t number(std::string_view text) {
    std::uint32_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{}) {
        die_of_usage();
    }
    return value;
}

MigrationMode mode_at(Arguments arguments, std::size_t index) {
    if (index >= arguments.size()) {
        return MigrationMode::automatic;
    }
    const auto mode = parse_migration_mode(arguments[index]);
    if (!mode.has_value()) {
        die_of_usage();
    }
    return *mode;
}

// Text up to `separator`, which is taken off `rest` together with it.
std::string_view next_part(std::string_view& rest, char separator) {
    const std::size_t end = rest.find(separator);
    const std::string_view part = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    return part;
}

void set_disk(std::string_view value, DomainSpec& spec) {
    DiskSpec disk;
    const std::string_view format = next_part(value, ':');
    disk.format = format == "qcow2" ? DiskSpec::Format::qcow2
                  : format == "phy" ? DiskSpec::Format::phy
                                    : DiskSpec::Format::raw;
    disk.target = next_part(value, ':');
    disk.device = next_part(value, ':');
    disk.writable = value == "rw";
    spec.disks.push(disk);
}

void set(std::string_view key, std::string_view value, DomainSpec& spec) {
    if (key == "name") {
        spec.name = value;
    } else if (key == "uuid") {
        spec.uuid = parse_uuid(value).value_or(Uuid{});
    } else if (key == "type") {
        spec.type = parse_guest_type(value).value_or(GuestType::unknown);
    } else if (key == "memory") {
        spec.memory_mib = number(value);
    } else if (key == "vcpus") {
        spec.vcpus = number(value);
    } else if (key == "kernel") {
        spec.kernel = value;
    } else if (key == "ramdisk") {
        spec.ramdisk = value;
    } else if (key == "cmdline") {
        spec.cmdline = value;
    } else if (key == "bootloader") {
        spec.bootloader = value;
    } else if (key == "boot") {
        spec.boot_order = value;
    } else if (key == "disk") {
        set_disk(value, spec);
    } else if (key == "vif") {
        const std::string_view mac = next_part(value, '@');
        spec.vifs.push({.mac = mac, .bridge = value});
    } else if (key == "vnc") {
        spec.vnc.enabled = true;
        spec.vnc.listen = next_part(value, '/');
        spec.vnc.password = value;
    } else if (key == "weight") {
        spec.cpu_weight = number(value);
    } else if (key == "cap") {
        spec.cpu_cap_percent = number(value);
    } else {
        die_of_usage();
    }
}

DomainSpec spec_from(Arguments arguments) {
    DomainSpec spec;
    for (std::string_view argument : arguments) {
        const std::string_view key = next_part(argument, '=');
        set(key, argument, spec);
    }
    return spec;
}

Status list(Hypervisor& xen) {
    const auto domains = std::make_unique<DomainList>();
    BALLAST_CHECK(xen.list(*domains));
    for (const Domain& domain : *domains) {
        print(stdout, domain);
    }
    return {};
}

// Private (unshared) memory of this process: what a host really pays for it.
std::uint64_t private_kib() {
    std::uint64_t sum = 0;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen("/proc/self/smaps_rollup", "re"),
                                                               &std::fclose};
    char line[256];
    while (file != nullptr && std::fgets(line, sizeof line, file.get()) != nullptr) {
        if (std::strncmp(line, "Private_", 8) == 0) {
            sum += std::strtoull(std::strchr(line, ':') + 1, nullptr, 10);
        }
    }
    return sum;
}

Status sample(Hypervisor& xen, Arguments arguments) {
    const std::uint32_t count = arguments.empty() ? 1 : number(arguments[0]);
    const std::uint32_t interval_ms = arguments.size() < 2 ? 0 : number(arguments[1]);
    const auto counters = std::make_unique<HostCounters>();
    for (std::uint32_t i = 0; i < count; ++i) {
        if (i > 0) {
            poll(nullptr, 0, static_cast<int>(interval_ms));
        }
        BALLAST_CHECK(xen.sample(*counters));
        if (i == 1) {
            fmt::print("private_kib_after_2={}\n", private_kib());
        }
    }
    print(counters->facts);
    for (const DomainCounters& domain : counters->domains) {
        print(stdout, domain.domain);
        fmt::print("  net_rx={} net_tx={} disk_read={} disk_write={} vcpu_ns={}\n", domain.net_rx_bytes,
                   domain.net_tx_bytes, domain.disk_read_bytes, domain.disk_write_bytes,
                   fmt::join(domain.vcpu_time_ns.begin(), domain.vcpu_time_ns.end(), ","));
    }
    fmt::print("nic_rx={} nic_tx={}\nprivate_kib={} cpu_ms={}\n", counters->nic_rx_bytes,
               counters->nic_tx_bytes, private_kib(), std::clock() * 1000 / CLOCKS_PER_SEC);
    return {};
}

Status watch(Hypervisor& xen, std::uint32_t count) {
    pollfd descriptor{.fd = xen.event_fd(), .events = POLLIN, .revents = 0};
    if (descriptor.fd < 0) {
        return Err{Fault::hypervisor_unavailable};
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        poll(&descriptor, 1, -1);
        xen.drain_events();
        fmt::print("event={}\n", i);
        BALLAST_CHECK(list(xen));
        std::fflush(stdout);
    }
    return {};
}

Status short_call(Hypervisor& xen, std::string_view command, Arguments arguments, const Domain& domain) {
    if (command == "find") {
        print(stdout, domain);
    } else if (command == "pause") {
        return xen.pause(domain);
    } else if (command == "unpause") {
        return xen.unpause(domain);
    } else if (command == "resume") {
        return xen.resume_suspended(domain);
    } else if (command == "rename") {
        return xen.rename(domain, at(arguments, 1));
    } else if (command == "guest-write") {
        return xen.guest_write(domain, at(arguments, 1), at(arguments, 2));
    } else if (command == "guest-read") {
        std::string value;
        BALLAST_CHECK(xen.guest_read(domain, at(arguments, 1), value));
        fmt::print("value={}\n", value);
    } else if (command == "console") {
        ConsoleEndpoint endpoint;
        BALLAST_CHECK(xen.console(domain, endpoint));
        fmt::print("vnc={} address={} port={}\n", endpoint.protocol == ConsoleEndpoint::Protocol::vnc,
                   endpoint.listen_address.view(), endpoint.port);
    } else {
        die_of_usage();
    }
    return {};
}

Status save(Hypervisor& xen, Arguments arguments, const Domain& domain, PrintedProgress& progress) {
    const int fd = ::open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return Err{Fault::io_failed};
    }
    const Status sent = xen.send_image(domain, fd, mode_at(arguments, 2), progress);
    ::close(fd);
    return sent;
}

Status receive(Hypervisor& xen, int fd, std::string_view suffix) {
    PrintedProgress progress;
    Domain domain;
    BALLAST_CHECK(xen.receive_image(fd, suffix, {}, progress, domain));
    print(stdout, domain);
    return {};
}

Status run(Hypervisor& xen, std::string_view command, Arguments arguments) {
    PrintedProgress progress;
    Domain domain;
    if (command == "list") {
        return list(xen);
    }
    if (command == "facts") {
        HostFacts facts;
        BALLAST_CHECK(xen.host_facts(facts));
        print(facts);
        return {};
    }
    if (command == "sample") {
        return sample(xen, arguments);
    }
    if (command == "watch") {
        return watch(xen, number(at(arguments, 0)));
    }
    if (command == "create") {
        BALLAST_CHECK(xen.create(spec_from(arguments), progress, domain));
        print(stdout, domain);
        return {};
    }
    if (command == "receive") {
        return receive(xen, STDIN_FILENO, arguments.empty() ? std::string_view{} : arguments[0]);
    }
    if (command == "restore") {
        const int fd = ::open(std::string{at(arguments, 0)}.c_str(), O_RDONLY | O_CLOEXEC);
        return fd < 0 ? Status{Err{Fault::io_failed}}
                      : receive(xen, fd, arguments.size() > 1 ? arguments[1] : "");
    }
    const auto uuid = parse_uuid(at(arguments, 0));
    if (!uuid.has_value()) {
        die_of_usage();
    }
    BALLAST_CHECK(xen.find(*uuid, domain));
    if (command == "shutdown") {
        return xen.shutdown(domain, number(at(arguments, 1)), progress);
    }
    if (command == "destroy") {
        return xen.destroy(domain, progress);
    }
    if (command == "save") {
        static_cast<void>(at(arguments, 1));
        return save(xen, arguments, domain, progress);
    }
    if (command == "send") {
        return xen.send_image(domain, STDOUT_FILENO, mode_at(arguments, 1), progress);
    }
    return short_call(xen, command, arguments, domain);
}

}  // namespace
}  // namespace ballast

int main(int argc, char** argv) {
    if (argc < 2) {
        ballast::die_of_usage();
    }
    std::string why;
    const std::unique_ptr<ballast::Hypervisor> xen = ballast::xen::open({}, why);
    if (xen == nullptr) {
        fmt::print(stderr, "{}\n", why);
        return 1;
    }
    const ballast::Status status =
        ballast::run(*xen, argv[1], ballast::Arguments{argv + 2, static_cast<std::size_t>(argc - 2)});
    if (!status.ok()) {
        fmt::print(stderr, "fault={}: {}\n{}\n", ballast::to_string(status.fault()),
                   ballast::describe(status.fault()), xen->last_error());
        return 1;
    }
    return 0;
}
