#include "shell/loop.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>

#include "shell/unique_fd.hpp"

namespace ballast {
namespace {

// Ends a test that would hang.
class ShellLoop : public ::testing::Test {
  protected:
    ShellLoop()
        : too_long{loop, [this] {
                       ADD_FAILURE() << "nothing happened in time";
                       loop.stop();
                   }} {
        too_long.start_once(seconds(10));
    }
    Loop loop;
    Timer too_long;
};

TEST_F(ShellLoop, FiresATimerOnceOrAgainAndAgain) {
    int once = 0;
    int often = 0;
    Timer one_shot{loop, [&] { ++once; }};
    Timer repeating{loop, [&] {
                        if (++often == 3) {
                            loop.stop();
                        }
                    }};
    one_shot.start_once(milliseconds(1));
    repeating.start_every(milliseconds(5));
    EXPECT_TRUE(one_shot.active());
    loop.run();
    EXPECT_EQ(once, 1);
    EXPECT_EQ(often, 3);
    EXPECT_FALSE(one_shot.active());
    EXPECT_TRUE(repeating.active());
}

TEST_F(ShellLoop, LetsATimerDestroyItselfWhileItStillUsesItsCaptures) {
    std::unique_ptr<Timer> timer;
    auto witness = std::make_shared<int>(7);
    int seen = 0;
    timer = std::make_unique<Timer>(loop, [&, witness] {
        timer.reset();
        seen = *witness;
        loop.stop();
    });
    timer->start_every(milliseconds(1));
    loop.run();
    EXPECT_EQ(seen, 7);
    EXPECT_EQ(witness.use_count(), 1);
}

TEST_F(ShellLoop, TellsWhetherADescriptorCanBeReadOrWritten) {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    const UniqueFd ours{pair[0]};
    const UniqueFd theirs{pair[1]};
    Interest seen = Interest::none;
    FdWatch watch{loop, ours.get(), Interest::read, [&](Interest ready) {
                      seen = ready;
                      loop.stop();
                  }};
    ASSERT_EQ(::write(theirs.get(), "x", 1), 1);
    loop.run();
    EXPECT_EQ(seen, Interest::read);
    watch.set(Interest::read_write);
    loop.run();
    EXPECT_EQ(seen, Interest::read_write);
    watch.set(Interest::write);
    loop.run();
    EXPECT_EQ(seen, Interest::write);
}

TEST_F(ShellLoop, CallsBackOnASignalInsteadOfDying) {
    int seen = 0;
    SignalWatch watch{loop, [&](int number) {
                          seen = number;
                          loop.stop();
                      }};
    ASSERT_EQ(::kill(::getpid(), SIGHUP), 0);
    loop.run();
    EXPECT_EQ(seen, SIGHUP);
    // The other tests of this process want to die of Ctrl-C.
    sigset_t none;
    sigemptyset(&none);
    ASSERT_EQ(::sigprocmask(SIG_SETMASK, &none, nullptr), 0);
}

TEST_F(ShellLoop, ReapsExactlyTheChildThatItWatches) {
    const pid_t other = ::fork();
    if (other == 0) {
        ::_exit(1);
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(42);
    }
    int status = -1;
    std::unique_ptr<ChildWatch> watch;
    watch = std::make_unique<ChildWatch>(loop, child, [&](int wait_status) {
        watch.reset();
        status = wait_status;
        loop.stop();
    });
    loop.run();
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 42);
    EXPECT_EQ(::waitpid(other, &status, 0), other) << "the other child was left to its owner";
}

TEST_F(ShellLoop, ReportsAChildThatSomebodyElseReaped) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(0);
    }
    int status = 0;
    ChildWatch watch{loop, child, [&](int wait_status) {
                         status = wait_status;
                         loop.stop();
                     }};
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    loop.run();
    EXPECT_TRUE(WIFSIGNALED(status));
}

TEST(ShellClock, NeverStepsBack) {
    const Instant before = mono_now();
    EXPECT_GE(mono_now(), before);
    EXPECT_GT(wall_now().unix_ms, 1'700'000'000'000);
}

}  // namespace
}  // namespace ballast
