// The core and what its actions touch: gives it events and performs what it answers. The events of one turn
// of the loop share one transaction, and so do those of all turns that pass while the one before is synced;
// nobody is told anything of them before that is on disk.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "controller/core/core.hpp"
#include "controller/store.hpp"

namespace ballast::controller {

// Where messages to the agents go.
class AgentPort {
  public:
    virtual ~AgentPort() = default;
    // Keeps the message until it is released. One for a link that is gone is dropped: the core hears of its
    // end.
    virtual void send(LinkId link, const wire::Message& message) = 0;
    // What was sent since the last call is released by the next release(). One seal at a time.
    virtual void seal() = 0;
    // What was sealed may go out.
    virtual void release() = 0;
    // What was sent, sealed or not, must never go out: the links that it was for are closed instead.
    virtual void drop() = 0;
    virtual void close(LinkId link, Fault fault) = 0;
    // The core has forgotten all links: agents are to connect again and tell what they know.
    virtual void close_all() = 0;
};

class Engine {
  public:
    // `memory` and the store must outlive the engine.
    Engine(const Settings& settings, std::span<std::byte> memory, Store& store);
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Hands the stored records to the core and starts it. A fault is explained in `why`.
    Status restore(std::string& why);
    void connect(AgentPort& agents) { agents_ = &agents; }
    // Called when a transaction has ended, its number is `stored()` by then. `stored`: it is on disk, and may
    // be told; else it and all after it never happened. `jobs_changed`: jobs or sessions did.
    void on_stored(std::function<void(bool stored, bool jobs_changed)> notify) {
        stored_ = std::move(notify);
    }
    // Called after each step that was written, with what it did, and with nothing after the core was made
    // anew. What it tells are observations: they may be seen a moment before their commit.
    void on_step(std::function<void(std::span<const Action>)> notify) { stepped_ = std::move(notify); }
    // Called after each step in which the policy was asked, with the time that the step took: a round is
    // nearly all of it.
    void on_planned(std::function<void(std::int64_t took_ns)> notify) { planned_ = std::move(notify); }
    // Called when what the store holds cannot be read back after a failure: the process must end.
    void on_store_lost(std::function<void()> notify) { store_lost_ = std::move(notify); }

    // One event. What it changes is written, and what it says to agents is kept, until end_turn(). REQUIRES:
    // not called by an action.
    // When the store cannot be written (a full disk), nothing of the turn is told to anybody, and every
    // further event is refused with io_failed: the core can be read, and stands still. Each Tick tries the
    // store; when it can be written again, the core is built anew from what it holds, as after a restart, and
    // agents connect again.
    Status step(const Event& event);
    // Runs a command; what the core answered, valid until the next step. Nothing while the store fails. The
    // answer may be told once the engine is settled.
    const Outcome* run(Command& command);
    // Group commit: sends what all steps since the last transaction have written on its way to disk, unless
    // one is still on its way: then they wait for its end. At the end of every turn of the loop.
    void end_turn();
    // The store's thread has ended something: lets go of what a finished transaction has to say.
    void store_ended();
    // Waits until all that was decided is on disk, or lost, and told.
    void settle();
    // The number of the transaction that holds the newest decision; it may be told once that is `stored`.
    std::uint64_t decided() const noexcept { return sealed_ + (open_ ? 1 : 0); }
    std::uint64_t stored() const noexcept { return sealed_ - (in_flight_ ? 1 : 0); }

    // When the newest transaction that is `stored` was handed over, and when it was on disk, by mono_ns().
    std::int64_t handed_ns() const noexcept { return handed_ns_; }
    std::int64_t landed_ns() const noexcept { return landed_ns_; }

    const Core& core() const noexcept { return *core_; }
    const Store& store() const noexcept { return store_; }
    // Why changes are refused; empty while they are not.
    const std::string& trouble() const noexcept { return trouble_; }

  private:
    Status step_core(const Event& event, const Now& at);
    void tell(const Action& action, const Now& now);
    void seal();
    void finish(bool stored);
    void fold_log_if(int pages, Duration quiet);
    void break_down();
    void try_to_recover();

    Settings settings_;
    std::span<std::byte> memory_;
    Store& store_;
    std::optional<Core> core_;
    std::unique_ptr<Actions> actions_;
    std::unique_ptr<wire::Message> message_;
    AgentPort* agents_ = nullptr;
    std::function<void(std::span<const Action>)> stepped_;
    std::function<void(std::int64_t)> planned_;
    std::function<void(bool, bool)> stored_;
    std::function<void()> store_lost_;
    std::uint64_t next_command_id_ = 1;
    bool stepping_ = false;
    bool open_ = false;                 // something was decided since the last seal
    bool in_flight_ = false;            // a transaction is on its way to disk
    std::uint64_t sealed_ = 0;          // transactions
    std::uint64_t awaited_commit_ = 0;  // the store's number of the one in flight
    std::int64_t handed_ns_ = 0;
    std::int64_t landed_ns_ = 0;
    bool jobs_changed_ = false;  // since the last seal
    bool sealed_jobs_changed_ = false;
    Instant store_used_;  // when its thread was last given something or has ended a transaction
    std::string trouble_;
};

}  // namespace ballast::controller
