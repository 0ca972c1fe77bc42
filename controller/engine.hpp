// The core and what its actions touch: gives it events and performs what it answers, strictly in order, with
// everything that must survive on disk before anybody is told.
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
    // A message for a link that is gone is dropped: the core hears of its end.
    virtual void send(LinkId link, const wire::Message& message) = 0;
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
    // Called after a step in which jobs changed.
    void on_jobs_changed(std::function<void()> notify) { jobs_changed_ = std::move(notify); }
    // Called after each step that was stored, with what it did, and with nothing after the core was made
    // anew.
    void on_step(std::function<void(std::span<const Action>)> notify) { stepped_ = std::move(notify); }
    // Called when what the store holds cannot be read back after a failure: the process must end.
    void on_store_lost(std::function<void()> notify) { store_lost_ = std::move(notify); }

    // One event; its actions are performed before this returns. REQUIRES: not called by an action.
    // When the store cannot be written (a full disk), nothing of the step is told to anybody, and every
    // further event is refused with io_failed: the core can be read, and stands still. Each Tick tries the
    // store; when it can be written again, the core is built anew from what it holds, as after a restart, and
    // agents connect again.
    Status step(const Event& event);
    // Runs a command; what the core answered, valid until the next step. Nothing while the store fails.
    const Outcome* run(Command& command);

    const Core& core() const noexcept { return *core_; }
    const Store& store() const noexcept { return store_; }
    // Why changes are refused; empty while they are not.
    const std::string& trouble() const noexcept { return trouble_; }

  private:
    bool perform(const Action& action, const Now& now);
    void break_down();
    void try_to_recover();

    Settings settings_;
    std::span<std::byte> memory_;
    Store& store_;
    std::optional<Core> core_;
    std::unique_ptr<Actions> actions_;
    std::unique_ptr<wire::Message> message_;
    AgentPort* agents_ = nullptr;
    std::function<void()> jobs_changed_;
    std::function<void(std::span<const Action>)> stepped_;
    std::function<void()> store_lost_;
    std::uint64_t next_command_id_ = 1;
    bool stepping_ = false;
    std::string trouble_;
};

}  // namespace ballast::controller
