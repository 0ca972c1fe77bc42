// One simulated host of the fleet: what a real agent says and answers, over the real protocol, without a
// hypervisor. It samples, carries out orders after a fixed time, acknowledges relays and guests' notes, and
// dials again when the controller goes away.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/prng.hpp"
#include "shell/link.hpp"

namespace ballast::fleet {

struct FleetSettings {
    std::uint16_t port = 0;  // of the controller on 127.0.0.1
    std::shared_ptr<LinkScratch> scratch = std::make_shared<LinkScratch>();
    std::uint32_t hosts = 20;
    std::uint32_t guests_per_host = 100;  // found running at the start
    std::uint32_t guest_memory_mib = 128;
    std::uint32_t host_memory_mib = 262'144;
    Duration sample_interval = seconds(5);
    Duration operation = milliseconds(20);  // from an order to its result
};

class Host;

// Guests move from one host of the fleet to another at once, without any bytes.
using Peers = std::unordered_map<std::string, Host*>;

struct FleetCounts {
    std::uint64_t connections = 0;  // hellos that were accepted
    std::uint64_t samples = 0;
    std::uint64_t reports = 0;
    std::uint64_t jobs = 0;  // ended here
    std::uint64_t refused = 0;
    std::uint32_t up = 0;  // hosts that are connected now
};

class Host {
  public:
    // `peers` finds the hosts of the fleet by their names, this one too once it is made; it outlives them.
    Host(Loop& loop, const FleetSettings& settings, FleetCounts& counts, Peers& peers, std::uint32_t number);
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    void dial();
    // What is due: results of operations, the inventory when it has changed, the next sample. Called often.
    void tick(Instant at);

  private:
    struct Guest {
        wire::DomainInfo info;
        bool saved = false;
    };
    struct Work {
        Instant due;
        wire::JobOrder order;
    };

    void on_message(const wire::Message& message);
    void prepare(const wire::JobOrder& order);
    bool hand_over(const wire::JobOrder& order, Guest& guest);
    void receive(const Uuid& migration, const Guest& guest);
    void finish(const wire::JobUpdate& result);
    void on_order(const wire::JobOrder& order);
    void on_down();
    void carry_out(const wire::JobOrder& order, wire::JobUpdate& result);
    void send_hello();
    void send_report();
    void send_sample(Instant at);
    void send_relay(std::uint64_t session, const Uuid& guest, wire::RelayState state);
    void answer(const wire::GuestNote& note);
    Guest* find(const Uuid& uuid);
    std::uint64_t free_kib() const;

    Loop& loop_;
    const FleetSettings& settings_;
    FleetCounts& counts_;
    Peers& peers_;
    std::uint32_t number_;
    HostName name_;
    Prng random_;
    std::unique_ptr<Link> link_;
    Timer redial_;
    bool ready_ = false;
    bool changed_ = false;  // the inventory, since the last report
    std::vector<Guest> guests_;
    std::uint32_t next_domid_ = 1;
    std::deque<Work> work_;
    std::vector<wire::JobOrder> arriving_;                        // migrations that this host is prepared for
    std::unordered_map<std::uint64_t, wire::JobUpdate> results_;  // until they are acknowledged
    std::uint64_t sequence_ = 0;
    Instant next_sample_;
    Instant next_report_;
};

// A uuid that is the same in every run.
Uuid uuid_of(std::uint32_t host, std::uint32_t guest);

}  // namespace ballast::fleet
