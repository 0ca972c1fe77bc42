// What is looked at before a domain is built, because libxl would find it out late and say only "-3": whether
// name and uuid are free, the memory is there, and disks and bridges exist on this host.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "xen_glue/xen/vif_script.hpp"
#include "xen_glue/xen/xen_hypervisor_impl.hpp"

namespace ballast::xen {
namespace {

constexpr std::string_view default_bridge = "xenbr0";
constexpr std::uint32_t no_domid = UINT32_MAX;  // only for log lines

}  // namespace

// On one host, a guest that moves within it has the uuid twice for a while; a second name is never allowed.
Status XenHypervisor::check_vacant(const Uuid& uuid, std::string_view name, bool uuid_may_exist) {
    DomainList list;
    BALLAST_CHECK(domains(list));
    for (const Domain& domain : list) {
        if (domain.name == name) {
            return fail(Fault::already_exists,
                        fmt::format("a domain named {} exists on this host (domid {})", name, domain.domid));
        }
        if (domain.uuid == uuid && !uuid_may_exist) {
            return fail(Fault::already_exists,
                        fmt::format("the uuid {} is in use on this host, by {} (domid {})",
                                    to_text(uuid).view(), domain.name.view(), domain.domid));
        }
    }
    return {};
}

Status XenHypervisor::check_resources(libxl_domain_config& config) {
    // The question writes defaults into what it is asked about: ask about a copy.
    DomainConfig copy;
    libxl_domain_config_copy(toolstack_->ctx(), copy.get(), &config);
    std::uint64_t needed_kib = 0;
    if (const int rc = libxl_domain_need_memory(toolstack_->ctx(), copy.get(), no_domid, &needed_kib);
        rc != 0) {
        return fail(fault_of(rc), "libxl cannot say how much memory the guest needs");
    }
    HostFacts host;
    BALLAST_CHECK(facts(host));
    if (needed_kib > host.memory_free_kib) {
        return fail(Fault::no_memory,
                    fmt::format("the guest needs {} KiB with its overhead, the host has {} KiB free",
                                needed_kib, host.memory_free_kib));
    }
    return {};
}

Status XenHypervisor::check_devices(const libxl_domain_config& config) {
    for (const libxl_device_disk& disk :
         std::span{config.disks, static_cast<std::size_t>(config.num_disks)}) {
        const bool has_path = disk.pdev_path != nullptr && disk.pdev_path[0] == '/';
        // Only paths are looked for: with a script, the target is a name that only the script understands.
        if (has_path && disk.script == nullptr &&
            access(disk.pdev_path, disk.readwrite != 0 ? R_OK | W_OK : R_OK) != 0) {
            return fail(
                Fault::storage_mismatch,
                fmt::format("the disk {} ({}) is not usable on this host: {}",
                            disk.vdev != nullptr ? disk.vdev : "?", disk.pdev_path, strerrordesc_np(errno)));
        }
    }
    for (const libxl_device_nic& nic : std::span{config.nics, static_cast<std::size_t>(config.num_nics)}) {
        const std::string_view bridge = nic.bridge != nullptr ? std::string_view{nic.bridge} : default_bridge;
        if (on_plain_bridge(nic) && access(fmt::format("/sys/class/net/{}", bridge).c_str(), F_OK) != 0) {
            return fail(Fault::unsupported,
                        fmt::format("the guest's network needs the bridge {}, which this host does "
                                    "not have",
                                    bridge));
        }
    }
    return {};
}

}  // namespace ballast::xen
