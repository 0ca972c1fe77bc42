// A whole pool around a controller's core: agents that behave, a store that survives restarts, and a checker
// that looks at every action. Time passes only when a test says so.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controller/core/core.hpp"

namespace ballast::controller::test {

inline Uuid uuid_of(std::uint64_t number) {
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    return uuid_from_random(bytes);
}

// What the shell's store would hold.
struct Store {
    Identity identity{uuid_of(0xba11a57), 1000, 1};
    std::map<std::string, HostRecord> hosts;
    std::map<Uuid, VmRecord> vms;
    std::map<Uuid, wire::GuestSpec> definitions;
    std::map<std::uint64_t, JobRecord> jobs;
    struct StoredPlan {
        PlanRecord record;
        std::vector<PlanMove> moves;
        std::vector<PlanRejection> rejected;
        std::vector<PlanHostLoad> hosts;
    };
    std::map<std::uint64_t, StoredPlan> plans;
    std::map<std::pair<std::uint64_t, std::uint64_t>, IdempotencyRecord> keys;
    std::map<std::string, DesktopPoolRecord> pools;
    std::map<Uuid, DesktopRecord> desktops;
    std::map<std::uint64_t, SessionRecord> sessions;
};

struct Guest {
    std::string name;
    DomainState state = DomainState::running;
    std::uint64_t memory_mib = 512;
    double cpu_cores = 0.1;
    bool ours = false;
    wire::InFlight in_flight = wire::InFlight::no;
};

// One part of a job on an agent.
struct AgentJob {
    wire::JobOrder order;
    wire::JobUpdate update;
    bool ended = false;
    int stage = 0;
};

struct Agent {
    std::string name;
    Uuid uuid;
    LinkId link = 0;  // 0: not connected
    std::uint32_t cores = 4;
    std::uint64_t memory_mib = 8192;
    std::uint64_t dom0_mib = 512;
    std::map<Uuid, Guest> guests;
    std::map<Uuid, Guest> saved;
    std::map<std::uint64_t, AgentJob> jobs;
    std::uint64_t reports = 0;
    std::uint64_t samples = 0;
    bool samples_stopped = false;
    bool rates_known = true;  // false: as in the first sample, which has nothing to be compared with
    Fault refuse_next = Fault::none;
    Fault refuse_clone = Fault::none;               // the next one
    bool arrivals_crash = false;                    // a guest that comes in runs, and crashes at once
    bool creates_break = false;                     // a create builds a domain, and fails before it runs
    bool idle = false;                              // takes orders but does not go on with them
    bool guests_signal = true;                      // ballast-guest answers in them
    bool watches_life = true;                       // an agent that can tell whether guests are alive
    bool guests_live = true;                        // as far as it can see
    std::vector<wire::GuestNote> watched;           // what it was asked to watch
    std::map<Uuid, std::string> shares;             // what each guest was told last of where its data is
    std::map<std::uint64_t, std::uint32_t> limits;  // of migrations' images, as told last
    std::map<std::uint64_t, wire::RelayOpen> relays;
    std::uint16_t next_relay_port = 6001;
    std::set<std::string> disks;
    std::string store_path;    // of the shared store; empty: it has none
    bool store_proven = true;  // to this agent

    std::uint64_t used_mib() const;
};

class World {
  public:
    explicit World(Settings settings = default_settings());
    static Settings default_settings();

    Agent& add_host(const std::string& name, std::uint32_t cores = 4, std::uint64_t memory_mib = 8192);
    Agent& host(const std::string& name) { return agents.at(name); }
    Uuid add_guest(const std::string& host, const std::string& name, double cpu_cores,
                   std::uint64_t memory_mib = 512);

    void connect(const std::string& name);
    void disconnect(const std::string& name);
    void connect_all();
    void report(const std::string& name);
    void relay_status(const std::string& name, std::uint64_t session, wire::RelayState state,
                      std::uint32_t idle_seconds = 0);
    void sample(const std::string& name);
    // Agents go on with their jobs by one stage, then a second passes: tick, and samples when they are due.
    void second();
    void seconds(int count);
    // Samples until the windows are full.
    void warm_up() { seconds(40); }
    // The controller dies and comes back with what its store holds; connections are lost.
    void restart();
    // It dies at this event from now (1: the next): its changes are on disk, and either all that it had to
    // say was said, or nothing.
    void kill_at(int events, bool said) {
        kill_in_ = events;
        kill_said_ = said;
    }
    // Whether the event was reached.
    bool killed() const { return kill_in_ == 0; }

    Status step(const Event& event);
    Status deliver(const std::string& host, const wire::Message& message);
    Outcome command(Command command);
    Outcome vm(CommandKind kind, const std::string& name, const std::string& to = {});

    const VmRow& vm_row(const std::string& name) const;
    const JobRecord& job(std::uint64_t id) const;
    const HostRow& host_row(const std::string& name) const { return core->host(core->find_host(name)); }
    std::string place_of(const std::string& guest) const;  // by the agents' truth; "a+b" when on two
    bool saw_report(std::string_view what) const { return reported.count(std::string{what}) > 0; }

    // What must hold after every event.
    void check() const;

    Settings settings;
    std::unique_ptr<Core> core;
    std::unique_ptr<Actions> actions = std::make_unique<Actions>();
    Store store;
    Now now{{1'000'000}, {1'790'000'000'000}};
    std::map<std::string, Agent> agents;
    std::vector<wire::JobOrder> orders;                            // all that were sent
    std::vector<std::pair<std::string, wire::StoreProbe>> probes;  // likewise; tests answer them
    std::map<std::string, int> reported;                           // log lines by word
    std::string transcript;                                        // every action, for comparisons
    int replies = 0;

  private:
    void build();
    void perform(const Action& action);
    void persist(const Action& action);
    void take_order(Agent& agent, const wire::JobOrder& order);
    void take_small(Agent& agent, const SmallMessage& message);
    void advance(Agent& agent, AgentJob& job);
    void advance_migration(Agent& source, AgentJob& job);
    void finish(Agent& agent, AgentJob& job, JobState state, Fault fault = Fault::none);
    void tell(Agent& agent, const AgentJob& job);
    void take_relay(Agent& agent, const SmallMessage& message);
    void signal(Agent& agent, const wire::GuestNote& note);
    void work();
    Agent* agent_of(LinkId link);

    std::vector<std::byte> memory_;
    Outcome outcome_;  // of the last reply
    LinkId next_link_ = 1;
    std::uint64_t next_guest_ = 1;
    std::uint64_t next_command_ = 1;
    int clock_ = 0;
    int kill_in_ = -1;
    bool kill_said_ = false;
};

}  // namespace ballast::controller::test
