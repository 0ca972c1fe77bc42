#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "shell/durable_file.hpp"
#include "shell/notify.hpp"
#include "shell/random.hpp"
#include "shell/unique_fd.hpp"

namespace ballast {
namespace {

class ShellFiles : public ::testing::Test {
  protected:
    ShellFiles() {
        std::string name = std::filesystem::temp_directory_path() / "ballast-files-XXXXXX";
        directory = ::mkdtemp(name.data());
    }
    ~ShellFiles() override { std::filesystem::remove_all(directory); }
    std::string path(const char* name) const { return directory + "/" + name; }

    std::string directory;
    std::string why;
    std::string content;
};

TEST_F(ShellFiles, ReadsBackWhatItWroteAndReplacedWholly) {
    ASSERT_TRUE(write_durable(path("a"), "first, and longer", why).ok()) << why;
    ASSERT_TRUE(write_durable(path("a"), "second", why).ok()) << why;
    ASSERT_TRUE(read_bounded(path("a"), 100, content, why).ok()) << why;
    EXPECT_EQ(content, "second");
    const std::string binary{"\0\xff\n", 3};
    ASSERT_TRUE(write_durable(path("b"), binary, why).ok()) << why;
    ASSERT_TRUE(read_bounded(path("b"), 3, content, why).ok()) << why;
    EXPECT_EQ(content, binary);
    EXPECT_FALSE(std::filesystem::exists(path("a.tmp")));
}

TEST_F(ShellFiles, KeepsItsFilesToItself) {
    const mode_t before = ::umask(0);
    ASSERT_TRUE(write_durable(path("a"), "x", why).ok()) << why;
    ::umask(before);
    struct stat status {};
    ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(ShellFiles, OverwritesATemporaryFileThatACrashLeft) {
    ASSERT_TRUE(write_durable(path("a.tmp"), "half of something", why).ok());
    ASSERT_TRUE(write_durable(path("a"), "whole", why).ok()) << why;
    ASSERT_TRUE(read_bounded(path("a"), 100, content, why).ok());
    EXPECT_EQ(content, "whole");
}

TEST_F(ShellFiles, DoesNotFollowALinkPutInItsWay) {
    ASSERT_TRUE(write_durable(path("victim"), "untouched", why).ok());
    std::filesystem::create_symlink(path("victim"), path("a.tmp"));
    EXPECT_FALSE(write_durable(path("a"), "x", why).ok());
    ASSERT_TRUE(read_bounded(path("victim"), 100, content, why).ok());
    EXPECT_EQ(content, "untouched");
}

TEST_F(ShellFiles, SaysWhatFailed) {
    EXPECT_EQ(read_bounded(path("none"), 10, content, why).fault(), Fault::not_found);
    EXPECT_EQ(why, path("none") + ": cannot open: No such file or directory");
    EXPECT_EQ(write_durable(path("none/a"), "x", why).fault(), Fault::not_found);
    EXPECT_EQ(read_bounded(directory, 10, content, why).fault(), Fault::io_failed);
    EXPECT_EQ(why, directory + ": not a regular file");
}

TEST_F(ShellFiles, RefusesAFileAboveTheBoundAndDoesNotHangOnAPipe) {
    ASSERT_TRUE(write_durable(path("a"), std::string(101, 'x'), why).ok());
    EXPECT_EQ(read_bounded(path("a"), 100, content, why).fault(), Fault::limit_reached);
    EXPECT_TRUE(content.empty());
    EXPECT_TRUE(read_bounded(path("a"), 101, content, why).ok());
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    EXPECT_EQ(read_bounded(path("pipe"), 100, content, why).fault(), Fault::io_failed);
}

// Sizes in /proc are zero whatever is in the file.
TEST_F(ShellFiles, ReadsFilesThatDoNotTellTheirSize) {
    ASSERT_TRUE(read_bounded("/proc/self/status", 65536, content, why).ok()) << why;
    EXPECT_GT(content.size(), 100U);
    EXPECT_EQ(read_bounded("/proc/self/status", 100, content, why).fault(), Fault::limit_reached);
}

TEST_F(ShellFiles, RemovesAndIsContentWhenThereIsNothing) {
    ASSERT_TRUE(write_durable(path("a"), "x", why).ok());
    EXPECT_TRUE(remove_durable(path("a"), why).ok());
    EXPECT_FALSE(std::filesystem::exists(path("a")));
    EXPECT_TRUE(remove_durable(path("a"), why).ok()) << why;
}

TEST_F(ShellFiles, ListsByEndingInOrder) {
    for (const char* name : {"2.job", "1.job", "3.job.tmp", "x.other"}) {
        ASSERT_TRUE(write_durable(path(name), "x", why).ok());
    }
    std::vector<std::string> names;
    ASSERT_TRUE(list_directory(directory, ".job", 2, names, why).ok()) << why;
    EXPECT_EQ(names, (std::vector<std::string>{"1.job", "2.job"}));
    EXPECT_EQ(list_directory(directory, "", 2, names, why).fault(), Fault::limit_reached);
    EXPECT_EQ(list_directory(path("none"), "", 2, names, why).fault(), Fault::not_found);
}

TEST_F(ShellFiles, MakesADirectoryOnce) {
    EXPECT_TRUE(make_directory(path("d"), why).ok()) << why;
    EXPECT_TRUE(make_directory(path("d"), why).ok()) << why;
    EXPECT_EQ(make_directory(path("x/y"), why).fault(), Fault::not_found);
    ASSERT_TRUE(write_durable(path("file"), "x", why).ok());
    EXPECT_EQ(make_directory(path("file"), why).fault(), Fault::already_exists);
}

TEST_F(ShellFiles, TellsTheServiceManager) {
    const std::string socket_path = path("notify");
    const UniqueFd manager{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size());
    ASSERT_EQ(::bind(manager.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const auto heard = [&manager] {
        std::string text(1024, '\0');
        text.resize(static_cast<std::size_t>(::recv(manager.get(), text.data(), text.size(), 0)));
        return text;
    };
    EXPECT_FALSE(notify_watchdog()) << "nobody to tell";
    ::setenv("NOTIFY_SOCKET", socket_path.c_str(), 1);
    EXPECT_TRUE(notify_ready("serving\nMAINPID=1"));
    EXPECT_EQ(heard(), "READY=1\nSTATUS=serving");
    EXPECT_TRUE(notify_watchdog());
    EXPECT_EQ(heard(), "WATCHDOG=1");
    EXPECT_TRUE(notify_status("3 hosts"));
    EXPECT_EQ(heard(), "STATUS=3 hosts");
    EXPECT_TRUE(notify_stopping());
    EXPECT_EQ(heard(), "STOPPING=1");
    ::unsetenv("NOTIFY_SOCKET");
}

TEST(ShellNotify, HalvesTheWatchdogsTimeAndMindsForWhomItIs) {
    EXPECT_EQ(watchdog_period(), Duration{});
    ::setenv("WATCHDOG_USEC", "30000000", 1);
    EXPECT_EQ(watchdog_period(), seconds(15));
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    EXPECT_EQ(watchdog_period(), seconds(15));
    ::setenv("WATCHDOG_PID", "1", 1);
    EXPECT_EQ(watchdog_period(), Duration{});
    ::unsetenv("WATCHDOG_PID");
    ::setenv("WATCHDOG_USEC", "soon", 1);
    EXPECT_EQ(watchdog_period(), Duration{});
    ::unsetenv("WATCHDOG_USEC");
}

TEST(ShellRandom, DoesNotRepeatItself) {
    EXPECT_NE(random_u64(), random_u64());
    const Uuid uuid = new_uuid();
    EXPECT_NE(uuid, new_uuid());
    EXPECT_EQ(uuid.bytes[6] >> 4, 4) << "version 4";
    std::array<std::byte, 64> bytes{};
    random_bytes(bytes);
    EXPECT_NE(bytes, (std::array<std::byte, 64>{}));
}

}  // namespace
}  // namespace ballast
