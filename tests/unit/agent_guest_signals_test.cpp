#include "agent/guest_signals.hpp"

#include <vector>

#include "shell/random.hpp"
#include "tests/unit/sim_fixture.hpp"

namespace ballast::agent {
namespace {

TEST(GuestSignal, IsReadStrictly) {
    const std::string uuid = "6f1f6ad4-9a9b-4b5e-8a53-4d4d9f0a7a11";
    wire::GuestSignal signal = read_signal(uuid, "192.0.2.9", "1");
    EXPECT_EQ(signal.fault, Fault::none);
    EXPECT_EQ(signal.nonce, *parse_uuid(uuid));
    EXPECT_EQ(signal.address, "192.0.2.9");
    EXPECT_TRUE(signal.ready);
    signal = read_signal("", "2001:db8::1", "0");
    EXPECT_EQ(signal.fault, Fault::none);
    EXPECT_TRUE(signal.nonce.nil());
    EXPECT_FALSE(signal.ready);
    const struct {
        std::string nonce, address, ready;
        std::string_view names;
    } rows[]{
        {"nonce", "", "", "data/ballast/nonce"},
        {uuid + "0", "", "", "data/ballast/nonce"},
        {uuid, "192.0.2.256", "1", "data/ballast/ip"},
        {uuid, "192.0.2.9/24", "1", "data/ballast/ip"},
        {uuid, "$(reboot)", "1", "data/ballast/ip"},
        {uuid, std::string(1024, ':'), "1", "data/ballast/ip"},
        {uuid, "", "yes", "data/ballast/ready"},
        {uuid, "", std::string(1024, '1'), "data/ballast/ready"},
    };
    for (const auto& row : rows) {
        signal = read_signal(row.nonce, row.address, row.ready);
        EXPECT_EQ(signal.fault, Fault::protocol_violation) << row.names;
        EXPECT_TRUE(signal.detail.view().starts_with(row.names)) << signal.detail.view();
        EXPECT_TRUE(signal.nonce.nil() && signal.address.empty() && !signal.ready) << "nothing of it counts";
    }
}

// A simulated host whose guests a-01 and a-02 boot in 160 ms.
class AgentGuestSignals : public sim::SimFixture {
  protected:
    AgentGuestSignals()
        : too_long{loop, [this] {
                       ADD_FAILURE() << "nothing happened in time";
                       timed_out = true;
                   }} {
        too_long.start_once(seconds(20));
        guest = sim::SimFixture::domain_named(*host, "a-01").uuid;
        events = std::make_unique<FdWatch>(loop, host->event_fd(), Interest::read, [this](Interest) {
            const HostEvents happened = host->drain_events();
            signals.guests_changed();
            signals.areas_changed(happened);
        });
    }
    template <class Predicate>
    void run_until(Predicate happened) {
        while (!happened() && !timed_out) {
            Timer tick{loop, [this] { loop.stop(); }};
            tick.start_once(milliseconds(1));
            loop.run();
        }
    }
    const wire::GuestSignal* last_of(const Uuid& uuid) const {
        for (auto at = told.rbegin(); at != told.rend(); ++at) {
            if (at->uuid == uuid) {
                return &*at;
            }
        }
        return nullptr;
    }
    Domain domain() { return sim::SimFixture::domain_named(*host, "a-01"); }

    Loop loop;
    Timer too_long;
    bool timed_out = false;
    std::unique_ptr<Hypervisor> host = open_host("a");
    std::vector<wire::GuestSignal> told;
    GuestSignals signals{loop, *host, [this](const wire::GuestSignal& signal) { told.push_back(signal); }};
    std::unique_ptr<FdWatch> events;
    Uuid guest;
};

TEST_F(AgentGuestSignals, TellThatAGuestHasBootedAndRepeatsItsNonce) {
    const Uuid nonce = new_uuid();
    signals.note({.uuid = guest, .nonce = nonce, .data_share = "nas:/users/alice", .notice = ""});
    run_until([&] { return last_of(guest) != nullptr; });
    EXPECT_EQ(last_of(guest)->nonce, nonce);
    EXPECT_TRUE(last_of(guest)->ready);
    EXPECT_TRUE(last_of(guest)->address.view().starts_with("10.77."));
    EXPECT_EQ(last_of(guest)->domid, domain().domid);
    std::string share;
    ASSERT_TRUE(host->guest_read(domain(), "vm-data/ballast/data-share", share).ok());
    EXPECT_EQ(share, "nas:/users/alice");
    const Uuid second = new_uuid();
    signals.note({.uuid = guest, .nonce = second, .data_share = "", .notice = ""});
    EXPECT_EQ(last_of(guest)->nonce, second) << "a guest that is up answers at once";
    ASSERT_TRUE(host->guest_read(domain(), "vm-data/ballast/data-share", share).ok());
    EXPECT_EQ(share, "") << "what is no longer said is taken back";
}

TEST_F(AgentGuestSignals, AreToldOnceAndAgainToANewController) {
    run_until([&] { return told.size() == 2; });  // both guests, unasked
    signals.areas_changed({.domains = true, .all_guests = true});
    run_until([&] { return true; });
    EXPECT_EQ(told.size(), 2U) << "nothing has changed";
    signals.report_all();
    run_until([&] { return told.size() == 4; });
}

TEST_F(AgentGuestSignals, DoNotComeFromAGuestThatNeverSpeaks) {
    edit("a", [](sim::SimHost& state) { state.guests[0].workload.signals = sim::Signals::never; });
    signals.note({.uuid = guest, .nonce = new_uuid(), .data_share = "", .notice = ""});
    run_until([&] { return last_of(domain_named(*host, "a-02").uuid) != nullptr; });
    EXPECT_EQ(last_of(guest), nullptr);
}

TEST_F(AgentGuestSignals, SayThatAGuestWritesNonsenseAndNothingElseOfIt) {
    for (const sim::Signals misbehaviour : {sim::Signals::garbage, sim::Signals::huge}) {
        edit("a", [misbehaviour](sim::SimHost& state) {
            state.guests[0].workload.signals = misbehaviour;
            state.guests[0].signals_at_executed_ns = 0;
        });
        told.clear();
        signals.report_all();
        run_until([&] { return last_of(guest) != nullptr; });
        EXPECT_EQ(last_of(guest)->fault, Fault::protocol_violation);
        EXPECT_FALSE(last_of(guest)->ready);
        EXPECT_TRUE(last_of(guest)->address.empty());
        run_until([&] { return told.size() >= 2 || last_of(guest) != nullptr; });
        Timer pause{loop, [this] { loop.stop(); }};
        pause.start_once(guest_look_pause + milliseconds(50));
        loop.run();
    }
}

TEST_F(AgentGuestSignals, AnswerANoteThatCannotBeWritten) {
    const Uuid nobody = new_uuid();
    signals.note({.uuid = nobody, .nonce = new_uuid(), .data_share = "", .notice = ""});
    ASSERT_NE(last_of(nobody), nullptr);
    EXPECT_EQ(last_of(nobody)->fault, Fault::not_found);
    signals.note({.uuid = guest, .nonce = {}, .data_share = "", .notice = ""});
    EXPECT_EQ(last_of(guest)->fault, Fault::invalid_argument);
    signals.note({.uuid = guest, .nonce = new_uuid(), .data_share = "a\nb", .notice = ""});
    EXPECT_EQ(last_of(guest)->fault, Fault::invalid_argument);
    order("a", {.call = sim::Call::guest_area, .fault = Fault::hypervisor_unavailable});
    signals.note({.uuid = guest, .nonce = new_uuid(), .data_share = "", .notice = ""});
    EXPECT_EQ(last_of(guest)->fault, Fault::hypervisor_unavailable);
}

}  // namespace
}  // namespace ballast::agent
