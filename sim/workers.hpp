// Worker processes: each carries out one LONG operation on one guest (agent/worker*.cpp), in steps that take
// the time which the simulated Xen says. Any of them may be killed between two steps.
#pragma once

#include <deque>
#include <vector>

#include "agent/core/events.hpp"
#include "sim/network.hpp"
#include "sim/truth.hpp"

namespace ballast::simulator {

class World;

class Workers {
  public:
    explicit Workers(World& world) : world_{world} {}

    // `spec`: of a guest that is to be made.
    void start(std::uint32_t host, const agent::Action& action, const agent::JobRecord& record,
               const wire::GuestSpec& spec);
    // `record`: of the job that a receiving worker is accepted for.
    void tell(std::uint32_t host, const agent::Action& action, const agent::JobRecord* record);
    void kill(std::uint32_t host, agent::WorkerId id);
    void kill_all(std::uint32_t host, bool power_lost);
    bool any() const noexcept;

    void hear(std::uint32_t worker, Letter&& letter);
    void peer_lost(std::uint32_t worker);
    void on_run(const Event& event);

  private:
    struct Worker {
        bool in_use = false;
        std::uint32_t life = 0;
        std::uint32_t host = 0;
        agent::WorkerId id = agent::no_worker;
        agent::WorkerOp op = agent::WorkerOp::create;
        agent::JobRecord record;
        wire::GuestSpec spec;
        bool again = false;            // one of this job has been here before
        std::uint32_t store_seen = 0;  // which shared store was proven when it began
        int phase = 0;
        std::uint32_t domid = 0;  // that it works on; 0: none
        bool locked = false;
        std::int64_t not_before_ns = 0;
        std::int64_t patience_until_ns = 0;  // for what it waits for
        std::uint32_t connection = no_connection;
        Side side = Side::dialler;
        bool peer_gone = false;
        std::deque<PeerWord> words;
        std::deque<agent::Action> told;
        Image image;
        agent::Effect effect;
        Prng random{0};
    };
    // Phases of the operations that wait for peers; those of the others count up from 0.
    enum Phase : int {
        beginning = 0,
        awaiting_accept,
        awaiting_go,
        sending_round,
        suspending,
        deaf,
        sending_last,
        awaiting_ready,
        awaiting_commit_order,
        awaiting_started,
        awaiting_first_word,
        awaiting_permission,
        awaiting_image,
        building,
        awaiting_end,
        awaiting_ready_order,
        awaiting_commit,
        awaiting_last_order,
        awaiting_verdict,
    };

    // What a step comes to.
    enum class Did : std::uint8_t { waits, goes_on, ended };

    std::uint32_t add();
    void wake(std::uint32_t worker, std::int64_t delay_ns);
    Did step(Worker& worker);
    Did create(Worker& worker);
    Did shut_down(Worker& worker);
    Did destroy(Worker& worker);
    Did save(Worker& worker);
    Did restore(Worker& worker);
    Fault missing_for(const Worker& worker) const;
    // worker_disk.cpp
    Did begin_file(Worker& worker);
    Did make_file(Worker& worker);
    Did remove_file(Worker& worker);
    Did clone(Worker& worker);
    bool store_is_proven(const Worker& worker) const;
    void discard(const Worker& worker);
    // worker_source.cpp
    Did migrate_out(Worker& worker);
    Did open_transfer(Worker& worker);
    Did send_rounds(Worker& worker);
    Did hand_over(Worker& worker);
    Did ask(Worker& worker);
    bool dial(Worker& worker);
    // worker_incoming.cpp
    Did incoming(Worker& worker);
    Did meet(Worker& worker);
    Did receive(Worker& worker);
    Did take_over(Worker& worker);

    Did wait(Worker& worker, std::int64_t delay_ns);
    // Asks the guest to suspend itself; waits on for one that takes its time, or until `deaf_phase`.
    Did wait_for_suspension(Worker& worker);
    Did wait_for_late_suspension(Worker& worker, int deaf_phase);
    Status give_up_on_suspension(Worker& worker);
    Did patience(Worker& worker, std::int64_t for_ns);  // sets how long the next thing is waited for
    bool impatient(const Worker& worker) const;
    Did done(Worker& worker);
    Did fail(Worker& worker, Fault fault, std::string_view why);
    void report(Worker& worker, agent::WorkerEvent event);
    bool lock(Worker& worker, const Uuid& uuid);
    void unlock(Worker& worker);
    void give_up(Worker& worker);
    void leave(Worker& worker, std::string_view how, bool silently = false);
    sim::SimHost& xen(const Worker& worker);
    sim::Guest* guest(const Worker& worker);
    std::int64_t bytes_ns(const Worker& worker, std::uint64_t pages, bool over_link);
    void say(Worker& worker, PeerWord word);
    bool hears(Worker& worker, PeerWord& out);
    bool told(Worker& worker, agent::Action& out);
    Did begin_destroying(Worker& worker, const sim::Guest& victim);
    Image image_of(const sim::Guest& guest) const;

    World& world_;
    std::vector<Worker> workers_;
    std::uint64_t started_ = 0;
};

}  // namespace ballast::simulator
