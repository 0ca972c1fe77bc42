// One run of a whole pool: real cores of the controller and of every agent in a simulated world that breaks.
#pragma once

#include <memory>
#include <vector>

#include "sim/agents.hpp"
#include "sim/controller.hpp"
#include "sim/network.hpp"
#include "sim/operators.hpp"
#include "sim/scenario.hpp"
#include "sim/shared_store.hpp"
#include "sim/truth.hpp"
#include "sim/users.hpp"
#include "sim/workers.hpp"

namespace ballast::simulator {

inline constexpr std::int64_t wall_start_ms = 1'790'000'000'000;
// How long after the last fault the system may take to come to rest: the longest job with its grace, and what
// the agents' pauses between their tries add to it.
inline constexpr std::int64_t rest_within_ns = 900 * second;

constexpr Uuid uuid_of(std::uint64_t kind, std::uint64_t number) noexcept {
    Uuid uuid;
    for (std::size_t i = 0; i < 8; ++i) {
        uuid.bytes[i] = static_cast<std::uint8_t>(kind >> (8 * i));
        uuid.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    return uuid;
}
inline constexpr std::uint64_t guest_uuids = 0x6775657374;
inline constexpr std::uint64_t journal_uuids = 0x6a6f75726e616c;
inline constexpr std::uint64_t host_uuids = 0x686f7374;

class World final : public Listeners {
  public:
    World(const Scenario& given, bool log_wanted);
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // To rest, or to the first broken promise.
    void run();

    std::uint32_t hosts() const noexcept { return scenario.pool.hosts; }
    Machine& machine(std::uint32_t host) { return machines[host]; }
    Now host_now(std::uint32_t host) const noexcept;
    wire::GuestSpec spec_of(std::uint32_t guest) const;
    // What lies at the store's directory of this host now.
    std::uint32_t store_seen(std::uint32_t host) const {
        return machines[host].shared_elsewhere > 0 ? host + 1 : 0;
    }
    SharedStore& store_at(std::uint32_t host) { return stores[store_seen(host)]; }
    std::int64_t shared_delay_ns() const noexcept { return shared_slow_ms * ms; }
    // How a guest that is made now will tell of itself.
    sim::Signals signals_of_newborn(std::uint32_t host, Prng& random) const;
    // Some host has the memory for one more desktop.
    bool room_for_a_desktop() const;

    // Listeners
    void hear(std::uint32_t connection, Side at, Letter&& letter) override;
    void lost(std::uint32_t connection, Side at) override;

    const Scenario scenario;
    Engine engine;
    std::vector<Machine> machines;
    Ledger ledger;
    Network network;
    Workers workers;
    Agents agents;
    Controller controller;
    Operators operators;
    Users users;
    std::vector<SharedStore> stores;  // the shared one, then what is found instead of it on each host
    std::uint32_t shared_full = 0;
    std::int64_t shared_slow_ms = 0;

  private:
    void populate();
    void dispatch(const Event& event);
    void on_incident(std::uint32_t index);
    bool begin_death(const Incident& incident);
    void begin_fault(const Incident& incident);
    void end_fault(const Incident& incident);
    void net_fault(const Incident& incident, bool begins);
    void host_fault(const Incident& incident, bool begins);
    void guest_fault(const Incident& incident, bool begins);
    void desktop_fault(const Incident& incident);
    void signals_fault(const Incident& incident, bool begins);
    void listen_to_all_guests();
    void heal();
    void lose_power(std::uint32_t host);
    void boot(std::uint32_t host);
    void check(std::uint32_t host);
    bool momentarily_idle() const;
    // Rest (rest.cpp). Empty: nothing is under way any more; otherwise what is.
    std::string restless();
    void check_rest();
    void check_guest_at_rest(const Uuid& uuid, const Story& story);
    // The same of desktops (rest_desktops.cpp).
    std::string restless_desktops();
    std::string unmet_targets(const controller::DesktopPoolRow& row, std::uint32_t pool);
    void check_desktops_at_rest();
    void check_desktop_guest(std::uint32_t host, const Uuid& uuid, std::string_view name);

    std::vector<bool> open_faults_;  // by incident: it has begun and not ended
    bool healing_ = false;
};

}  // namespace ballast::simulator
