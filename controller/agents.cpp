#include "controller/agents.hpp"

#include <unistd.h>

#include <utility>

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
    : loop_{loop}, engine_{engine}, links_max_{links_max} {}

Agents::~Agents() = default;

std::unique_ptr<Agents> Agents::open(Loop& loop, Engine& engine, const AgentsConfig& config,
                                     std::uint32_t links_max, std::string& why) {
    std::unique_ptr<Agents> agents{new Agents{loop, engine, links_max}};
    agents->options_.scratch = std::make_shared<LinkScratch>();
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
    event.certificate_name = entry.link->peer_name();
    (void)engine_.step(event);  // a full table is told by the core's own CloseLink
}

void Agents::link_message(LinkId id, const wire::Message& message) {
    const auto found = links_.find(id);
    const Status status = engine_.step(LinkMessage{id, &message});
    if (!status.ok() && status.fault() == Fault::protocol_violation) {
        log_warning("agent {}: broke the protocol, closing", found->second.link->peer_address());
        found->second.link->close();
        forget(found, status.fault());
    }
}

void Agents::link_down(LinkId id, Fault fault, std::string_view detail) {
    const auto found = links_.find(id);
    if (found != links_.end()) {
        log_info("agent {}: connection ended: {}", found->second.link->peer_address(), detail);
        forget(found, fault);
    }
}

void Agents::forget(std::unordered_map<LinkId, Entry>::iterator entry, Fault fault) {
    const LinkId id = entry->first;
    const bool known = entry->second.up;
    ended_bytes_sent_ += entry->second.link->bytes_sent();
    ended_bytes_received_ += entry->second.link->bytes_received();
    ++lost_;
    links_.erase(entry);
    if (known) {
        (void)engine_.step(LinkDown{id, fault});  // a link that the core has closed is unknown to it
    }
}

// An action of the core's: in the middle of a step. on_down comes later, from the loop.
void Agents::close(LinkId link, Fault fault) {
    const auto found = links_.find(link);
    if (found != links_.end()) {
        log_info("agent {}: closing: {}", found->second.link->peer_address(), describe(fault));
        found->second.link->close_after_send();
    }
}

void Agents::close_all() {
    for (auto& [id, entry] : links_) {
        entry.link->close_after_send();  // on_down comes later, from the loop
    }
}

void Agents::send(LinkId link, const wire::Message& message) {
    const auto found = links_.find(link);
    if (found != links_.end() && found->second.link->hold(message) &&  // a failure is told by on_down
        !std::exchange(found->second.holding, true)) {
        holding_.push_back(link);
    }
}

void Agents::seal() {
    std::swap(sealed_, holding_);
    for (const LinkId id : sealed_) {
        if (const auto found = links_.find(id); found != links_.end()) {
            found->second.holding = false;
            found->second.link->seal();
        }
    }
}

void Agents::release() {
    for (const LinkId id : sealed_) {
        if (const auto found = links_.find(id); found != links_.end()) {
            found->second.link->release();
        }
    }
    sealed_.clear();
}

void Agents::drop() {
    for (std::vector<LinkId>* links : {&sealed_, &holding_}) {
        for (const LinkId id : *links) {
            if (const auto found = links_.find(id); found != links_.end()) {
                found->second.holding = false;
                found->second.link->close();  // on_down comes later, from the loop
            }
        }
        links->clear();
    }
}

WallTime Agents::certificate_expires() const noexcept {
    return options_.tls != nullptr ? options_.tls->expires() : WallTime{};
}

std::uint64_t Agents::bytes_sent() const noexcept {
    std::uint64_t bytes = ended_bytes_sent_;
    for (const auto& [id, entry] : links_) {
        bytes += entry.link->bytes_sent();
    }
    return bytes;
}

std::uint64_t Agents::bytes_received() const noexcept {
    std::uint64_t bytes = ended_bytes_received_;
    for (const auto& [id, entry] : links_) {
        bytes += entry.link->bytes_received();
    }
    return bytes;
}

}  // namespace ballast::controller
