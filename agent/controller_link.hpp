// The agent's connection to its controller: dials, says hello, and dials again with growing, jittered pauses.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/config.hpp"
#include "shell/link.hpp"

namespace ballast::agent {

class ControllerLink {
  public:
    struct Events {
        std::function<void(wire::Hello&)> fill_hello;
        std::function<void(const wire::HelloReply&)> on_ready;  // the controller has accepted this host
        std::function<void(const wire::Message&)> on_message;   // after that
        std::function<void()> on_lost;                          // after on_ready
    };
    ControllerLink(Loop& loop, const AgentConfig& config, std::shared_ptr<TlsCredentials> tls, Events events);
    ~ControllerLink();
    ControllerLink(const ControllerLink&) = delete;
    ControllerLink& operator=(const ControllerLink&) = delete;

    void start();
    bool ready() const noexcept { return ready_; }
    // Whether what was sent before has left this process.
    bool idle() const noexcept { return ready_ && link_->bytes_waiting() == 0; }
    // Dropped when not ready: whatever matters is said again when it is.
    void send(const wire::Message& message);

  private:
    void dial();
    void dial_later();
    void on_up();
    void on_message(const wire::Message& message);
    void on_down(Fault fault, std::string_view detail);

    Loop& loop_;
    const AgentConfig& config_;
    std::shared_ptr<TlsCredentials> tls_;
    Events events_;
    Timer redial_;
    std::unique_ptr<Link> link_;
    std::uint32_t failures_ = 0;
    bool ready_ = false;
};

}  // namespace ballast::agent
