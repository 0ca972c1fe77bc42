#include "agent/disks/store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/core/store_paths.hpp"
#include "agent/disks/file_copy.hpp"
#include "agent/disks/qcow2.hpp"
#include "shell/random.hpp"
#include "shell/unique_fd.hpp"
#include "tests/unit/synced.hpp"

namespace ballast::agent {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t mib = 1024 * 1024;

TEST(StorePaths, LeadNowhereElse) {
    for (const char* path : {"a", "disks/alice.qcow2", "golden/office-2.save", "a/b/c/d_e+f"}) {
        EXPECT_TRUE(valid_store_path(path)) << path;
    }
    for (const char* path :
         {"", "/", "/etc/passwd", "../a", "a/../b", "a//b", "a/", ".hidden", "a/.b", "a b", "a;b", "a\n"}) {
        EXPECT_FALSE(valid_store_path(path)) << path;
    }
    EXPECT_FALSE(valid_store_path(std::string(181, 'a')));
    EXPECT_TRUE(valid_template_path("/srv/templates/debian.qcow2"));
    EXPECT_TRUE(valid_template_path("templates/debian.raw"));
    EXPECT_FALSE(valid_template_path("/srv/../etc/shadow"));
    EXPECT_FALSE(valid_template_path("//srv"));
}

class AgentStore : public testing::Test {
  protected:
    AgentStore() {
        char name[] = "/tmp/agent-store-XXXXXX";
        directory_ = ::mkdtemp(name);
        store_ = std::make_unique<Store>(directory_);
    }
    ~AgentStore() override { fs::remove_all(directory_); }
    std::string at(const std::string& path) const { return directory_ + "/" + path; }
    void write(const std::string& path, const std::string& content) const {
        std::ofstream{at(path)} << content;
    }
    std::string read(const std::string& path) const {
        std::ifstream file{at(path), std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    Fault create(const wire::Volume& volume, bool again = false, std::uint64_t job = 7) {
        return store_
            ->create(
                volume, job, again,
                [this](std::uint64_t done, std::uint64_t of) {
                    EXPECT_LE(done, of);
                    done_bytes_ = done;
                },
                why_)
            .fault();
    }
    std::size_t files() const {
        return static_cast<std::size_t>(std::distance(fs::recursive_directory_iterator{directory_}, {}));
    }

    std::string directory_;
    std::unique_ptr<Store> store_;
    std::string why_;
    std::uint64_t done_bytes_ = 0;
};

wire::Volume copy_of(const char* path, const char* from) {
    return {.path = path, .source = wire::VolumeSource::copy, .template_path = from};
}

TEST_F(AgentStore, CopiesATemplateWithItsHoles) {
    {
        std::ofstream file{at("template"), std::ios::binary};
        file << "begin";
        file.seekp(200 * static_cast<std::streamoff>(mib));
        file << "end";
    }
    ASSERT_EQ(create(copy_of("disks/alice.raw", "template")), Fault::none) << why_;
    store_->finish("disks/alice.raw", 7);
    EXPECT_EQ(fs::file_size(at("disks/alice.raw")), 200 * mib + 3);
    struct stat status {};
    ASSERT_EQ(::stat(at("disks/alice.raw").c_str(), &status), 0);
    EXPECT_LT(static_cast<std::uint64_t>(status.st_blocks) * 512, mib) << "holes take no room";
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    std::ifstream copy{at("disks/alice.raw"), std::ios::binary};
    std::string begin(5, ' ');
    copy.read(begin.data(), 5);
    EXPECT_EQ(begin, "begin");
    copy.seekg(200 * static_cast<std::streamoff>(mib));
    std::string end(3, ' ');
    copy.read(end.data(), 3);
    EXPECT_EQ(end, "end");
    EXPECT_EQ(done_bytes_, 200 * mib + 3);
}

TEST_F(AgentStore, MakesBlankDisks) {
    ASSERT_EQ(create({.path = "data/alice", .source = wire::VolumeSource::blank, .size_bytes = 10 * mib}),
              Fault::none);
    EXPECT_EQ(fs::file_size(at("data/alice")), 10 * mib);
}

TEST_F(AgentStore, NeverReplacesAFile) {
    write("template", "new");
    write("disk", "somebody's data");
    EXPECT_EQ(create(copy_of("disk", "template")), Fault::already_exists);
    EXPECT_EQ(create(copy_of("disk", "template"), true), Fault::already_exists);
    EXPECT_EQ(read("disk"), "somebody's data");
}

TEST_F(AgentStore, LeavesNothingBehindWhenItFails) {
    EXPECT_EQ(create(copy_of("disk", "no/template")), Fault::not_found);
    EXPECT_NE(why_.find("no/template"), std::string::npos);
    EXPECT_EQ(files(), 0U);
}

TEST_F(AgentStore, FinishesWhatADeadWorkerHasBegun) {
    write("template", "content");
    // Killed in the middle of writing.
    write("disk.0000000000000007.tmp", "cont");
    ASSERT_EQ(create(copy_of("disk", "template"), true), Fault::none) << why_;
    EXPECT_EQ(read("disk"), "content");
    // Killed after publishing: the temporary name proves whose file it is.
    ASSERT_EQ(create(copy_of("disk", "template"), true), Fault::none) << why_;
    EXPECT_EQ(create(copy_of("disk", "template"), true, 8), Fault::already_exists) << "another job's";
    store_->finish("disk", 7);
    EXPECT_FALSE(fs::exists(at("disk.0000000000000007.tmp")));
    EXPECT_EQ(read("disk"), "content");
}

TEST_F(AgentStore, NamesAreOnDiskWhenItIsDoneAlsoThoseThatAKilledWorkerMade) {
    write("template", "content");
    watch_syncs();
    ASSERT_EQ(create(copy_of("pool/alice/disk", "template")), Fault::none) << why_;
    for (const char* directory : {"", "pool", "pool/alice"}) {
        EXPECT_TRUE(was_synced(at(directory))) << directory;
    }
    EXPECT_TRUE(was_synced(at("pool/alice/disk")));
    // Killed before it had synced: nobody can tell, so it is done again.
    watch_syncs();
    ASSERT_EQ(create(copy_of("pool/alice/disk", "template"), true), Fault::none) << why_;
    EXPECT_TRUE(was_synced(at("pool/alice")));
    fs::create_directory(at("other"));
    ASSERT_EQ(create(copy_of("other/disk", "template"), true), Fault::none) << why_;
    EXPECT_TRUE(was_synced(at("")));
    watch_syncs();
    fs::remove(at("other/disk"));
    EXPECT_TRUE(store_->remove("other/disk", why_).ok()) << why_;
    EXPECT_TRUE(was_synced(at("other")));
}

TEST_F(AgentStore, TakesAwayWhatAKilledWorkerLeft) {
    write("disk.0000000000000007.tmp", "half");
    store_->finish("disk", 7);
    EXPECT_EQ(files(), 0U);
}

TEST_F(AgentStore, DeletesOnceAndAgain) {
    write("disk", "x");
    EXPECT_TRUE(store_->remove("disk", why_).ok());
    EXPECT_TRUE(store_->remove("disk", why_).ok()) << "that it is not there is success";
    EXPECT_TRUE(store_->remove("never/was", why_).ok()) << why_;
    write("disk", "x");
    EXPECT_TRUE(store_->remove("disk/below", why_).ok()) << why_;
    EXPECT_TRUE(store_->remove("disk", why_).ok());
    EXPECT_EQ(files(), 0U);
}

TEST_F(AgentStore, IsProvenByTheSecretOfAnother) {
    const wire::StoreProbe written{.probe_id = 9, .step = wire::StoreStep::write, .secret = new_uuid()};
    wire::StoreProbe check = written;
    check.step = wire::StoreStep::check;
    EXPECT_EQ(store_->probe(check, why_).fault(), Fault::storage_mismatch) << "nothing there yet";
    ASSERT_TRUE(store_->probe(written, why_).ok());
    EXPECT_TRUE(store_->probe(check, why_).ok());
    check.secret = new_uuid();
    EXPECT_EQ(store_->probe(check, why_).fault(), Fault::storage_mismatch);
    wire::StoreProbe erase = written;
    erase.step = wire::StoreStep::erase;
    EXPECT_TRUE(store_->probe(erase, why_).ok());
    EXPECT_EQ(files(), 0U);
    StoreFacts facts;
    ASSERT_TRUE(store_->facts(facts, why_).ok());
    EXPECT_GT(facts.free_bytes, 0U);
    EXPECT_FALSE(Store{at("missing")}.facts(facts, why_).ok());
}

// ---- overlays ----

std::uint64_t big_endian(const std::string& file, std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        value = value << 8 | static_cast<unsigned char>(file[at + i]);
    }
    return value;
}

TEST_F(AgentStore, LaysAnOverlayOverARawTemplate) {
    fs::resize_file((write("base.raw", ""), at("base.raw")), 5 * mib);
    ASSERT_EQ(create({.path = "disks/a.qcow2", .template_path = "base.raw"}), Fault::none) << why_;
    const std::string file = read("disks/a.qcow2");
    EXPECT_EQ(qcow2_disk_bytes(file), 5 * mib);
    EXPECT_EQ(file.substr(big_endian(file, 8, 8), big_endian(file, 16, 4)), at("base.raw"));
    EXPECT_EQ(file.substr(112, 3), "raw");
    EXPECT_EQ(big_endian(file, 36, 4), 1U) << "one first-level entry";
    // Every cluster of the file is counted once, and nothing else is.
    const std::uint64_t counts = big_endian(file, big_endian(file, 48, 8), 8);
    for (std::size_t i = 0; i < 8; ++i) {
        EXPECT_EQ(big_endian(file, counts + 2 * i, 2), i < file.size() / 65536 ? 1U : 0U) << i;
    }
}

TEST_F(AgentStore, LaysAnOverlayOverAnOverlayAndMakesItLarger) {
    std::string base;
    ASSERT_TRUE(make_overlay(3 * mib, "/nowhere", false, base).ok());
    write("base.qcow2", base);
    ASSERT_EQ(create({.path = "a", .template_path = "base.qcow2", .size_bytes = 9 * mib}), Fault::none)
        << why_;
    EXPECT_EQ(qcow2_disk_bytes(read("a")), 9 * mib);
    EXPECT_EQ(read("a").substr(112, 5), "qcow2");
    EXPECT_EQ(create({.path = "b", .template_path = "base.qcow2", .size_bytes = 2 * mib}),
              Fault::invalid_argument)
        << "smaller than its template";
}

TEST(Overlay, HasBounds) {
    std::string file;
    EXPECT_EQ(make_overlay(0, "/t", false, file).fault(), Fault::invalid_argument);
    EXPECT_EQ(make_overlay(513, "/t", false, file).fault(), Fault::invalid_argument);
    EXPECT_TRUE(make_overlay(overlay_bytes_max, "/t", false, file).ok());
    EXPECT_EQ(make_overlay(overlay_bytes_max + 512, "/t", false, file).fault(), Fault::limit_reached);
    EXPECT_EQ(make_overlay(512, std::string(1024, 't'), false, file).fault(), Fault::limit_reached);
    EXPECT_FALSE(qcow2_disk_bytes("QFI\xfb"));
    EXPECT_FALSE(qcow2_disk_bytes(std::string(200, 'x')));
}

}  // namespace
}  // namespace ballast::agent
