#include "agent/controller_link.hpp"

#include <algorithm>

#include "shell/log.hpp"
#include "shell/random.hpp"

namespace ballast::agent {
namespace {

constexpr Duration redial_first = milliseconds(250);
constexpr Duration redial_max = seconds(15);

}  // namespace

ControllerLink::ControllerLink(Loop& loop, const AgentConfig& config, std::shared_ptr<TlsCredentials> tls,
                               Events events)
    : loop_{loop}, config_{config}, tls_{std::move(tls)}, events_{std::move(events)}, redial_{loop, [this] {
                                                                                                  dial();
                                                                                              }} {}
ControllerLink::~ControllerLink() = default;

void ControllerLink::start() {
    dial();
}

void ControllerLink::dial() {
    std::string why;
    link_.reset();
    const int fd = start_connect(config_.controller_address, config_.controller_port, why);
    if (fd < 0) {
        on_down(Fault::host_unreachable, why);
        return;
    }
    LinkOptions options;
    options.tls = tls_;
    options.peer_name = tls_ ? config_.controller_name : std::string{};
    link_ = std::make_unique<Link>(
        loop_, fd, Role::client, options,
        Link::Events{.on_up = [this] { on_up(); },
                     .on_message = [this](const wire::Message& message) { on_message(message); },
                     .on_down = [this](Fault fault, std::string_view detail) { on_down(fault, detail); }});
}

// Half of the pause is drawn by lot: after the controller's restart a pool does not dial it in step.
void ControllerLink::dial_later() {
    const std::uint32_t doublings = std::min<std::uint32_t>(failures_, 8);
    const std::int64_t pause_ms = std::min((redial_first * (std::int64_t{1} << doublings)).ms, redial_max.ms);
    const auto half_ms = static_cast<std::uint64_t>(pause_ms / 2 + 1);
    redial_.start_once(milliseconds(pause_ms / 2 + static_cast<std::int64_t>(random_u64() % half_ms)));
    ++failures_;
}

void ControllerLink::on_up() {
    wire::Hello hello;
    events_.fill_hello(hello);
    link_->send(wire::Message{hello});
}

void ControllerLink::on_message(const wire::Message& message) {
    if (ready_) {
        events_.on_message(message);
        return;
    }
    const auto* reply = std::get_if<wire::HelloReply>(&message);
    if (reply == nullptr) {
        log_warning("the controller at {}:{} spoke before it answered the hello", config_.controller_address,
                    config_.controller_port);
        link_->close();
        return;
    }
    if (!reply->accepted) {
        log_error("the controller refuses this host: {}: {}", reply->fault, reply->detail);
        failures_ = std::max<std::uint32_t>(failures_, 6);  // somebody must change something first
        link_->close();
        return;
    }
    log_notice("connected to the controller at {}:{}", config_.controller_address, config_.controller_port);
    failures_ = 0;
    ready_ = true;
    events_.on_ready(*reply);
}

void ControllerLink::on_down(Fault fault, std::string_view detail) {
    if (failures_ == 0 || ready_) {
        log_warning("no connection to the controller at {}:{}: {}: {}", config_.controller_address,
                    config_.controller_port, fault, detail);
    }
    const bool was_ready = ready_;
    ready_ = false;
    dial_later();
    if (was_ready) {
        events_.on_lost();
    }
}

void ControllerLink::send(const wire::Message& message) {
    if (ready_) {
        (void)link_->send(message);
    }
}

}  // namespace ballast::agent
