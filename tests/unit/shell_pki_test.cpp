// packaging/ballast-pki as an operator uses it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "shell/durable_file.hpp"

namespace ballast {
namespace {

class ShellPki : public ::testing::Test {
  protected:
    ShellPki() {
        std::string name = std::filesystem::temp_directory_path() / "ballast-pki-XXXXXX";
        directory = ::mkdtemp(name.data());
        pool = directory + "/pool";
    }
    ~ShellPki() override { std::filesystem::remove_all(directory); }

    // Runs it; yields its exit status and, in `said`, both of its outputs.
    int pki(const std::string& arguments) {
        said.clear();
        FILE* output = ::popen(("packaging/ballast-pki " + arguments + " 2>&1").c_str(), "r");
        char bytes[4096];
        std::size_t got = 0;
        while ((got = std::fread(bytes, 1, sizeof bytes, output)) > 0) {
            said.append(bytes, got);
        }
        return WEXITSTATUS(::pclose(output));
    }
    std::set<std::string> files() const {
        std::set<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator{pool}) {
            found.insert(entry.path().filename());
        }
        return found;
    }
    unsigned mode_of(const std::string& name) const {
        struct stat status {};
        EXPECT_EQ(::stat((pool + "/" + name).c_str(), &status), 0);
        return status.st_mode & 0777U;
    }

    std::string directory;
    std::string pool;
    std::string said;
};

TEST_F(ShellPki, MakesAnAuthorityAndCertificatesWithKeysForTheirOwnerOnly) {
    ASSERT_EQ(pki("init " + pool + " --days 100 --name 'Test pool'"), 0) << said;
    ASSERT_EQ(pki("issue " + pool + " h1 --ip 10.0.0.1 --ip fd00::1 --dns h1.example --days 10"), 0) << said;
    EXPECT_EQ(files(), (std::set<std::string>{"ca.key", "ca.pem", "h1.key", "h1.pem"}))
        << "and leaves nothing else";
    EXPECT_EQ(mode_of("ca.key"), 0600U);
    EXPECT_EQ(mode_of("h1.key"), 0600U);
    EXPECT_EQ(mode_of("h1.pem"), 0644U);
    ASSERT_EQ(pki("show " + pool), 0) << said;
    EXPECT_NE(said.find("Test pool"), std::string::npos) << said;
    EXPECT_NE(said.find("h1.pem"), std::string::npos) << said;
}

TEST_F(ShellPki, NeverOverwrites) {
    ASSERT_EQ(pki("init " + pool), 0) << said;
    ASSERT_EQ(pki("issue " + pool + " h1"), 0) << said;
    std::string before, after, why;
    ASSERT_TRUE(read_bounded(pool + "/h1.key", 65536, before, why).ok());
    EXPECT_EQ(pki("init " + pool), 1);
    EXPECT_NE(said.find("ca.pem exists already"), std::string::npos) << said;
    EXPECT_EQ(pki("issue " + pool + " h1"), 1);
    EXPECT_NE(said.find("h1.pem exists already"), std::string::npos) << said;
    ASSERT_TRUE(read_bounded(pool + "/h1.key", 65536, after, why).ok());
    EXPECT_EQ(before, after);
}

TEST_F(ShellPki, RefusesWhatItCannotDoAndLeavesNothingBehind) {
    EXPECT_EQ(pki("issue " + pool + " h1"), 1);
    EXPECT_NE(said.find("run ballast-pki init"), std::string::npos) << said;
    ASSERT_EQ(pki("init " + pool), 0) << said;
    for (const char* bad : {"ca", "../h1", "-h", "'a b'", "''", "'a\"\nca'", "h1 --days 0", "h1 --days x",
                            "h1 --days", "h1 --ip '1\"'", "h1 --wrong 1"}) {
        EXPECT_EQ(pki("issue " + pool + " " + bad), 2) << bad;
        EXPECT_NE(said.find("see ballast-pki --help"), std::string::npos) << said;
    }
    EXPECT_EQ(pki("issue " + pool + " h1 --ip 999.1"), 1) << "an address that certtool refuses";
    EXPECT_EQ(files(), (std::set<std::string>{"ca.key", "ca.pem"}));
}

TEST_F(ShellPki, SaysWhatToDoAfterARunThatWasKilledBetweenItsTwoFiles) {
    ASSERT_EQ(pki("init " + pool), 0) << said;
    ASSERT_EQ(std::system(("mkdir " + directory +
                           "/bin; printf '%s\\n' '#!/bin/sh' "
                           "'case $2 in *.pem) kill -9 $PPID;; *) exec /bin/mv \"$@\";; esac' >" +
                           directory + "/bin/mv; chmod +x " + directory + "/bin/mv")
                              .c_str()),
              0);
    const std::string path = ::getenv("PATH");
    ::setenv("PATH", (directory + "/bin:" + path).c_str(), 1);
    EXPECT_NE(pki("issue " + pool + " h1"), 0);
    ::setenv("PATH", path.c_str(), 1);
    ASSERT_TRUE(files().contains("h1.key"));
    ASSERT_FALSE(files().contains("h1.pem"));

    EXPECT_EQ(pki("issue " + pool + " h1"), 1);
    const std::size_t advice = said.find("rm -r ");
    ASSERT_NE(advice, std::string::npos) << said;
    ASSERT_EQ(std::system(said.substr(advice).c_str()), 0) << said;
    ASSERT_EQ(pki("issue " + pool + " h1"), 0) << said;
    EXPECT_EQ(files(), (std::set<std::string>{"ca.key", "ca.pem", "h1.key", "h1.pem"}));

    std::filesystem::remove(pool + "/h1.pem");
    EXPECT_EQ(pki("issue " + pool + " h1"), 1);
    EXPECT_NE(said.find("h1.key is there without"), std::string::npos) << said;
}

TEST_F(ShellPki, ExplainsItself) {
    EXPECT_EQ(pki("--help"), 0);
    EXPECT_NE(said.find("usage:"), std::string::npos);
    EXPECT_EQ(pki(""), 2);
    EXPECT_EQ(pki("frobnicate"), 2);
}

}  // namespace
}  // namespace ballast
