// The source's side of a hand-over, and the worker that asks what became of it (agent/worker_source.cpp).
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::int64_t peer_dial_timeout_ns = 10 * second;
constexpr std::int64_t answer_timeout_ns = 20 * second;
constexpr std::int64_t started_timeout_ns = 30 * second;
constexpr std::int64_t stalled_look_ns = 250 * ms;

}  // namespace

// False: the worker has failed, or waits to fail.
bool Workers::dial(Worker& worker) {
    const std::uint32_t host = worker.host;
    std::uint32_t peer = 0;
    while (peer < world_.hosts() && world_.machine(peer).name != worker.record.peer_host) {
        ++peer;
    }
    const bool passes = peer < world_.hosts() && world_.network.open_between(host, peer) &&
                        world_.network.open_between(peer, host) && world_.machine(peer).powered;
    if (!passes && worker.patience_until_ns == 0) {
        worker.patience_until_ns = 1;
        (void)wait(worker, peer_dial_timeout_ns);
        return false;
    }
    if (!passes || !world_.agents.up(peer)) {
        (void)fail(worker, Fault::host_unreachable, "the destination cannot be reached");
        return false;
    }
    const auto self = static_cast<std::uint32_t>(&worker - workers_.data());
    worker.connection = world_.network.connect(host, peer, self);
    const std::uint32_t connection = worker.connection;
    start(peer, agent::Action{.worker = world_.agents.next_incoming(peer), .op = agent::WorkerOp::incoming},
          {}, {});
    // `worker` may have moved. The newest one in use with this connection is the peer's.
    for (std::uint32_t index = 0; index < workers_.size(); ++index) {
        Worker& incoming_worker = workers_[index];
        if (incoming_worker.in_use && incoming_worker.op == agent::WorkerOp::incoming &&
            incoming_worker.connection == no_connection) {
            incoming_worker.connection = connection;
            incoming_worker.side = Side::listener;
            incoming_worker.phase = awaiting_first_word;
            world_.network.set_tag(connection, Side::listener, index);
        }
    }
    return true;
}

Workers::Did Workers::migrate_out(Worker& worker) {
    switch (worker.phase) {
        case beginning:
        case awaiting_accept:
        case awaiting_go: return open_transfer(worker);
        case sending_round:
        case suspending:
        case deaf:
        case sending_last: return send_rounds(worker);
        default: return hand_over(worker);
    }
}

Workers::Did Workers::open_transfer(Worker& given) {
    const auto self = static_cast<std::uint32_t>(&given - workers_.data());
    if (given.phase == beginning && given.connection == no_connection && !dial(given)) {
        return Did::ended;
    }
    Worker& worker = workers_[self];
    PeerWord word;
    agent::Action command;
    if (worker.phase == beginning) {
        if (!lock(worker, worker.record.uuid)) {
            return Did::waits;
        }
        const agent::JobRecord& record = worker.record;
        auto open = std::make_shared<wire::MigrationOpen>();
        open->version = limits::protocol_version;
        open->migration_id = record.migration_id;
        open->uuid = record.uuid;
        open->name = record.name;
        open->source_host = world_.machine(worker.host).name;
        open->memory_kib = record.memory_kib;
        say(worker, {.word = Word::open, .opened = std::move(open)});
        worker.phase = awaiting_accept;
        return patience(worker, answer_timeout_ns);
    }
    if (worker.phase == awaiting_accept) {
        if (!hears(worker, word)) {
            return worker.peer_gone || impatient(worker)
                       ? fail(worker, Fault::connection_lost, "the destination did not answer")
                       : Did::waits;
        }
        if (word.word != Word::accept) {
            return fail(worker, Fault::peer_refused, "the destination refuses");
        }
        report(worker, {.news = agent::WorkerNews::accepted, .journal_id = word.journal_id});
        worker.phase = awaiting_go;
    }
    if (!told(worker, command)) {
        return Did::waits;
    }
    sim::Guest* target = guest(worker);
    if (target == nullptr) {
        return fail(worker, Fault::not_found, "the domain is not here");
    }
    const Status status = sim::begin_send(xen(worker), *target, worker.record.mode, true);
    if (!status.ok()) {
        return fail(worker, status.fault(), "the guest's memory cannot be sent");
    }
    worker.domid = target->domid;
    say(worker, {.word = Word::image, .image = std::make_shared<const Image>(image_of(*target))});
    worker.phase = target->precopy.guest_suspended ? suspending : sending_round;
    return target->precopy.guest_suspended
               ? wait_for_suspension(worker)
               : wait(worker, bytes_ns(worker, target->precopy.round_pages, true));
}

Workers::Did Workers::send_rounds(Worker& worker) {
    if (worker.peer_gone) {
        return fail(worker, Fault::connection_lost, "the connection broke during the transfer");
    }
    if (world_.network.held_up(worker.connection, other(worker.side))) {
        return wait(worker, stalled_look_ns);
    }
    Status status;
    switch (worker.phase) {
        case sending_round: {
            status = sim::end_send_round(xen(worker), worker.domid);
            if (!status.ok()) {
                break;
            }
            const sim::Precopy& precopy = sim::find_domid(xen(worker), worker.domid)->precopy;
            if (!precopy.guest_suspended) {
                return wait(worker, bytes_ns(worker, precopy.round_pages, true));
            }
            worker.phase = suspending;
            return wait_for_suspension(worker);
        }
        case suspending: {
            status = sim::suspend_for_send(xen(worker), worker.domid);
            if (status.fault() == Fault::guest_unresponsive) {
                return wait_for_late_suspension(worker, deaf);
            }
            if (!status.ok()) {
                break;
            }
            const sim::Guest& target = *sim::find_domid(xen(worker), worker.domid);
            worker.image = image_of(target);
            worker.phase = sending_last;
            return wait(worker, bytes_ns(worker, target.precopy.round_pages, true));
        }
        case deaf: status = give_up_on_suspension(worker); break;
        default: {
            status = sim::finish_send(xen(worker), worker.domid);
            if (!status.ok()) {
                break;
            }
            const std::uint32_t sent = worker.domid;
            worker.domid = 0;
            say(worker, {.word = Word::end, .image = std::make_shared<const Image>(worker.image)});
            if (world_.scenario.mutation == Mutation::destroy_early) {
                sim::Guest& target = *sim::find_domid(xen(worker), sent);
                (void)sim::begin_destroy(xen(worker), target);
                (void)sim::finish_destroy(xen(worker), sent);
                world_.ledger.removed(worker.record.uuid, false);
            }
            worker.phase = awaiting_ready;
            return patience(worker, 60 * second);
        }
    }
    return fail(worker, status.fault(), "the guest's memory cannot be sent");
}

Workers::Did Workers::hand_over(Worker& worker) {
    PeerWord word;
    agent::Action command;
    if (worker.phase == awaiting_commit_order) {
        if (!told(worker, command)) {
            return Did::waits;
        }
        say(worker, {.word = Word::commit});
        worker.phase = awaiting_started;
        return patience(worker, started_timeout_ns);
    }
    if (!hears(worker, word)) {
        return worker.peer_gone || impatient(worker)
                   ? fail(worker, Fault::connection_lost, "the destination fell silent")
                   : Did::waits;
    }
    if (worker.phase == awaiting_ready) {
        if (word.word != Word::ready) {
            return fail(worker, word.fault == Fault::none ? Fault::peer_refused : word.fault,
                        "the destination could not restore the guest");
        }
        unlock(worker);
        report(worker, {.news = agent::WorkerNews::ready});
        worker.phase = awaiting_commit_order;
        return Did::goes_on;
    }
    if (word.word != Word::started && word.word != Word::aborted) {
        return fail(worker, Fault::protocol_violation, "the destination answered with something else");
    }
    const bool started = word.word == Word::started;
    report(worker, {.news = started ? agent::WorkerNews::started : agent::WorkerNews::aborted,
                    .fault = started ? Fault::none : Fault::peer_refused});
    leave(worker, {});
    return Did::ended;
}

Workers::Did Workers::ask(Worker& given) {
    const auto self = static_cast<std::uint32_t>(&given - workers_.data());
    if (given.phase == beginning && given.connection == no_connection && !dial(given)) {
        return Did::ended;
    }
    Worker& worker = workers_[self];
    PeerWord word;
    if (worker.phase == beginning) {
        auto question = std::make_shared<wire::MigrationAsk>();
        question->version = limits::protocol_version;
        question->migration_id = worker.record.migration_id;
        question->uuid = worker.record.uuid;
        question->source_host = world_.machine(worker.host).name;
        question->journal_id = worker.record.journal_id;
        say(worker, {.word = Word::ask, .asked = std::move(question)});
        worker.phase = awaiting_verdict;
        return patience(worker, answer_timeout_ns);
    }
    if (!hears(worker, word)) {
        return worker.peer_gone || impatient(worker)
                   ? fail(worker, Fault::connection_lost, "the destination did not say what became of it")
                   : Did::waits;
    }
    report(worker, {.news = agent::WorkerNews::verdict, .verdict = word.verdict});
    leave(worker, {});
    return Did::ended;
}

}  // namespace ballast::simulator
