// The names of images that come and leave, also where a rename cannot be told not to replace.
#include "agent/disks/image_files.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "agent/images/protocol.hpp"
#include "tests/unit/failing_call.hpp"

namespace ballast::agent {
namespace {

namespace fs = std::filesystem;

class AgentImageNames : public testing::TestWithParam<bool> {  // true: renameat2 does what it should
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "/names-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory_ = name;
        for (const char* const image : {"a", "b"}) {
            disks_.push(ImageDisk{.device = {}, .path = {}, .size_bytes = 1});
            disks_[disks_.size() - 1].path.assign_cut(path(image));
        }
    }
    void TearDown() override { fs::remove_all(directory_); }

    void put(const std::string& name, const std::string& text) const { std::ofstream{path(name)} << text; }
    std::string text(const std::string& name) const {
        std::string read;
        std::getline(std::ifstream{path(name)}, read);
        return read;
    }
    bool there(const std::string& name) const { return fs::exists(path(name)); }
    std::string path(const std::string& name) const { return (directory_ / name).string(); }
    static std::string incoming(const std::string& name) { return name + incoming_image_suffix; }

    void run(const std::function<void()>& what) const {
        if (GetParam()) {
            what();
        } else if (!test::with_failing_call(__NR_renameat2, EINVAL, what)) {  // as on NFS
            GTEST_SKIP() << "no filter of system calls here";
        }
    }

    fs::path directory_;
    ImageDisks disks_;
    std::string why_;
};

INSTANTIATE_TEST_SUITE_P(Renames, AgentImageNames, testing::Bool());

TEST_P(AgentImageNames, ComeAndAreTakenBackAndLeave) {
    put(incoming("a"), "1");
    put(incoming("b"), "2");
    run([&] {
        ASSERT_TRUE(publish_images(disks_, why_).ok()) << why_;
        EXPECT_EQ(text("a") + text("b"), "12");
        EXPECT_FALSE(there(incoming("a")) || there(incoming("b")));
        for (int again = 0; again < 2; ++again) {
            ASSERT_TRUE(retract_images(disks_, why_).ok()) << why_;
            EXPECT_EQ(text(incoming("a")) + text(incoming("b")), "12");
            EXPECT_FALSE(there("a") || there("b"));
        }
        ASSERT_TRUE(publish_images(disks_, why_).ok()) << why_;
        for (const std::int64_t seconds : {7, 8}) {
            ASSERT_TRUE(retire_images(disks_, WallTime{5000}, WallTime{seconds * 1000}, why_).ok()) << why_;
            EXPECT_EQ(text("a.left-7") + text("b.left-7"), "12");
            EXPECT_FALSE(there("a") || there("b") || there("a.left-8"));
        }
    });
}

TEST_P(AgentImageNames, ThatHaveLeftLeaveTheNameToTheNextOne) {
    put("a", "1");
    put("a.index", "of 1");
    put("a.left-3", "earlier");
    put("b", "2");
    const auto retire = [this](std::int64_t seconds) {
        return retire_images(disks_, WallTime{5000}, WallTime{seconds * 1000}, why_);
    };
    run([&] {
        ASSERT_TRUE(retire(7).ok()) << why_;
        // Not all of it was seen to be done: it is repeated, and meanwhile another guest's image has come.
        put("a", "another's");
        put("a.index", "of another's");
        ASSERT_TRUE(retire(8).ok()) << why_;
        EXPECT_EQ(text("a") + text("a.index"), "another'sof another's");
        EXPECT_EQ(text("a.left-7") + text("a.left-7.index") + text("a.left-3"), "1of 1earlier");
        EXPECT_FALSE(there("a.left-8") || there("a.left-8.index") || there("b"));
        EXPECT_EQ(text("b.left-7"), "2");
    });
}

TEST_P(AgentImageNames, NeverReplaceAnother) {
    put(incoming("a"), "1");
    put(incoming("b"), "2");
    put("b", "another's");
    run([&] {
        EXPECT_EQ(publish_images(disks_, why_).fault(), Fault::already_exists);
        EXPECT_EQ(text("b"), "another's");
        EXPECT_EQ(text(incoming("b")), "2");
        ASSERT_TRUE(retract_images(disks_, why_).ok()) << why_;
        EXPECT_EQ(text("b"), "another's");
        EXPECT_EQ(text(incoming("a")), "1");
        EXPECT_FALSE(there("a"));
    });
}

// An operator deletes an image that comes, and another guest's gets its name (and perhaps its inode) before
// the first is taken back.
TEST_P(AgentImageNames, AreTakenBackFromTheFilesThatCameOnly) {
    put(incoming("a"), "1");
    put(incoming("b"), "2");
    for (ImageDisk& disk : disks_) {
        disk.file_id = file_id(std::string{disk.path.view()} + incoming_image_suffix);
        ASSERT_NE(disk.file_id, 0U);
    }
    run([&] {
        // Files' clocks move in steps of some milliseconds; the newcomer is no twin of what came.
        do {
            fs::remove(path(incoming("a")));
            fs::remove(path("a"));
            put("a", "another's");
        } while (file_id(path("a")) == disks_[0].file_id);
        EXPECT_FALSE(publish_images(disks_, why_).ok());
        ASSERT_TRUE(retract_images(disks_, why_).ok()) << why_;
        EXPECT_EQ(text("a"), "another's");
        EXPECT_FALSE(there(incoming("a")));
        EXPECT_EQ(text(incoming("b")), "2");
        // What came is known under either name.
        fs::remove(path("a"));
        put(incoming("a"), "1");
        disks_[0].file_id = file_id(path(incoming("a")));
        ASSERT_TRUE(publish_images(disks_, why_).ok()) << why_;
        ASSERT_TRUE(retract_images(disks_, why_).ok()) << why_;
        EXPECT_EQ(text(incoming("a")) + text(incoming("b")), "12");
        EXPECT_FALSE(there("a") || there("b"));
    });
}

TEST_P(AgentImageNames, OfWhichAFileHasTwoAreMadeOne) {
    // Killed between the new name and the removal of the old one.
    for (const char* const image : {"a", "b"}) {
        put(incoming(image), image);
        fs::create_hard_link(path(incoming(image)), path(image));
    }
    run([&] {
        ASSERT_TRUE(retract_images(disks_, why_).ok()) << why_;
        EXPECT_FALSE(there("a") || there("b"));
        EXPECT_EQ(text(incoming("a")) + text(incoming("b")), "ab");
        fs::create_hard_link(path(incoming("a")), path("a"));
        ASSERT_TRUE(publish_images(disks_, why_).ok()) << why_;
        EXPECT_FALSE(there(incoming("a")) || there(incoming("b")));
        EXPECT_EQ(text("a") + text("b"), "ab");
        fs::create_hard_link(path("a"), path("a.left-7"));
        ASSERT_TRUE(retire_images(disks_, WallTime{5000}, WallTime{8000}, why_).ok()) << why_;
        EXPECT_FALSE(there("a") || there("a.left-8") || there("b"));
        EXPECT_EQ(text("a.left-7") + text("b.left-8"), "ab");
    });
}

}  // namespace
}  // namespace ballast::agent
