#include "agent/relay/relay.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "shell/log.hpp"

namespace ballast::agent {
namespace {

constexpr std::uint32_t report_every_min_ms = 1000;
using AddressBytes = std::array<std::uint8_t, 16>;

std::optional<AddressBytes> parse_address(std::string_view text) noexcept {
    const FixedString<63> bounded{text};
    std::array<char, 64> zero_ended{};
    std::copy_n(bounded.view().data(), bounded.size(), zero_ended.data());
    AddressBytes bytes{};
    if (text.size() <= bounded.capacity() && ::inet_pton(AF_INET6, zero_ended.data(), bytes.data()) == 1) {
        return bytes;
    }
    bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (text.size() <= bounded.capacity() &&
        ::inet_pton(AF_INET, zero_ended.data(), bytes.data() + 12) == 1) {
        return bytes;
    }
    return std::nullopt;
}

std::optional<AddressBytes> peer_address(int fd) noexcept {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return std::nullopt;
    }
    AddressBytes bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (address.ss_family == AF_INET) {
        std::memcpy(bytes.data() + 12, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
    } else {
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, bytes.size());
    }
    return bytes;
}

}  // namespace

bool valid_address(std::string_view address) noexcept {
    return parse_address(address).has_value();
}

bool peer_is(int fd, std::string_view address) {
    const std::optional<AddressBytes> wanted = parse_address(address);
    return wanted && wanted == peer_address(fd);
}

struct Relay::Visitor {
    std::uint64_t number = 0;
    std::unique_ptr<Conversation> conversation;
};

Relay::Relay(Loop& loop, const wire::RelayOpen& order, Events events)
    : loop_{loop},
      order_{order},
      events_{std::move(events)},
      last_input_{mono_now()},
      report_timer_{loop, [this] { events_.on_change(); }} {}
Relay::~Relay() = default;

std::unique_ptr<Relay> Relay::open(Loop& loop, const wire::RelayOpen& order, const std::string& listen,
                                   std::uint16_t port, Events events, std::string& why) {
    std::unique_ptr<Relay> relay{new Relay{loop, order, std::move(events)}};
    relay->listener_ = Listener::open(
        loop, listen, port, [raw = relay.get()](int fd) { raw->on_accept(fd); }, why);
    return relay->listener_ ? std::move(relay) : nullptr;
}

void Relay::on_accept(int fd) {
    if (!order_.client_address.empty() && !peer_is(fd, order_.client_address)) {
        log_warning("session {}: a connection from elsewhere than {} was closed", order_.session_id,
                    order_.client_address);
        ::close(fd);
        return;
    }
    const auto waiting = std::count_if(visitors_.begin(), visitors_.end(), [this](const Visitor& visitor) {
        return visitor.number != admitted_;
    });
    if (static_cast<std::size_t>(waiting) >= relay_visitors_max) {
        visitors_.erase(std::find_if(visitors_.begin(), visitors_.end(),
                                     [this](const Visitor& visitor) { return visitor.number != admitted_; }));
    }
    const std::uint64_t number = ++last_number_;
    Conversation::Events events{.find_console = events_.find_console,
                                .on_admitted = [this, number] { on_admitted(number); },
                                .on_input = [this] { on_input(); },
                                .on_end = [this, number](std::string_view why) { on_end(number, why); }};
    visitors_.push_back(
        {number, std::make_unique<Conversation>(loop_, fd, order_.password, std::move(events))});
}

void Relay::on_admitted(std::uint64_t number) {
    if (admitted_ != 0) {
        on_end(admitted_, "another client took its place");
    }
    admitted_ = number;
    const auto at = std::find_if(visitors_.begin(), visitors_.end(),
                                 [number](const Visitor& visitor) { return visitor.number == number; });
    client_.assign_cut(at->conversation->peer());
    last_input_ = mono_now();  // whoever connects is there
    if (order_.report_every_ms != 0) {
        report_timer_.start_every(report_every());
    }
    log_notice("session {}: {} is connected to its guest", order_.session_id, client_);
    events_.on_change();
}

// Whoever counts idle seconds learns at once that they are over, not with the next report.
void Relay::on_input() {
    const Instant before = std::exchange(last_input_, mono_now());
    if (report_timer_.active() && (last_input_ - before).ms >= report_every().ms) {
        events_.on_change();
    }
}

Duration Relay::report_every() const noexcept {
    return milliseconds(std::max(order_.report_every_ms, report_every_min_ms));
}

void Relay::on_end(std::uint64_t number, std::string_view why) {
    const auto at = std::find_if(visitors_.begin(), visitors_.end(),
                                 [number](const Visitor& visitor) { return visitor.number == number; });
    const Conversation& conversation = *at->conversation;
    log_info("session {}: {} left{}{}", order_.session_id, conversation.peer(), why.empty() ? "" : ": ", why);
    const bool was_client = number == admitted_;
    if (was_client) {
        to_client_bytes_ += conversation.to_client_bytes();
        from_client_bytes_ += conversation.from_client_bytes();
        admitted_ = 0;
        report_timer_.stop();
    }
    visitors_.erase(at);
    if (was_client) {
        events_.on_change();
    }
}

wire::RelayStatus Relay::status() const {
    wire::RelayStatus status;
    status.session_id = order_.session_id;
    status.uuid = order_.uuid;
    status.state = admitted_ != 0 ? wire::RelayState::connected : wire::RelayState::listening;
    status.port = port();
    status.client = client_;
    status.idle_seconds = static_cast<std::uint32_t>((mono_now() - last_input_).ms / 1000);
    status.to_client_bytes = to_client_bytes_;
    status.from_client_bytes = from_client_bytes_;
    for (const Visitor& visitor : visitors_) {
        if (visitor.number == admitted_) {
            status.to_client_bytes += visitor.conversation->to_client_bytes();
            status.from_client_bytes += visitor.conversation->from_client_bytes();
        }
    }
    return status;
}

}  // namespace ballast::agent
