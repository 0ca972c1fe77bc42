#include "agent_world.hpp"

namespace ballast::agent::model {
namespace {

// A phase of a source's worker: the guest has been asked.
constexpr int awaiting_suspension = 30;

}  // namespace

void World::leave(Worker& worker) {
    worker.exited = true;
    if (worker.connection) {
        worker.connection->broken = true;  // what was sent before still arrives
    }
    if (hosts_[worker.host].core) {
        hosts_[worker.host].inbox.push_back([this, index = worker.host, id = worker.id](Host&) {
            feed(index, WorkerGoneEvent{id, {}});
        });
    }
}

bool World::told(Worker& worker, Action& out) {
    if (worker.told.empty()) {
        return false;
    }
    out = worker.told.front();
    worker.told.pop_front();
    return true;
}

void World::say(Worker& worker, Word word, wire::Verdict verdict) {
    if (!worker.connection->broken) {
        worker.connection->to[1 - worker.host].push_back({word, verdict});
    }
}

std::optional<World::Message> World::take(Worker& worker) {
    std::deque<Message>& queue = worker.connection->to[worker.host];
    if (queue.empty()) {
        return std::nullopt;
    }
    const Message message = queue.front();
    queue.pop_front();
    return message;
}

bool World::connect(Worker& worker) {
    if (refused_dials_ > 0 || !hosts_[destination].core) {
        refused_dials_ -= refused_dials_ > 0 ? 1 : 0;
        post(worker.host,
             {.worker = worker.id, .news = WorkerNews::failed, .fault = Fault::host_unreachable});
        leave(worker);
        return false;
    }
    Host& other = hosts_[destination];
    worker.connection = std::make_shared<Connection>();
    other.last_incoming += 1;
    workers_.push_back(std::make_unique<Worker>(Worker{.op = WorkerOp::incoming,
                                                       .host = destination,
                                                       .id = other.last_incoming | incoming_worker_bit,
                                                       .connection = worker.connection}));
    return true;
}

// The phases of a source's worker from 20 on, between the destination's yes and the guest's memory.
bool World::step_copying(Worker& worker) {
    Action command;
    if (worker.phase == 20 || worker.phase == 23) {
        if (!told(worker, command)) {
            return false;
        }
        if (worker.phase == 23) {
            say(worker, Word::complete);
        }
        worker.phase = worker.phase == 20 ? 21 : 3;
        return true;
    }
    if (worker.connection->broken) {
        post(worker.host, {.worker = worker.id, .news = WorkerNews::failed, .fault = Fault::connection_lost});
        leave(worker);
        return true;
    }
    if (worker.phase == 21) {
        say(worker, Word::image);
        worker.phase = 22;
    } else {
        post(worker.host, {.worker = worker.id, .news = WorkerNews::copied});
        worker.phase = 23;
    }
    return true;
}

// Of a destination's worker, from its yes on.
bool World::step_fetching(Worker& worker) {
    Action command;
    Host& host = hosts_[worker.host];
    if (worker.phase == 20) {
        // The guest's lock: the one before must be gone.
        for (const std::unique_ptr<Worker>& other : workers_) {
            if (other.get() != &worker && other->host == worker.host && !other->exited &&
                (other->phase == 21 || other->phase == 22)) {
                return false;
            }
        }
        say(worker, Word::accept);
        worker.phase = 21;
        return true;
    }
    if (worker.phase == 22) {
        if (!told(worker, command)) {
            return false;
        }
        if (command.tell != Tell::go || host.image != Image::incoming) {
            violation_ = "a destination is to use an image that has not come";
        }
        host.image = Image::final_name;
        host.copy = Copy{.state = DomainState::paused, .name = std::string{guest_name} + "--incoming"};
        worker.phase = 3;
        return true;
    }
    const std::optional<Message> message = take(worker);
    if (!message && !worker.connection->broken) {
        return false;
    }
    if (!message) {
        post(worker.host, {.worker = worker.id, .news = WorkerNews::failed, .fault = Fault::connection_lost});
        leave(worker);
    } else if (message->word == Word::image) {
        host.image = Image::incoming;
    } else {
        post(worker.host, {.worker = worker.id, .news = WorkerNews::fetched});
        worker.phase = 22;
    }
    return true;
}

bool World::step_source(Worker& worker) {
    if (worker.phase >= 20 && worker.phase != awaiting_suspension) {
        return step_copying(worker);
    }
    Action command;
    const auto fail = [&](Fault fault) {
        post(worker.host, {.worker = worker.id,
                           .news = WorkerNews::failed,
                           .fault = fault,
                           .suspend_asked = worker.phase > 3});
        leave(worker);
        return true;
    };
    if (worker.phase == 0) {
        if (connect(worker)) {
            say(worker, Word::open);
            worker.phase = 1;
        }
        return true;
    }
    const bool waits_for_peer = worker.phase == 1 || worker.phase == 5 || worker.phase == 7;
    if (waits_for_peer) {
        const std::optional<Message> message = take(worker);
        if (!message) {
            return worker.connection->broken && fail(Fault::connection_lost);
        }
        if (worker.phase == 1 && message->word == Word::accept) {
            post(worker.host,
                 {.worker = worker.id, .news = WorkerNews::accepted, .journal_id = journals[destination]});
            worker.phase = images_ ? 20 : 2;
        } else if (worker.phase == 5 && message->word == Word::ready) {
            post(worker.host, {.worker = worker.id, .news = WorkerNews::ready});
            worker.phase = 6;
        } else if (worker.phase == 7 && (message->word == Word::started || message->word == Word::aborted)) {
            const bool started = message->word == Word::started;
            post(worker.host, {.worker = worker.id,
                               .news = started ? WorkerNews::started : WorkerNews::aborted,
                               .fault = started ? Fault::none : Fault::peer_refused});
            leave(worker);
        } else {
            return fail(Fault::peer_refused);
        }
        return true;
    }
    std::optional<Copy>& copy = hosts_[worker.host].copy;
    switch (worker.phase) {
        case 2:
        case 6:
            if (!told(worker, command)) {
                return false;
            }
            if (worker.phase == 6) {
                say(worker, Word::commit);
            }
            ++worker.phase;
            return true;
        case 3:  // the last round begins
            if (worker.connection->broken || !copy || copy->state != DomainState::running) {
                return fail(Fault::connection_lost);
            }
            copy->request.make(now_ms_);
            worker.phase = awaiting_suspension;
            return true;
        case awaiting_suspension:
            if (copy && copy->state == DomainState::running) {
                return false;
            }
            if (!copy || copy->state != DomainState::suspended) {
                return fail(Fault::hypervisor_failed);
            }
            worker.phase = 4;
            return true;
        case 4:
            if (worker.connection->broken) {
                return fail(Fault::connection_lost);
            }
            say(worker, Word::end);
            worker.phase = 5;
            return true;
        default: return false;
    }
}

bool World::step_incoming(Worker& worker) {
    if (worker.phase >= 20) {
        return step_fetching(worker);
    }
    Action command;
    std::optional<Copy>& copy = hosts_[worker.host].copy;
    const auto fail = [&](Fault fault) {
        post(worker.host, {.worker = worker.id, .news = WorkerNews::failed, .fault = fault});
        worker.phase = 9;
        return true;
    };
    if (worker.phase == 0 || worker.phase == 3 || worker.phase == 6) {
        const std::optional<Message> message = take(worker);
        if (!message && !worker.connection->broken) {
            return false;
        }
        if (worker.phase == 0 && !message) {
            leave(worker);
        } else if (worker.phase == 0) {
            const bool ask = message->word == Word::ask;
            const std::size_t index = worker.host;
            hosts_[index].inbox.push_back([this, index, ask, id = worker.id](Host&) {
                if (ask) {
                    feed(index, IncomingAskEvent{id,
                                                 {},
                                                 {limits::protocol_version, migration, guest,
                                                  host_names[source], journals[destination]}});
                } else {
                    wire::MigrationOpen open{limits::protocol_version,
                                             migration,
                                             guest,
                                             guest_name,
                                             host_names[source],
                                             131072,
                                             true,
                                             true,
                                             images_,
                                             {},
                                             false};
                    if (images_) {
                        open.disks.push({.device = "xvda", .path = "guest.img", .size_bytes = 1 << 20});
                    }
                    feed(index, IncomingOpenEvent{id, {}, open});
                }
            });
            worker.phase = 1;
        } else if (worker.phase == 3) {
            if (!message) {
                return fail(Fault::connection_lost);
            }
            copy->state = DomainState::paused;
            post(worker.host, {.worker = worker.id, .news = WorkerNews::restored});
            worker.phase = 5;
        } else if (!message) {
            post(worker.host,
                 {.worker = worker.id, .news = WorkerNews::failed, .fault = Fault::connection_lost});
            leave(worker);
        } else {
            post(worker.host, {.worker = worker.id, .news = WorkerNews::commit});
            worker.phase = 9;
        }
        return true;
    }
    if (worker.phase == 2) {  // the half-built copy appears
        copy = Copy{.state = DomainState::paused, .name = std::string{guest_name} + "--incoming"};
        say(worker, Word::accept);
        worker.phase = 3;
        return true;
    }
    if (!told(worker, command)) {
        return false;
    }
    switch (command.tell) {
        case Tell::accept: worker.phase = images_ ? 20 : 2; return true;
        case Tell::ready:
            say(worker, Word::ready);
            worker.phase = 6;
            return true;
        case Tell::refuse: say(worker, Word::decline); break;
        case Tell::started: say(worker, Word::started); break;
        case Tell::aborted: say(worker, Word::aborted); break;
        case Tell::verdict: say(worker, Word::verdict, command.verdict); break;
        case Tell::go:
        case Tell::commit:
        case Tell::limit: break;
    }
    leave(worker);
    return true;
}

bool World::step_asking(Worker& worker) {
    if (worker.phase == 0) {
        if (connect(worker)) {
            say(worker, Word::ask);
            worker.phase = 1;
        }
        return true;
    }
    const std::optional<Message> message = take(worker);
    if (!message && !worker.connection->broken) {
        return false;
    }
    if (message && message->word == Word::verdict) {
        post(worker.host, {.worker = worker.id, .news = WorkerNews::verdict, .verdict = message->verdict});
    }
    leave(worker);
    return true;
}

bool World::step_worker(Worker& worker) {
    if (worker.exited || !hosts_[worker.host].core) {
        return false;
    }
    switch (worker.op) {
        case WorkerOp::migrate_out: return step_source(worker);
        case WorkerOp::incoming: return step_incoming(worker);
        case WorkerOp::ask: return step_asking(worker);
        case WorkerOp::destroy: {
            // The guest's lock: an older worker that still writes to the copy must be gone first.
            for (const std::unique_ptr<Worker>& other : workers_) {
                if (other->host == worker.host && !other->exited && other->op == WorkerOp::incoming &&
                    (other->phase == 3 || other->phase == 22)) {
                    return false;
                }
            }
            if (copy_runs(worker.host) && violation_.empty()) {
                violation_ = "a running copy is destroyed";
            }
            hosts_[worker.host].copy.reset();
            post(worker.host, {.worker = worker.id, .news = WorkerNews::done});
            leave(worker);
            return true;
        }
        case WorkerOp::create:
        case WorkerOp::shutdown:
        case WorkerOp::save:
        case WorkerOp::restore:
        case WorkerOp::disk_create:
        case WorkerOp::disk_delete:
        case WorkerOp::disk_discard:
        case WorkerOp::golden_keep:
        case WorkerOp::clone:
        case WorkerOp::store_probe:
        case WorkerOp::image_index:
        case WorkerOp::image_sweep: break;
    }
    violation_ = "a worker that no migration needs";
    return false;
}

bool World::step_network() {
    std::erase_if(workers_, [](const std::unique_ptr<Worker>& worker) { return worker->exited; });
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (step_worker(*workers_[i])) {
            return true;
        }
    }
    return false;
}

}  // namespace ballast::agent::model
