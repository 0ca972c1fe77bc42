// The people: requests to the controller, each with an idempotency key, sent again until an answer has come,
// some of them once more long after. The seam for further kinds of users: a request is an incident of the
// scenario that becomes a Command here.
#pragma once

#include <deque>
#include <vector>

#include "controller/core/commands.hpp"
#include "proto/messages.hpp"
#include "sim/engine.hpp"
#include "sim/scenario.hpp"

namespace ballast::simulator {

class World;

inline constexpr std::uint64_t first_job_id = 1000;

class Operators {
  public:
    explicit Operators(World& world) : world_{world} {}

    void begin(const Incident& incident);
    void on_request(const Event& event);
    const controller::Command& command(std::uint32_t request) const { return requests_[request].command; }
    void answered(std::uint32_t request, const controller::Outcome& outcome);
    // Every request has its answer.
    bool idle() const noexcept;
    // After the faults: hosts take guests again.
    void uncordon_all();

  private:
    struct Request {
        controller::Command command;
        wire::GuestSpec spec;
        bool open = true;
        bool repeat = false;
        bool acted = false;  // a first answer has come that tells of an effect
        controller::OutcomeKind kind = controller::OutcomeKind::problem;
        std::uint64_t job_id = 0;
        std::uint64_t plan_id = 0;
        std::int64_t sent_ns = 0;
        Prng random{0};
    };
    Request& make(controller::CommandKind kind);
    void send(std::uint32_t request, std::int64_t delay_ns);

    World& world_;
    std::deque<Request> requests_;  // addresses stay
};

}  // namespace ballast::simulator
