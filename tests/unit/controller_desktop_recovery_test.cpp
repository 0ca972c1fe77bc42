// What goes wrong with desktops and must heal by itself: guests that end, disks that are there already.
#include "controller/core/desktop/parts.hpp"

#include "tests/unit/controller_desk.hpp"

namespace ballast::controller::test {
namespace {

struct Office : Desk {
    Office() {
        EXPECT_EQ(make(office()).kind, OutcomeKind::changed);
        // The proof of the shared store is between agents and controller; here it has succeeded.
        for (auto& [name, agent] : agents) {
            agent.store_path = "/srv/store";
            report(name);
        }
    }
    Outcome assign(const char* user, const char* pool = "office") {
        Command wanted;
        wanted.kind = CommandKind::private_put;
        wanted.user = user;
        wanted.target = pool;
        return command(wanted);
    }
    Outcome log_in(const char* user) {
        Command wanted;
        wanted.kind = CommandKind::session_open;
        wanted.user = user;
        wanted.flag = true;
        return command(wanted);
    }
};

TEST(DesktopRecovery, AGuestThatPowersOffByItselfIsReleasedAndReplaced) {
    Desk desk;
    desk.make(kiosk({1, 0, 0, 1}));
    desk.until([&] { return desk.in(DesktopState::ready) == 1; });
    for (auto& [name, agent] : desk.agents) {
        for (auto& [uuid, guest] : agent.guests) {
            guest.state = DomainState::powered_off;
        }
        desk.report(name);
    }
    EXPECT_EQ(desk.in(DesktopState::stopping), 1);
    desk.until([&] { return desk.in(DesktopState::ready) == 1; }, 30);
    EXPECT_EQ(desk.core->desktops()[0].record.generation, 2U);
    EXPECT_EQ(desk.orders.back().kind, JobKind::create);
}

// A guest that suspends itself late: its agent lets it run on. One that stays so is nobody's desktop any
// more.
TEST(DesktopRecovery, ASuspendedDesktopIsGivenUpOnlyWhenItsAgentHasHadTimeToLetItRunOn) {
    for (const bool runs_on : {true, false}) {
        Desk desk;
        desk.make(kiosk({1, 0, 0, 1}));
        desk.until([&] { return desk.in(DesktopState::ready) == 1; });
        const std::uint64_t session = desk.open("ann").session_id;
        desk.until([&] { return desk.in(DesktopState::running) == 1; });
        const auto all_are = [&desk](DomainState state) {
            for (auto& [name, agent] : desk.agents) {
                for (auto& [uuid, guest] : agent.guests) {
                    guest.state = state;
                }
                desk.report(name);
            }
        };
        const std::size_t orders = desk.orders.size();
        all_are(DomainState::suspended);
        for (int i = 0; i < 25; ++i) {
            desk.second();
        }
        EXPECT_EQ(desk.in(DesktopState::running), 1) << desk.states();
        EXPECT_EQ(desk.orders.size(), orders) << "nothing is done with it meanwhile";
        if (runs_on) {
            all_are(DomainState::running);
            for (int i = 0; i < 60; ++i) {
                desk.second();
            }
            EXPECT_EQ(desk.in(DesktopState::running), 1) << desk.states();
            EXPECT_EQ(desk.session(session).state, SessionState::open);
            EXPECT_EQ(desk.orders.size(), orders);
        } else {
            desk.until([&] { return desk.in(DesktopState::ready) == 1; }, 60);
            EXPECT_EQ(desk.session(session).state, SessionState::closed);
            EXPECT_EQ(desk.core->desktops()[0].record.generation, 2U);
        }
    }
}

TEST(DesktopRecovery, ADiskFromBeforeIsItsUsersAndIsTakenOver) {
    Office desk;
    desk.assign("ann");
    for (auto& [name, agent] : desk.agents) {
        agent.refuse_next = Fault::already_exists;
    }
    ASSERT_EQ(desk.log_in("ann").kind, OutcomeKind::session);
    desk.until([&] { return desk.in(DesktopState::running) == 1; }, 30);
    EXPECT_TRUE(desk.saw_report("volume_kept"));
    EXPECT_FALSE(desk.saw_report("desktop_failed"));
}

TEST(DesktopRecovery, TwoDesktopsNeverShareADiskByTheirNames) {
    Office desk;
    DesktopPoolRecord other = office();
    other.name = "lab";
    other.guest.disks[0].target = "/srv/store/x{user}.img";
    ASSERT_EQ(desk.make(other).kind, OutcomeKind::changed);
    EXPECT_EQ(desk.assign("xann").kind, OutcomeKind::changed);
    const Outcome refused = desk.assign("ann", "lab");
    EXPECT_EQ(refused.slug, Slug::state_conflict);
    EXPECT_EQ(refused.detail.view(), "its disk would be the one that office-xann writes to");
    EXPECT_EQ(desk.assign("bob", "lab").kind, OutcomeKind::changed);
}

struct Reset : Desk {
    Reset() {
        for (auto& [name, agent] : agents) {
            agent.store_path = "/srv/store";
            report(name);
        }
        DesktopPoolRecord pool = kiosk({1, 0, 0, 1});
        pool.rules.guest_signals = true;
        EXPECT_EQ(make(pool).kind, OutcomeKind::changed);
        until([&] { return saw_report("golden_kept") && in(DesktopState::ready) == 1; }, 60);
    }
    void use_once() {
        const Outcome granted = open("user");
        ASSERT_EQ(granted.kind, OutcomeKind::session);
        close(granted.session_id);
        until([&] { return in(DesktopState::ready) == 0; }, 10);
    }
    int ordered(JobKind kind) const {
        int count = 0;
        for (const wire::JobOrder& order : orders) {
            count += order.kind == kind ? 1 : 0;
        }
        return count;
    }
    const wire::JobOrder& last(JobKind kind) const {
        const wire::JobOrder* found = &orders.front();
        for (const wire::JobOrder& order : orders) {
            found = order.kind == kind ? &order : found;
        }
        return *found;
    }
};

TEST(GoldenFile, IsKeptOnceFromAFreshDesktopAndClonedAfterEverySession) {
    Reset desk;
    EXPECT_EQ(desk.ordered(JobKind::create), 1);
    for (int use = 1; use <= 3; ++use) {
        desk.use_once();
        desk.until([&] { return desk.in(DesktopState::ready) == 1; }, 30);
        EXPECT_EQ(desk.ordered(JobKind::clone), use);
    }
    EXPECT_EQ(desk.ordered(JobKind::create), 1);
    EXPECT_EQ(desk.ordered(JobKind::golden_keep), 1);
    EXPECT_EQ(desk.last(JobKind::clone).volume.path, desk.last(JobKind::golden_keep).volume.path);
    EXPECT_TRUE(desk.last(JobKind::clone).volume.path.view().starts_with("golden/kiosk."));
}

TEST(GoldenFile, ThatIsCorruptIsToldDeletedAndMadeAnew) {
    Reset desk;
    for (auto& [name, agent] : desk.agents) {
        agent.refuse_clone = Fault::image_corrupt;
    }
    desk.use_once();
    desk.until([&] { return desk.ordered(JobKind::golden_keep) == 2 && desk.in(DesktopState::ready) == 1; },
               90);
    EXPECT_TRUE(desk.saw_report("golden_unusable"));
    EXPECT_EQ(desk.ordered(JobKind::disk_delete), 1);
    EXPECT_EQ(desk.ordered(JobKind::create), 2) << "booted, for want of a golden file";
    desk.use_once();
    desk.until([&] { return desk.in(DesktopState::ready) == 1; }, 30);
    EXPECT_EQ(desk.ordered(JobKind::clone), 2);
}

TEST(GoldenFile, ThatIsGoneMeansABootAndANewFile) {
    Reset desk;
    for (auto& [name, agent] : desk.agents) {
        agent.refuse_clone = Fault::not_found;
    }
    desk.use_once();
    desk.until([&] { return desk.ordered(JobKind::golden_keep) == 2; }, 90);
    EXPECT_EQ(desk.ordered(JobKind::disk_delete), 0);
}

TEST(GoldenFile, ThatIsBeingMadeDoesNotKeepItsPoolFromBeingDeleted) {
    Desk desk;
    for (auto& [name, agent] : desk.agents) {
        agent.store_path = "/srv/store";
        desk.report(name);
    }
    DesktopPoolRecord pool = kiosk({1, 0, 0, 1});
    pool.rules.guest_signals = true;
    ASSERT_EQ(desk.make(pool).kind, OutcomeKind::changed);
    desk.until([&] { return desk.in(DesktopState::saving) == 1; }, 60);
    Command remove;
    remove.kind = CommandKind::pool_delete;
    remove.target = "kiosk";
    ASSERT_EQ(desk.command(remove).kind, OutcomeKind::changed);
    desk.until([&] { return desk.saw_report("pool_deleted"); }, 60);
    EXPECT_EQ(desk.states(), "");
}

TEST(GoldenFile, OfAnotherTemplateIsNotUsed) {
    Reset desk;
    DesktopPoolRecord pool = kiosk({1, 0, 0, 1});
    pool.rules.guest_signals = true;
    pool.guest.kernel = "/boot/newer";
    Command replace;
    replace.kind = CommandKind::pool_replace;
    replace.target = "kiosk";
    replace.pool = &pool;
    const Path before = desk.last(JobKind::golden_keep).volume.path;
    ASSERT_EQ(desk.command(replace).kind, OutcomeKind::changed);
    desk.use_once();
    desk.until([&] { return desk.ordered(JobKind::golden_keep) == 2; }, 90);
    EXPECT_EQ(desk.ordered(JobKind::clone), 0);
    EXPECT_NE(desk.last(JobKind::golden_keep).volume.path, before);
}

// A migration takes as long as its job may: with the images hours. The guest that arrives in the end is
// nobody's to destroy.
TEST(Desktops, AMigrationWithImagesThatTakesAnHourKeepsTheDesktopAndItsSession) {
    for (const bool restarts : {false, true}) {
        SCOPED_TRACE(restarts);
        Desk desk;
        desk.make(kiosk({1, 0, 0, 1}));
        desk.until([&] { return desk.in(DesktopState::ready) == 1; });
        const std::uint64_t id = desk.open("user").session_id;
        const std::string from = desk.place_of("kiosk-001");
        const std::string to = from == "h1" ? "h2" : "h1";
        desk.host(from).idle = true;
        Command move;
        move.kind = CommandKind::vm_migrate;
        move.target = "kiosk-001";
        move.to = to.c_str();
        move.copy_storage = true;
        ASSERT_EQ(desk.command(move).kind, OutcomeKind::accepted);
        desk.until([&] { return desk.in(DesktopState::migrating) == 1; });
        if (restarts) {
            desk.restart();
            desk.connect_all();
        }
        desk.seconds(3600);
        EXPECT_EQ(desk.in(DesktopState::migrating), 1) << desk.states();
        EXPECT_EQ(desk.session(id).state, SessionState::open);
        desk.host(from).idle = false;
        desk.until([&] { return desk.in(DesktopState::running) == 1; });
        EXPECT_EQ(desk.place_of("kiosk-001"), to);
        EXPECT_EQ(desk.session(id).state, SessionState::open);
        EXPECT_EQ(desk.core->counters().desktop_deadlines_missed, 0U);
    }
}

}  // namespace
}  // namespace ballast::controller::test
