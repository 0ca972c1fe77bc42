#include "controller/agents.hpp"

#include <unistd.h>

#include "shell/log.hpp"

namespace ballast::controller {

namespace {

// "[::1]:4000" and "127.0.0.1:4000" without the port.
std::string_view without_port(std::string_view address) noexcept {
    const std::size_t colon = address.rfind(':');
    std::string_view host = colon == std::string_view::npos ? address : address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    return host;
}

}  // namespace

Agents::Agents(Loop& loop, Engine& engine, std::uint32_t links_max)
    : loop_{loop}, engine_{engine}, links_max_{links_max}, burial_{loop, [this] { bury(); }} {}

Agents::~Agents() = default;

std::unique_ptr<Agents> Agents::open(Loop& loop, Engine& engine, const AgentsConfig& config,
                                     std::uint32_t links_max, std::string& why) {
    std::unique_ptr<Agents> agents{new Agents{loop, engine, links_max}};
    if (!config.plain) {
        agents->options_.tls =
            TlsCredentials::load(config.tls.ca, config.tls.certificate, config.tls.key, why);
        if (agents->options_.tls == nullptr) {
            return nullptr;
        }
    }
    agents->listener_ = Listener::open(
        loop, config.listen, config.port, [raw = agents.get()](int fd) { raw->accept(fd); }, why);
    return agents->listener_ != nullptr ? std::move(agents) : nullptr;
}

void Agents::accept(int socket_fd) {
    if (links_.size() >= links_max_) {
        ++refused_;
        log_warning("connection of an agent refused: limits.links ({}) is reached", links_max_);
        ::close(socket_fd);
        return;
    }
    const LinkId id = next_id_++;
    Link::Events events;
    events.on_up = [this, id] { link_up(id); };
    events.on_message = [this, id](const wire::Message& message) { link_message(id, message); };
    events.on_down = [this, id](Fault fault, std::string_view detail) { link_down(id, fault, detail); };
    Entry& entry = links_[id];
    entry.link =
        std::make_unique<Link>(loop_, socket_fd, ::ballast::Role::server, options_, std::move(events));
}

void Agents::link_up(LinkId id) {
    Entry& entry = links_.at(id);
    entry.up = true;
    LinkUp event;
    event.link = id;
    event.tls = options_.tls != nullptr;
    event.remote_address.assign_cut(without_port(entry.link->peer_address()));
    if (!event.certificate_name.try_assign(entry.link->peer_name())) {
        log_warning("agent {}: the certificate's name is too long", entry.link->peer_address());
        close(id, Fault::authentication_failed);
        return;
    }
    (void)engine_.step(event);  // a full table is told by the core's own CloseLink
}

void Agents::link_message(LinkId id, const wire::Message& message) {
    const auto found = links_.find(id);
    if (found == links_.end()) {
        return;  // closed while its last bytes were being read
    }
    const Status status = engine_.step(LinkMessage{id, &message});
    if (!status.ok() && status.fault() == Fault::protocol_violation) {
        log_warning("agent {}: broke the protocol, closing", found->second.link->peer_address());
        close(id, status.fault());
    }
}

void Agents::link_down(LinkId id, Fault fault, std::string_view detail) {
    const auto found = links_.find(id);
    if (found != links_.end()) {
        ++lost_;
        log_info("agent {}: connection ended: {} ({})", found->second.link->peer_address(), describe(fault),
                 detail);
        end(id, fault);
    }
}

void Agents::close(LinkId link, Fault fault) {
    const auto found = links_.find(link);
    if (found != links_.end()) {
        log_info("agent {}: closing: {}", found->second.link->peer_address(), describe(fault));
        found->second.link->close();
        end(link, fault);
    }
}

void Agents::end(LinkId id, Fault fault) {
    const auto found = links_.find(id);
    if (found == links_.end()) {
        return;  // close() told on_down already
    }
    ended_.push_back({id, std::move(found->second), fault});
    links_.erase(found);
    burial_.start_once(milliseconds(0));
}

void Agents::bury() {
    while (!ended_.empty()) {
        const Ended ended = std::move(ended_.front());
        ended_.pop_front();
        buried_bytes_sent_ += ended.entry.link->bytes_sent();
        buried_bytes_received_ += ended.entry.link->bytes_received();
        if (ended.entry.up) {
            (void)engine_.step(
                LinkDown{ended.id, ended.fault});  // a link that the core has closed is unknown to it
        }
    }
}

void Agents::send(LinkId link, const wire::Message& message) {
    const auto found = links_.find(link);
    if (found != links_.end()) {
        (void)found->second.link->send(message);  // a failure is told by on_down
    }
}

std::uint64_t Agents::bytes_sent() const noexcept {
    std::uint64_t bytes = buried_bytes_sent_;
    for (const auto& [id, entry] : links_) {
        bytes += entry.link->bytes_sent();
    }
    return bytes;
}

std::uint64_t Agents::bytes_received() const noexcept {
    std::uint64_t bytes = buried_bytes_received_;
    for (const auto& [id, entry] : links_) {
        bytes += entry.link->bytes_received();
    }
    return bytes;
}

}  // namespace ballast::controller
