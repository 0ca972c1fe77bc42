// A pool of two hosts whose desktops a test orders, uses and looks at.
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {

inline DesktopPoolRecord kiosk(PoolTargets targets, AfterSession after = AfterSession::reset) {
    DesktopPoolRecord pool;
    pool.name = "kiosk";
    pool.targets = targets;
    pool.rules.after_session = after;
    pool.rules.pause_after_seconds = 10;
    pool.rules.save_after_seconds = 10;
    pool.guest.memory_mib = 512;
    pool.guest.kernel = "/boot/guest";
    return pool;
}

// What private desktops are made of; each has one disk, which is made blank.
inline DesktopPoolRecord office() {
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

struct Desk : World {
    explicit Desk(Settings given = default_settings()) : World{given} {
        add_host("h1");
        add_host("h2");
        connect_all();
    }

    Outcome make(const DesktopPoolRecord& pool) {
        Command wanted;
        wanted.kind = CommandKind::pool_create;
        wanted.pool = &pool;
        return command(wanted);
    }
    Outcome open(const std::string& user, const char* pool = "kiosk") {
        Command wanted;
        wanted.kind = CommandKind::session_open;
        wanted.user = UserName{user};
        wanted.target = pool;
        wanted.random = {1, 2, 3, 4, 5, 6, 7, 8};
        return command(wanted);
    }
    Outcome close(std::uint64_t id) {
        Command wanted;
        wanted.kind = CommandKind::session_close;
        wanted.id = id;
        return command(wanted);
    }
    int in(DesktopState state) const {
        int count = 0;
        for (const DesktopRow& desktop : core->desktops()) {
            count += desktop.in_use && desktop.record.state == state ? 1 : 0;
        }
        return count;
    }
    std::string states() const {
        std::string text;
        for (const DesktopRow& desktop : core->desktops()) {
            if (desktop.in_use) {
                text += std::string{desktop.record.name.view()} + "=" +
                        std::string{to_string(desktop.record.state)} + " ";
            }
        }
        return text;
    }
    const SessionRecord& session(std::uint64_t id) const {
        return core->session(core->find_session(id)).record;
    }
    // Until the condition holds; fails after a bound.
    template <class Condition>
    void until(Condition holds, int seconds_max = 300) {
        for (int i = 0; i < seconds_max && !holds(); ++i) {
            second();
        }
        EXPECT_TRUE(holds()) << states();
    }
};

}  // namespace ballast::controller::test
