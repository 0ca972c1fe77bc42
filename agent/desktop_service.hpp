// What the agent does for desktops beside jobs: relays to consoles, what guests and agent tell each other,
// and the proof of the shared store. Orders come from the controller and are answered by statuses; nothing
// here is durable.
#pragma once

#include <functional>

#include "agent/config.hpp"
#include "agent/guest_signals.hpp"
#include "agent/host_view.hpp"
#include "agent/life_watch.hpp"
#include "agent/relay/relays.hpp"
#include "agent/store_keeper.hpp"

namespace ballast::agent {

class DesktopService {
  public:
    // `send` drops what it gets while there is no controller: everything is told again when there is.
    DesktopService(Loop& loop, const AgentConfig& config, Hypervisor& hypervisor, HostView& view,
                   StoreState& store, StoreKeeper::Events store_events,
                   std::function<void(const wire::Message&)> send);

    // A message of the controller; others than those for desktops are ignored.
    void take(const wire::Message& message);
    void on_controller_ready();
    // Domains have come or gone.
    void guests_changed();
    StoreKeeper& store() noexcept { return store_; }
    ConsoleBytes console_bytes() const { return relays_.bytes(); }
    void areas_changed(const HostEvents& events) { signals_.areas_changed(events); }

  private:
    std::function<void(const wire::Message&)> send_;
    Relays relays_;
    GuestSignals signals_;
    LifeWatch life_;
    StoreKeeper store_;
};

}  // namespace ballast::agent
