// What people, files and guests do wrong, in tables: each is refused with its reason, or contained, and the
// service goes on.
#include "controller/core/commands.hpp"

#include <gtest/gtest.h>

#include "tests/unit/controller_desk.hpp"

namespace ballast::controller::test {
namespace {

Outcome ask(Desk& desk, CommandKind kind, const char* user, const char* target, bool personal = false) {
    Command wanted;
    wanted.kind = kind;
    wanted.user = user;
    wanted.target = target;
    wanted.flag = personal;
    return desk.command(wanted);
}

Outcome set_targets(Desk& desk, const PoolTargets& targets) {
    Command wanted;
    wanted.kind = CommandKind::pool_targets;
    wanted.target = "kiosk";
    wanted.targets = targets;
    return desk.command(wanted);
}

struct Request {
    const char* what;
    Outcome (*make)(Desk&);
    Slug slug;
    const char* says;  // in the answer: the reason, or the member that is wrong
};

const Request requests[] = {
    {"a session in an unknown pool", [](Desk& desk) { return desk.open("ann", "nowhere"); }, Slug::not_found,
     "no pool nowhere"},
    {"a session of nobody", [](Desk& desk) { return desk.open("../ann"); }, Slug::validation_failed, "/user"},
    {"the private desktop of an unknown user",
     [](Desk& desk) { return ask(desk, CommandKind::session_open, "ann", "", true); }, Slug::not_found,
     "user ann has no private desktop"},
    {"a private desktop in an unknown pool",
     [](Desk& desk) { return ask(desk, CommandKind::private_put, "ann", "nowhere"); },
     Slug::validation_failed, "/pool"},
    {"a private desktop in a pool of common ones",
     [](Desk& desk) { return ask(desk, CommandKind::private_put, "ann", "kiosk"); }, Slug::validation_failed,
     "/pool"},
    {"taking away what an unknown user has not",
     [](Desk& desk) { return ask(desk, CommandKind::private_delete, "ann", ""); }, Slug::not_found,
     "user ann has no private desktop"},
    {"targets above the limit of desktops",
     [](Desk& desk) {
         return set_targets(desk, {1, 1, 1, 1000});
     },
     Slug::validation_failed, "/max"},
    {"more spares than desktops",
     [](Desk& desk) {
         return set_targets(desk, {3, 3, 3, 4});
     },
     Slug::validation_failed, "/max"},
    {"targets whose sum does not fit its type",
     [](Desk& desk) {
         return set_targets(desk, {UINT32_MAX, UINT32_MAX, 2, 4});
     },
     Slug::validation_failed, "/max"},
    {"the end of a session that never was", [](Desk& desk) { return desk.close(77); }, Slug::not_found,
     "no session 77"},
    {"a second end of a session",
     [](Desk& desk) {
         const std::uint64_t id = desk.open("ann").session_id;
         EXPECT_EQ(desk.close(id).kind, OutcomeKind::changed);
         const Outcome again = desk.close(id);
         EXPECT_EQ(again.kind, OutcomeKind::already_so);
         EXPECT_EQ(again.session_id, id);
         return again;
     },
     Slug::none, ""},
};

TEST(BadInput, OfPeopleIsRefusedWithItsReason) {
    for (const Request& request : requests) {
        SCOPED_TRACE(request.what);
        Desk desk;
        ASSERT_EQ(desk.make(kiosk({2, 0, 0, 4})).kind, OutcomeKind::changed);
        desk.until([&] { return desk.in(DesktopState::ready) == 2; });
        const Outcome outcome = request.make(desk);
        EXPECT_EQ(outcome.slug, request.slug);
        const std::string said =
            std::string{outcome.detail.view()} + " " + std::string{outcome.pointer.view()};
        EXPECT_NE(said.find(request.says), std::string::npos) << said;
        EXPECT_EQ(desk.open("bob").kind, OutcomeKind::session) << "somebody else pays for it";
    }
}

DesktopPoolRecord signalling(const PoolTargets& targets) {
    DesktopPoolRecord pool = kiosk(targets);
    pool.rules.guest_signals = true;
    return pool;
}

void signal_everywhere(Desk& desk, const wire::GuestSignal& given) {
    for (auto& [name, agent] : desk.agents) {
        for (const auto& [uuid, guest] : agent.guests) {
            wire::GuestSignal signal = given;
            signal.uuid = uuid;
            EXPECT_TRUE(desk.deliver(name, signal).ok()) << "an agent is cut off for what its guest wrote";
        }
    }
}

void let_guests_signal(Desk& desk, bool they_do) {
    for (auto& [name, agent] : desk.agents) {
        agent.guests_signal = they_do;
    }
}

struct Trouble {
    const char* what;
    const char* word;  // in the log
    void (*cause)(Desk&);
};

const Trouble troubles[] = {
    {"a kernel that one host does not have", "desktop_failed",
     [](Desk& desk) {
         desk.make(kiosk({2, 0, 0, 2}));
         for (int i = 0; i < 60; ++i) {
             desk.host("h1").refuse_next = Fault::not_found;
             desk.second();
         }
         EXPECT_EQ(desk.host("h2").guests.size(), 2U) << "the other host has it";
         EXPECT_TRUE(desk.host("h1").guests.empty());
         desk.host("h1").refuse_next = Fault::none;
     }},
    {"a golden file that is corrupt", "golden_unusable",
     [](Desk& desk) {
         for (auto& [name, agent] : desk.agents) {
             agent.store_path = "/srv/store";
             agent.refuse_clone = Fault::image_corrupt;
             desk.report(name);
         }
         desk.make(signalling({1, 0, 0, 2}));
         desk.until([&] { return desk.saw_report("golden_kept") && desk.in(DesktopState::ready) == 1; });
         desk.close(desk.open("ann").session_id);
         desk.until([&] { return desk.saw_report("golden_unusable"); });
     }},
    {"guests that never signal", "desktop_failed",
     [](Desk& desk) {
         let_guests_signal(desk, false);
         desk.make(signalling({1, 0, 0, 2}));
         desk.until([&] { return desk.core->counters().desktop_deadlines_missed == 1; }, 900);
         EXPECT_EQ(desk.in(DesktopState::ready), 0);
         let_guests_signal(desk, true);
     }},
    {"a guest that writes megabytes", "guest_signal_refused",
     [](Desk& desk) {
         let_guests_signal(desk, false);
         desk.make(signalling({1, 0, 0, 2}));
         desk.seconds(5);
         wire::GuestSignal signal;  // what the agent makes of it
         signal.fault = Fault::protocol_violation;
         signal.detail = "the guest wrote more than fits";
         signal_everywhere(desk, signal);
         EXPECT_EQ(desk.in(DesktopState::ready), 0);
         let_guests_signal(desk, true);
     }},
    {"a guest that answers what it was not asked", "desktop_state",
     [](Desk& desk) {
         let_guests_signal(desk, false);
         desk.make(signalling({1, 0, 0, 2}));
         desk.seconds(5);
         wire::GuestSignal signal;
         signal.ready = true;
         signal.nonce = uuid_of(4711);
         signal.address = "198.51.100.66";
         signal_everywhere(desk, signal);
         EXPECT_EQ(desk.in(DesktopState::ready), 0) << "believed without the nonce";
         let_guests_signal(desk, true);
     }},
};

TEST(BadInput, OfFilesAndGuestsIsContainedAndTold) {
    for (const Trouble& trouble : troubles) {
        SCOPED_TRACE(trouble.what);
        Desk desk;
        trouble.cause(desk);
        EXPECT_TRUE(desk.saw_report(trouble.word));
        desk.until([&] { return desk.in(DesktopState::ready) >= 1; }, 1800);
        EXPECT_EQ(desk.open("bob").kind, OutcomeKind::session) << desk.states();
    }
}

}  // namespace
}  // namespace ballast::controller::test
