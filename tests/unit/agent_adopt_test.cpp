#include "agent/adopt.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/save_files.hpp"
#include "shell/unique_fd.hpp"
#include "sim_fixture.hpp"
#include "tests/unit/synced.hpp"

namespace ballast::agent {
namespace {

// A guest was saved by another tool's hand, and its domain is gone.
class AgentAdopt : public sim::SimFixture {
  protected:
    AgentAdopt() {
        for (const char* folder : {"/saved", "/run"}) {
            std::filesystem::create_directory(directory_ + folder);
        }
        config_.save_dir = directory_ + "/saved";
        config_.run_dir = directory_ + "/run";
        config_.hypervisor.kind = HypervisorKind::sim;
        config_.hypervisor.sim = options("h1");
        guest_ = domain_named(*host_, "h1-01");
        const UniqueFd fd{::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
        sim::SilentProgress progress;
        EXPECT_TRUE(host_->send_image(guest_, fd.get(), MigrationMode::stop_and_copy, progress).ok());
    }
    void end_domain() {
        sim::SilentProgress progress;
        ASSERT_TRUE(host_->destroy(guest_, progress).ok());
    }
    Fault adopt() { return adopt_saved(config_, path_, found_, why_).fault(); }
    bool saved() const {
        SaveState state;
        EXPECT_TRUE(SaveFiles{config_.save_dir}.look(guest_.uuid, state).ok());
        return state.complete;
    }

    std::unique_ptr<Hypervisor> host_ = open_host("h1");
    std::string path_ = directory_ + "/by-hand.img";
    AgentConfig config_;
    Domain guest_;
    wire::SavedGuest found_;
    std::string why_;
};

TEST_F(AgentAdopt, AWholeImageBecomesASaveFileOfItsGuest) {
    end_domain();
    ASSERT_EQ(adopt(), Fault::none) << why_;
    EXPECT_TRUE(found_.uuid == guest_.uuid);
    EXPECT_EQ(found_.name, guest_.name);
    EXPECT_EQ(found_.memory_kib, guest_.memory_kib);
    EXPECT_TRUE(saved());
    EXPECT_FALSE(std::filesystem::exists(path_)) << "two images of one guest could both be restored";
    const auto mode =
        std::filesystem::status(SaveFiles{config_.save_dir}.complete_path(guest_.uuid)).permissions();
    EXPECT_EQ(mode, std::filesystem::perms{0600});
}

TEST_F(AgentAdopt, AGuestThatHasADomainIsNotTakenFromAnImage) {
    EXPECT_EQ(adopt(), Fault::state_conflict);
    EXPECT_NE(why_.find("h1-01"), std::string::npos) << why_;
    EXPECT_TRUE(std::filesystem::exists(path_));
    EXPECT_FALSE(saved());
}

TEST_F(AgentAdopt, ACutOrLengthenedImageStaysWhereItIs) {
    end_domain();
    const auto whole = std::filesystem::file_size(path_);
    for (const auto size : {whole + 1, whole - 1, whole / 2, std::uintmax_t{0}}) {
        std::filesystem::resize_file(path_, size);
        EXPECT_EQ(adopt(), Fault::image_corrupt) << size << " bytes";
        EXPECT_FALSE(why_.empty());
        EXPECT_EQ(std::filesystem::file_size(path_), size) << "a file that is refused must not be changed";
    }
}

TEST_F(AgentAdopt, ASecondImageOfASavedGuestIsRefused) {
    end_domain();
    const std::string copy = directory_ + "/copy.img";
    std::filesystem::copy_file(path_, copy);
    ASSERT_EQ(adopt(), Fault::none) << why_;
    path_ = copy;
    EXPECT_EQ(adopt(), Fault::already_exists);
}

TEST_F(AgentAdopt, ASealedFileThatWasMovedAwayComesBack) {
    end_domain();
    ASSERT_EQ(adopt(), Fault::none) << why_;
    std::filesystem::rename(SaveFiles{config_.save_dir}.complete_path(guest_.uuid), path_);
    EXPECT_FALSE(saved());
    watch_syncs();
    EXPECT_EQ(adopt(), Fault::none) << why_;
    EXPECT_TRUE(saved());
    EXPECT_TRUE(was_synced(SaveFiles{config_.save_dir}.complete_path(guest_.uuid)))
        << "it may be a copy that is in the page cache only";
}

}  // namespace
}  // namespace ballast::agent
