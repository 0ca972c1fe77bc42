#include "agent/image_users.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "shell/unique_fd.hpp"
#include "sim_fixture.hpp"

namespace ballast::agent {
namespace {

class AgentImageUsers : public sim::SimFixture {
  protected:
    AgentImageUsers() {
        std::filesystem::create_directory(directory_ + "/saved");
        for (const std::string& path : {image_, own_}) {
            std::ofstream{path} << "image";
        }
        std::filesystem::create_symlink(image_, link_);
        guest_ = create("guest", 0x33, {image_, own_});
        disks_.push({.device = "xvda", .path = Path{image_}, .size_bytes = 5});
        disks_.push({.device = "xvdb", .path = Path{own_}, .size_bytes = 5});
    }
    Domain create(const char* name, std::uint8_t number, const std::vector<std::string>& paths) {
        DomainSpec spec;
        spec.name = name;
        spec.uuid.bytes.fill(number);
        spec.memory_mib = 32;
        spec.kernel = "/boot/kernel";
        for (const std::string& path : paths) {
            spec.disks.push({.target = Path{path}, .device = spec.disks.empty() ? "xvda" : "xvdb"});
        }
        sim::SilentProgress progress;
        Domain made;
        EXPECT_TRUE(host_->create(spec, progress, made).ok()) << host_->last_error();
        return made;
    }
    std::string save(const Domain& domain) {
        const std::string path = files_.complete_path(domain.uuid);
        const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
        sim::SilentProgress progress;
        EXPECT_TRUE(host_->unpause(domain).ok());
        EXPECT_TRUE(host_->send_image(domain, fd.get(), MigrationMode::stop_and_copy, progress).ok());
        return path;
    }
    void save_and_end(const Domain& domain) {
        (void)save(domain);
        sim::SilentProgress progress;
        ASSERT_TRUE(host_->destroy(domain, progress).ok());
    }
    Fault check() {
        why_.clear();
        const Fault fault = check_sole_user(*host_, files_, guest_.uuid, disks_, why_).fault();
        EXPECT_EQ(fault == Fault::none, why_.empty()) << why_;
        return fault;
    }
    bool says(std::string_view what) const { return why_.find(what) != std::string::npos; }

    std::string image_ = directory_ + "/image";
    std::string own_ = directory_ + "/own";
    std::string link_ = directory_ + "/link";
    std::unique_ptr<Hypervisor> host_ = open_host("h1");
    SaveFiles files_{directory_ + "/saved"};
    Domain guest_;
    ImageDisks disks_;
    std::string why_;
};

TEST_F(AgentImageUsers, ADiskThatIsToGoAlongIsLookedForAmongTheOtherGuests) {
    EXPECT_EQ(check(), Fault::none);
    const Domain other = create("other", 0x44, {link_});
    EXPECT_EQ(check(), Fault::unsupported);
    EXPECT_TRUE(says("xvda") && says("other has it as well")) << why_;
    sim::SilentProgress progress;
    ASSERT_TRUE(host_->destroy(other, progress).ok());
    EXPECT_EQ(check(), Fault::none);
}

TEST_F(AgentImageUsers, AndAmongThoseThatLieInSaveFiles) {
    const Domain other = create("other", 0x44, {directory_ + "/more", link_});
    save_and_end(other);
    EXPECT_EQ(check(), Fault::unsupported);
    EXPECT_TRUE(says("xvda") && says(files_.complete_path(other.uuid))) << why_;
    // One that may have run: somebody may still want what it had.
    std::filesystem::rename(files_.complete_path(other.uuid), files_.consumed_path(other.uuid));
    EXPECT_EQ(check(), Fault::unsupported);
    EXPECT_TRUE(says(files_.consumed_path(other.uuid))) << why_;
    std::filesystem::remove(files_.consumed_path(other.uuid));
    EXPECT_EQ(check(), Fault::none);
}

TEST_F(AgentImageUsers, AnImageOfItsNameCountsEvenWhenItIsGone) {
    save_and_end(create("other", 0x44, {own_}));
    std::filesystem::remove(own_);
    EXPECT_EQ(check(), Fault::unsupported);
    EXPECT_TRUE(says("xvdb")) << why_;
}

TEST_F(AgentImageUsers, SavedGuestsWithOtherDisksAreNoReasonNorIsItsOwnImage) {
    save_and_end(create("other", 0x44, {directory_ + "/more"}));
    (void)save(guest_);
    EXPECT_EQ(check(), Fault::none) << why_;
}

TEST_F(AgentImageUsers, ASaveFileThatCannotBeReadIsAReason) {
    const std::string path = directory_ + "/saved/x.save";
    std::ofstream{path} << "something else";
    EXPECT_EQ(check(), Fault::image_corrupt);
    EXPECT_TRUE(says(path)) << why_;
    std::filesystem::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_NE(check(), Fault::none) << "and nobody waits for what writes into it";
    std::filesystem::remove(path);
    std::filesystem::rename(directory_ + "/saved", directory_ + "/away");
    EXPECT_NE(check(), Fault::none);
}

TEST_F(AgentImageUsers, AHypervisorThatDoesNotAnswerIsAReason) {
    (void)create("other", 0x44, {directory_ + "/more"});
    // The list, and what one guest has.
    for (const std::uint32_t answered : {0U, 1U}) {
        order("h1", {.call = sim::Call::list, .fault = Fault::hypervisor_failed, .skip = answered});
        EXPECT_EQ(check(), Fault::hypervisor_failed) << answered;
    }
    // Being built, or by a toolstack that leaves no configuration: it may have the image as well.
    order("h1", {.call = sim::Call::list, .fault = Fault::unsupported, .skip = 1});
    EXPECT_EQ(check(), Fault::unsupported);
    EXPECT_TRUE(says("has cannot be found out")) << why_;
    EXPECT_EQ(check(), Fault::none);
}

}  // namespace
}  // namespace ballast::agent
