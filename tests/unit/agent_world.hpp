// Two agents' cores, two tiny hosts, their disks, the workers and the network between them, in one
// deterministic model: everything moves in atomic steps, and between any two of them something may die. The
// model keeps history: at no moment may the guest execute on both hosts.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/core.hpp"
#include "base/prng.hpp"
#include "tests/unit/agent_suspend_request.hpp"

namespace ballast::agent::model {

enum HostIndex : std::size_t { source = 0, destination = 1 };

inline constexpr std::uint64_t job_of[2] = {11, 22};
inline constexpr const char* host_names[2] = {"h1", "h2"};
inline constexpr const char* guest_name = "guest";
constexpr Uuid uuid_of(std::uint8_t number) {
    Uuid uuid;
    uuid.bytes.fill(number);
    return uuid;
}
inline constexpr Uuid guest = uuid_of(7);
inline constexpr Uuid migration = uuid_of(9);
inline constexpr Uuid journals[2] = {uuid_of(1), uuid_of(2)};

enum class Failure : std::uint8_t {
    source_agent,
    destination_agent,
    both_agents,
    source_worker,
    destination_worker,
    connection,
    partition,  // connection, and no new ones for a while
    source_host,
    destination_host,
    source_disk,       // the next record is not written
    source_disk_late,  // the next record is written, and the disk says that it is not
    destination_disk,
    destination_disk_late,
    cancel,
};
inline constexpr Failure failures[] = {Failure::source_agent,
                                       Failure::destination_agent,
                                       Failure::both_agents,
                                       Failure::source_worker,
                                       Failure::destination_worker,
                                       Failure::connection,
                                       Failure::partition,
                                       Failure::source_host,
                                       Failure::destination_host,
                                       Failure::source_disk,
                                       Failure::source_disk_late,
                                       Failure::destination_disk,
                                       Failure::destination_disk_late,
                                       Failure::cancel};
const char* to_string(Failure failure);

// Which of the steps that are possible is taken.
enum class Schedule : std::uint8_t { source_first, destination_first, network_first, random };

class World {
  public:
    // `images`: the guest's disk goes along (docs/wan_migration.md).
    // `lateness`: of the guest, when it is asked to suspend itself.
    explicit World(Schedule schedule, std::uint64_t seed = 1, bool images = false, Lateness lateness = {});

    // One step of something; false when nothing can move any more, also not with time.
    bool step();
    void inject(Failure failure);
    // Steps until nothing moves. False when that takes too long.
    bool run_to_quiescence();
    bool stands_or_may_stand() const;

    std::size_t steps() const { return steps_; }
    // The first broken promise, in words; empty when there is none.
    const std::string& violation() const { return violation_; }
    // Checks what must hold when all is quiet, given what has been injected.
    void check_end();
    // For messages of failed tests.
    std::string describe() const;
    bool moved() const { return copy_runs(destination); }
    // Whether the guest has suspended itself when nobody waited for it any more.
    bool suspended_late() const { return suspended_late_; }
    std::int64_t elapsed_ms() const { return now_ms_ - began_ms; }
    void fail_renames(HostIndex host, int count) { hosts_[host].renames_fail = count; }

  private:
    enum class Word : std::uint8_t {
        open,
        accept,
        decline,
        image,     // a piece of it
        complete,  // all of it, but for what the guest still writes
        end,
        ready,
        commit,
        started,
        aborted,
        ask,
        verdict
    };
    struct Message {
        Word word = Word::open;
        wire::Verdict verdict = wire::Verdict::unknown;
    };
    struct Connection {
        bool broken = false;
        std::deque<Message> to[2];  // indexed by the receiving host
    };
    struct Worker {
        WorkerOp op = WorkerOp::create;
        std::size_t host = source;
        WorkerId id = no_worker;
        int phase = 0;
        std::shared_ptr<Connection> connection;
        std::deque<Action> told;
        bool exited = false;
    };
    struct Answer {
        ActionKind kind = ActionKind::persist;
        std::uint32_t row = 0;
        bool ok = true;
        bool survey = false;
        Fault fault = Fault::none;
    };
    // Of the guest's disk on one host, by the name that its file has.
    enum class Image : std::uint8_t { none, incoming, final_name, left };
    struct Copy {
        DomainState state = DomainState::running;
        std::string name;
        SuspendRequest request{};
    };
    struct Host {
        std::optional<Copy> copy;
        std::map<std::uint64_t, JobRecord> disk;
        int disk_fails = 0;  // so many further writes
        bool disk_fails_late = false;
        int renames_fail = 0;  // so many further ones
        Image image = Image::none;
        std::vector<std::byte> memory;
        std::unique_ptr<Core> core;  // null: the agent is dead
        std::deque<Action> todo;
        std::deque<Answer> answers;
        std::deque<std::function<void(Host&)>> inbox;
        WorkerId last_incoming = 0;
        // What the controller has heard of it.
        std::optional<wire::JobUpdate> final_report;
        bool ready = false;
        bool ordered = false;
    };

    bool step_host(std::size_t index);
    bool step_network();
    bool step_controller();
    bool step_guest();
    bool step_restart(std::size_t index);
    bool step_time();
    void perform(std::size_t index, const Action& action);
    void answer(std::size_t index, const Answer& answer);
    void call(std::size_t index, Answer& answer, Call what);
    void feed(std::size_t index, const Event& event);
    void post(std::size_t index, WorkerEvent event);

    bool step_worker(Worker& worker);
    bool step_source(Worker& worker);
    bool step_copying(Worker& worker);
    bool step_fetching(Worker& worker);
    void file(std::size_t index, FileStep what);
    bool step_incoming(Worker& worker);
    bool step_asking(Worker& worker);
    bool connect(Worker& worker);
    std::optional<Message> take(Worker& worker);
    void say(Worker& worker, Word word, wire::Verdict verdict = wire::Verdict::unknown);
    bool told(Worker& worker, Action& out);
    void leave(Worker& worker);
    void kill_workers(std::size_t index);

    void boot(std::size_t index);
    void crash_agent(std::size_t index);
    void order(std::size_t index);
    bool copy_runs(std::size_t index) const;
    void watch();
    Now now() const { return {{now_ms_}, {now_ms_}}; }

    Schedule schedule_;
    bool images_;
    Prng random_;
    Host hosts_[2];
    std::vector<std::unique_ptr<Worker>> workers_;
    static constexpr std::int64_t began_ms = 1'000'000;
    std::int64_t now_ms_ = began_ms;
    bool suspended_late_ = false;
    std::size_t steps_ = 0;
    int refused_dials_ = 0;
    bool host_lost_[2] = {false, false};
    bool cancelled_ = false;
    bool cancel_sent_ = false;
    bool acked_[2] = {false, false};
    std::deque<wire::HandoverQuery> queries_;
    std::deque<wire::HandoverAnswer> answers_;
    std::string violation_;
};

}  // namespace ballast::agent::model
