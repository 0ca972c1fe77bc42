// The users of desktops: they log in, look every second or so where their session is, connect, work, lose
// their connection and come back, and log out or just go away. When everything is mended each comes once
// more and must get through.
#pragma once

#include <deque>
#include <string>

#include "controller/core/commands.hpp"
#include "controller/core/desktop/rows.hpp"
#include "sim/engine.hpp"
#include "sim/scenario.hpp"

namespace ballast::simulator {

class World;

class Users {
  public:
    explicit Users(World& world) : world_{world} {}

    void begin(const Incident& incident);
    void on_step(const Event& event);
    // The answer to a visit's request for a session.
    void answered(std::uint32_t visit, const controller::Outcome& outcome);
    // The connection of this visit (nobody: none) is gone.
    void cut_off(std::uint32_t visit);
    void come_once_more();
    // Empty: nobody waits for anything.
    std::string waiting() const;
    // Whether the user's session may be there in the end.
    bool may_stay(std::string_view user) const;

  private:
    enum class Phase : std::uint8_t { asking, inside, leaving, gone };
    struct Visit {
        std::string user;
        bool personal = false;
        bool proof = false;  // must get through
        bool stays = false;  // does not log out
        bool vanishes = false;
        Phase phase = Phase::asking;
        std::uint64_t session = 0;
        bool connected = false;
        bool was_inside = false;
        std::int64_t stay_ns = 0;
        std::int64_t leave_at_ns = INT64_MAX;
        Prng random{0};
    };

    std::uint32_t add(std::uint32_t user, bool personal, std::int64_t stay_ns);
    void ask(std::uint32_t visit);
    void log_out(std::uint32_t visit);
    void end(std::uint64_t session);
    void end_unheard();
    void step_again(std::uint32_t visit, std::int64_t delay_ns);
    void look(std::uint32_t visit);
    void connect(std::uint32_t visit, const controller::SessionRow& session);
    void work(std::uint32_t visit);
    void over(std::uint32_t visit);

    World& world_;
    std::deque<Visit> visits_;
};

}  // namespace ballast::simulator
