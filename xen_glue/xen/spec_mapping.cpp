#include "xen_glue/xen/spec_mapping.hpp"

#include <charconv>

#include "base/assert.hpp"
#include "xen_glue/xen/xen_hypervisor_impl.hpp"

namespace ballast::xen {

libxl_domain_type type_of(GuestType type) noexcept {
    switch (type) {
        case GuestType::pv: return LIBXL_DOMAIN_TYPE_PV;
        case GuestType::pvh: return LIBXL_DOMAIN_TYPE_PVH;
        case GuestType::hvm: return LIBXL_DOMAIN_TYPE_HVM;
        case GuestType::unknown: break;
    }
    return LIBXL_DOMAIN_TYPE_INVALID;
}

namespace {

constexpr std::uint64_t kib_per_mib = 1024;

// An empty text stays a null pointer: libxl takes an empty string for a value.
char* duplicate_or_null(std::string_view text) {
    return text.empty() ? nullptr : duplicate(text);
}

// A malloc'd array that the configuration owns from here on.
template <class T>
T* make_array(std::size_t count) {
    if (count == 0) {
        return nullptr;
    }
    auto* items = static_cast<T*>(std::calloc(count, sizeof(T)));
    BALLAST_ASSERT(items != nullptr);
    return items;
}

void map_identity(const DomainSpec& spec, libxl_domain_create_info& info) {
    info.type = type_of(spec.type);
    info.name = duplicate(spec.name.view());
    info.uuid = to_libxl(spec.uuid);
    libxl_defbool_set(&info.run_hotplug_scripts, true);
    // The mark of a guest of ours, as key, value, null.
    info.xsdata = make_array<char*>(3);
    info.xsdata[0] = duplicate(ours_mark_path);
    info.xsdata[1] = duplicate("1");
}

void map_size(libxl_ctx* ctx, const DomainSpec& spec, libxl_domain_build_info& info) {
    // Equal, so that no guest starts as "populate on demand".
    info.max_memkb = spec.memory_mib * kib_per_mib;
    info.target_memkb = spec.memory_mib * kib_per_mib;
    info.max_vcpus = static_cast<int>(spec.vcpus);
    // Without the bitmap only the first vCPU comes up.
    const int rc = libxl_cpu_bitmap_alloc(ctx, &info.avail_vcpus, static_cast<int>(spec.vcpus));
    BALLAST_ASSERT(rc == 0);
    libxl_bitmap_set_none(&info.avail_vcpus);
    for (std::uint32_t i = 0; i < spec.vcpus; ++i) {
        libxl_bitmap_set(&info.avail_vcpus, static_cast<int>(i));
    }
    info.sched_params.weight = static_cast<int>(spec.cpu_weight);
    info.sched_params.cap = static_cast<int>(spec.cpu_cap_percent);
    // Memory is claimed before it is filled: a guest that does not fit fails at once, and two that are built
    // at the same time cannot both count on the same free memory.
    libxl_defbool_set(&info.claim_mode, true);
}

void map_hvm(const DomainSpec& spec, libxl_domain_build_info& info) {
    info.u.hvm.boot = duplicate_or_null(spec.boot_order);
    info.u.hvm.serial = duplicate("pty");
    libxl_defbool_set(&info.u.hvm.vnc.enable, spec.vnc.enabled);
    if (spec.vnc.enabled) {
        info.u.hvm.vnc.listen = duplicate_or_null(spec.vnc.listen);
        info.u.hvm.vnc.passwd = duplicate_or_null(spec.vnc.password);
        // An absolute pointer: with a relative mouse, a VNC viewer's pointer drifts away from the guest's.
        info.u.hvm.usbdevice = duplicate("tablet");
    }
}

void map_boot(const DomainSpec& spec, libxl_domain_build_info& info) {
    info.kernel = duplicate_or_null(spec.kernel);
    info.ramdisk = duplicate_or_null(spec.ramdisk);
    info.cmdline = duplicate_or_null(spec.cmdline);
    info.bootloader = duplicate_or_null(spec.bootloader);
    if (spec.type == GuestType::hvm) {
        map_hvm(spec, info);
    }
}

void map_disk(const DiskSpec& spec, libxl_device_disk& disk) {
    libxl_device_disk_init(&disk);
    disk.pdev_path = duplicate(spec.target.view());
    disk.vdev = duplicate(spec.device.view());
    disk.readwrite = spec.writable ? 1 : 0;
    disk.format = spec.format == DiskSpec::Format::qcow2 ? LIBXL_DISK_FORMAT_QCOW2 : LIBXL_DISK_FORMAT_RAW;
    // "phy" insists on the kernel's backend, and so on a block device; for the others libxl takes what fits:
    // blkback for a raw block device, a QEMU process for a file.
    if (spec.format == DiskSpec::Format::phy) {
        disk.backend = LIBXL_DISK_BACKEND_PHY;
    }
}

bool map_mac(std::string_view text, libxl_mac& mac) noexcept {
    constexpr std::size_t mac_text_bytes = 17;
    if (text.size() != mac_text_bytes) {
        return false;
    }
    for (std::size_t i = 0; i < sizeof(libxl_mac); ++i) {
        const char* const digits = text.data() + 3 * i;
        const auto parsed = std::from_chars(digits, digits + 2, mac[i], 16);
        if (parsed.ec != std::errc{} || parsed.ptr != digits + 2) {
            return false;
        }
    }
    return true;
}

Status map_vif(const VifSpec& spec, int devid, libxl_device_nic& nic) {
    libxl_device_nic_init(&nic);
    nic.devid = devid;
    nic.bridge = duplicate_or_null(spec.bridge);
    return map_mac(spec.mac, nic.mac) ? Status{} : Status{Err{Fault::invalid_argument}};
}

// PV and PVH have no emulated graphics: a virtual framebuffer and keyboard, served by a QEMU process.
void map_framebuffer(const VncSpec& spec, libxl_domain_config& config) {
    config.vfbs = make_array<libxl_device_vfb>(1);
    config.num_vfbs = 1;
    libxl_device_vfb& vfb = config.vfbs[0];
    libxl_device_vfb_init(&vfb);
    vfb.devid = 0;
    libxl_defbool_set(&vfb.vnc.enable, true);
    vfb.vnc.listen = duplicate_or_null(spec.listen);
    vfb.vnc.passwd = duplicate_or_null(spec.password);
    config.vkbs = make_array<libxl_device_vkb>(1);
    config.num_vkbs = 1;
    libxl_device_vkb_init(&config.vkbs[0]);
    config.vkbs[0].devid = 0;
}

}  // namespace

Status to_libxl(libxl_ctx* ctx, const DomainSpec& spec, libxl_domain_config& config) {
    BALLAST_ASSERT(spec.type != GuestType::unknown);
    map_identity(spec, config.c_info);
    libxl_domain_build_info_init_type(&config.b_info, config.c_info.type);
    map_size(ctx, spec, config.b_info);
    map_boot(spec, config.b_info);

    config.disks = make_array<libxl_device_disk>(spec.disks.size());
    for (const DiskSpec& disk : spec.disks) {
        map_disk(disk, config.disks[config.num_disks++]);
    }
    config.nics = make_array<libxl_device_nic>(spec.vifs.size());
    for (const VifSpec& vif : spec.vifs) {
        const int devid = config.num_nics++;
        BALLAST_CHECK(map_vif(vif, devid, config.nics[devid]));
    }
    if (spec.vnc.enabled && spec.type != GuestType::hvm) {
        map_framebuffer(spec.vnc, config);
    }
    // xl's values. libxl acts on none of them; they are kept for whoever looks after the domain's end.
    config.on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    config.on_reboot = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    config.on_watchdog = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    config.on_crash = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    config.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
    return {};
}

}  // namespace ballast::xen
