#include "agent/relay/relays.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "shell/log.hpp"

namespace ballast::agent {

Relays::Relays(Loop& loop, const RelaySettings& settings, Events events)
    : loop_{loop}, settings_{settings}, events_{std::move(events)} {}
Relays::~Relays() = default;

Relays::List::iterator Relays::find(std::uint64_t session_id) {
    return std::find_if(relays_.begin(), relays_.end(), [session_id](const std::unique_ptr<Relay>& relay) {
        return relay->order().session_id == session_id;
    });
}

void Relays::end(List::iterator relay) {
    const wire::RelayStatus status = (*relay)->status();
    ended_.to_client += status.to_client_bytes;
    ended_.from_client += status.from_client_bytes;
    relays_.erase(relay);
}

ConsoleBytes Relays::bytes() const {
    ConsoleBytes sum = ended_;
    for (const std::unique_ptr<Relay>& relay : relays_) {
        const wire::RelayStatus status = relay->status();
        sum.to_client += status.to_client_bytes;
        sum.from_client += status.from_client_bytes;
    }
    return sum;
}

Fault Relays::check(const wire::RelayOpen& order, Detail& why) const {
    if (order.session_id == 0 || order.uuid.nil()) {
        why = "session_id and uuid must not be nil";
        return Fault::invalid_argument;
    }
    const std::string_view password = order.password;
    if (password.empty() ||
        !std::all_of(password.begin(), password.end(), [](char c) { return c >= ' ' && c <= '~'; })) {
        why = "password: expected 1 to 8 printable characters";
        return Fault::invalid_argument;
    }
    if (!order.client_address.empty() && !valid_address(order.client_address)) {
        why = "client_address: expected an IPv4 or IPv6 address";
        return Fault::invalid_argument;
    }
    if (relays_.size() >= settings_.port_count) {
        why = settings_.port_count == 0
                  ? "this host takes no sessions (relay.port_count is 0)"
                  : fmt::format("relay.port_count: all {} ports are taken", settings_.port_count).c_str();
        return Fault::limit_reached;
    }
    GuestConsole console;
    return events_.find_console(order.uuid, console, why);
}

std::unique_ptr<Relay> Relays::take_port(const wire::RelayOpen& order, std::string& why) {
    Relay::Events events{.find_console =
                             [this, guest = order.uuid](GuestConsole& out, Detail& reason) {
                                 return events_.find_console(guest, out, reason);
                             },
                         .on_change =
                             [this, id = order.session_id] {
                                 const auto at = find(id);
                                 if (at != relays_.end()) {
                                     report(**at);
                                 }
                             }};
    // Ports go round, so that a closed session's client does not knock at another's soon.
    for (std::uint16_t tries = 0; tries < settings_.port_count; ++tries) {
        const auto port = static_cast<std::uint16_t>(settings_.port_first + next_port_);
        next_port_ = static_cast<std::uint16_t>((next_port_ + 1) % settings_.port_count);
        const bool ours =
            std::any_of(relays_.begin(), relays_.end(),
                        [port](const std::unique_ptr<Relay>& relay) { return relay->port() == port; });
        std::unique_ptr<Relay> relay =
            ours ? nullptr : Relay::open(loop_, order, settings_.listen, port, events, why);
        if (relay) {
            return relay;
        }
    }
    return nullptr;
}

void Relays::open(const wire::RelayOpen& order) {
    const auto known = find(order.session_id);
    if (known != relays_.end()) {
        if ((*known)->order() == order) {
            report(**known);
            return;
        }
        log_notice("session {}: its relay is replaced", order.session_id);
        end(known);
    }
    Detail problem;
    const Fault fault = check(order, problem);
    if (fault != Fault::none) {
        report_closed(order.session_id, order.uuid, fault,
                      problem.empty() ? describe(fault) : problem.view());
        return;
    }
    std::string why;
    std::unique_ptr<Relay> relay = take_port(order, why);
    if (!relay) {
        report_closed(order.session_id, order.uuid, Fault::limit_reached,
                      fmt::format("no port of {} to {} can be had: {}", settings_.port_first,
                                  settings_.port_first + settings_.port_count - 1, why));
        return;
    }
    log_notice("session {}: its guest's console is at {}:{}", order.session_id, settings_.advertised,
               relay->port());
    relays_.push_back(std::move(relay));
    report(*relays_.back());
}

void Relays::close(const wire::RelayClose& order) {
    Uuid guest;
    const auto at = find(order.session_id);
    if (at != relays_.end()) {
        guest = (*at)->order().uuid;
        end(at);
    }
    report_closed(order.session_id, guest, Fault::none, {});
}

void Relays::report_all() const {
    for (const std::unique_ptr<Relay>& relay : relays_) {
        report(*relay);
    }
}

void Relays::guests_changed() {
    for (std::size_t i = relays_.size(); i-- > 0;) {
        const wire::RelayOpen order = relays_[i]->order();
        GuestConsole console;
        Detail why;
        const Fault fault = events_.find_console(order.uuid, console, why);
        if (fault == Fault::not_found || fault == Fault::unsupported) {
            end(relays_.begin() + static_cast<std::ptrdiff_t>(i));
            report_closed(order.session_id, order.uuid, fault, why.empty() ? describe(fault) : why.view());
        }
    }
}

void Relays::report(const Relay& relay) const {
    wire::RelayStatus status = relay.status();
    status.address.assign_cut(settings_.advertised);
    events_.on_status(status);
}

void Relays::report_closed(std::uint64_t session_id, const Uuid& guest, Fault fault,
                           std::string_view why) const {
    log_notice("session {}: its relay is closed{}{}", session_id, why.empty() ? "" : ": ", why);
    wire::RelayStatus status;
    status.session_id = session_id;
    status.uuid = guest;
    status.state = wire::RelayState::closed;
    status.fault = fault;
    status.detail = why;
    events_.on_status(status);
}

}  // namespace ballast::agent
