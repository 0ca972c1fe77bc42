// The agents' processes: the real core of each, and around it what its shell does (agent/agent.cpp), one step
// at a time, so that the process may die between any two.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "agent/core/core.hpp"
#include "agent/core/rates.hpp"
#include "sim/agent_desktops.hpp"
#include "sim/network.hpp"

namespace ballast::simulator {

class World;

enum class Timer : std::uint8_t {
    wake = 0,
    inventory = 1,
    sample = 2,
    redial = 3,
    signals = 4,  // some guest will say that it is up
    relays = 5,
    store = 6,  // the file server answers
};
inline constexpr std::size_t timers_count = 7;

// Somebody speaks to an agent: what waits until its loop runs again.
struct Dialled {
    std::uint32_t connection = no_connection;  // none: the connection did not come about
};
struct LinkLost {};
struct TimerDue {
    Timer timer = Timer::wake;
};
using AgentMail = std::variant<TimerDue, Dialled, LinkLost, Letter, agent::WorkerEvent,
                               agent::WorkerGoneEvent, agent::IncomingOpenEvent, agent::IncomingAskEvent>;

class Agents {
  public:
    explicit Agents(World& world);

    void start(std::uint32_t host);  // the process; REQUIRES: the machine has power
    // SIGKILL, or the end of the machine's power: then nobody says good-bye.
    void kill(std::uint32_t host, bool power_lost = false);
    void kill_in_steps(std::uint32_t host, std::int64_t steps) { agents_[host].dies_in_steps = steps; }
    bool up(std::uint32_t host) const { return agents_[host].core != nullptr; }
    const agent::Core* core(std::uint32_t host) const { return agents_[host].core.get(); }
    bool connected(std::uint32_t host) const { return agents_[host].state == LinkState::ready; }
    std::uint32_t life(std::uint32_t host) const { return agents_[host].life; }
    bool idle(std::uint32_t host) const;
    void post(std::uint32_t host, AgentMail&& mail);
    agent::WorkerId next_incoming(std::uint32_t host);
    // The host's list of domains has changed: tell soon.
    void inventory_changed(std::uint32_t host);

    const DesktopSide& desktops(std::uint32_t host) const { return agents_[host].desktops; }
    // Somebody knocks at a relay's port. Null: not let in.
    const RelayPort* dial_relay(std::uint32_t host, std::uint16_t port, std::string_view password,
                                std::uint32_t visit);
    // The user's hand is seen, or hangs up.
    void touch_relay(std::uint32_t visit, bool hangs_up);

    void on_run(const Event& event);
    void on_timer(const Event& event);

  private:
    enum class LinkState : std::uint8_t { down, dialling, awaiting_reply, ready };
    struct Answer {
        agent::ActionKind kind = agent::ActionKind::persist;
        std::uint32_t row = 0;
        bool survey = false;
        Fault fault = Fault::none;
        std::optional<agent::JobRecord> write_late;
    };
    struct Process {
        std::vector<std::byte> memory;
        std::unique_ptr<agent::Core> core;  // null: it does not run
        std::uint32_t life = 0;
        std::int64_t dies_in_steps = 0;  // 0: it does not
        agent::Actions actions;
        std::size_t next_action = 0;
        std::deque<Answer> answers;
        std::deque<AgentMail> mail;
        std::int64_t busy_until_ns = 0;
        bool run_due = false;
        std::array<std::uint32_t, timers_count> stamps{};
        std::array<bool, timers_count> armed{};
        std::uint32_t last_incoming = 0;
        LinkState state = LinkState::down;
        std::uint32_t connection = no_connection;
        std::uint32_t failures = 0;
        std::int64_t sample_every_ns = 0;
        std::uint64_t reports = 0;
        std::uint64_t samples = 0;
        bool hypervisor_answered = true;
        agent::Rates rates;
        DesktopSide desktops;
        Prng random{0};
    };

    void schedule(std::uint32_t host);
    void arm(std::uint32_t host, Timer timer, std::int64_t delay_ns);
    void arm_wake(std::uint32_t host);
    void step(std::uint32_t host, const agent::Event& event);
    void perform(std::uint32_t host, const agent::Action& action);
    void persist(std::uint32_t host, const agent::Action& action);
    void answer(std::uint32_t host, const Answer& answer);
    void open_mail(std::uint32_t host, AgentMail&& mail);
    // The shell's view of the host (agent_view.cpp).
    void look(std::uint32_t host, std::uint32_t row, bool survey, agent::Truth& out);
    Fault call(std::uint32_t host, agent::Call what, const agent::JobRecord& record);
    Fault file(std::uint32_t host, agent::FileStep what, const Uuid& uuid);
    void send_inventory(std::uint32_t host);
    void take_sample(std::uint32_t host);
    // The connection to the controller (agent_link.cpp).
    void dial(std::uint32_t host);
    void dial_later(std::uint32_t host);
    void drop_link(std::uint32_t host);
    void hear(std::uint32_t host, const Letter& letter);
    void say(std::uint32_t host, Letter&& letter);
    void on_due(std::uint32_t host, Timer timer);
    // Desktops (agent_desktops.cpp).
    bool hear_desktop_order(std::uint32_t host, const Letter& letter);
    void tell_desktop_side(std::uint32_t host);
    void desktop_timer(std::uint32_t host, Timer timer);
    Fault find_console(std::uint32_t host, const Uuid& uuid, Detail& why);
    void open_relay(std::uint32_t host, const wire::RelayOpen& order);
    void close_relay(std::uint32_t host, std::uint64_t session_id);
    void close_orphaned_relays(std::uint32_t host);
    void report_relay(std::uint32_t host, const RelayPort& relay);
    void report_closed(std::uint32_t host, const wire::RelayOpen& order, Fault fault, const Detail& why);
    void look_at_guest(std::uint32_t host, const sim::Guest& guest);
    void look_at_guests(std::uint32_t host);
    void take_note(std::uint32_t host, const wire::GuestNote& note);
    void take_probe(std::uint32_t host, const wire::StoreProbe& probe);
    void answer_probe(std::uint32_t host);

    World& world_;
    std::vector<Process> agents_;
    agent::Truth truth_;
};

}  // namespace ballast::simulator
