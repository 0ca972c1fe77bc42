#include "agent/journal.hpp"

#define XXH_INLINE_ALL
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/record_codec.hpp"

namespace ballast::agent {
namespace {

JobRecord sample_record() {
    JobRecord record;
    record.job_id = 0x1234;
    record.kind = JobKind::migrate_out;
    record.stage = Stage::commit_sent;
    record.state = JobState::running;
    record.fault = Fault::connection_lost;
    record.detail = "the link broke";
    record.uuid.bytes.fill(3);
    record.name = "guest";
    record.begun = {1000};
    record.deadline = {2000};
    record.memory_kib = 131072;
    record.migration_id.bytes.fill(4);
    record.peer_host = "h2";
    record.peer_address = "192.0.2.1";
    record.peer_port = 7712;
    record.journal_id.bytes.fill(5);
    record.mode = MigrationMode::stop_and_copy;
    record.volume = {
        .path = "disks/a", .source = wire::VolumeSource::copy, .template_path = "/srv/t", .size_bytes = 6};
    record.effect = {.memory_bytes = 1,
                     .wire_bytes = 2,
                     .downtime_ms = 3,
                     .total_ms = 4,
                     .rounds = 5,
                     .compression = wire::Compression::lz4,
                     .image_bytes = 7,
                     .image_done_bytes = 8,
                     .image_wire_bytes = 9,
                     .image_rounds = 10,
                     .referenced_bytes = 12};
    record.copy_storage = true;
    record.published = true;
    record.bandwidth_mbps = 50;
    record.disks.push({.device = "xvda", .path = "/srv/images/guest.img", .size_bytes = 11, .file_id = 13});
    record.only_a_file = true;
    return record;
}

class AgentJournal : public testing::Test {
  protected:
    AgentJournal() {
        char name[] = "/tmp/agent-journal-XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    ~AgentJournal() override { std::filesystem::remove_all(directory_); }
    std::string path() const { return directory_ + "/journal"; }

    std::string directory_;
    std::vector<JobRecord> records_;
    std::vector<std::string> notes_;
    std::string why_;
};

TEST(AgentRecord, ComesBackAsItWasWritten) {
    const JobRecord record = sample_record();
    JobRecord back;
    ASSERT_TRUE(decode_record(encode_record(record), back).ok());
    EXPECT_EQ(encode_record(back), encode_record(record));
    EXPECT_EQ(back.stage, Stage::commit_sent);
    EXPECT_EQ(back.journal_id, record.journal_id);
    EXPECT_EQ(back.peer_port, 7712);
    EXPECT_EQ(back.volume, record.volume);
    EXPECT_TRUE(back.copy_storage && back.published);
    ASSERT_EQ(back.disks.size(), 1U);
    EXPECT_EQ(back.disks[0].path, record.disks[0].path);
    EXPECT_EQ(back.disks[0].size_bytes, 11U);
    EXPECT_EQ(back.disks[0].file_id, 13U);
    EXPECT_EQ(back.effect.image_rounds, 10U);
    EXPECT_EQ(back.effect.referenced_bytes, 12U);
    EXPECT_TRUE(back.only_a_file);
}

TEST(AgentRecord, OfAnOlderAgentIsStillRead) {
    JobRecord record = sample_record();
    record.volume = {};
    record.copy_storage = record.published = record.only_a_file = false;
    record.bandwidth_mbps = 0;
    record.disks = {};
    record.effect = {};
    const std::string bytes = encode_record(record);
    constexpr std::size_t checksum_bytes = 8;
    constexpr std::size_t images_bytes = 1 + 1 + 4 + 3 * 8 + 4 + 1;
    constexpr std::size_t volume_bytes = 2 + 1 + 2 + 8;  // empty texts
    constexpr std::size_t references_bytes = 8;
    constexpr std::size_t only_a_file_bytes = 1;
    for (const char version : {'\1', '\2', '\3', '\4'}) {
        const std::size_t unknown_bytes = only_a_file_bytes + (version <= '\3' ? references_bytes : 0) +
                                          (version <= '\2' ? images_bytes : 0) +
                                          (version == '\1' ? volume_bytes : 0);
        std::string older = bytes.substr(0, bytes.size() - checksum_bytes - unknown_bytes);
        older[4] = version;
        const XXH64_hash_t checksum = XXH3_64bits(older.data(), older.size());
        for (std::size_t i = 0; i < checksum_bytes; ++i) {
            older.push_back(static_cast<char>(checksum >> (8 * i) & 0xff));
        }
        JobRecord back;
        ASSERT_TRUE(decode_record(older, back).ok()) << static_cast<int>(version);
        EXPECT_EQ(encode_record(back), bytes);
    }
}

TEST(AgentRecord, IsRefusedWhenAnyOneByteIsWrong) {
    const std::string bytes = encode_record(sample_record());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::string broken = bytes;
        broken[i] = static_cast<char>(broken[i] ^ 0x20);
        JobRecord back;
        EXPECT_FALSE(decode_record(broken, back).ok()) << "byte " << i;
    }
}

TEST(AgentRecord, IsRefusedWhenCutOrPadded) {
    const std::string bytes = encode_record(sample_record());
    JobRecord back;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode_record(bytes.substr(0, size), back).ok()) << "cut at " << size;
    }
    EXPECT_FALSE(decode_record(bytes + "x", back).ok());
}

TEST(AgentRecord, IsRefusedWhenItsStageIsNotOneOfItsKind) {
    JobRecord record = sample_record();
    record.stage = Stage::saving;
    JobRecord back;
    EXPECT_EQ(decode_record(encode_record(record), back).fault(), Fault::image_corrupt);
}

TEST_F(AgentJournal, KeepsRecordsAndItsIdentityOverAReopening) {
    Journal journal;
    ASSERT_TRUE(journal.open(path(), records_, notes_, why_).ok()) << why_;
    EXPECT_TRUE(records_.empty());
    ASSERT_TRUE(journal.write(sample_record(), why_).ok()) << why_;
    Journal again;
    ASSERT_TRUE(again.open(path(), records_, notes_, why_).ok()) << why_;
    ASSERT_EQ(records_.size(), 1u);
    EXPECT_EQ(records_[0].stage, Stage::commit_sent);
    EXPECT_EQ(again.id(), journal.id());
    EXPECT_FALSE(journal.id().nil());
    ASSERT_TRUE(again.forget(0x1234, why_).ok());
    records_.clear();
    ASSERT_TRUE(again.open(path(), records_, notes_, why_).ok());
    EXPECT_TRUE(records_.empty());
}

TEST_F(AgentJournal, HasAnotherIdentityWhenItWasLostAndBegunAnew) {
    Journal journal;
    ASSERT_TRUE(journal.open(path(), records_, notes_, why_).ok());
    std::filesystem::remove_all(path());
    Journal anew;
    ASSERT_TRUE(anew.open(path(), records_, notes_, why_).ok());
    EXPECT_NE(anew.id(), journal.id());
}

TEST_F(AgentJournal, SetsAnUnreadableRecordAsideAndSaysSo) {
    Journal journal;
    ASSERT_TRUE(journal.open(path(), records_, notes_, why_).ok());
    ASSERT_TRUE(journal.write(sample_record(), why_).ok());
    const std::string file = path() + "/0000000000001234.job";
    ASSERT_TRUE(std::filesystem::exists(file));
    std::filesystem::resize_file(file, 40);
    ASSERT_TRUE(journal.open(path(), records_, notes_, why_).ok());
    EXPECT_TRUE(records_.empty());
    ASSERT_EQ(notes_.size(), 1u);
    EXPECT_NE(notes_[0].find("0000000000001234.job"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(file + ".bad"));
}

TEST_F(AgentJournal, DoesNotGoOnWithoutARecordThatTheDiskDoesNotGive) {
    Journal journal;
    ASSERT_TRUE(journal.open(path(), records_, notes_, why_).ok());
    const std::string file = path() + "/0000000000001234.job";
    std::filesystem::create_directory(file);  // what cannot be read at all
    EXPECT_EQ(journal.open(path(), records_, notes_, why_).fault(), Fault::io_failed);
    EXPECT_NE(why_.find(file), std::string::npos);
    EXPECT_TRUE(notes_.empty());
    EXPECT_TRUE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace ballast::agent
