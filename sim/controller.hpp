// The controller's process: the real core, and around it what its shell does (controller/engine.cpp,
// controller/agents.cpp), one step at a time. A twin of the core at another address gets the same events:
// what the two decide must be the same.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <variant>
#include <vector>

#include "controller/core/core.hpp"
#include "sim/network.hpp"
#include "sim/store.hpp"

namespace ballast::simulator {

class World;

struct Accepted {
    std::uint32_t connection = 0;
};
struct Heard {
    std::uint32_t connection = 0;
    std::uint32_t life = 0;
    Letter letter;
};
struct Lost {
    std::uint32_t connection = 0;
    std::uint32_t life = 0;
};
struct TickDue {};
struct Asked {
    std::uint32_t request = 0;
};
using ControllerMail = std::variant<TickDue, Accepted, Heard, Lost, Asked>;

class Controller {
  public:
    explicit Controller(World& world);

    void start();
    void kill(bool power_lost = false);
    void kill_in_steps(std::int64_t steps) { dies_in_steps_ = steps; }
    bool up() const noexcept { return core_ != nullptr; }
    bool idle() const noexcept { return next_action_ == actions_->list().size() && mail_.empty(); }
    const controller::Core& core() const noexcept { return *core_; }
    Now now() const noexcept;
    static controller::Settings settings(const World& world);

    void accept(std::uint32_t connection);
    void hear(std::uint32_t connection, Letter&& letter);
    void lost(std::uint32_t connection);
    void ask(std::uint32_t request) { post(Asked{request}); }

    void on_run(const Event& event);
    void on_tick(const Event& event);

    // What is broken just now.
    std::uint32_t store_fails = 0;
    std::uint32_t store_fails_late = 0;
    std::int64_t store_slow_ms = 0;
    std::int64_t wall_offset_ms = 0;
    bool powered = true;

    // Every job ends within its time: looks at all of them.
    void check_jobs();
    // What was answered is still known.
    void check_memory_of_answers();
    // A session has one desktop, a desktop one session, a user one session with a pool.
    void check_sessions();
    // No desktop stays in a transitional state, and no session half open, for longer than it may.
    void check_deadlines_of_desktops();

  private:
    struct Link {
        std::uint32_t connection = 0;
        std::uint32_t life = 0;
    };

    void post(ControllerMail&& mail);
    void schedule();
    void open(ControllerMail&& mail);
    void step(const controller::Event& event);
    void compare_twin(const controller::Event& event);
    void perform(const controller::Action& action);
    void reply();
    void transmit(controller::LinkId link, Letter&& letter);
    bool commit();
    void fail_store();
    void hear_report(controller::LinkId link, const HostFactsSent& sent);
    void hear_sample(controller::LinkId link, const SampleSent& sent);
    void check_admission(const controller::Action& action);
    controller::LinkId link_of(std::uint32_t connection, std::uint32_t life) const;
    const std::byte* place(std::vector<std::byte>& memory, std::byte fill) const;

    World& world_;
    std::vector<std::byte> memory_;
    std::vector<std::byte> twin_memory_;
    std::unique_ptr<controller::Core> core_;
    std::unique_ptr<controller::Core> twin_;
    std::unique_ptr<controller::Actions> actions_ = std::make_unique<controller::Actions>();
    std::unique_ptr<controller::Actions> twin_actions_ = std::make_unique<controller::Actions>();
    std::unique_ptr<wire::Message> report_ = std::make_unique<wire::Message>(wire::HostReport{});
    std::unique_ptr<wire::Message> sample_ = std::make_unique<wire::Message>(wire::SampleReport{});
    std::unique_ptr<wire::Message> message_ = std::make_unique<wire::Message>();
    Store store_;
    std::size_t next_action_ = 0;
    std::deque<ControllerMail> mail_;
    std::map<controller::LinkId, Link> links_;
    controller::LinkId next_link_ = 1;
    std::uint32_t life_ = 0;
    std::uint32_t asked_ = UINT32_MAX;  // the request whose command was the last step
    std::int64_t booted_ns_ = 0;
    std::int64_t busy_until_ns_ = 0;
    std::int64_t dies_in_steps_ = 0;
    bool run_due_ = false;
    bool committing_ = false;
    Prng random_{0};
    // By job: how often the controller was started after it was made, and what was answered of it.
    struct Watched {
        std::int64_t made_ns = 0;
        std::uint32_t lives = 0;  // of the controller, while it was open
        std::uint32_t last_life = 0;
    };
    std::map<std::uint64_t, Watched> open_jobs_;
    std::map<std::uint64_t, Uuid> answered_;
    std::set<std::uint64_t> settled_;
    std::map<std::uint64_t, controller::UserName> sessions_answered_;
};

}  // namespace ballast::simulator
