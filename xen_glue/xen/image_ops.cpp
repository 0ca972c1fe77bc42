// A guest as a stream of bytes: to a file (save), to another host (migration), and back.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <ctime>
#include <span>

#include "xen_glue/xen/image_identity.hpp"
#include "xen_glue/xen/image_io.hpp"
#include "xen_glue/xen/image_walk.hpp"
#include "xen_glue/xen/xen_hypervisor_impl.hpp"

namespace ballast::xen {
namespace {

// What an image holds beside the guest's memory: page types, vCPU and device state, video memory of an HVM
// guest.
constexpr std::uint64_t image_overhead_bytes = 32 * 1024 * 1024;
// libxl gives a guest 60 s to acknowledge the request to suspend. An error that comes sooner after the last
// page is not the guest's silence, even though libxl calls both by the same number.
constexpr std::int64_t suspend_patience_ms = 59'000;
constexpr std::uint64_t bytes_per_kib = 1024;

bool is_file(int fd) noexcept {
    struct stat status {};
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

std::uint64_t free_bytes(int fd) noexcept {
    struct statvfs status {};
    return fstatvfs(fd, &status) == 0 ? status.f_bavail * status.f_frsize : UINT64_MAX;
}

bool can_track_dirty_memory(const HostFacts& host, GuestType type) noexcept {
    // A PV guest's page tables are its own: only shadow paging can log what it writes. The others run on HAP
    // or, on a host without it, on shadow page tables; both can.
    return type == GuestType::pv ? host.can_shadow : host.can_hap || host.can_shadow;
}

bool known_type(libxl_domain_type type) noexcept {
    return type == LIBXL_DOMAIN_TYPE_PV || type == LIBXL_DOMAIN_TYPE_PVH || type == LIBXL_DOMAIN_TYPE_HVM;
}

// libxl's JSON parser ignores unknown keys and values of the wrong type without a word: what matters is
// looked at afterwards.
std::string_view complaint_about(const libxl_domain_config& config) {
    if (!known_type(config.c_info.type) || config.b_info.type != config.c_info.type) {
        return "its guest type is missing or contradicts itself";
    }
    if (config.c_info.name == nullptr || !valid_name(config.c_info.name)) {
        return "its guest's name is missing or not made of letters, digits and ._-+";
    }
    if (uuid_of(config.c_info.uuid).nil()) {
        return "its guest has no uuid";
    }
    constexpr std::uint64_t memory_kib_max = std::uint64_t{16} * 1024 * 1024 * 1024;
    if (config.b_info.max_memkb == LIBXL_MEMKB_DEFAULT || config.b_info.max_memkb > memory_kib_max) {
        return "its guest's memory size is missing or not believable";
    }
    if (config.b_info.max_vcpus < 1 ||
        config.b_info.max_vcpus > static_cast<int>(limits::vcpus_per_domain_max)) {
        return "its guest's number of vCPUs is missing or not believable";
    }
    return {};
}

}  // namespace

// ---- sending ----

Status XenHypervisor::send_image(const Domain& domain, int fd, MigrationMode mode, ProgressSink& progress) {
    begin(&progress);
    suspend_asked_ = false;
    const auto act = [&]() -> Status {
        bool live = false;
        BALLAST_CHECK(check_sendable(domain, fd, mode, live));
        std::string json;
        BALLAST_CHECK(image_config(domain, json));
        std::string why;
        if (const Status written = write_all(fd, format_image_head(json), why); !written.ok()) {
            return fail(written.fault(), why);
        }
        return suspend_into(domain, fd, live);
    };
    return finish(act());
}

Status XenHypervisor::check_sendable(const Domain& domain, int fd, MigrationMode mode, bool& live) {
    DomainInfo info;
    BALLAST_CHECK(check_identity(domain, info.get()));
    switch (state_of(*info)) {
        case DomainState::running: break;
        case DomainState::paused:
            // Suspending needs the guest's own help: libxl would wait 60 s for it and then fail.
            return fail(Fault::guest_paused, "the guest is paused and so cannot be asked to suspend itself");
        case DomainState::crashed: return fail(Fault::guest_crashed, "the guest has crashed");
        case DomainState::suspended:
        case DomainState::powered_off:
        case DomainState::rebooting:
        case DomainState::dying:
        case DomainState::absent:
        case DomainState::unknown: return fail(Fault::state_conflict, "the guest is not running");
    }
    Domain current;
    const Lasting* lasting = nullptr;
    HostFacts host;
    BALLAST_CHECK(describe(*info, current, lasting));
    BALLAST_CHECK(facts(host));
    const bool can_live = can_track_dirty_memory(host, current.type);
    if (mode == MigrationMode::live && !can_live) {
        return fail(Fault::live_migration_unavailable,
                    current.type == GuestType::pv
                        ? "this hypervisor is built without shadow paging: a PV guest can only "
                          "be moved by stop-and-copy"
                        : "this host has neither HAP nor shadow paging");
    }
    live = can_live && mode != MigrationMode::stop_and_copy;
    if (std::string tie; !is_file(fd)) {
        BALLAST_CHECK(disks_.tie(domain.domid, tie));
        if (!tie.empty()) {
            return fail(Fault::unsupported, tie);
        }
    }
    if (!writable_end_is_healthy(fd)) {
        // libxl 4.17 crashes when its first write fails.
        return fail(Fault::connection_lost, "the receiving end is gone");
    }
    toolstack_->log().expect_memory(current.memory_kib * bytes_per_kib);
    const std::uint64_t needed_bytes = current.memory_kib * bytes_per_kib + image_overhead_bytes;
    if (is_file(fd) && free_bytes(fd) < needed_bytes) {
        return fail(Fault::no_disk_space, fmt::format("the image may need {} bytes, its file system has {}",
                                                      needed_bytes, free_bytes(fd)));
    }
    return {};
}

Status XenHypervisor::configuration(const Domain& domain, libxl_domain_config& config) {
    const int rc = libxl_retrieve_domain_configuration(toolstack_->ctx(), domain.domid, &config, nullptr);
    return rc == 0 ? Status{}
                   : fail(rc == ERROR_FAIL ? Fault::unsupported : fault_of(rc),
                          "libxl has no configuration of this guest: was it created by another toolstack?");
}

Status XenHypervisor::list_disks(const libxl_domain_config& config, DiskList& out) {
    out.clear();
    for (const libxl_device_disk& disk :
         std::span{config.disks, static_cast<std::size_t>(config.num_disks)}) {
        DiskSpec spec;
        spec.format = disk.format == LIBXL_DISK_FORMAT_RAW     ? DiskSpec::Format::raw
                      : disk.format == LIBXL_DISK_FORMAT_EMPTY ? DiskSpec::Format::raw
                                                               : DiskSpec::Format::qcow2;
        spec.writable = disk.readwrite != 0;
        if (!spec.target.try_assign(disk.pdev_path != nullptr ? disk.pdev_path : "") ||
            !spec.device.try_assign(disk.vdev != nullptr ? disk.vdev : "") || !out.try_push(spec)) {
            return fail(Fault::limit_reached, "the guest has more disks, or longer paths, than fit");
        }
    }
    return {};
}

Status XenHypervisor::disks(const Domain& domain, DiskList& out) {
    begin();
    const auto act = [&]() -> Status {
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        DomainConfig config;
        BALLAST_CHECK(configuration(domain, *config));
        return list_disks(*config, out);
    };
    return finish(act());
}

Status XenHypervisor::image_config(const Domain& domain, std::string& json) {
    DomainConfig config;
    BALLAST_CHECK(configuration(domain, *config));
    // libxl may report success and still leave fields out when the domain changes under it.
    if (const std::string_view complaint = complaint_about(*config); !complaint.empty()) {
        return fail(Fault::hypervisor_failed, fmt::format("the configuration is incomplete: {}", complaint));
    }
    if (config->num_pcidevs > 0) {
        return fail(Fault::unsupported, "a guest with a passed-through PCI device cannot leave its host");
    }
    config->c_info.domid = 0;  // "any": the id is this host's business
    const CString text{libxl_domain_config_to_json(toolstack_->ctx(), config.get())};
    if (text == nullptr) {
        return fail(Fault::hypervisor_failed, "libxl cannot write the configuration as JSON");
    }
    json = text.get();
    if (json.size() + image_header_bytes > image_optional_bytes_max) {
        return fail(Fault::limit_reached, "the configuration is too long for an image");
    }
    return {};
}

Status XenHypervisor::suspend_into(const Domain& domain, int fd, bool live) {
    const std::string request = guest_path(domain.domid, shutdown_request_path);
    suspend_asked_ = true;
    BALLAST_CHECK(xenstore_.watch_writes(request));
    const int rc =
        libxl_domain_suspend(toolstack_->ctx(), domain.domid, fd, live ? LIBXL_SUSPEND_LIVE : 0, nullptr);
    suspend_asked_ = xenstore_.written(request) || has_suspend_channel(domain.domid);
    if (rc != 0) {
        return suspend_failure(domain, fd, rc);
    }
    DomainInfo info;
    BALLAST_CHECK(check_identity(domain, info.get()));
    return state_of(*info) == DomainState::suspended
               ? Status{}
               : fail(Fault::hypervisor_failed, "libxl reports the guest sent, but it is not suspended");
}

// True as well when it cannot be told.
bool XenHypervisor::has_suspend_channel(std::uint32_t domid) {
    std::string channel;
    bool present = false;
    return !xenstore_
                .read(guest_path(domid, suspend_channel_path), toolstack_value_bytes_max, channel, present)
                .ok() ||
           !channel.empty();
}

// libxl's number says little: -8 stands for every failure before the guest's acknowledgement, -3 for all
// others. What is true of the descriptor, the clock and the domain says more. Nothing is undone here: the
// caller decides.
Status XenHypervisor::suspend_failure(const Domain& domain, int fd, int rc) {
    const std::int64_t silent_ms = boottime_ms() - toolstack_->log().last_progress_ms();
    DomainInfo info;
    BALLAST_CHECK(check_identity(domain, info.get()));
    const DomainState state = state_of(*info);
    const std::string line =
        fmt::format("libxl could not send the guest ({}), {} s after its last word; it is {} now", rc,
                    silent_ms / 1000, to_string(state));
    if (is_file(fd)) {
        if (free_bytes(fd) < image_overhead_bytes) {
            return fail(Fault::no_disk_space, line);
        }
    } else if (!writable_end_is_healthy(fd)) {
        return fail(Fault::connection_lost, line);
    }
    if (rc == ERROR_GUEST_TIMEDOUT) {
        return fail(silent_ms >= suspend_patience_ms ? Fault::guest_unresponsive : Fault::hypervisor_failed,
                    line);
    }
    return fail(fault_of(rc), line);
}

// ---- receiving ----

Status XenHypervisor::receive_image(int fd, std::string_view name_suffix, const DiskList& moved,
                                    ProgressSink& progress, Domain& out) {
    begin(&progress);
    const auto change = [&moved](libxl_domain_config& config) { return move_disks(config, moved); };
    return finish(receive_checked(fd, name_suffix, change, out));
}

Status XenHypervisor::receive_image_as(int fd, const DomainSpec& identity, ProgressSink& progress,
                                       Domain& out) {
    begin(&progress);
    const auto change = [&identity](libxl_domain_config& config) { return take_identity(config, identity); };
    return finish(receive_checked(fd, {}, change, out));
}

Status XenHypervisor::read_image_config(int fd, libxl_domain_config& config) {
    std::string json;
    std::string why;
    if (const Status head = read_image_head(fd, json, why); !head.ok()) {
        return fail(head.fault(), why);
    }
    if (libxl_domain_config_from_json(toolstack_->ctx(), &config, json.c_str()) != 0) {
        return fail(Fault::image_corrupt, "the image's configuration is not libxl's JSON");
    }
    const std::string_view complaint = complaint_about(config);
    return complaint.empty() ? Status{}
                             : fail(Fault::image_corrupt,
                                    fmt::format("the image's configuration is not usable: {}", complaint));
}

Status XenHypervisor::rewind(int fd) {
    return ::lseek(fd, 0, SEEK_SET) == 0
               ? Status{}
               : fail(Fault::invalid_argument, "an image can only be checked in a file");
}

Status XenHypervisor::identify_image(int fd, Domain& out, std::uint64_t& image_bytes) {
    begin();
    const auto act = [&]() -> Status {
        BALLAST_CHECK(rewind(fd));
        DomainConfig config;
        BALLAST_CHECK(read_image_config(fd, *config));
        std::string why;
        if (const Status whole = find_image_end(fd, image_bytes, why); !whole.ok()) {
            return fail(whole.fault(), why);
        }
        out = Domain{};
        out.uuid = uuid_of(config->c_info.uuid);
        out.name = Name{std::string_view{config->c_info.name}};
        out.type = config->c_info.type == LIBXL_DOMAIN_TYPE_PV ? GuestType::pv
                   : config->c_info.type == LIBXL_DOMAIN_TYPE_PVH
                       ? GuestType::pvh
                       : GuestType::hvm;  // complaint_about knows no other
        out.memory_kib = config->b_info.target_memkb == LIBXL_MEMKB_DEFAULT ? config->b_info.max_memkb
                                                                            : config->b_info.target_memkb;
        out.vcpus = static_cast<std::uint32_t>(config->b_info.max_vcpus);
        return {};
    };
    return finish(act());
}

Status XenHypervisor::disks_in_image(int fd, DiskList& out) {
    begin();
    const auto act = [&]() -> Status {
        BALLAST_CHECK(rewind(fd));
        DomainConfig config;
        BALLAST_CHECK(read_image_config(fd, *config));
        return list_disks(*config, out);
    };
    return finish(act());
}

Status XenHypervisor::receive_checked(int fd, std::string_view name_suffix,
                                      const std::function<bool(libxl_domain_config&)>& change, Domain& out) {
    DomainConfig config;
    BALLAST_CHECK(read_image_config(fd, *config));
    if (!change(*config)) {
        return fail(Fault::image_corrupt,
                    "the image is of a guest of another shape, or with other disks, than was expected");
    }
    std::string why;
    const std::string name = fmt::format("{}{}", config->c_info.name, name_suffix);
    if (!valid_name(name)) {
        return fail(Fault::invalid_argument,
                    fmt::format("{} is too long for a domain's name or not one", name));
    }
    std::free(config->c_info.name);
    config->c_info.name = duplicate(name);
    config->c_info.domid = 0;
    BALLAST_CHECK(check_vacant(uuid_of(config->c_info.uuid), name, !name_suffix.empty()));
    BALLAST_CHECK(check_devices(*config));
    BALLAST_CHECK(check_resources(*config));
    std::array<std::byte, stream_header_bytes> stream_header{};
    Status stream = peek_stream_header(fd, stream_header, why);
    if (stream.ok()) {
        stream = check_stream_header(stream_header, why);
    }
    return stream.ok() ? restore_from(fd, *config, out) : fail(stream.fault(), why);
}

Status XenHypervisor::restore_from(int fd, libxl_domain_config& config, Domain& out) {
    const Uuid uuid = uuid_of(config.c_info.uuid);
    const std::string name = config.c_info.name;
    DomainList before;
    BALLAST_CHECK(domains(before));
    RestoreParams params;
    params->stream_version = 2;  // libxl's default is the legacy format, for which it starts a converter
    constexpr int no_back_channel = -1;
    choose_vif_script(config);
    std::uint32_t domid = 0;
    const std::int64_t started_unix = std::time(nullptr);
    const int rc = libxl_domain_create_restore(toolstack_->ctx(), &config, &domid, fd, no_back_channel,
                                               params.get(), nullptr, nullptr);
    if (rc == 0) {
        return describe_created(domid, uuid, out);
    }
    // libxl takes down what it had built, but not in every case, and `domid` may be stale: only a domain that
    // has our uuid and was not there before is ours to remove.
    const bool older =
        std::ranges::any_of(before, [&](const Domain& domain) { return domain.domid == domid; });
    const Domain remnant{.uuid = uuid, .domid = domid, .name = Name{name}};
    DomainInfo info;
    if (domid != 0 && !older && libxl_domain_info(toolstack_->ctx(), info.get(), domid) == 0 &&
        uuid_of(info->uuid) == uuid) {
        BALLAST_CHECK(release(remnant));
    }
    return fail(build_failure(rc, name, started_unix),
                fmt::format("libxl could not restore {} ({})", name, rc));
}

}  // namespace ballast::xen
