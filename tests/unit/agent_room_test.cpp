// Room for guests on a host on which others are being built: nobody counts twice.
#include "agent/core/core.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace ballast::agent {
namespace {

constexpr std::uint32_t guest_mib = 128;
constexpr std::uint64_t guest_kib = guest_mib * 1024;

// An agent's core whose first guest is being built.
class Building {
  public:
    Building() {
        Arena counting;
        (void)Core{counting, {}};
        memory_.resize(counting.used_bytes() + 64);
        Arena arena{memory_};
        core_ = std::make_unique<Core>(arena, CoreSettings{.host_name = "h1"});
        EXPECT_EQ(refusal_of(first, 1 << 20), Fault::none);
        feed(PersistedEvent{0, true});
        EXPECT_GT(core_->reserved_kib(), guest_kib);
    }

    // Orders one more guest where so much is free by the hypervisor's word, and the first one's domain has
    // taken so much already.
    Fault refusal_of(std::uint8_t guest, std::uint64_t free_kib, std::uint64_t first_has_kib = 0) {
        wire::JobOrder order;
        order.job_id = guest;
        order.kind = JobKind::create;
        order.uuid.bytes.fill(guest);
        order.name = guest == first ? "one" : "two";
        order.deadline_ms = 60'000;
        order.has_spec = true;
        order.spec.uuid = order.uuid;
        order.spec.name = order.name;
        order.spec.memory_mib = guest_mib;
        feed(OrderEvent{order});
        Truth truth;
        truth.domain.uuid = order.uuid;
        truth.domain.state = DomainState::absent;
        truth.can_pv = truth.can_hvm = truth.can_hap = true;
        truth.memory_free_kib = free_kib;
        Uuid building;
        building.bytes.fill(first);
        truth.memory_taken_kib = core_->taken_kib(building, first_has_kib);
        const std::uint32_t row = actions_[0].row;
        feed(TruthEvent{row, truth});
        const bool refused = !actions_.empty() && actions_[0].kind == ActionKind::refuse;
        return refused ? actions_[0].fault : Fault::none;
    }

    static constexpr std::uint8_t first = 1;
    static constexpr std::uint8_t second = 2;

  private:
    void feed(const Event& event) {
        actions_.clear();
        (void)core_->step(event, {{1'000'000}, {1'000'000}}, actions_);
    }

    std::vector<std::byte> memory_;
    std::unique_ptr<Core> core_;
    Actions actions_;
};

// What a guest needs beside its memory is less than this.
constexpr std::uint64_t overhead_kib = 8 * 1024;

TEST(AgentRoom, IsKeptForAGuestWhoseDomainIsNotThereYet) {
    EXPECT_EQ(Building{}.refusal_of(Building::second, guest_kib + 2 * overhead_kib), Fault::no_memory);
    EXPECT_EQ(Building{}.refusal_of(Building::second, 2 * (guest_kib + overhead_kib)), Fault::none);
}

TEST(AgentRoom, OfWhatADomainBeingBuiltHasOnlyTheRestIsStillToCome) {
    EXPECT_EQ(Building{}.refusal_of(Building::second, guest_kib + 2 * overhead_kib, guest_kib), Fault::none);
    EXPECT_EQ(Building{}.refusal_of(Building::second, guest_kib + overhead_kib, guest_kib / 2),
              Fault::no_memory);
}

TEST(AgentRoom, ADomainThatHasMoreThanWasReservedLendsNothing) {
    EXPECT_EQ(Building{}.refusal_of(Building::second, guest_kib, 100 * guest_kib), Fault::no_memory);
}

}  // namespace
}  // namespace ballast::agent
