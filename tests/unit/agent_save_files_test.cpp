#include "agent/save_files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "shell/unique_fd.hpp"
#include "tests/unit/failing_call.hpp"

namespace ballast::agent {
namespace {

class AgentSaveFiles : public testing::Test {
  protected:
    AgentSaveFiles() {
        char name[] = "/tmp/agent-saved-XXXXXX";
        directory_ = ::mkdtemp(name);
        guest_.uuid.bytes.fill(6);
        guest_.name = "guest";
        guest_.memory_kib = 131072;
        guest_.type = GuestType::pvh;
        guest_.vcpus = 2;
    }
    ~AgentSaveFiles() override { std::filesystem::remove_all(directory_); }

    void write_partial() {
        const UniqueFd fd{
            ::open(files().partial_path(guest_.uuid).c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600)};
        ASSERT_TRUE(fd);
        const std::string image(10'000, 'i');
        ASSERT_EQ(::write(fd.get(), image.data(), image.size()), 10'000);
        std::string why;
        ASSERT_TRUE(SaveFiles::seal(fd.get(), guest_, why).ok()) << why;
    }
    SaveFiles files() const { return SaveFiles{directory_}; }
    SaveState look() const {
        SaveState state;
        EXPECT_TRUE(files().look(guest_.uuid, state).ok());
        return state;
    }

    std::string directory_;
    wire::SavedGuest guest_;
    std::string why_;
};

TEST_F(AgentSaveFiles, GoFromPartialToCompleteToConsumedToNothing) {
    write_partial();
    EXPECT_TRUE(look().partial);
    EXPECT_FALSE(look().complete);
    ASSERT_TRUE(files().perform(FileStep::publish, guest_.uuid, why_).ok()) << why_;
    EXPECT_FALSE(look().partial);
    ASSERT_TRUE(look().complete);
    EXPECT_EQ(look().guest.memory_kib, 131072u);
    ASSERT_TRUE(files().perform(FileStep::consume, guest_.uuid, why_).ok());
    EXPECT_FALSE(look().complete);
    EXPECT_TRUE(look().consumed);
    ASSERT_TRUE(files().perform(FileStep::discard_consumed, guest_.uuid, why_).ok());
    EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(AgentSaveFiles, AreListedWithWhatTheirTrailersSay) {
    write_partial();
    FixedVector<wire::SavedGuest, limits::domains_per_host_max> list;
    ASSERT_TRUE(files().list(list, why_).ok());
    EXPECT_TRUE(list.empty());
    ASSERT_TRUE(files().perform(FileStep::publish, guest_.uuid, why_).ok());
    ASSERT_TRUE(files().list(list, why_).ok());
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].name, "guest");
    EXPECT_EQ(list[0].type, GuestType::pvh);
    EXPECT_EQ(list[0].vcpus, 2u);
}

TEST_F(AgentSaveFiles, AreNotSaidToBeNoneWhenTheirFolderCannotBeRead) {
    FixedVector<wire::SavedGuest, limits::domains_per_host_max> list;
    EXPECT_FALSE(SaveFiles{directory_ + "/missing"}.list(list, why_).ok());
    EXPECT_NE(why_.find("/missing"), std::string::npos);
}

TEST_F(AgentSaveFiles, AreNotSaidToBeAbsentWhenTheyCannotBeOpened) {
    write_partial();
    ASSERT_TRUE(files().perform(FileStep::publish, guest_.uuid, why_).ok());
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit none = before;
    none.rlim_cur = 0;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    SaveState state;
    const Fault looked = files().look(guest_.uuid, state).fault();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(looked, Fault::io_failed);
    EXPECT_TRUE(look().complete);
}

TEST_F(AgentSaveFiles, AreNotSaidToBeNoneWhenTheDiskDoesNotGiveThem) {
    write_partial();
    ASSERT_TRUE(files().perform(FileStep::publish, guest_.uuid, why_).ok());
    for (const long call : {__NR_pread64, __NR_newfstatat}) {
        SaveState state;
        Fault looked = Fault::none;
        Fault listed = Fault::none;
        FixedVector<wire::SavedGuest, limits::domains_per_host_max> list;
        const auto look_and_list = [&] {
            looked = files().look(guest_.uuid, state).fault();
            listed = files().list(list, why_).fault();
        };
        if (!test::with_failing_call(call, EIO, look_and_list)) {
            GTEST_SKIP() << "no filter of system calls here";
        }
        EXPECT_EQ(looked, Fault::io_failed) << "call " << call;
        EXPECT_EQ(listed, Fault::io_failed) << "call " << call;
    }
    EXPECT_TRUE(look().complete);
}

TEST_F(AgentSaveFiles, KeepTheirNameWhenTheDiskDoesNotKeepTheNewOne) {
    write_partial();
    Fault published = Fault::none;
    const auto publish = [&] { published = files().perform(FileStep::publish, guest_.uuid, why_).fault(); };
    if (!test::with_failing_call(__NR_fsync, EIO, publish)) {
        GTEST_SKIP() << "no filter of system calls here";
    }
    EXPECT_EQ(published, Fault::io_failed);
    EXPECT_TRUE(look().partial);
    EXPECT_FALSE(look().complete);
    publish();
    EXPECT_EQ(published, Fault::none);
    Fault consumed = Fault::none;
    const auto consume = [&] { consumed = files().perform(FileStep::consume, guest_.uuid, why_).fault(); };
    ASSERT_TRUE(test::with_failing_call(__NR_fsync, EIO, consume));
    EXPECT_EQ(consumed, Fault::io_failed);
    EXPECT_TRUE(look().complete) << "the guest has not run";
    EXPECT_FALSE(look().consumed);
}

TEST_F(AgentSaveFiles, AreNotTakenForWholeWhenCutAnywhere) {
    write_partial();
    ASSERT_TRUE(files().perform(FileStep::publish, guest_.uuid, why_).ok());
    const std::string path = files().complete_path(guest_.uuid);
    for (std::uintmax_t size = std::filesystem::file_size(path); size-- > 9'000;) {
        std::filesystem::resize_file(path, size);
        ASSERT_FALSE(look().complete) << size;
    }
}

TEST_F(AgentSaveFiles, OfAnotherGuestAreNotTakenForThisOnes) {
    write_partial();
    Uuid other;
    other.bytes.fill(9);
    std::filesystem::rename(files().partial_path(guest_.uuid), files().complete_path(other));
    SaveState state;
    EXPECT_TRUE(files().look(other, state).ok());
    EXPECT_FALSE(state.complete);
    FixedVector<wire::SavedGuest, limits::domains_per_host_max> list;
    ASSERT_TRUE(files().list(list, why_).ok());
    EXPECT_TRUE(list.empty());
}

TEST_F(AgentSaveFiles, SayWhyAStepFails) {
    EXPECT_EQ(files().perform(FileStep::publish, guest_.uuid, why_).fault(), Fault::io_failed);
    EXPECT_NE(why_.find(".save.tmp"), std::string::npos);
    EXPECT_TRUE(files().perform(FileStep::discard_partial, guest_.uuid, why_).ok());
}

}  // namespace
}  // namespace ballast::agent
