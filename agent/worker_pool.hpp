// The agent's worker processes: starts them, hears them, ends them. On the agent's loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/worker_protocol.hpp"
#include "shell/loop.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::agent {

class WorkerPool {
  public:
    struct Events {
        std::function<void(WorkerId, const WorkerReport&)> on_report;
        std::function<void(WorkerId, const Detail& how)> on_gone;  // the last word
    };
    WorkerPool(Loop& loop, Events events);
    // Kills what still runs and waits for it.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // `peer_fd` (taken over): the accepted connection of an incoming worker, or -1. False with a sentence in
    // `why` when no process could be started; there is then no event.
    bool start(WorkerId id, const WorkerSetup& setup, int peer_fd, std::string& why);
    // A worker that is gone is told nothing. Of limits, the last one arrives for certain, whenever the worker
    // listens; they leave room for everything else. What else cannot be sent ends the worker: nobody waits
    // for a word that is lost.
    void tell(WorkerId id, const WorkerCommand& command);
    void kill(WorkerId id);

    std::size_t size() const noexcept { return workers_.size(); }
    std::size_t incoming() const noexcept;  // of them, started for incoming connections and not yet accepted
    void mark_accepted(WorkerId id);

  private:
    struct Running;
    Running* find(WorkerId id) noexcept;
    void on_ready(WorkerId id, Interest ready);
    bool read_one(WorkerId id);
    void on_exit(WorkerId id, int wait_status);

    Loop& loop_;
    Events events_;
    std::vector<std::unique_ptr<Running>> workers_;
};

}  // namespace ballast::agent
