// The worker of a connection that another agent has opened (agent/worker_incoming.cpp).
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::int64_t first_word_ns = 10 * second;
constexpr std::int64_t image_silence_ns = 60 * second;

}  // namespace

Workers::Did Workers::incoming(Worker& worker) {
    switch (worker.phase) {
        case awaiting_first_word:
        case awaiting_permission: return meet(worker);
        case beginning:
        case awaiting_image:
        case building:
        case awaiting_end: return receive(worker);
        default: return take_over(worker);
    }
}

Workers::Did Workers::meet(Worker& worker) {
    PeerWord word;
    agent::Action command;
    if (worker.phase == awaiting_first_word) {
        if (worker.patience_until_ns == 0) {
            (void)patience(worker, first_word_ns);
        }
        if (!hears(worker, word)) {
            return worker.peer_gone || impatient(worker)
                       ? fail(worker, Fault::connection_lost, "the peer said nothing")
                       : Did::waits;
        }
        if (word.word == Word::open) {
            world_.agents.post(worker.host, agent::IncomingOpenEvent{worker.id, {}, *word.opened});
        } else {
            world_.agents.post(worker.host, agent::IncomingAskEvent{worker.id, {}, *word.asked});
        }
        worker.phase = awaiting_permission;
    }
    if (!told(worker, command)) {
        return Did::waits;
    }
    if (command.tell == agent::Tell::verdict) {
        say(worker, {.word = Word::verdict, .verdict = command.verdict});
        leave(worker, {});
        return Did::ended;
    }
    if (command.tell != agent::Tell::accept) {
        say(worker, {.word = Word::decline, .fault = command.fault});
        return fail(worker, Fault::peer_refused, "the migration was not expected");
    }
    worker.phase = beginning;
    return Did::goes_on;
}

// Takes the image; what is half-built is taken away again when it breaks off, but the connection stays.
Workers::Did Workers::receive(Worker& worker) {
    PeerWord word;
    const auto failed = [&](Fault fault, const char* why) {
        if (worker.domid != 0) {
            const std::uint32_t domid = worker.domid;
            give_up(worker);
            sim::cancel_build(xen(worker), domid);
        }
        unlock(worker);
        report(worker, {.news = agent::WorkerNews::failed, .fault = fault, .detail = Detail{why}});
        worker.phase = awaiting_last_order;
        return Did::goes_on;
    };
    if (worker.phase == beginning) {
        if (!lock(worker, worker.record.uuid)) {
            return Did::waits;
        }
        say(worker, {.word = Word::accept, .journal_id = uuid_of(journal_uuids, worker.host + 1)});
        worker.phase = awaiting_image;
        return patience(worker, image_silence_ns);
    }
    if (worker.phase == building) {
        worker.phase = awaiting_end;
        return patience(worker, image_silence_ns);
    }
    if (!hears(worker, word)) {
        return worker.peer_gone || impatient(worker)
                   ? failed(Fault::connection_lost, "the transfer broke off")
                   : Did::waits;
    }
    if (worker.phase == awaiting_image) {
        const Result<std::uint32_t> begun =
            sim::begin_receive(xen(worker), word.image->guest, incoming_suffix, true);
        if (!begun.ok()) {
            return failed(begun.fault(), "the guest cannot be restored here");
        }
        worker.domid = begun.value();
        worker.phase = building;
        return wait(worker, sim::build_ns(xen(worker).config));
    }
    const Status status =
        sim::finish_receive(xen(worker), worker.domid, word.image->workload, word.image->executed_ns);
    if (!status.ok()) {
        return failed(status.fault(), "the guest cannot be restored here");
    }
    if (world_.scenario.mutation == Mutation::unpause_early) {
        (void)sim::unpause(xen(worker), *sim::find_domid(xen(worker), worker.domid));
    }
    worker.domid = 0;
    unlock(worker);
    report(worker, {.news = agent::WorkerNews::restored});
    worker.phase = awaiting_ready_order;
    return Did::goes_on;
}

Workers::Did Workers::take_over(Worker& worker) {
    PeerWord word;
    agent::Action command;
    if (worker.phase == awaiting_commit) {
        if (!hears(worker, word)) {
            return worker.peer_gone || impatient(worker)
                       ? fail(worker, Fault::connection_lost, "the source fell silent")
                       : Did::waits;
        }
        report(worker, {.news = agent::WorkerNews::commit});
        worker.phase = awaiting_last_order;
    }
    if (!told(worker, command)) {
        return Did::waits;
    }
    if (worker.phase == awaiting_ready_order && command.tell == agent::Tell::ready) {
        say(worker, {.word = Word::ready});
        worker.phase = awaiting_commit;
        const std::int64_t left_ms =
            worker.record.deadline.unix_ms - world_.host_now(worker.host).wall.unix_ms;
        return patience(worker, std::max<std::int64_t>(left_ms, 1000) * ms);
    }
    if (command.tell == agent::Tell::started) {
        say(worker, {.word = Word::started});
    } else if (command.tell == agent::Tell::aborted) {
        say(worker, {.word = Word::aborted, .fault = command.fault});
    }
    leave(worker, {});
    return Did::ended;
}

}  // namespace ballast::simulator
