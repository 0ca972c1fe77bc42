#include "sim/network.hpp"

namespace ballast::simulator {
namespace {

constexpr std::uint64_t network_part = 2;
// A connection is given up after 15 s of silence, noticed within the next 5 s (shell/link.hpp); a worker's
// after about 20 s (its keepalive).
constexpr std::int64_t patience_min_ns = 15 * second;
constexpr std::int64_t patience_max_ns = 20 * second;
constexpr std::int64_t in_order_ns = 1;

}  // namespace

Network::Network(Engine& engine, Listeners& listeners, const Scenario& scenario)
    : engine_{engine},
      listeners_{listeners},
      seed_{scenario.seed},
      latency_max_ns_{scenario.pool.latency_max_ns},
      nodes_{scenario.pool.hosts + 1},
      cuts_(std::size_t{nodes_} * nodes_) {}

bool Network::open_between(std::uint32_t from, std::uint32_t to) const noexcept {
    return cuts_[from * nodes_ + to] == 0;
}

std::int64_t Network::latency(Prng& random) const noexcept {
    const std::int64_t plain = between(random, 50 * us, latency_max_ns_);
    return slow_ns_ == 0 ? plain : plain + between(random, 0, slow_ns_);
}

bool Network::passes(const Line& line, Side towards) const {
    const std::size_t to = index(towards);
    return !line.to[to].dead && open_between(line.node[1 - to], line.node[to]);
}

bool Network::held_up(std::uint32_t connection, Side towards) const {
    return !passes(lines_[connection], towards);
}

void Network::watch(std::uint32_t connection, Side towards) {
    Line& line = at(connection);
    const std::uint64_t item = index(towards) << 32 | ++line.to[index(towards)].stamp;
    engine_.after(between(line.random, patience_min_ns, patience_max_ns), EventKind::silence, connection,
                  line.life, item);
}

void Network::changed(std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t connection = 0; connection < lines_.size(); ++connection) {
        Line& line = lines_[connection];
        for (const Side towards : {Side::dialler, Side::listener}) {
            const std::size_t end = index(towards);
            if (!line.in_use || line.node[end] != to || line.node[1 - end] != from) {
                continue;
            }
            if (!passes(line, towards)) {
                watch(connection, towards);
                continue;
            }
            Direction& direction = line.to[end];
            ++direction.stamp;
            for (; direction.held > 0; --direction.held) {
                direction.last_ns =
                    std::max(direction.last_ns, engine_.now_ns + latency(line.random)) + in_order_ns;
                engine_.queue.push(direction.last_ns, EventKind::deliver, connection, line.life, end);
            }
        }
    }
}

void Network::cut(std::uint32_t from, std::uint32_t to) {
    if (cuts_[from * nodes_ + to]++ == 0) {
        changed(from, to);
    }
}

void Network::mend(std::uint32_t from, std::uint32_t to) {
    if (--cuts_[from * nodes_ + to] == 0) {
        changed(from, to);
    }
}

std::uint32_t Network::connect(std::uint32_t from, std::uint32_t to, std::uint32_t dialler_tag) {
    // Never one that was used before: somebody may still speak into a connection that is gone.
    const auto fresh = static_cast<std::uint32_t>(lines_.size());
    Line& line = lines_.emplace_back();
    line.in_use = true;
    line.life = 1;
    line.node = {from, to};
    line.tag = {dialler_tag, 0};
    line.open = {true, true};
    line.random = dice(seed_, network_part, std::uint64_t{from} << 32 | to, ++connects_);
    return fresh;
}

void Network::send(std::uint32_t connection, Side from, Letter&& letter) {
    Line& line = at(connection);
    if (!line.open[index(from)]) {
        return;
    }
    const std::size_t to = 1 - index(from);
    Direction& direction = line.to[to];
    direction.letters.push_back(std::move(letter));
    direction.last_ns = std::max(direction.last_ns, engine_.now_ns + latency(line.random)) + in_order_ns;
    engine_.queue.push(direction.last_ns, EventKind::deliver, connection, line.life, to);
}

void Network::release(std::uint32_t connection) {
    Line& line = at(connection);
    if (!line.open[0] && !line.open[1]) {
        line.in_use = false;
        ++line.life;
        line.to = {};
    }
}

void Network::close(std::uint32_t connection, Side side, bool silently) {
    Line& line = at(connection);
    if (!line.in_use || !line.open[index(side)]) {
        return;
    }
    if (silently) {
        Direction& direction = line.to[1 - index(side)];
        direction.dead = true;
        watch(connection, other(side));
    } else {
        send(connection, side, Closed{});
    }
    line.open[index(side)] = false;
    release(connection);
}

void Network::on_deliver(const Event& event) {
    Line& line = at(event.target);
    if (!line.in_use || line.life != event.life) {
        return;
    }
    const auto to = static_cast<std::size_t>(event.item);
    const Side side = to == 0 ? Side::dialler : Side::listener;
    Direction& direction = line.to[to];
    if (!passes(line, side)) {
        ++direction.held;
        return;
    }
    Letter letter = std::move(direction.letters.front());
    direction.letters.pop_front();
    if (!line.open[to]) {
        return;
    }
    if (std::holds_alternative<Closed>(letter)) {
        listeners_.lost(event.target, side);
    } else {
        listeners_.hear(event.target, side, std::move(letter));
    }
}

void Network::on_silence(const Event& event) {
    const Line& line = at(event.target);
    const auto to = static_cast<std::size_t>(event.item >> 32);
    if (line.in_use && line.life == event.life && line.open[to] &&
        line.to[to].stamp == static_cast<std::uint32_t>(event.item)) {
        listeners_.lost(event.target, to == 0 ? Side::dialler : Side::listener);
    }
}

}  // namespace ballast::simulator
