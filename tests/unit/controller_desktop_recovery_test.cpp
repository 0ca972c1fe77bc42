// What goes wrong with desktops and must heal by itself: guests that end, disks that are there already.
#include "controller/core/desktop/parts.hpp"

#include "tests/unit/controller_desk.hpp"

namespace ballast::controller::test {
namespace {

DesktopPoolRecord office() {
    DesktopPoolRecord pool = kiosk({});
    pool.name = "office";
    pool.kind = VmKind::personal;
    pool.rules.pause_after_seconds = pool.rules.save_after_seconds = 0;
    wire::Disk disk;
    disk.target = "/srv/store/{user}.img";
    disk.device = "xvda";
    pool.guest.disks.push(disk);
    VolumeRule rule;
    rule.source = wire::VolumeSource::blank;
    rule.size_bytes = 1 << 30;
    pool.volumes.push(rule);
    return pool;
}

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

}  // namespace
}  // namespace ballast::controller::test
