// An agent's connection to the controller (agent/controller_link.cpp).
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::int64_t redial_first_ns = 250 * ms;
constexpr std::int64_t redial_max_ns = 15 * second;
constexpr std::int64_t dial_timeout_ns = 10 * second;

}  // namespace

void Agents::dial(std::uint32_t host) {
    Process& process = agents_[host];
    process.state = LinkState::dialling;
    const std::uint32_t box = world_.network.controller();
    if (!world_.network.open_between(host, box) || !world_.network.open_between(box, host)) {
        arm(host, Timer::redial, dial_timeout_ns + between(process.random, 0, redial_max_ns));
        return;
    }
    if (!world_.controller.up()) {
        dial_later(host);
        return;
    }
    const std::uint32_t connection = world_.network.connect(host, box, host);
    world_.controller.accept(connection);
    post(host, Dialled{connection});
}

void Agents::dial_later(std::uint32_t host) {
    Process& process = agents_[host];
    process.state = LinkState::down;
    const std::uint32_t doublings = std::min<std::uint32_t>(process.failures, 8);
    const std::int64_t pause_ns = std::min(redial_first_ns << doublings, redial_max_ns);
    arm(host, Timer::redial, pause_ns / 2 + between(process.random, 0, pause_ns / 2));
    ++process.failures;
}

void Agents::drop_link(std::uint32_t host) {
    Process& process = agents_[host];
    if (process.connection != no_connection) {
        world_.network.close(process.connection, Side::dialler);
    }
    process.connection = no_connection;
    ++process.stamps[static_cast<std::size_t>(Timer::sample)];
    dial_later(host);
}

void Agents::say(std::uint32_t host, Letter&& letter) {
    const Process& process = agents_[host];
    if (process.state == LinkState::ready) {
        world_.network.send(process.connection, Side::dialler, std::move(letter));
    }
}

void Agents::hear(std::uint32_t host, const Letter& letter) {
    Process& process = agents_[host];
    if (process.state == LinkState::awaiting_reply) {
        const auto* reply = std::get_if<wire::HelloReply>(&letter);
        if (reply == nullptr || !reply->accepted) {
            process.failures = std::max<std::uint32_t>(process.failures, 6);
            drop_link(host);
            return;
        }
        process.failures = 0;
        process.state = LinkState::ready;
        process.sample_every_ns = std::max<std::int64_t>(reply->sample_interval_ms, 100) * ms;
        send_inventory(host);
        step(host, agent::LinkUpEvent{});
        tell_desktop_side(host);
        take_sample(host);
        arm(host, Timer::sample, process.sample_every_ns);
        return;
    }
    if (process.state != LinkState::ready) {
        return;
    }
    if (hear_desktop_order(host, letter)) {
        return;
    }
    if (const auto* order = std::get_if<std::shared_ptr<const wire::JobOrder>>(&letter)) {
        step(host, agent::OrderEvent{**order});
    } else if (const auto* limit = std::get_if<wire::JobLimit>(&letter)) {
        step(host, agent::LimitEvent{limit->job_id, limit->bandwidth_mbps});
    } else if (const auto* cancel = std::get_if<wire::JobCancel>(&letter)) {
        step(host, agent::CancelEvent{cancel->job_id});
    } else if (const auto* ack = std::get_if<wire::JobAck>(&letter)) {
        step(host, agent::AckEvent{ack->job_id});
    } else if (const auto* query = std::get_if<wire::HandoverQuery>(&letter)) {
        step(host, agent::QueryEvent{*query});
    } else if (const auto* given = std::get_if<wire::HandoverAnswer>(&letter)) {
        step(host, agent::AnswerEvent{*given});
    }
}

}  // namespace ballast::simulator
