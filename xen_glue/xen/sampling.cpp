// One sample of the host: who is there (libxl), CPU, vCPUs and memory (libxenstat), devices (sysfs).
#include "xen_glue/xen/xen_hypervisor_impl.hpp"

namespace ballast::xen {

Status XenHypervisor::sample(HostCounters& out) {
    begin();
    const auto act = [&]() -> Status {
        const std::int64_t started_ns = boottime_ns();
        out.domains.clear();
        BALLAST_CHECK(facts(out.facts));
        const DomainInfoList list{toolstack_->ctx()};
        if (!list.ok()) {
            return Err{Fault::hypervisor_unavailable};
        }
        mark_unseen();
        DeviceCounters::Owners owners;
        for (const libxl_dominfo& info : list) {
            DomainCounters counters;
            const Lasting* lasting = nullptr;
            BALLAST_CHECK(describe_unnamed(info, counters.domain, lasting));
            out.domains.push(counters);
            owners.push({.domid = info.domid,
                         .emulated_nics = lasting->type == GuestType::hvm,
                         .device_model_pid = lasting->device_model_pid});
        }
        forget_unseen();
        BALLAST_CHECK(xenstat_.collect(out));
        for (DomainCounters& one : out.domains) {
            if (one.domain.name.empty()) {  // libxenstat leaves out what it finds no name for
                BALLAST_CHECK(read_name(one.domain.domid, one.domain.name));
            }
        }
        devices_.collect(owners, out);
        out.taken_mono_ns = started_ns + (boottime_ns() - started_ns) / 2;
        return {};
    };
    return finish(act());
}

}  // namespace ballast::xen
