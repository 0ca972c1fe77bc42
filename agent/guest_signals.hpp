// What guests say of themselves in their own xenstore areas, and what is written there for them:
// docs/guest.md. A guest's word is checked for its form, bounded in size, and passed on at most a few times a
// second, whatever it does.
#pragma once

#include <functional>
#include <memory>

#include "proto/messages.hpp"
#include "shell/loop.hpp"
#include "xen_glue/hypervisor.hpp"

namespace ballast::agent {

// After guests' areas were looked at, further changes wait so long.
inline constexpr Duration guest_look_pause = milliseconds(250);

class GuestSignals {
  public:
    GuestSignals(Loop& loop, Hypervisor& hypervisor, std::function<void(const wire::GuestSignal&)> on_signal);
    ~GuestSignals();
    GuestSignals(const GuestSignals&) = delete;
    GuestSignals& operator=(const GuestSignals&) = delete;

    // Answered by a signal when it cannot be written, and otherwise when the guest says something new.
    void note(const wire::GuestNote& note);
    // Domains have come or gone: watches those that are there, and looks at those that are new.
    void guests_changed();
    // Areas have changed.
    void areas_changed(const HostEvents& events);
    // The signals of all guests that say something: for a controller that has just connected.
    void report_all();

  private:
    // A guest that is known, and what was told of it last (a hash; 0: nothing).
    struct Known {
        Uuid uuid;
        std::uint32_t domid = 0;
        std::uint64_t told = 0;
    };
    using KnownList = FixedVector<Known, limits::domains_per_host_max>;

    bool refresh(DomainList& domains);
    void look_at(const Domain& domain);
    void look_at_pending();
    Status write(const Domain& domain, const wire::GuestNote& note);
    void refuse(const wire::GuestNote& note, Fault fault, std::string_view why);

    Hypervisor& hypervisor_;
    std::function<void(const wire::GuestSignal&)> on_signal_;
    Timer pause_timer_;
    HostEvents pending_;
    KnownList known_;
    std::unique_ptr<DomainList> domains_;  // large, and reused
};

// What the guest's three words come to; pure. `protocol_violation` with a sentence when one of them is not
// what it must be: the others then count for nothing.
wire::GuestSignal read_signal(std::string_view nonce, std::string_view address, std::string_view ready);

}  // namespace ballast::agent
