// The agents' connections: accepts them, numbers them, and carries messages between them and the engine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "controller/config.hpp"
#include "controller/engine.hpp"
#include "shell/link.hpp"
#include "shell/loop.hpp"

namespace ballast::controller {

class Agents final : public AgentPort {
  public:
    // Null with a sentence in `why` when it cannot listen or the certificates are unusable.
    static std::unique_ptr<Agents> open(Loop& loop, Engine& engine, const AgentsConfig& config,
                                        std::uint32_t links_max, std::string& why);
    ~Agents() override;
    Agents(const Agents&) = delete;
    Agents& operator=(const Agents&) = delete;

    void send(LinkId link, const wire::Message& message) override;
    void seal() override;
    void release() override;
    void drop() override;
    void close(LinkId link, Fault fault) override;
    void close_all() override;

    // When our own certificate ends; 0 without TLS.
    WallTime certificate_expires() const noexcept;
    std::uint16_t port() const noexcept { return listener_->port(); }
    std::size_t connected() const noexcept { return links_.size(); }
    std::uint64_t refused() const noexcept { return refused_; }
    std::uint64_t lost() const noexcept { return lost_; }
    std::uint64_t bytes_sent() const noexcept;
    std::uint64_t bytes_received() const noexcept;

  private:
    struct Entry {
        std::unique_ptr<Link> link;
        bool up = false;       // the core knows of it
        bool holding = false;  // is in holding_
    };

    Agents(Loop& loop, Engine& engine, std::uint32_t links_max);
    void accept(int socket_fd);
    void link_up(LinkId id);
    void link_message(LinkId id, const wire::Message& message);
    void link_down(LinkId id, Fault fault, std::string_view detail);
    void forget(std::unordered_map<LinkId, Entry>::iterator entry, Fault fault);

    Loop& loop_;
    Engine& engine_;
    std::uint32_t links_max_;
    LinkOptions options_;
    std::unique_ptr<Listener> listener_;
    std::unordered_map<LinkId, Entry> links_;
    std::vector<LinkId> holding_;  // links with messages that wait for the next transaction
    std::vector<LinkId> sealed_;   // for the one that is on its way
    LinkId next_id_ = 1;
    std::uint64_t refused_ = 0;
    std::uint64_t lost_ = 0;
    std::uint64_t ended_bytes_sent_ = 0;
    std::uint64_t ended_bytes_received_ = 0;
};

}  // namespace ballast::controller
