// The class behind xen::open(). Its calls are spread over xen_hypervisor.cpp (short ones), sampling.cpp,
// lifecycle.cpp (create, shutdown, destroy) and image_ops.cpp (save, restore, migrate).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "xen_glue/hypervisor.hpp"
#include "xen_glue/xen/device_counters.hpp"
#include "xen_glue/xen/disk_backends.hpp"
#include "xen_glue/xen/toolstack.hpp"
#include "xen_glue/xen/xen_hypervisor.hpp"
#include "xen_glue/xen/xenstat_node.hpp"
#include "xen_glue/xen/xenstore_area.hpp"

namespace ballast::xen {

class XenHypervisor final : public Hypervisor {
  public:
    static std::unique_ptr<XenHypervisor> open(const XenOptions& options, std::string& why);

    Status host_facts(HostFacts& out) override;
    Status list(DomainList& out) override;
    Status find(const Uuid& uuid, Domain& out) override;
    Status sample(HostCounters& out) override;
    Status pause(const Domain& domain) override;
    Status unpause(const Domain& domain) override;
    Status resume_suspended(const Domain& domain, bool if_withdrawn) override;
    Status withdraw_suspend(const Domain& domain) override;
    Status rename(const Domain& domain, std::string_view new_name) override;
    Status disks(const Domain& domain, DiskList& out) override;
    Status console(const Domain& domain, ConsoleEndpoint& out) override;
    Status guest_read(const Domain& domain, std::string_view relative_path, std::string& out) override;
    Status guest_write(const Domain& domain, std::string_view relative_path, std::string_view value) override;
    int event_fd() override;
    HostEvents drain_events() override;
    Status watch_guests(const DomainList& guests) override;

    Status create(const DomainSpec& spec, ProgressSink& progress, Domain& out) override;
    Status shutdown(const Domain& domain, std::int64_t timeout_ms, ProgressSink& progress) override;
    Status destroy(const Domain& domain, ProgressSink& progress) override;
    Status send_image(const Domain& domain, int fd, MigrationMode mode, ProgressSink& progress) override;
    bool suspend_asked() const override { return suspend_asked_; }
    Status receive_image(int fd, std::string_view name_suffix, const DiskList& moved, ProgressSink& progress,
                         Domain& out) override;
    Status receive_image_as(int fd, const DomainSpec& identity, ProgressSink& progress, Domain& out) override;
    Status identify_image(int fd, Domain& out, std::uint64_t& image_bytes) override;
    Status disks_in_image(int fd, DiskList& out) override;

    std::string_view last_error() const override { return last_error_; }

  private:
    // What does not change while a domain lives, so that it is read once and not with every list.
    struct Lasting {
        std::uint32_t domid = 0;
        Uuid uuid;
        GuestType type = GuestType::unknown;
        bool ours = false;
        int device_model_pid = 0;
        bool settled = false;  // complete: read when the domain was no longer being built
        bool seen = false;     // in the list that is being made
    };

    XenHypervisor() = default;

    // Every public call begins with one of these, and hands its result through `finish`.
    void begin(ProgressSink* progress = nullptr) noexcept;
    Status finish(Status status);
    // A failure that libxl does not speak of: its line goes to the log.
    Status fail(Fault fault, std::string_view line);

    // `info` is the live domain with domid and uuid of `domain`: `not_found` when there is none,
    // `invalid_argument` for dom0. The second also says so in the log.
    Status look_up(const Domain& domain, libxl_dominfo* info);
    Status check_identity(const Domain& domain, libxl_dominfo* info);
    // `lasting` is valid until the next call that lists or describes.
    Status describe(const libxl_dominfo& info, Domain& out, const Lasting*& lasting);
    Status describe_unnamed(const libxl_dominfo& info, Domain& out, const Lasting*& lasting);
    Status lasting_facts(const libxl_dominfo& info, const Lasting*& out);
    Status read_lasting(std::uint32_t domid, Lasting& out);
    void mark_unseen() noexcept;    // before all domains are described
    void forget_unseen() noexcept;  // and after
    Status read_name(std::uint32_t domid, Name& out);
    Status domains(DomainList& out);
    Status facts(HostFacts& out);
    Status find_among(const Uuid& uuid, Domain& out);

    Status check_vacant(const Uuid& uuid, std::string_view name, bool uuid_may_exist);
    Status check_resources(libxl_domain_config& config);
    Status check_devices(const libxl_domain_config& config);
    // For a guest that is about to be built.
    void choose_vif_script(libxl_domain_config& config);
    // The fault of a failed create or restore that began at `started_unix`; adds what QEMU said to the log.
    Fault build_failure(int libxl_rc, std::string_view name, std::int64_t started_unix);
    // The rest of a create or restore: the domain is built, and paused.
    Status describe_created(std::uint32_t domid, const Uuid& uuid, Domain& out);

    Status create_checked(const DomainSpec& spec, Domain& out);
    Status shutdown_checked(const Domain& domain, std::int64_t deadline_ms);
    Status request_power_off(const Domain& domain, std::int64_t deadline_ms);
    Status power_state(const Domain& domain, bool& down);
    Status release(const Domain& domain);

    Status check_sendable(const Domain& domain, int fd, MigrationMode mode, bool& live);
    Status configuration(const Domain& domain, libxl_domain_config& config);
    Status list_disks(const libxl_domain_config& config, DiskList& out);
    Status image_config(const Domain& domain, std::string& json);
    Status suspend_into(const Domain& domain, int fd, bool live);
    bool has_suspend_channel(std::uint32_t domid);
    Status suspend_failure(const Domain& domain, int fd, int rc);
    Status rewind(int fd);
    Status read_image_config(int fd, libxl_domain_config& config);
    // `change` gives the configuration what is to be different here; false: it does not fit.
    Status receive_checked(int fd, std::string_view name_suffix,
                           const std::function<bool(libxl_domain_config&)>& change, Domain& out);
    Status restore_from(int fd, libxl_domain_config& config, Domain& out);

    std::unique_ptr<Toolstack> toolstack_;
    Xenstore xenstore_;
    DiskBackends disks_{xenstore_, "/sys"};
    XenstatNode xenstat_;
    DeviceCounters devices_{"/sys", "/proc"};
    FixedVector<Lasting, limits::domains_per_host_max> lasting_;
    std::string vif_script_;  // empty: Xen's own
    bool vif_script_used_ = false;
    bool suspend_asked_ = false;
    std::string last_error_;
};

// Where the mark of a domain of ours (Domain::ours) lies in its xenstore area: readable for the guest, not
// writable.
inline constexpr std::uint32_t dom0 = 0;
inline constexpr std::size_t toolstack_value_bytes_max = 256;
inline constexpr std::string_view ours_mark_path = "vm-data/ballast";
// Where libxl asks a guest to suspend itself. The guest takes the request by emptying the node.
inline constexpr std::string_view shutdown_request_path = "control/shutdown";
inline constexpr std::string_view suspend_request = "suspend";
// No request, which guests ignore: nobody has made one since this was left there.
inline constexpr std::string_view suspend_withdrawn = "withdrawn";
// Kernels of Xen's own, old tree name a channel there, and are then asked by an event on it.
inline constexpr std::string_view suspend_channel_path = "device/suspend/event-channel";

// How Xen's independent flags read as one state. Priority: dying > shut down > paused > running.
DomainState state_of(const libxl_dominfo& info) noexcept;

}  // namespace ballast::xen
