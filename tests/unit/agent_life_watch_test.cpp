#include "agent/life_watch.hpp"

#include <unistd.h>

#include "shell/link.hpp"
#include "shell/random.hpp"
#include "tests/unit/sim_fixture.hpp"

namespace ballast::agent {
namespace {

// A simulated host with the guest a-01, and a console that says what a test makes it say.
class AgentLifeWatch : public sim::SimFixture {
  protected:
    AgentLifeWatch()
        : too_long{loop, [this] {
                       ADD_FAILURE() << "nothing happened in time";
                       timed_out = true;
                   }} {
        too_long.start_once(seconds(20));
        std::string why;
        console = Listener::open(
            loop, "127.0.0.1", 0,
            [this](int fd) {
                ++knocks;
                visitor.reset(fd);
                if (!greeting.empty()) {
                    EXPECT_EQ(::write(fd, greeting.data(), greeting.size()), std::ssize(greeting));
                } else if (hangs_up) {
                    visitor.reset();
                }
            },
            why);
        EXPECT_NE(console, nullptr) << why;
    }
    Domain domain() { return sim::SimFixture::domain_named(*host, "a-01"); }
    void watch(wire::LifeSigns signs, std::uint32_t wait_ms) {
        nonce = new_uuid();
        life.watch({.uuid = domain().uuid, .nonce = nonce, .watch = signs, .wait_ms = wait_ms});
    }
    template <class Predicate>
    void run_until(Predicate happened) {
        while (!happened() && !timed_out) {
            Timer tick{loop, [this] { loop.stop(); }};
            tick.start_once(milliseconds(1));
            loop.run();
        }
    }
    const wire::GuestSignal& answer() {
        run_until([this] { return !told.empty(); });
        EXPECT_EQ(told.size(), 1U);
        EXPECT_EQ(told.front().nonce, nonce);
        return told.front();
    }

    Loop loop;
    Timer too_long;
    bool timed_out = false;
    std::unique_ptr<Hypervisor> host = open_host("a");
    std::unique_ptr<Listener> console;
    std::string greeting = "RFB 003.008\n";
    bool hangs_up = false;
    int knocks = 0;
    UniqueFd visitor;
    Fault console_fault = Fault::none;
    Uuid nonce;
    std::vector<wire::GuestSignal> told;
    LifeWatch life{loop, *host,
                   [this](const Uuid&, GuestConsole& out, Detail& why) {
                       out = {"127.0.0.1", console->port(), ""};
                       why = console_fault == Fault::none ? "" : "as the test has it";
                       return console_fault;
                   },
                   [this](const wire::GuestSignal& signal) { told.push_back(signal); }};
};

TEST_F(AgentLifeWatch, SeesThatAGuestUsesItsProcessor) {
    watch(wire::LifeSigns::processor, 60'000);
    EXPECT_TRUE(told.empty()) << "what it used before says nothing";
    EXPECT_TRUE(answer().ready);
    EXPECT_EQ(answer().fault, Fault::none);
    EXPECT_EQ(answer().uuid, domain().uuid);
    EXPECT_EQ(knocks, 0);
}

TEST_F(AgentLifeWatch, SaysThatAGuestIsPausedOrStandsStillOrIsGone) {
    ASSERT_TRUE(host->pause(domain()).ok());
    watch(wire::LifeSigns::processor, 50);
    EXPECT_EQ(answer().fault, Fault::guest_unresponsive);
    EXPECT_EQ(answer().detail, "the guest is paused");
    EXPECT_FALSE(answer().ready);
    told.clear();
    nonce = new_uuid();
    life.watch({.uuid = new_uuid(), .nonce = nonce, .watch = wire::LifeSigns::processor, .wait_ms = 50});
    EXPECT_EQ(answer().detail, "the guest is not on this host");
}

TEST_F(AgentLifeWatch, WaitsForAGuestThatIsLetRunLater) {
    ASSERT_TRUE(host->pause(domain()).ok());
    watch(wire::LifeSigns::processor, 60'000);
    ASSERT_TRUE(host->unpause(domain()).ok());
    EXPECT_TRUE(answer().ready);
}

TEST_F(AgentLifeWatch, SeesThatTheConsoleGreets) {
    watch(wire::LifeSigns::console, 60'000);
    EXPECT_TRUE(answer().ready);
    EXPECT_EQ(knocks, 1);
}

TEST_F(AgentLifeWatch, KnocksAgainAtAConsoleThatHangsUp) {
    greeting.clear();
    hangs_up = true;
    watch(wire::LifeSigns::console, 60'000);
    run_until([this] { return knocks == 3; });
    greeting = "RFB 003.008\n";
    EXPECT_TRUE(answer().ready);
}

TEST_F(AgentLifeWatch, SaysWhatTheConsoleDidNotDo) {
    greeting.clear();
    watch(wire::LifeSigns::console, 300);
    EXPECT_EQ(answer().fault, Fault::guest_unresponsive);
    EXPECT_EQ(answer().detail, "the guest's VNC console says nothing");
}

TEST_F(AgentLifeWatch, TakesNoOtherServerForAConsole) {
    greeting = "SSH-2.0-else";
    watch(wire::LifeSigns::console, 300);
    EXPECT_EQ(answer().fault, Fault::guest_unresponsive);
    EXPECT_NE(answer().detail.view().find("VNC console"), std::string_view::npos);
}

TEST_F(AgentLifeWatch, AsksForNoConsoleWhereThereIsNone) {
    console_fault = Fault::unsupported;
    watch(wire::LifeSigns::console, 60'000);
    EXPECT_TRUE(answer().ready);
}

TEST_F(AgentLifeWatch, AnswersTheNewestQuestionOnce) {
    ASSERT_TRUE(host->pause(domain()).ok());
    watch(wire::LifeSigns::processor, 60'000);
    watch(wire::LifeSigns::processor, 60'000);
    life.watch({.uuid = domain().uuid, .nonce = nonce, .watch = wire::LifeSigns::processor, .wait_ms = 1});
    ASSERT_TRUE(host->unpause(domain()).ok());
    EXPECT_TRUE(answer().ready);
}

}  // namespace
}  // namespace ballast::agent
