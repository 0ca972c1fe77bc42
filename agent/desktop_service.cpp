#include "agent/desktop_service.hpp"

namespace ballast::agent {

DesktopService::DesktopService(Loop& loop, const AgentConfig& config, Hypervisor& hypervisor, HostView& view,
                               StoreState& store, StoreKeeper::Events store_events,
                               std::function<void(const wire::Message&)> send)
    : send_{std::move(send)},
      relays_{loop, config.relay,
              Relays::Events{
                  .find_console = [&view](const Uuid& guest, GuestConsole& out,
                                          Detail& why) { return view.find_console(guest, out, why); },
                  .on_status = [this](const wire::RelayStatus& status) { send_(wire::Message{status}); }}},
      signals_{loop, hypervisor, [this](const wire::GuestSignal& signal) { send_(wire::Message{signal}); }},
      life_{loop, hypervisor,
            [&view](const Uuid& guest, GuestConsole& out, Detail& why) {
                return view.find_console(guest, out, why);
            },
            [this](const wire::GuestSignal& signal) { send_(wire::Message{signal}); }},
      store_{store, std::move(store_events)} {}

void DesktopService::take(const wire::Message& message) {
    if (const auto* open = std::get_if<wire::RelayOpen>(&message)) {
        relays_.open(*open);
    } else if (const auto* close = std::get_if<wire::RelayClose>(&message)) {
        relays_.close(*close);
    } else if (const auto* note = std::get_if<wire::GuestNote>(&message)) {
        if (note->watch == wire::LifeSigns::none) {
            signals_.note(*note);
        } else {
            life_.watch(*note);
        }
    } else if (const auto* probe = std::get_if<wire::StoreProbe>(&message)) {
        store_.probe(*probe);
    }
}

void DesktopService::on_controller_ready() {
    relays_.report_all();
    signals_.report_all();
}

void DesktopService::guests_changed() {
    relays_.guests_changed();
    signals_.guests_changed();
}

}  // namespace ballast::agent
