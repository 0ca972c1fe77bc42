// The lock of one guest between workers, and that its file does not stay for ever.
#include "agent/worker_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "shell/unique_fd.hpp"

namespace ballast::agent {
namespace {

namespace fs = std::filesystem;

class AgentWorkerLock : public testing::Test {
  protected:
    AgentWorkerLock() {
        char name[] = "/tmp/agent-lock-XXXXXX";
        directory_ = ::mkdtemp(name);
        guest_.bytes.fill(6);
        path_ = directory_ + "/" + std::string{to_text(guest_).view()} + ".lock";
    }
    ~AgentWorkerLock() override { fs::remove_all(directory_); }

    UniqueFd lock() const {
        UniqueFd held;
        std::string why;
        EXPECT_TRUE(lock_guest(directory_, guest_, held, why).ok()) << why;
        return held;
    }
    bool can_be_locked() const {
        const UniqueFd fd{::open(path_.c_str(), O_RDWR | O_CLOEXEC)};
        return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
    }
    // How many descriptors of this process are of the lock's file.
    int opened() const {
        int count = 0;
        for (const auto& fd : fs::directory_iterator{"/proc/self/fd"}) {
            std::error_code gone;
            count += fs::read_symlink(fd.path(), gone) == path_ ? 1 : 0;
        }
        return count;
    }

    std::string directory_;
    Uuid guest_;
    std::string path_;
};

TEST_F(AgentWorkerLock, ItsFileStaysWhileItIsHeldAndGoesAfterwards) {
    UniqueFd held = lock();
    sweep_locks(directory_);
    EXPECT_TRUE(fs::exists(path_));
    EXPECT_FALSE(can_be_locked());
    held.reset();
    std::ofstream{directory_ + "/agent.lock"} << "another's";
    sweep_locks(directory_);
    EXPECT_FALSE(fs::exists(path_));
    EXPECT_TRUE(fs::exists(directory_ + "/agent.lock"));
    held = lock();
    EXPECT_FALSE(can_be_locked());
}

TEST_F(AgentWorkerLock, WhoWaitsForAFileThatGoesLocksTheNextOne) {
    UniqueFd held = lock();
    UniqueFd next;
    std::thread waiting{[&] { next = lock(); }};
    while (opened() < 2) {
        std::this_thread::yield();
    }
    fs::remove(path_);
    held.reset();
    waiting.join();
    EXPECT_TRUE(fs::exists(path_));
    EXPECT_FALSE(can_be_locked()) << "two workers on one guest";
}

}  // namespace
}  // namespace ballast::agent
