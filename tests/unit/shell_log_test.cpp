#include "shell/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "shell/log_beside.hpp"
#include "shell/unique_fd.hpp"

namespace ballast {
namespace {

// Catches what is logged; stands for standard error until it dies.
class ShellLog : public ::testing::Test {
  protected:
    ShellLog() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
        read_end.reset(ends[0]);
        write_end.reset(ends[1]);
        set_log_descriptor(write_end.get());
    }
    ~ShellLog() override {
        set_log_descriptor(STDERR_FILENO);
        set_log_level(LogLevel::info);
    }
    std::string logged() {
        std::string text(8192, '\0');
        const ssize_t got = ::read(read_end.get(), text.data(), text.size());
        text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return text;
    }
    // Without the time.
    std::string message() {
        const std::string line = logged();
        return line.substr(std::min(line.size(), line.find(' ') + 1));
    }

    UniqueFd read_end;
    UniqueFd write_end;
};

TEST_F(ShellLog, TellsTimeLevelAndMessageOnOneLine) {
    log_warning("host {} has {} of {:.1f} MiB", "h1", 3, 4.5);
    const std::string line = logged();
    EXPECT_EQ(line.substr(line.find(' ')), " warning host h1 has 3 of 4.5 MiB\n");
    EXPECT_EQ(line.find('T'), 10U);
    EXPECT_EQ(line.find('Z'), 23U);
}

TEST_F(ShellLog, KnowsOurOwnWords) {
    const Uuid uuid{{1, 2, 3}};
    log_info("{} {} {} {}", Name{"h1"}, Fault::no_memory, DomainState::paused, uuid);
    EXPECT_EQ(message(), "info h1 no_memory paused 01020300-0000-0000-0000-000000000000\n");
}

TEST_F(ShellLog, LetsNobodyForgeALine) {
    log_info("guest {}", std::string_view{"a\n<0>b\x1b[31m\0\x7f", 13});
    EXPECT_EQ(message(), "info guest a\\n<0>b\\x1b[31m\\x00\\x7f\n");
}

TEST_F(ShellLog, CutsALineThatIsTooLong) {
    log_info("{}", std::string(5000, 'x'));
    const std::string line = logged();
    EXPECT_EQ(line.size(), log_line_bytes_max);
    EXPECT_EQ(line.back(), '\n');
}

TEST_F(ShellLog, DropsWhatIsLessUrgentThanTheLevel) {
    log_debug("not shown");
    EXPECT_EQ(logged(), "");
    set_log_level(LogLevel::error);
    log_warning("not shown");
    EXPECT_EQ(logged(), "");
    EXPECT_FALSE(log_enabled(LogLevel::warning));
    set_log_level(LogLevel::debug);
    log_debug("shown");
    EXPECT_EQ(message(), "debug shown\n");
}

TEST_F(ShellLog, ReadsLevelsByName) {
    EXPECT_EQ(parse_log_level("warning"), LogLevel::warning);
    EXPECT_EQ(parse_log_level("debug"), LogLevel::debug);
    EXPECT_FALSE(parse_log_level(""));
    EXPECT_FALSE(parse_log_level("loud"));
}

// systemd names the stream that it gave us; only then does a line begin with its priority.
void log_as_under_systemd() {
    struct stat status {};
    if (::fstat(STDERR_FILENO, &status) == 0) {
        const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
        ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
        log_warning("disk is full");
    }
    ::_exit(0);
}

TEST(ShellLogDeathTest, BeginsWithThePriorityUnderSystemd) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // a fresh process: the answer is found out once
    EXPECT_EXIT(log_as_under_systemd(), ::testing::ExitedWithCode(0), "^<4>disk is full");
}

// Reads until the other end is closed.
std::string all_of(int fd) {
    std::string text;
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::read(fd, bytes.data(), bytes.size())) > 0;) {
        text.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return text;
}

TEST_F(ShellLog, BesideKeepsTheOrderAndLosesNothingAtItsEnd) {
    {
        const LogBeside beside;
        for (int i = 0; i < 40; ++i) {
            log_info("line {}", i);
        }
    }
    const std::string text = logged();
    std::size_t at = 0;
    for (int i = 0; i < 40; ++i) {
        at = text.find(" line " + std::to_string(i) + "\n", at);
        ASSERT_NE(at, std::string::npos) << i << " in " << text;
    }
    log_info("once it has ended");
    EXPECT_NE(logged().find("once it has ended"), std::string::npos);
}

TEST(LogBesideAReader, WhoLogsDoesNotWaitForAndLearnsWhatItMissed) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    UniqueFd read_end{ends[0]};
    UniqueFd write_end{ends[1]};
    set_log_descriptor(write_end.get());
    constexpr std::size_t lines = 4000;
    const std::string filling(100, 'x');
    std::string text;
    {
        auto beside = std::make_unique<LogBeside>();
        // More than the pipe and both buffers hold, and nobody reads: were this to wait, it would forever.
        for (std::size_t i = 0; i < lines; ++i) {
            log_info("{} {}", filling, i);
        }
        std::thread reader{[&] { text = all_of(read_end.get()); }};
        beside.reset();
        set_log_descriptor(STDERR_FILENO);
        write_end.reset();
        reader.join();
    }
    EXPECT_NE(text.find(filling + " 0\n"), std::string::npos);
    // Each line is there, or counted by a line that says so.
    std::size_t told = 0;
    std::size_t missing = 0;
    std::istringstream words{text};
    for (std::string line; std::getline(words, line); ++told) {
        const std::size_t at = line.find(" lines of the log are missing");
        if (at != std::string::npos) {
            missing += std::stoul(line.substr(line.rfind(' ', at - 1) + 1)) - 1;
        }
    }
    EXPECT_GT(missing, 0U);
    EXPECT_EQ(told + missing, lines);
}

}  // namespace
}  // namespace ballast
