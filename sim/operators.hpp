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
inline constexpr std::uint64_t first_session_id = 1;
inline constexpr std::string_view common_pool = "kiosk";
inline constexpr std::string_view private_pool = "office";

class Operators {
  public:
    explicit Operators(World& world) : world_{world} {}

    void begin(const Incident& incident);
    // The pools of desktops, and who has a private one.
    void furnish();
    // A request of a visit (nobody: of nobody who waits for the answer).
    void ask_for(std::uint32_t visit, const controller::Command& command);
    static bool is_desktop(std::string_view guest) noexcept;
    void on_request(const Event& event);
    const controller::Command& command(std::uint32_t request) const { return requests_[request].command; }
    void answered(std::uint32_t request, const controller::Outcome& outcome);
    // The word of a request that has no answer yet; empty: there is none.
    std::string_view unanswered() const noexcept;
    // After the faults: hosts take guests again.
    void uncordon_all();

  private:
    struct Request {
        controller::Command command;
        std::uint32_t visit = UINT32_MAX;
        wire::GuestSpec spec;
        bool open = true;
        bool repeat = false;
        bool acted = false;  // a first answer has come that tells of an effect
        controller::OutcomeKind kind = controller::OutcomeKind::problem;
        std::uint64_t job_id = 0;
        std::uint64_t plan_id = 0;
        std::uint64_t session_id = 0;
        std::int64_t sent_ns = 0;
        Prng random{0};
    };
    Request& make(controller::CommandKind kind);
    void assign_private_desktops(std::int64_t delay_ns);
    void address_desktops(const Incident& incident, controller::Command& command);
    controller::DesktopPoolRecord pool_of(std::string_view name) const;
    void send(std::uint32_t request, std::int64_t delay_ns);

    World& world_;
    std::deque<Request> requests_;  // addresses stay
    controller::DesktopPoolRecord common_;
    controller::DesktopPoolRecord personal_;
};

}  // namespace ballast::simulator
