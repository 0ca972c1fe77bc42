// The controller's store: what is on disk, and what a transaction is about to add. A crash in the middle of a
// commit leaves the old content or the new one, never a part: that is SQLite's promise, and what is simulated
// is the moment of it.
#pragma once

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "controller/core/core.hpp"
#include "sim/scenario.hpp"

namespace ballast::simulator {

struct StoredPlan {
    controller::PlanRecord record;
    std::vector<controller::PlanMove> moves;
    std::vector<controller::PlanRejection> rejected;
    std::vector<controller::PlanHostLoad> hosts;
    controller::RuleCounts by_rule;
};
using KeyOf = std::pair<std::uint64_t, std::uint64_t>;

struct StoreContent {
    controller::Identity identity;
    std::map<HostName, controller::HostRecord> hosts;
    std::map<Uuid, controller::VmRecord> vms;
    std::map<Uuid, wire::GuestSpec> definitions;
    std::map<Name, controller::DesktopPoolRecord> pools;
    std::map<Uuid, controller::DesktopRecord> desktops;
    std::map<std::uint64_t, controller::SessionRecord> sessions;
    std::map<std::uint64_t, controller::JobRecord> jobs;
    std::map<std::uint64_t, StoredPlan> plans;
    std::map<KeyOf, controller::IdempotencyRecord> keys;

    // What the core does not take: the word of the table; empty: all is restored.
    std::string_view restore_into(controller::Core& core) const;
};

class Store {
  public:
    StoreContent content;

    // Takes the record that a persisting action names; false: the action is none of the store's.
    bool stage(const controller::Core& core, const controller::Action& action, Mutation mutation);
    bool dirty() const noexcept { return !staged_.empty(); }
    void commit();
    void roll_back() { staged_.clear(); }

  private:
    std::vector<std::function<void(StoreContent&)>> staged_;
};

}  // namespace ballast::simulator
