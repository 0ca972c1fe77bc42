// The beginning and the end of domains.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "xen_glue/xen/spec_mapping.hpp"
#include "xen_glue/xen/vif_script.hpp"
#include "xen_glue/xen/xen_hypervisor_impl.hpp"

namespace ballast::xen {
namespace {

// Shutdowns are told by a watch; this is for the case that one gets lost, and for the deadline.
constexpr std::int64_t look_again_ms = 1000;
// How many descriptors libxl may want to wait on for one operation: its children's pipes, xenstore, its own
// pipes.
constexpr std::size_t libxl_descriptors_max = 64;

// Where libxl lets the QEMU of a guest write, and how much of its end is looked at.
constexpr std::string_view qemu_log_directory = "/var/log/xen";
constexpr std::size_t qemu_log_tail_bytes = 512;

// One asynchronous operation of libxl and its end.
struct Operation {
    bool ended = false;
    int rc = 0;
    static void on_end(libxl_ctx* /*ctx*/, int rc, void* user) {
        auto* self = static_cast<Operation*>(user);
        self->ended = true;
        self->rc = rc;
    }
};

timeval wall_clock() noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
}

// Lets libxl's events and `extra_fd` happen, for at most `wait_ms`.
Status turn(libxl_ctx* ctx, int extra_fd, std::int64_t wait_ms) {
    std::array<pollfd, libxl_descriptors_max> descriptors{};
    int count = static_cast<int>(descriptors.size()) - 1;
    int timeout_ms = static_cast<int>(wait_ms);
    if (libxl_osevent_beforepoll(ctx, &count, descriptors.data(), &timeout_ms, wall_clock()) != 0) {
        return Err{Fault::hypervisor_failed};
    }
    const auto own = static_cast<std::size_t>(count);
    descriptors[own] = {.fd = extra_fd, .events = POLLIN, .revents = 0};
    poll(descriptors.data(), own + 1, timeout_ms);
    libxl_osevent_afterpoll(ctx, count, descriptors.data(), wall_clock());
    return {};
}

}  // namespace

// ---- create ----

Status XenHypervisor::create(const DomainSpec& spec, ProgressSink& progress, Domain& out) {
    begin(&progress);
    return finish(create_checked(spec, out));
}

Status XenHypervisor::create_checked(const DomainSpec& spec, Domain& out) {
    if (const std::optional<Detail> complaint = validate(spec); complaint.has_value()) {
        return fail(Fault::invalid_argument, *complaint);
    }
    BALLAST_CHECK(check_vacant(spec.uuid, spec.name, false));
    DomainConfig config;
    BALLAST_CHECK(to_libxl(toolstack_->ctx(), spec, *config));
    BALLAST_CHECK(check_devices(*config));
    BALLAST_CHECK(check_resources(*config));
    choose_vif_script(*config);
    std::uint32_t domid = 0;
    const std::int64_t started_unix = wall_clock().tv_sec;
    const int rc = libxl_domain_create_new(toolstack_->ctx(), config.get(), &domid, nullptr, nullptr);
    if (rc != 0) {
        // libxl has taken down what it had built; `domid` may still hold the dead id.
        return Err{build_failure(rc, spec.name, started_unix)};
    }
    return describe_created(domid, spec.uuid, out);
}

// When a guest's QEMU ends at once, its own log says why and libxl's does not.
Fault XenHypervisor::build_failure(int libxl_rc, std::string_view name, std::int64_t started_unix) {
    const std::string path = fmt::format("{}/qemu-dm-{}.log", qemu_log_directory, name);
    struct stat status {};
    if (stat(path.c_str(), &status) == 0 && status.st_mtime >= started_unix) {
        std::array<char, qemu_log_tail_bytes> tail{};
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        const ssize_t got = pread(fd, tail.data(), tail.size(),
                                  std::max<off_t>(0, status.st_size - static_cast<off_t>(tail.size())));
        ::close(fd);
        std::string text{tail.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
        text.erase(text.find_last_not_of('\n') + 1);
        make_printable(text.erase(0, text.rfind('\n') + 1));
        toolstack_->log().add(text.empty() ? path : fmt::format("qemu: {}", text));
    }
    return fault_of(libxl_rc);
}

void XenHypervisor::choose_vif_script(libxl_domain_config& config) {
    vif_script_used_ = !vif_script_.empty() && use_vif_script(config, vif_script_);
}

Status XenHypervisor::describe_created(std::uint32_t domid, const Uuid& uuid, Domain& out) {
    if (vif_script_used_ && !forget_vif_script(toolstack_->ctx(), domid, vif_script_)) {
        toolstack_->log().add(
            fmt::format("libxl's record of domain {} keeps the script {}", domid, vif_script_));
    }
    DomainInfo info;
    Domain created;
    created.uuid = uuid;
    created.domid = domid;
    BALLAST_CHECK(check_identity(created, info.get()));
    // A guest whose disks stay in the page cache runs as well as ever; it is only not migrated.
    std::string complaints;
    BALLAST_CHECK(disks_.bypass_page_cache(domid, complaints));
    if (!complaints.empty()) {
        toolstack_->log().add(complaints);
    }
    const Lasting* lasting = nullptr;
    return describe(*info, out, lasting);
}

// ---- shutdown ----

Status XenHypervisor::shutdown(const Domain& domain, std::int64_t timeout_ms, ProgressSink& progress) {
    begin(&progress);
    return finish(shutdown_checked(domain, boottime_ms() + timeout_ms));
}

Status XenHypervisor::shutdown_checked(const Domain& domain, std::int64_t deadline_ms) {
    DomainInfo info;
    BALLAST_CHECK(check_identity(domain, info.get()));
    switch (state_of(*info)) {
        case DomainState::powered_off:
        case DomainState::rebooting: return release(domain);  // went down by itself
        case DomainState::running: break;
        case DomainState::paused: return fail(Fault::guest_paused, "a paused guest cannot power itself off");
        case DomainState::crashed:
            return fail(Fault::guest_crashed, "the guest has crashed: it can only be destroyed");
        case DomainState::suspended:
        case DomainState::dying:
        case DomainState::absent:
        case DomainState::unknown: return fail(Fault::state_conflict, "the guest is not running");
    }
    BALLAST_CHECK(request_power_off(domain, deadline_ms));
    return release(domain);
}

// `down` when the guest has powered off (or rebooted, or is gone: either way its end was asked for).
Status XenHypervisor::power_state(const Domain& domain, bool& down) {
    DomainInfo info;
    const Status identity = look_up(domain, info.get());
    if (identity.fault() == Fault::not_found) {
        down = true;
        return {};
    }
    BALLAST_CHECK(identity);
    switch (state_of(*info)) {
        case DomainState::crashed:
            return fail(Fault::guest_crashed, "the guest crashed while it was shutting down");
        case DomainState::suspended:
            return fail(Fault::state_conflict,
                        "another operation suspended the guest while it was shutting down");
        case DomainState::powered_off:
        case DomainState::rebooting:
        case DomainState::dying:
        case DomainState::absent: down = true; return {};
        case DomainState::running:
        case DomainState::paused:
        case DomainState::unknown: down = false; return {};
    }
    return {};
}

Status XenHypervisor::request_power_off(const Domain& domain, std::int64_t deadline_ms) {
    libxl_ctx* const ctx = toolstack_->ctx();
    const int watch_fd = xenstore_.watch_domains();
    if (watch_fd < 0) {
        return Err{Fault::hypervisor_unavailable};
    }
    // Asynchronous: libxl waits up to 60 s for the guest's acknowledgement, we may have less. Static, because
    // after a breakdown of libxl's events the operation never ends, and still refers to it.
    static Operation request;
    request = {};
    libxl_asyncop_how how{};
    how.callback = &Operation::on_end;
    how.u.for_callback = &request;
    int rc = libxl_domain_shutdown(ctx, domain.domid, &how);
    if (rc == ERROR_NOPARAVIRT) {
        // An HVM guest without PV drivers has a power button.
        toolstack_->log().add("the guest has no PV drivers: pressing its ACPI power button");
        rc = libxl_send_trigger(ctx, domain.domid, LIBXL_TRIGGER_POWER, 0, nullptr);
        request.ended = true;
    }
    if (rc != 0) {
        return Err{fault_of(rc)};
    }
    bool down = false;
    bool given_up = false;
    Status status;
    while (!(request.ended && (down || given_up))) {
        const std::int64_t left_ms = given_up ? look_again_ms : deadline_ms - boottime_ms();
        BALLAST_CHECK(turn(ctx, watch_fd, std::clamp<std::int64_t>(left_ms, 0, look_again_ms)));
        if (toolstack_->broken()) {
            return Err{Fault::hypervisor_unavailable};
        }
        xenstore_.drain_watches();
        if (!down && !given_up) {
            status = power_state(domain, down);
            const bool refused = request.ended && request.rc != 0;
            given_up = !down && (!status.ok() || refused || boottime_ms() >= deadline_ms);
            if ((down || given_up) && !request.ended) {
                static_cast<void>(libxl_ao_abort(ctx, &how));
            }
        }
    }
    if (!status.ok() || down) {
        return status;
    }
    return fail(Fault::guest_unresponsive,
                "the guest did not acknowledge the request, or did not power off in time");
}

// ---- destroy ----

Status XenHypervisor::destroy(const Domain& domain, ProgressSink& progress) {
    begin(&progress);
    return finish(release(domain));
}

Status XenHypervisor::release(const Domain& domain) {
    DomainInfo info;
    BALLAST_CHECK(check_identity(domain, info.get()));
    const int rc = libxl_domain_destroy(toolstack_->ctx(), domain.domid, nullptr);
    DomainInfo left;
    const Status after = look_up(domain, left.get());
    if (after.fault() == Fault::not_found) {
        return {};  // what was asked for, whatever libxl says of its devices
    }
    BALLAST_CHECK(after);
    if (rc == 0) {
        // Some process in dom0 still maps its pages (a stuck backend, a console client): Xen keeps a remnant.
        return fail(Fault::hypervisor_failed,
                    "the domain is destroyed but its memory is still in use by a process");
    }
    return Err{fault_of(rc)};
}

}  // namespace ballast::xen
