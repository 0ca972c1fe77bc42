#include "xen_glue/xen/xen_hypervisor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "xen_glue/xen/xen_hypervisor_impl.hpp"

namespace ballast::xen {
namespace {

constexpr std::uint32_t dom0 = 0;
constexpr std::uint64_t kib_per_page = 4;
constexpr std::size_t guest_value_bytes_max = 1024;
constexpr std::size_t toolstack_value_bytes_max = 256;

// Longer than any name that we give; foreign ones are cut in lists, and so never match in a rename.
constexpr std::size_t name_read_bytes_max = 256;

bool in_flight(std::string_view name) noexcept {
    return name.ends_with(incoming_suffix) || name.ends_with(migrated_away_suffix);
}

}  // namespace

std::unique_ptr<Hypervisor> open(std::string& why) {
    return XenHypervisor::open(why);
}

std::unique_ptr<XenHypervisor> XenHypervisor::open(std::string& why) {
    std::unique_ptr<XenHypervisor> hypervisor{new XenHypervisor};
    // xenstored first: libxl would hang on a dead one.
    if (!hypervisor->xenstore_.open(why).ok()) {
        return nullptr;
    }
    hypervisor->toolstack_ = Toolstack::open(why);
    if (hypervisor->toolstack_ == nullptr) {
        return nullptr;
    }
    return hypervisor;
}

DomainState state_of(const libxl_dominfo& info) noexcept {
    if (info.dying) {
        return DomainState::dying;
    }
    if (info.shutdown) {
        switch (info.shutdown_reason) {
            case LIBXL_SHUTDOWN_REASON_SUSPEND: return DomainState::suspended;
            case LIBXL_SHUTDOWN_REASON_POWEROFF: return DomainState::powered_off;
            case LIBXL_SHUTDOWN_REASON_REBOOT:
            case LIBXL_SHUTDOWN_REASON_SOFT_RESET: return DomainState::rebooting;
            case LIBXL_SHUTDOWN_REASON_CRASH:
            case LIBXL_SHUTDOWN_REASON_WATCHDOG: return DomainState::crashed;
            case LIBXL_SHUTDOWN_REASON_UNKNOWN: return DomainState::unknown;
        }
        return DomainState::unknown;
    }
    return info.paused ? DomainState::paused : DomainState::running;
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

// ---- facts ----

Status XenHypervisor::facts(HostFacts& out) {
    PhysInfo info;
    const libxl_version_info* version = libxl_get_version_info(toolstack_->ctx());  // owned by the context
    if (version == nullptr || libxl_get_physinfo(toolstack_->ctx(), info.get()) != 0) {
        return Err{Fault::hypervisor_unavailable};
    }
    const std::uint64_t free_pages = info->free_pages + info->scrub_pages;
    out.cpu_count = info->nr_cpus;
    out.memory_kib = info->total_pages * kib_per_page;
    // Pages that are promised to a domain being built are still counted as free by Xen.
    out.memory_free_kib = (free_pages - std::min(free_pages, info->outstanding_pages)) * kib_per_page;
    out.can_pv = info->cap_pv;
    out.can_hvm = info->cap_hvm;
    out.can_hap = info->cap_hap;
    out.can_shadow = info->cap_shadow;
    out.hypervisor_version.assign_cut(fmt::format("{}.{}{}", version->xen_version_major,
                                                  version->xen_version_minor, version->xen_version_extra));
    out.hypervisor_kind = "xen";
    return {};
}

Status XenHypervisor::host_facts(HostFacts& out) {
    begin();
    return finish(facts(out));
}

// ---- domains ----

Status XenHypervisor::read_name(std::uint32_t domid, Name& out) {
    std::string text;
    bool present = false;
    BALLAST_CHECK(
        xenstore_.read(fmt::format("/local/domain/{}/name", domid), name_read_bytes_max, text, present));
    make_printable(text);
    out.assign_cut(text);
    return {};
}

Status XenHypervisor::read_lasting(std::uint32_t domid, Lasting& out) {
    std::string text;
    bool present = false;
    BALLAST_CHECK(
        xenstore_.read(fmt::format("/libxl/{}/type", domid), toolstack_value_bytes_max, text, present));
    out.type = parse_guest_type(text).value_or(GuestType::unknown);
    BALLAST_CHECK(
        xenstore_.read(guest_path(domid, ours_mark_path), toolstack_value_bytes_max, text, out.ours));
    BALLAST_CHECK(xenstore_.read(guest_path(domid, "image/device-model-pid"), toolstack_value_bytes_max, text,
                                 present));
    out.device_model_pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), out.device_model_pid);
    return {};
}

// dominfo's own type says HVM for PVH guests as well; the true one is libxl's record in xenstore.
Status XenHypervisor::lasting_facts(const libxl_dominfo& info, const Lasting*& out) {
    const Uuid uuid = uuid_of(info.uuid);
    const auto known = std::ranges::find_if(
        lasting_, [&](const Lasting& entry) { return entry.domid == info.domid && entry.uuid == uuid; });
    Lasting* entry = known;
    if (known == lasting_.end()) {
        entry = lasting_.try_push({})
                    ? lasting_.end() - 1
                    : std::ranges::find_if(lasting_, [](const Lasting& e) { return !e.seen; });
        if (entry == lasting_.end()) {
            return fail(Fault::limit_reached,
                        fmt::format("more than {} domains on this host", limits::domains_per_host_max));
        }
        *entry = Lasting{.domid = info.domid, .uuid = uuid};
    }
    if (!entry->settled) {
        BALLAST_CHECK(read_lasting(info.domid, *entry));
        // One that never ran may still be under construction and lack some of its nodes.
        entry->settled = info.cpu_time > 0;
    }
    entry->seen = true;
    out = entry;
    return {};
}

void XenHypervisor::forget_unseen() noexcept {
    for (std::size_t i = lasting_.size(); i-- > 0;) {
        if (!lasting_[i].seen) {
            lasting_.remove_unordered(i);
        }
    }
}

void XenHypervisor::mark_unseen() noexcept {
    for (Lasting& entry : lasting_) {
        entry.seen = false;
    }
}

Status XenHypervisor::describe(const libxl_dominfo& info, Domain& out, const Lasting*& lasting) {
    out = Domain{};
    out.domid = info.domid;
    out.uuid = uuid_of(info.uuid);
    out.state = state_of(info);
    BALLAST_CHECK(read_name(info.domid, out.name));
    BALLAST_CHECK(lasting_facts(info, lasting));
    out.type = lasting->type;
    if (info.domid == dom0) {  // not made by libxl, which has no record of it
        out.type = info.domain_type == LIBXL_DOMAIN_TYPE_PV ? GuestType::pv : GuestType::pvh;
    }
    out.ours = lasting->ours;
    out.memory_kib = info.current_memkb;
    out.memory_max_kib = info.max_memkb == UINT64_MAX || info.domid == dom0 ? 0 : info.max_memkb;
    out.vcpus = info.vcpu_online;
    out.cpu_time_ns = info.cpu_time;
    return {};
}

Status XenHypervisor::domains(DomainList& out) {
    out.clear();
    const DomainInfoList list{toolstack_->ctx()};
    if (!list.ok()) {
        return Err{Fault::hypervisor_unavailable};
    }
    mark_unseen();
    for (const libxl_dominfo& info : list) {
        Domain domain;
        const Lasting* lasting = nullptr;
        BALLAST_CHECK(describe(info, domain, lasting));
        out.push(domain);  // describe() has checked the bound
    }
    forget_unseen();
    return {};
}

Status XenHypervisor::list(DomainList& out) {
    begin();
    return finish(domains(out));
}

Status XenHypervisor::find_among(const Uuid& uuid, Domain& out) {
    const DomainInfoList list{toolstack_->ctx()};
    if (!list.ok()) {
        return Err{Fault::hypervisor_unavailable};
    }
    bool found = false;
    for (const libxl_dominfo& info : list) {
        if (uuid_of(info.uuid) != uuid) {
            continue;
        }
        Domain candidate;
        const Lasting* lasting = nullptr;
        BALLAST_CHECK(describe(info, candidate, lasting));
        if (!found || (in_flight(out.name) && !in_flight(candidate.name))) {
            out = candidate;
        }
        found = true;
    }
    return found ? Status{} : Status{Err{Fault::not_found}};
}

Status XenHypervisor::find(const Uuid& uuid, Domain& out) {
    begin();
    return finish(find_among(uuid, out));
}

// Xen reuses domain ids; the uuid says whether this is still the domain that the caller means.
Status XenHypervisor::look_up(const Domain& domain, libxl_dominfo* info) {
    if (domain.domid == dom0) {
        return fail(Fault::invalid_argument, "dom0 is not a guest: nothing is done to it");
    }
    const int rc = libxl_domain_info(toolstack_->ctx(), info, domain.domid);
    if (rc == 0 && uuid_of(info->uuid) != domain.uuid) {
        return Err{Fault::not_found};
    }
    return rc == 0 ? Status{} : Status{Err{fault_of(rc)}};
}

Status XenHypervisor::check_identity(const Domain& domain, libxl_dominfo* info) {
    const Status found = look_up(domain, info);
    if (found.fault() == Fault::not_found) {
        return fail(Fault::not_found, fmt::format("domain {} no longer is {} ({})", domain.domid,
                                                  to_text(domain.uuid).view(), domain.name.view()));
    }
    return found;
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

Status XenHypervisor::resume_suspended(const Domain& domain) {
    begin();
    const auto act = [&]() -> Status {
        DomainInfo info;
        BALLAST_CHECK(check_identity(domain, info.get()));
        if (state_of(*info) != DomainState::suspended) {
            return fail(Fault::state_conflict, "the domain is not suspended");
        }
        // "Cancel": the guest's suspend call returns as if nothing had happened, and its devices stay
        // connected.
        constexpr int suspend_cancel = 1;
        const int rc = libxl_domain_resume(toolstack_->ctx(), domain.domid, suspend_cancel, nullptr);
        return rc == 0 ? Status{} : Status{Err{fault_of(rc)}};
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

void XenHypervisor::drain_events() {
    xenstore_.drain_watches();
}

}  // namespace ballast::xen
