#include "controller/access/audit_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "shell/durable_file.hpp"
#include "tests/unit/controller_directory.hpp"
#include "tests/unit/synced.hpp"

namespace ballast::controller {
namespace {

class AuditLogTest : public ::testing::Test {
  protected:
    void append(AuditLog& log, std::string_view path) {
        EXPECT_EQ(log.trouble(), "");
        take_down(log, path);
        log.wait();
    }
    void take_down(AuditLog& log, std::string_view path) {
        log.append({.at = WallTime{1'795'000'000'000},
                    .caller = caller_,
                    .address = "192.0.2.1",
                    .request_id = "r-1",
                    .method = "POST",
                    .path = path,
                    .about = "a \"word\"\n",
                    .status = 200});
    }
    std::string folder() const { return directory_.path() + "/audit"; }
    std::vector<std::string> files() {
        std::vector<std::string> names;
        EXPECT_TRUE(list_directory(folder(), ".log", 100, names, why_).ok()) << why_;
        return names;
    }
    std::string text_of(const std::string& name) {
        std::string text;
        EXPECT_TRUE(read_bounded(folder() + "/" + name, 1 << 24, text, why_).ok()) << why_;
        return text;
    }
    // The links of all files in their order; fails where the chain is broken.
    std::vector<ChainLink> links() {
        std::vector<ChainLink> found;
        for (const std::string& name : files()) {
            const std::string text = text_of(name);
            EXPECT_TRUE(text.empty() || text.back() == '\n') << "the last line is cut off";
            std::size_t end = 0;
            for (std::size_t at = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
                const auto link = read_link(std::string_view{text}.substr(at, end - at));
                EXPECT_TRUE(link.has_value()) << text.substr(at);
                EXPECT_TRUE(found.empty() || link->prev == found.back().hash);
                EXPECT_TRUE(found.empty() || link->seq == found.back().seq + 1);
                found.push_back(link.value_or(ChainLink{}));
            }
        }
        return found;
    }

    TestDirectory directory_;
    std::string why_;
    Caller caller_{.role = Role::operator_, .proof = Proof::token, .name = "ops"};
};

TEST_F(AuditLogTest, ChainsItsEntriesOverARestart) {
    {
        AuditLog log{{}};
        ASSERT_TRUE(log.open(folder(), why_)) << why_;
        append(log, "/v1/a");
        append(log, "/v1/b");
    }
    AuditLog log{{}};
    ASSERT_TRUE(log.open(folder(), why_)) << why_;
    append(log, "/v1/c");
    const std::vector<ChainLink> found = links();
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].seq, 1U);
    EXPECT_EQ(found[0].prev, Sha256{});
    EXPECT_EQ(log.head().hash, found[2].hash);
    EXPECT_NE(text_of(files()[0]).find("\"about\":\"a \\\"word\\\"\\n\""), std::string::npos);
}

TEST_F(AuditLogTest, RemovesALineThatACrashCutOff) {
    {
        AuditLog log{{}};
        ASSERT_TRUE(log.open(folder(), why_)) << why_;
        append(log, "/v1/a");
    }
    std::ofstream{folder() + "/" + files()[0], std::ios::app} << "{\"seq\":2,\"pre";
    AuditLog log{{}};
    ASSERT_TRUE(log.open(folder(), why_)) << why_;
    append(log, "/v1/b");
    EXPECT_EQ(links().size(), 2U);
}

TEST_F(AuditLogTest, DoesNotGoOnBehindAChangedLine) {
    {
        AuditLog log{{}};
        ASSERT_TRUE(log.open(folder(), why_)) << why_;
        append(log, "/v1/a");
    }
    const std::string path = folder() + "/" + files()[0];
    std::string text = text_of(files()[0]);
    text.replace(text.find("/v1/a"), 5, "/v1/z");
    std::ofstream{path} << text;
    AuditLog log{{}};
    EXPECT_FALSE(log.open(folder(), why_));
    EXPECT_NE(why_.find("was changed"), std::string::npos) << why_;
}

TEST_F(AuditLogTest, IsBoundedByFilesAndKeepsTheChainFromOneToTheNext) {
    AuditLog log{{.file_bytes_max = 2000, .files_max = 3}};
    ASSERT_TRUE(log.open(folder(), why_)) << why_;
    for (int i = 0; i < 100; ++i) {
        append(log, "/v1/hosts/h1:cordon");
    }
    EXPECT_EQ(files().size(), 3U);
    const std::vector<ChainLink> found = links();
    EXPECT_EQ(found.back().seq, 100U);
    EXPECT_GT(found.front().seq, 1U);
    EXPECT_EQ(log.written(), 100U);
}

TEST_F(AuditLogTest, PutsTheNameOfANewFileOnDisk) {
    AuditLog log{{.file_bytes_max = 100, .files_max = 10}};
    watch_syncs();
    ASSERT_TRUE(log.open(folder(), why_)) << why_;
    EXPECT_TRUE(was_synced(folder()));
    watch_syncs();
    append(log, "/v1/a");
    EXPECT_EQ(files().size(), 2U);
    EXPECT_TRUE(was_synced(folder()));
}

TEST_F(AuditLogTest, GoesOnFromTheFileBeforeAnEmptyOne) {
    {
        AuditLog log{{}};
        ASSERT_TRUE(log.open(folder(), why_)) << why_;
        append(log, "/v1/a");
    }
    std::ofstream{folder() + "/audit-000000000002.log"};
    AuditLog log{{}};
    ASSERT_TRUE(log.open(folder(), why_)) << why_;
    append(log, "/v1/b");
    EXPECT_EQ(links().size(), 2U);
}

TEST_F(AuditLogTest, GoesOnInAFileThatIsLargerThanWhatIsAllowedNow) {
    {
        AuditLog log{{}};
        ASSERT_TRUE(log.open(folder(), why_)) << why_;
        for (int i = 0; i < 200; ++i) {
            append(log, "/v1/a");
        }
    }
    AuditLog log{{.file_bytes_max = 1000}};
    ASSERT_TRUE(log.open(folder(), why_)) << why_;
    append(log, "/v1/b");
    EXPECT_EQ(files().size(), 2U);
    EXPECT_EQ(links().size(), 201U);
}

TEST_F(AuditLogTest, KeepsItsLinesShortWhateverAClientSends) {
    AuditLog log{{}};
    ASSERT_TRUE(log.open(folder(), why_)) << why_;
    append(log, "/v1/" + std::string(100'000, '\1'));
    append(log, "/v1/b");
    EXPECT_EQ(links().size(), 2U);
    EXPECT_LT(text_of(files()[0]).size(), 10'000U);
}

// A limit on the size of files stands for a full disk.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        before_ = std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &limit_);
        const rlimit lower{.rlim_cur = bytes, .rlim_max = limit_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &lower);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &limit_);
        std::signal(SIGXFSZ, before_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  private:
    rlimit limit_{};
    void (*before_)(int) = nullptr;
};

TEST_F(AuditLogTest, SaysThatNothingCanBeWrittenAndGoesOnWhenItCanAgain) {
    AuditLog log{{}};
    ASSERT_TRUE(log.open(folder(), why_)) << why_;
    append(log, "/v1/a");
    {
        // In the middle of the next line, so that a part of it is written.
        const FileSizeLimit full{text_of(files()[0]).size() + 100};
        take_down(log, "/v1/b");
        log.wait();
        EXPECT_EQ(log.lost(), 1U);
        EXPECT_EQ(log.recorded(), 2U);  // whoever waits for it is not kept for ever
        EXPECT_NE(log.trouble(), "");
        log.wait();  // it has been tried again
        EXPECT_EQ(links().size(), 1U);
    }
    log.sync_beside();  // and is once more
    log.wait();
    append(log, "/v1/c");
    EXPECT_EQ(links().size(), 2U);
    EXPECT_EQ(log.written(), 2U);
}

// A file that nobody reads, where the next one is to be made, stands for a disk that does not answer: whoever
// opens it to write waits.
class StuckDisk {
  public:
    explicit StuckDisk(std::string path) : path_{std::move(path)} {
        EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    }
    ~StuckDisk() {
        ::unlink(path_.c_str());
        ::close(reader_);
    }
    StuckDisk(const StuckDisk&) = delete;
    StuckDisk& operator=(const StuckDisk&) = delete;

    // From now on it takes all that is written.
    void answer() {
        reader_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
        EXPECT_GE(::fcntl(reader_, F_SETPIPE_SZ, 1 << 20), 1 << 20);
    }

  private:
    std::string path_;
    int reader_ = -1;
};

TEST_F(AuditLogTest, KeepsNobodyWaitingForADiskThatDoesNotAnswer) {
    AuditLog log{{.file_bytes_max = 100, .files_max = 10}};
    ASSERT_TRUE(log.open(folder(), why_)) << why_;
    {
        StuckDisk disk{folder() + "/audit-000000000002.log"};
        take_down(log, "/v1/a");  // fills the first file
        std::size_t taken = 1;
        for (; log.trouble().empty(); ++taken) {
            ASSERT_LT(taken, 10'000U);
            take_down(log, "/v1/" + std::string(1000, 'b'));
        }
        EXPECT_NE(log.trouble().find("too slow"), std::string::npos);
        EXPECT_EQ(log.noted(), taken);
        EXPECT_EQ(log.recorded(), 0U);
        // What is recorded without asking, until nothing more fits, is lost and counted.
        for (int i = 0; i < 1000 && log.lost() == 0; ++i) {
            take_down(log, "/v1/c");
        }
        EXPECT_EQ(log.lost(), 1U);
        disk.answer();
        log.wait();
    }
    EXPECT_EQ(log.recorded(), log.noted());
}

TEST_F(AuditLogTest, WritesWhatCameMeanwhileTogetherAndAnUnbrokenChain) {
    {
        AuditLog log{{}};
        ASSERT_TRUE(log.open(folder(), why_)) << why_;
        for (int i = 0; i < 300; ++i) {
            take_down(log, "/v1/a");
            log.settle();
        }
    }
    EXPECT_EQ(links().size(), 300U);
}

TEST(HashChain, RefusesALineThatIsNotAsItWasSealed) {
    std::string line = begin_link({}) + ",\"what\":\"x\"";
    const ChainLink link = end_link(line);
    EXPECT_EQ(link.seq, 1U);
    ASSERT_TRUE(read_link(line).has_value());
    EXPECT_EQ(read_link(line)->hash, link.hash);
    for (std::size_t i = 0; i < line.size(); ++i) {
        std::string changed = line;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(read_link(changed).has_value()) << changed;
        EXPECT_FALSE(read_link(line.substr(0, i)).has_value());
    }
}

}  // namespace
}  // namespace ballast::controller
