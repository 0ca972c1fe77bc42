// Who is on this host: its facts, its domains, and which of them is meant.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "xen_glue/xen/xen_hypervisor_impl.hpp"

namespace ballast::xen {
namespace {

constexpr std::uint64_t kib_per_page = 4;

// Longer than any name that we give; foreign ones are cut in lists, and so never match in a rename.
constexpr std::size_t name_read_bytes_max = 256;

bool in_flight(std::string_view name) noexcept {
    return name.ends_with(incoming_suffix) || name.ends_with(migrated_away_suffix);
}

}  // namespace

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
    BALLAST_CHECK(describe_unnamed(info, out, lasting));
    return read_name(info.domid, out.name);
}

Status XenHypervisor::describe_unnamed(const libxl_dominfo& info, Domain& out, const Lasting*& lasting) {
    out = Domain{};
    out.domid = info.domid;
    out.uuid = uuid_of(info.uuid);
    out.state = state_of(info);
    BALLAST_CHECK(lasting_facts(info, lasting));
    out.type = lasting->type;
    if (info.domid == dom0) {  // not made by libxl, which has no record of it
        out.type = info.domain_type == LIBXL_DOMAIN_TYPE_PV ? GuestType::pv : GuestType::pvh;
    }
    out.ours = lasting->ours;
    // What is promised to a domain being built is its own already: free memory is told without it.
    out.memory_kib = info.current_memkb + info.outstanding_memkb;
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

}  // namespace ballast::xen
