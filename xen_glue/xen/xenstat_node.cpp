#include "xen_glue/xen/xenstat_node.hpp"

extern "C" {
#include <xenstat.h>
}

#include <string>

#include "xen_glue/xen/xenstore_area.hpp"

namespace ballast::xen {
namespace {

void copy_domain(xenstat_domain* from, DomainCounters& to) {
    if (const char* const said = xenstat_domain_name(from); said != nullptr) {
        std::string name{said};
        make_printable(name);
        to.domain.name.assign_cut(name);
    }
    to.domain.cpu_time_ns = xenstat_domain_cpu_ns(from);
    to.domain.memory_kib = xenstat_domain_cur_mem(from) / 1024;
    const unsigned vcpus = xenstat_domain_num_vcpus(from);
    to.domain.vcpus = 0;
    to.vcpu_time_ns.clear();
    for (unsigned i = 0; i < vcpus; ++i) {
        xenstat_vcpu* vcpu = xenstat_domain_vcpu(from, i);
        if (vcpu == nullptr) {
            return;
        }
        to.domain.vcpus += xenstat_vcpu_online(vcpu) != 0 ? 1 : 0;
        // The first ones are enough to see a guest that is bound to one CPU; the sum above counts them all.
        static_cast<void>(to.vcpu_time_ns.try_push(xenstat_vcpu_ns(vcpu)));
    }
}

}  // namespace

XenstatNode::~XenstatNode() {
    close();
}

void XenstatNode::close() noexcept {
    if (handle_ != nullptr) {
        xenstat_uninit(handle_);
        handle_ = nullptr;
    }
}

Status XenstatNode::collect(HostCounters& counters) {
    if (handle_ == nullptr) {
        // libxenstat would hang on a dead xenstored: ask first.
        Xenstore probe;
        std::string why;
        BALLAST_CHECK(probe.open(why));
        handle_ = xenstat_init();
        if (handle_ == nullptr) {
            return Err{Fault::hypervisor_unavailable};
        }
    }
    // Only the vCPU collector: the network and block ones are unfit (see device_counters.hpp). In 4.17 it
    // loses some bytes when a domain vanishes between two of its hypercalls, which needs a destruction within
    // that millisecond: cheaper to bear than a collector process, and the block above is freed in every other
    // case.
    const std::unique_ptr<xenstat_node, decltype(&xenstat_free_node)> node{
        xenstat_get_node(handle_, XENSTAT_VCPU), &xenstat_free_node};
    // With a dead connection to xenstored it returns a node without any domain, not even dom0.
    if (node == nullptr || xenstat_node_domain(node.get(), 0) == nullptr) {
        close();
        return Err{Fault::hypervisor_unavailable};
    }
    for (DomainCounters& domain : counters.domains) {
        if (xenstat_domain* found = xenstat_node_domain(node.get(), domain.domain.domid); found != nullptr) {
            copy_domain(found, domain);
        }
    }
    return {};
}

}  // namespace ballast::xen
