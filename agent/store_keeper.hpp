// What this agent knows of the pool's shared store, and the proof that it is the one that the other hosts
// see: each step of it is taken by a worker process, because a file server may let it wait.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/worker_protocol.hpp"

namespace ballast::agent {

struct StoreState {
    Path directory;  // empty: this host has no store
    bool proven = false;
    StoreIdentity identity;        // when it was proven
    std::uint64_t free_bytes = 0;  // as the last step saw it
};

// Steps under way at once; a file server that does not answer keeps them.
inline constexpr std::size_t store_probes_max = 4;

class StoreKeeper {
  public:
    struct Events {
        // A worker for one step: its id, or `no_worker` with a sentence.
        std::function<WorkerId(const wire::StoreProbe& probe, std::string& why)> start;
        std::function<void(const wire::StoreAnswer&)> on_answer;
        std::function<void()> on_change;  // the state is another
    };
    StoreKeeper(StoreState& state, Events events) : state_{state}, events_{std::move(events)} {}

    // Answered once, when its worker has ended.
    void probe(const wire::StoreProbe& probe);
    // True when the worker is one of ours.
    bool on_report(WorkerId worker, const WorkerReport& report);
    bool on_gone(WorkerId worker);

  private:
    struct Step {
        WorkerId worker = no_worker;
        wire::StoreProbe probe;
        bool answered = false;
    };
    std::vector<Step>::iterator find(WorkerId worker);
    void answer(const wire::StoreProbe& probe, Fault fault, std::string_view why);
    void settle(const wire::StoreProbe& probe, const WorkerReport& report);

    StoreState& state_;
    Events events_;
    std::vector<Step> steps_;
};

}  // namespace ballast::agent
