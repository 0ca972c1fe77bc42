#include "xen_glue/xen/xen_hypervisor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "xen_glue/xen/xen_hypervisor_impl.hpp"

namespace ballast::xen {
namespace {

constexpr std::size_t guest_value_bytes_max = 1024;

}  // namespace

std::unique_ptr<Hypervisor> open(const XenOptions& options, std::string& why) {
    return XenHypervisor::open(options, why);
}

std::unique_ptr<XenHypervisor> XenHypervisor::open(const XenOptions& options, std::string& why) {
    std::unique_ptr<XenHypervisor> hypervisor{new XenHypervisor};
    // xenstored first: libxl would hang on a dead one.
    if (!hypervisor->xenstore_.open(why).ok()) {
        return nullptr;
    }
    hypervisor->toolstack_ = Toolstack::open(why);
    if (hypervisor->toolstack_ == nullptr) {
        return nullptr;
    }
    if (access(options.vif_script.c_str(), X_OK) == 0) {
        hypervisor->vif_script_ = options.vif_script;
    }
    return hypervisor;
}

void XenHypervisor::begin(ProgressSink* progress) noexcept {
    toolstack_->log().begin(progress);
}

Status XenHypervisor::finish(Status status) {
    toolstack_->log().end();
    if (status.ok()) {
        return status;
    }
    last_error_ = toolstack_->log().text();
    // Once libxl's events are gone, every other fault is only a consequence.
    return toolstack_->broken() ? Status{Err{Fault::hypervisor_unavailable}} : status;
}

Status XenHypervisor::fail(Fault fault, std::string_view line) {
    toolstack_->log().add(line);
    return Err{fault};
}

// ---- run and stand still ----

Status XenHypervisor::pause(const Domain& domain) {
    begin();
    const auto act = [&]() -> Status {
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        if (state_of(*info) == DomainState::paused) {
            return {};  // Xen counts pauses: a second one would need a second unpause
        }
        if (state_of(*info) != DomainState::running) {
            return fail(Fault::state_conflict, "only a running domain can be paused");
        }
        const int rc = libxl_domain_pause(toolstack_->ctx(), domain.domid, nullptr);
        return rc == 0 ? Status{} : Status{Err{fault_of(rc)}};
    };
    return finish(act());
}

Status XenHypervisor::unpause(const Domain& domain) {
    begin();
    const auto act = [&]() -> Status {
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        if (state_of(*info) == DomainState::running) {
            return {};
        }
        if (state_of(*info) != DomainState::paused) {
            return fail(Fault::state_conflict, "only a paused domain can be unpaused");
        }
        const int rc = libxl_domain_unpause(toolstack_->ctx(), domain.domid, nullptr);
        return rc == 0 ? Status{} : Status{Err{fault_of(rc)}};
    };
    return finish(act());
}

Status XenHypervisor::resume_suspended(const Domain& domain, bool if_withdrawn) {
    begin();
    const auto act = [&]() -> Status {
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        if (state_of(*info) != DomainState::suspended) {
            return fail(Fault::state_conflict, "the domain is not suspended");
        }
        if (if_withdrawn) {
            const std::string request = guest_path(domain.domid, shutdown_request_path);
            bool unasked = false;
            BALLAST_CHECK(xenstore_.replace(request, suspend_withdrawn, suspend_withdrawn, unasked));
            if (!unasked) {
                return fail(Fault::state_conflict, "somebody else has asked the domain to suspend itself");
            }
        }
        // "Cancel": the guest's suspend call returns as if nothing had happened, and its devices stay
        // connected.
        constexpr int suspend_cancel = 1;
        const int rc = libxl_domain_resume(toolstack_->ctx(), domain.domid, suspend_cancel, nullptr);
        return rc == 0 ? Status{} : Status{Err{fault_of(rc)}};
    };
    return finish(act());
}

// As libxl does it when a guest has kept silent for a minute. A request by event channel cannot be taken
// back.
Status XenHypervisor::withdraw_suspend(const Domain& domain) {
    begin();
    const auto act = [&]() -> Status {
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        const std::string request = guest_path(domain.domid, shutdown_request_path);
        bool withdrawn = false;
        BALLAST_CHECK(xenstore_.replace(request, suspend_request, "", withdrawn));
        if (withdrawn) {
            return {};
        }
        // An HVM guest may be suspended by a hypercall, one with a channel by an event: no request shows.
        if (domain.type != GuestType::hvm && !has_suspend_channel(domain.domid)) {
            BALLAST_CHECK(xenstore_.replace(request, "", suspend_withdrawn, withdrawn));
        }
        return fail(Fault::state_conflict, "no request to suspend is pending");
    };
    return finish(act());
}

Status XenHypervisor::rename(const Domain& domain, std::string_view new_name) {
    begin();
    const auto act = [&]() -> Status {
        if (!valid_name(new_name)) {
            return fail(Fault::invalid_argument, "a domain's name is letters, digits and ._-+");
        }
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        const std::string from{domain.name.view()};
        const std::string to{new_name};
        const int rc = libxl_domain_rename(toolstack_->ctx(), domain.domid, from.c_str(), to.c_str());
        if (rc == ERROR_INVAL) {
            return Err{Fault::already_exists};
        }
        Name name;
        if (rc != 0 && read_name(domain.domid, name).ok() && name != domain.name) {
            return Err{Fault::state_conflict};
        }
        return rc == 0 ? Status{} : Status{Err{fault_of(rc)}};
    };
    return finish(act());
}

// ---- what hangs on a domain ----

Status XenHypervisor::console(const Domain& domain, ConsoleEndpoint& out) {
    begin();
    const auto act = [&]() -> Status {
        out = ConsoleEndpoint{};
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        std::string port;
        std::string address;
        bool present = false;
        BALLAST_CHECK(xenstore_.read(guest_path(domain.domid, "console/vnc-port"), toolstack_value_bytes_max,
                                     port, present));
        std::uint16_t number = 0;
        const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
        if (!present || parsed.ec != std::errc{} || number == 0) {
            return {};
        }
        BALLAST_CHECK(xenstore_.read(guest_path(domain.domid, "console/vnc-listen"),
                                     toolstack_value_bytes_max, address, present));
        out.protocol = ConsoleEndpoint::Protocol::vnc;
        out.port = number;
        make_printable(address);
        out.listen_address.assign_cut(address);
        std::string password;
        BALLAST_CHECK(xenstore_.read(guest_path(domain.domid, "console/vnc-pass"), toolstack_value_bytes_max,
                                     password, present));
        out.password.assign_cut(password);
        return {};
    };
    return finish(act());
}

Status XenHypervisor::guest_read(const Domain& domain, std::string_view relative_path, std::string& out) {
    begin();
    const auto act = [&]() -> Status {
        out.clear();
        if (!valid_guest_path(relative_path)) {
            return fail(Fault::invalid_argument, "expected a relative path of plain parts");
        }
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        bool present = false;
        BALLAST_CHECK(
            xenstore_.read(guest_path(domain.domid, relative_path), guest_value_bytes_max, out, present));
        make_printable(out);
        return {};
    };
    return finish(act());
}

Status XenHypervisor::guest_write(const Domain& domain, std::string_view relative_path,
                                  std::string_view value) {
    begin();
    const auto act = [&]() -> Status {
        if (!writable_guest_path(relative_path) || value.size() > guest_value_bytes_max) {
            return fail(Fault::invalid_argument,
                        "expected a path below data/ or vm-data/ and at most 1024 bytes");
        }
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        return xenstore_.write(guest_path(domain.domid, relative_path), value);
    };
    return finish(act());
}

int XenHypervisor::event_fd() {
    return xenstore_.watch_domains();
}

HostEvents XenHypervisor::drain_events() {
    return xenstore_.drain_watches();
}

Status XenHypervisor::watch_guests(const DomainList& guests) {
    begin();
    FixedVector<std::uint32_t, limits::domains_per_host_max> domids;
    for (const Domain& guest : guests) {
        if (guest.domid != dom0) {
            domids.push(guest.domid);
        }
    }
    return finish(xenstore_.watch_guests(domids.span()));
}

}  // namespace ballast::xen
