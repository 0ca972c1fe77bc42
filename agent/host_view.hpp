// What the agent tells of its host, and how it looks at one guest: the hypervisor's domains, the save files
// and the core's migrations put together.
#pragma once

#include <memory>
#include <string>

#include "agent/core/core.hpp"
#include "agent/core/rates.hpp"
#include "agent/relay/conversation.hpp"
#include "agent/save_files.hpp"
#include "agent/store_keeper.hpp"
#include "xen_glue/hypervisor.hpp"

namespace ballast::agent {

class HostView {
  public:
    // `net_mbps` 0: read from sysfs.
    HostView(Hypervisor& hypervisor, const SaveFiles& files, const StoreState& store, std::uint32_t net_mbps);
    ~HostView();
    HostView(const HostView&) = delete;
    HostView& operator=(const HostView&) = delete;

    // A Look of the core at the job in this row (see Truth). With `survey` everything, otherwise only the
    // domain and the files.
    void look(const Core& core, std::uint32_t row, bool survey, Truth& out);
    // A short call of the core; fills `detail` when it fails.
    Fault call(Call what, const JobRecord& record, Detail& detail);
    // Whether the guest is on this host, in a domain or a save file; yes when that cannot be found out.
    bool is_here(const Uuid& guest);
    // The guest's console, for those who are told of the guest.
    void add_console(wire::DomainInfo& info);

    // Where this host reaches the guest's VNC server right now. `not_found`, `unsupported` when the guest has
    // none, or what the hypervisor said; with a sentence in `why`.
    Fault find_console(const Uuid& guest, GuestConsole& out, Detail& why);

    // The whole inventory. Marked as degraded when the hypervisor does not answer or the save files cannot be
    // read: a guest that is not in it must not be taken for gone.
    void report(const Core& core, wire::HostReport& out);
    // One sample. False when the hypervisor does not answer.
    bool sample(wire::SampleReport& out);
    // Whether the last sample found other domains, names, states or save files than the one before (another
    // tool may rename, pause or unpause a domain without any event), or the last report was degraded.
    bool inventory_differs() const noexcept { return inventory_differs_; }

  private:
    wire::DomainInfo describe(const Domain& domain) const;
    void survey(const Core& core, const JobRecord& record, Truth& out);
    void look_at_disks(const Domain& domain, Truth& out);

    Hypervisor& hypervisor_;
    const SaveFiles& files_;
    const StoreState& store_;
    std::uint32_t net_mbps_;
    std::uint64_t reports_ = 0;
    std::uint64_t samples_ = 0;
    std::uint64_t inventory_mark_ = 0;
    bool inventory_differs_ = false;
    bool told_all_ = true;  // by the last report
    // Large, and reused: 256 domains each.
    struct Scratch;
    std::unique_ptr<Scratch> scratch_;
};

}  // namespace ballast::agent
