#include "xen_glue/sim/sim_host.hpp"

#include <functional>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "tests/unit/sim_model.hpp"

namespace ballast::sim {
namespace {

// ---- every operation in every state ----

struct StateCase {
    const char* name;
    DomainState shown;
    std::function<Guest&(TestHost&)> make;
    // What the operations answer
    Fault pause, unpause, resume, rename, send, shutdown, destroy;
};

// As its sender does.
void suspend(TestHost& host, Guest& guest) {
    EXPECT_TRUE(ask_to_suspend(*host, guest.domid).ok());
    host.pass(suspend_ns((*host).config));
    EXPECT_TRUE(suspend_for_send(*host, guest.domid).ok());
}
Guest& suspended_guest(TestHost& host) {
    Guest& guest = host.add_running(guest_called("g"));
    EXPECT_TRUE(begin_send(*host, guest, MigrationMode::stop_and_copy, true).ok());
    suspend(host, guest);
    return guest;
}
Guest& ended_guest(TestHost& host, void (*end)(SimHost&, Guest&)) {
    Guest& guest = host.add_running(guest_called("g"));
    end(*host, guest);
    return guest;
}

const std::vector<StateCase>& state_cases() {
    using enum Fault;
    static const std::vector<StateCase> cases{
        {"being built", DomainState::paused,
         [](TestHost& h) -> Guest& { return *find_domid(*h, begin_create(*h, guest_called("g")).value()); },
         none, domain_in_use, state_conflict, none, domain_in_use, domain_in_use, none},
        {"left half-built", DomainState::paused,
         [](TestHost& h) -> Guest& {
             Guest& g = *find_domid(*h, begin_create(*h, guest_called("g")).value());
             abandon(*h, g);
             return g;
         },
         none, hypervisor_failed, state_conflict, none, guest_paused, none, none},
        {"running", DomainState::running,
         [](TestHost& h) -> Guest& { return h.add_running(guest_called("g")); }, none, none, state_conflict,
         none, none, none, none},
        {"paused", DomainState::paused, [](TestHost& h) -> Guest& { return h.add(guest_called("g")); }, none,
         none, state_conflict, none, guest_paused, none, none},
        {"sending live", DomainState::running,
         [](TestHost& h) -> Guest& {
             Guest& g = h.add_running(guest_called("g"));
             EXPECT_TRUE(begin_send(*h, g, MigrationMode::live, true).ok());
             return g;
         },
         none, none, state_conflict, none, domain_in_use, domain_in_use, none},
        {"suspended, still sending", DomainState::suspended, suspended_guest, state_conflict, state_conflict,
         domain_in_use, none, domain_in_use, domain_in_use, none},
        {"suspended", DomainState::suspended,
         [](TestHost& h) -> Guest& {
             Guest& g = suspended_guest(h);
             EXPECT_TRUE(finish_send(*h, g.domid).ok());
             return g;
         },
         state_conflict, state_conflict, none, none, state_conflict, state_conflict, none},
        {"powered off", DomainState::powered_off,
         [](TestHost& h) -> Guest& { return ended_guest(h, power_off); }, state_conflict, state_conflict,
         state_conflict, none, state_conflict, none, none},
        {"rebooting", DomainState::rebooting, [](TestHost& h) -> Guest& { return ended_guest(h, reboot); },
         state_conflict, state_conflict, state_conflict, none, state_conflict, state_conflict, none},
        {"crashed", DomainState::crashed, [](TestHost& h) -> Guest& { return ended_guest(h, crash); },
         state_conflict, state_conflict, state_conflict, none, state_conflict, guest_crashed, none},
        {"being destroyed", DomainState::dying,
         [](TestHost& h) -> Guest& {
             Guest& g = h.add(guest_called("g"));
             EXPECT_TRUE(begin_destroy(*h, g).ok());
             return g;
         },
         state_conflict, state_conflict, state_conflict, state_conflict, domain_in_use, domain_in_use,
         domain_in_use},
        {"left dying", DomainState::dying,
         [](TestHost& h) -> Guest& {
             Guest& g = h.add(guest_called("g"));
             EXPECT_TRUE(begin_destroy(*h, g).ok());
             abandon(*h, g);
             return g;
         },
         state_conflict, state_conflict, state_conflict, state_conflict, state_conflict, state_conflict,
         none},
    };
    return cases;
}

TEST(SimHostModel, EveryOperationAnswersInEveryStateAsXenDoes) {
    for (const StateCase& c : state_cases()) {
        const auto answer = [&](const char* what, Fault expected, auto operation) {
            TestHost host;
            Guest& guest = c.make(host);
            EXPECT_EQ(state_of(guest), c.shown) << c.name;
            EXPECT_EQ(to_string(operation(*host, guest).fault()), to_string(expected))
                << what << " while " << c.name;
        };
        answer("pause", c.pause, [](SimHost& s, Guest& g) { return pause(s, g); });
        answer("unpause", c.unpause, [](SimHost& s, Guest& g) { return unpause(s, g); });
        answer("resume", c.resume, [](SimHost& s, Guest& g) { return resume_suspended(s, g); });
        answer("rename", c.rename, [](SimHost& s, Guest& g) { return rename(s, g, g.name, "new"); });
        answer("send", c.send,
               [](SimHost& s, Guest& g) { return begin_send(s, g, MigrationMode::live, true); });
        answer("shutdown", c.shutdown, [](SimHost& s, Guest& g) { return begin_shutdown(s, g); });
        answer("destroy", c.destroy, [](SimHost& s, Guest& g) { return begin_destroy(s, g); });
    }
}

TEST(SimHostModel, ARefusedOperationChangesNothing) {
    for (const StateCase& c : state_cases()) {
        TestHost host;
        Guest& guest = c.make(host);
        const Domain before = describe(guest);
        const Activity activity = guest.activity;
        const std::uint64_t changes = (*host).change_count;
        if (c.pause != Fault::none) {
            EXPECT_FALSE(pause(*host, guest).ok());
        }
        if (c.resume != Fault::none) {
            EXPECT_FALSE(resume_suspended(*host, guest).ok());
        }
        if (c.send != Fault::none) {
            EXPECT_FALSE(begin_send(*host, guest, MigrationMode::live, true).ok());
        }
        EXPECT_FALSE(rename(*host, guest, "another name", "new").ok());
        EXPECT_EQ(describe(guest).state, before.state) << c.name;
        EXPECT_EQ(guest.name, before.name) << c.name;
        EXPECT_EQ(guest.activity, activity) << c.name;
        EXPECT_EQ((*host).change_count, changes) << c.name;
    }
}

// ---- single rules ----

TEST(SimHostModel, PausesByOthersAreCountedAndOursAreNot) {
    TestHost host;
    Guest& guest = host.add_running(guest_called("g"));
    EXPECT_TRUE(pause(*host, guest).ok());
    EXPECT_TRUE(pause(*host, guest).ok());
    EXPECT_TRUE(unpause(*host, guest).ok());
    EXPECT_EQ(state_of(guest), DomainState::running);
    pause_counted(*host, guest);
    pause_counted(*host, guest);
    EXPECT_TRUE(unpause(*host, guest).ok());
    EXPECT_EQ(state_of(guest), DomainState::paused);
    EXPECT_TRUE(unpause(*host, guest).ok());
    EXPECT_EQ(state_of(guest), DomainState::running);
}

TEST(SimHostModel, NamesAreUniqueAndUuidsOnlyWhenCreating) {
    TestHost host;
    const NewGuest first = guest_called("one");
    Guest& guest = host.add_running(first);
    EXPECT_EQ(begin_create(*host, guest_called("one")).fault(), Fault::already_exists);
    NewGuest same_uuid = guest_called("two");
    same_uuid.uuid = first.uuid;
    EXPECT_EQ(begin_create(*host, same_uuid).fault(), Fault::already_exists);
    host.add(guest_called("three"));
    EXPECT_EQ(rename(*host, guest, "one", "three").fault(), Fault::already_exists);
    EXPECT_EQ(rename(*host, guest, "one", "a b").fault(), Fault::invalid_argument);
    EXPECT_EQ(rename(*host, guest, "one", std::string(64, 'a')).fault(), Fault::invalid_argument);
    // A migration within one host: two domains of one uuid, told apart by the suffix.
    const auto incoming = begin_receive(*host, first, incoming_suffix, true);
    ASSERT_TRUE(incoming.ok());
    EXPECT_EQ(find_uuid(*host, first.uuid)->domid, guest.domid);
    EXPECT_EQ(find_domid(*host, incoming.value())->name, "one--incoming");
    EXPECT_EQ(begin_receive(*host, first, incoming_suffix, true).fault(), Fault::already_exists);
}

TEST(SimHostModel, DomainIdsGrowAndAreNotSoonUsedAgain) {
    TestHost host;
    const std::uint32_t first = host.add(guest_called("a")).domid;
    ASSERT_TRUE(begin_destroy(*host, *find_domid(*host, first)).ok());
    ASSERT_TRUE(finish_destroy(*host, first).ok());
    EXPECT_EQ(host.add(guest_called("b")).domid, first + 1);
    (*host).next_domid = 32751;
    EXPECT_EQ(host.add(guest_called("c")).domid, 32751u);
    EXPECT_EQ(host.add(guest_called("d")).domid, 1u);
    EXPECT_EQ(host.add(guest_called("e")).domid, 3u) << "2 is in use";
}

TEST(SimHostModel, ShutDownGuestsHoldTheirMemoryUntilTheyAreDestroyed) {
    TestHost host;
    const std::uint64_t free_kib = memory_free_kib(*host);
    Guest& guest = host.add_running(guest_called("g", 512));
    EXPECT_EQ(memory_free_kib(*host), free_kib - 512 * 1024 - guest_overhead_kib);
    power_off(*host, guest);
    EXPECT_EQ(memory_free_kib(*host), free_kib - 512 * 1024 - guest_overhead_kib);
    const std::uint32_t domid = guest.domid;
    ASSERT_TRUE(begin_destroy(*host, guest).ok());
    EXPECT_LT(memory_free_kib(*host), free_kib);
    ASSERT_TRUE(finish_destroy(*host, domid).ok());
    EXPECT_EQ(memory_free_kib(*host), free_kib);
}

TEST(SimHostModel, MemoryIsClaimedWhenAGuestBeginsToBeBuilt) {
    TestHost host;
    const std::uint64_t free_mib = memory_free_kib(*host) / 1024;
    EXPECT_EQ(begin_create(*host, guest_called("big", free_mib)).fault(), Fault::no_memory);
    ASSERT_TRUE(begin_receive(*host, guest_called("fits", free_mib - 2), incoming_suffix, true).ok());
    EXPECT_EQ(begin_create(*host, guest_called("small", 32)).fault(), Fault::no_memory);
}

TEST(SimHostModel, MemoryIsNeverOverCommittedWhateverIsTried) {
    Prng prng{7};
    TestHost host;
    std::uint32_t number = 0;
    int refusals = 0;
    for (int i = 0; i < 3000; ++i) {
        SimHost& state = *host;
        Guest* victim = state.guests.empty() ? nullptr : &state.guests[prng.below(state.guests.size())];
        const NewGuest wanted = guest_called("g" + std::to_string(++number), 32 + prng.below(900));
        switch (prng.below(6)) {
            case 0:
                if (const auto domid = begin_create(state, wanted); domid.ok()) {
                    EXPECT_TRUE(prng.chance(0.5) || finish_create(state, domid.value()).ok());
                } else {
                    refusals += domid.fault() == Fault::no_memory ? 1 : 0;
                }
                break;
            case 1: (void)begin_receive(state, wanted, incoming_suffix, prng.chance(0.5)); break;
            case 2:
                if (victim != nullptr && begin_destroy(state, *victim).ok()) {
                    EXPECT_TRUE(finish_destroy(state, victim->domid).ok());
                }
                break;
            case 3:
                if (victim != nullptr) {
                    abandon(state, *victim);
                }
                break;
            case 4:
                if (victim != nullptr) {
                    (void)unpause(state, *victim);
                }
                break;
            default: host.pass(second_ns / 2);
        }
        std::uint64_t used_kib = hypervisor_memory_kib + state.config.dom0_memory_kib;
        for (const Guest& guest : state.guests) {
            used_kib += guest.memory_kib + guest_overhead_kib;
        }
        ASSERT_LE(used_kib, state.config.memory_kib);
        ASSERT_EQ(used_kib + memory_free_kib(state), state.config.memory_kib);
    }
    EXPECT_GT(refusals, 100);
}

TEST(SimHostModel, TypesAndLiveTransfersNeedWhatTheHypervisorOffers) {
    TestHost host;
    (*host).config.can_hap = false;
    NewGuest pvh = guest_called("pvh");
    pvh.type = GuestType::pvh;
    EXPECT_EQ(begin_create(*host, pvh).fault(), Fault::unsupported);
    NewGuest hvm = guest_called("hvm");
    hvm.type = GuestType::hvm;
    Guest& without_hap = host.add_running(hvm);
    EXPECT_EQ(begin_send(*host, without_hap, MigrationMode::live, true).fault(),
              Fault::live_migration_unavailable);
    EXPECT_TRUE(begin_send(*host, without_hap, MigrationMode::automatic, true).ok());
    EXPECT_TRUE(without_hap.precopy.guest_suspended);
    Guest& pv = host.add_running(guest_called("pv"));
    EXPECT_TRUE(begin_send(*host, pv, MigrationMode::automatic, true).ok());
    EXPECT_FALSE(pv.precopy.guest_suspended);
}

TEST(SimHostModel, APausedDeafOrEndedGuestDoesNotLetItselfBeSuspended) {
    TestHost host;
    Guest& paused = host.add_running(guest_called("paused"));
    Guest& deaf = host.add_running(guest_called("deaf"));
    Guest& ended = host.add_running(guest_called("ended"));
    for (Guest* guest : {&paused, &deaf, &ended}) {
        ASSERT_TRUE(begin_send(*host, *guest, MigrationMode::live, true).ok());
    }
    ASSERT_TRUE(pause(*host, paused).ok());
    deaf.workload.unresponsive = true;
    crash(*host, ended);
    for (const Guest* guest : {&paused, &deaf, &ended}) {
        ASSERT_TRUE(ask_to_suspend(*host, guest->domid).ok());
    }
    host.pass(10 * second_ns);
    EXPECT_EQ(suspend_for_send(*host, paused.domid).fault(), Fault::guest_unresponsive);
    EXPECT_EQ(suspend_for_send(*host, deaf.domid).fault(), Fault::guest_unresponsive);
    EXPECT_EQ(suspend_for_send(*host, ended.domid).fault(), Fault::guest_crashed);
    EXPECT_EQ(end_send_round(*host, ended.domid).fault(), Fault::guest_crashed);
    EXPECT_EQ(state_of(paused), DomainState::paused);
    EXPECT_EQ(state_of(deaf), DomainState::running);
}

TEST(SimHostModel, AGuestHeedsARequestToSuspendWhoeverMadeIt) {
    TestHost host;
    (*host).config.suspend_late_ms = 500;
    Guest& guest = host.add_running(guest_called("late"));
    const auto ask_and_leave = [&] {
        ASSERT_TRUE(begin_send(*host, guest, MigrationMode::stop_and_copy, true).ok());
        ASSERT_TRUE(ask_to_suspend(*host, guest.domid).ok());
        abandon(*host, guest);
    };
    EXPECT_TRUE(withdraw_suspend(*host, guest).ok()) << "there is none";
    ask_and_leave();
    EXPECT_TRUE(withdraw_suspend(*host, guest).ok()) << "it has not taken it";
    host.pass(10 * second_ns);
    EXPECT_EQ(state_of(guest), DomainState::running);

    ask_and_leave();
    host.pass(suspend_ns((*host).config));
    EXPECT_EQ(state_of(guest), DomainState::running);
    EXPECT_EQ(withdraw_suspend(*host, guest).fault(), Fault::state_conflict) << "it has taken it";
    EXPECT_EQ(next_change_ns(*host), (*host).now_ns + second_ns / 2);
    host.pass(second_ns / 2);
    EXPECT_EQ(state_of(guest), DomainState::suspended);
    EXPECT_EQ(withdraw_suspend(*host, guest).fault(), Fault::state_conflict);
    ASSERT_TRUE(resume_suspended(*host, guest, true).ok()) << "nobody has asked it since";

    ask_and_leave();
    host.pass(suspend_ns((*host).config) + second_ns / 2);
    EXPECT_EQ(resume_suspended(*host, guest, true).fault(), Fault::state_conflict) << "somebody has";
    ASSERT_TRUE(resume_suspended(*host, guest).ok());

    ask_and_leave();
    guest.workload.unresponsive = true;
    host.pass(10 * second_ns);
    guest.workload.unresponsive = false;
    host.pass(second_ns);
    EXPECT_EQ(state_of(guest), DomainState::suspended) << "the request was waiting for it";
}

TEST(SimHostModel, WhatDeadProcessesLeaveBehindIsWhatXenWouldShow) {
    TestHost host;
    Guest& sending = host.add_running(guest_called("sending"));
    ASSERT_TRUE(begin_send(*host, sending, MigrationMode::live, true).ok());
    abandon(*host, sending);
    EXPECT_EQ(state_of(sending), DomainState::running);
    ASSERT_TRUE(begin_send(*host, sending, MigrationMode::stop_and_copy, true).ok());
    suspend(host, sending);
    abandon(*host, sending);
    EXPECT_EQ(state_of(sending), DomainState::suspended);
    EXPECT_TRUE(resume_suspended(*host, sending).ok());

    Guest& stopping = host.add_running(guest_called("stopping"));
    ASSERT_TRUE(begin_shutdown(*host, stopping).ok());
    abandon(*host, stopping);
    host.pass(10 * second_ns);
    EXPECT_EQ(state_of(stopping), DomainState::powered_off) << "the request was with the guest already";
}

}  // namespace
}  // namespace ballast::sim
