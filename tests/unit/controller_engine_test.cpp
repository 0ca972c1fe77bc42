#include "controller/engine.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <vector>

#include "controller/store_log.hpp"
#include "controller/store_records.hpp"
#include "tests/unit/controller_directory.hpp"

namespace ballast::controller {
namespace {

constexpr WallTime created{1'795'000'000'000};
constexpr LinkId link_of_h1 = 7;

// Keeps what was sent until it is released, as the links do.
class Port final : public AgentPort {
  public:
    void send(LinkId, const wire::Message& message) override { held.push_back(message); }
    void seal() override { std::swap(sealed, held); }
    void release() override {
        told.insert(told.end(), sealed.begin(), sealed.end());
        sealed.clear();
    }
    void drop() override {
        sealed.clear();
        held.clear();
    }
    void close(LinkId, Fault) override {}
    void close_all() override {}

    std::vector<wire::Message> held;
    std::vector<wire::Message> sealed;
    std::vector<wire::Message> told;
};

Uuid uuid(std::uint8_t number) {
    Uuid made;
    made.bytes[0] = number;
    return made;
}

class EngineTest : public ::testing::Test {
  protected:
    void SetUp() override { open(); }

    // As a start of the process: the store is opened, and the core built of what it holds.
    void open() {
        engine_.reset();
        store_.reset();
        std::string why;
        store_ = Store::open(directory_.path() + "/controller.db", created, why);
        ASSERT_NE(store_, nullptr) << why;
        memory_.assign(Core::bytes_needed(settings_) + 64, std::byte{});
        const std::size_t skip = (64 - reinterpret_cast<std::uintptr_t>(memory_.data()) % 64) % 64;
        engine_ = std::make_unique<Engine>(settings_, std::span{memory_}.subspan(skip), *store_);
        ASSERT_TRUE(engine_->restore(why).ok()) << why;
        engine_->connect(port_);
        engine_->on_stored([this](bool stored, bool) { (stored ? turns_stored_ : turns_lost_) += 1; });
    }
    Outcome make_pool(const std::string& name) {
        DesktopPoolRecord pool;
        pool.name = Name{name};
        pool.targets.max = 1;
        pool.guest.memory_mib = 128;
        Command command;
        command.kind = CommandKind::pool_create;
        command.pool = &pool;
        const Outcome* outcome = engine_->run(command);
        return outcome != nullptr ? *outcome : Outcome{};
    }
    Status say(const wire::Message& message) { return engine_->step(LinkMessage{link_of_h1, &message}); }
    // A host with one guest that runs.
    void connect_h1() {
        ASSERT_TRUE(engine_->step(LinkUp{.link = link_of_h1}).ok());
        wire::Hello hello;
        hello.version = limits::protocol_version;
        hello.host_name = "h1";
        hello.host_uuid = uuid(1);
        hello.jobs_max = 8;
        ASSERT_TRUE(say(wire::Message{hello}).ok());
        wire::Message message;
        auto& report = message.emplace<wire::HostReport>();
        report.sequence = 1;
        report.cpu_count = 4;
        report.memory_kib = 8 << 20;
        report.memory_free_kib = 4 << 20;
        wire::DomainInfo guest;
        guest.uuid = uuid(2);
        guest.name = "web";
        guest.state = DomainState::running;
        guest.memory_kib = 1 << 20;
        report.domains.push(guest);
        ASSERT_TRUE(say(message).ok());
    }
    Outcome pause_web() {
        Command command;
        command.kind = CommandKind::vm_pause;
        command.target = "web";
        const Outcome* outcome = engine_->run(command);
        return outcome != nullptr ? *outcome : Outcome{};
    }
    const VmRow& web() const { return engine_->core().vm(engine_->core().find_vm("web")); }
    std::int64_t stored_changes() const {
        sqlite3* connection = nullptr;
        sqlite3_stmt* statement = nullptr;
        std::int64_t count = -1;
        EXPECT_EQ(sqlite3_open((directory_.path() + "/controller.db").c_str(), &connection), SQLITE_OK);
        if (sqlite3_prepare_v2(connection, "SELECT count(*) FROM history", -1, &statement, nullptr) ==
                SQLITE_OK &&
            sqlite3_step(statement) == SQLITE_ROW) {
            count = sqlite3_column_int64(statement, 0);
        }
        sqlite3_finalize(statement);
        sqlite3_close(connection);
        return count;
    }

    TestDirectory directory_;
    Settings settings_;
    std::vector<std::byte> memory_;
    Port port_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Engine> engine_;
    int turns_stored_ = 0;
    int turns_lost_ = 0;
};

TEST_F(EngineTest, CommitsOnceForAllRequestsOfOneTurn) {
    settings_.limits.desktop_pools = 100;
    open();
    const std::uint64_t before = store_->commits();
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(make_pool("pool" + std::to_string(i)).kind, OutcomeKind::changed);
    }
    EXPECT_GT(engine_->decided(), engine_->stored());
    EXPECT_EQ(store_->commits(), before);
    engine_->settle();
    EXPECT_EQ(engine_->decided(), engine_->stored());
    EXPECT_EQ(store_->commits(), before + 1);
    EXPECT_EQ(turns_stored_, 1);
    engine_->settle();  // nothing happened since
    EXPECT_EQ(store_->commits(), before + 1);
    EXPECT_EQ(turns_stored_, 1);
    open();
    EXPECT_NE(engine_->core().find_desktop_pool("pool0"), no_row);
    EXPECT_NE(engine_->core().find_desktop_pool("pool99"), no_row);
}

TEST_F(EngineTest, TellsAgentsNothingBeforeTheCommit) {
    connect_h1();
    EXPECT_FALSE(port_.held.empty());
    EXPECT_TRUE(port_.told.empty());
    engine_->settle();
    ASSERT_FALSE(port_.told.empty());
    EXPECT_TRUE(std::holds_alternative<wire::HelloReply>(port_.told.front()));
    port_.told.clear();
    EXPECT_EQ(pause_web().kind, OutcomeKind::accepted);
    EXPECT_TRUE(port_.told.empty());
    engine_->settle();
    ASSERT_EQ(port_.told.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<wire::JobOrder>(port_.told.front()));
}

TEST_F(EngineTest, LetsTheTurnsDuringASyncShareTheNextTransaction) {
    connect_h1();
    engine_->settle();
    const std::uint64_t before = store_->commits();
    const auto told = [this] { return port_.told.size(); };
    const std::size_t hello = told();
    // The first turn's transaction is on its way until it is collected, whatever the disk does meanwhile.
    EXPECT_EQ(pause_web().kind, OutcomeKind::accepted);
    const std::uint64_t first = engine_->decided();
    engine_->end_turn();
    const bool on_its_way = engine_->stored() < first;  // false: the disk was quicker than we
    for (int turn = 0; turn < 5; ++turn) {
        EXPECT_EQ(make_pool("pool" + std::to_string(turn)).kind, OutcomeKind::changed);
        if (on_its_way) {
            engine_->end_turn();
            EXPECT_EQ(told(), hello);
            EXPECT_EQ(engine_->decided(), first + 1);
        }
    }
    store_->wait();
    engine_->store_ended();
    EXPECT_EQ(told(), hello + 1);
    EXPECT_EQ(engine_->stored(), first);
    EXPECT_EQ(store_->commits(), before + 1);
    engine_->settle();
    EXPECT_EQ(engine_->stored(), first + 1);
    EXPECT_EQ(store_->commits(), before + 2);
    open();
    EXPECT_NE(engine_->core().find_desktop_pool("pool4"), no_row);
}

TEST_F(EngineTest, FoldsAFullLogBackOnceThoseWhoWaitedForItHaveTheirAnswers) {
    settings_.limits.history_stored = 1'000'000;
    settings_.limits.desktop_pools = 1000;
    open();
    const HistoryChange change{uuid(3), {created, 1, 1, MachineKind::job, 0, 1, Cause::agent}};
    constexpr int changes = 10'000;  // some 100 pages
    constexpr int pages_of_a_commit_max = 400;
    int requests = 0;
    for (; store_->fold_took().count() < 2; ++requests) {
        ASSERT_LT(requests, 3 * log_pages_max) << "each commit writes a page, at least";
        for (int i = 0; i < changes; ++i) {
            ASSERT_TRUE(store_->write({&change, 1}));
        }
        ASSERT_EQ(make_pool("pool" + std::to_string(requests)).kind, OutcomeKind::changed);
        engine_->settle();
        ASSERT_EQ(turns_stored_, requests + 1);
        store_->wait();
        ASSERT_TRUE(store_->settle());
        ASSERT_LT(store_->log_pages(), log_pages_max + pages_of_a_commit_max);
    }
    EXPECT_EQ(turns_lost_, 0);
    open();
    EXPECT_NE(engine_->core().find_desktop_pool("pool" + std::to_string(requests - 1)), no_row);
}

TEST_F(EngineTest, CommitsATransactionThatOutgrowsItsBufferAsOne) {
    settings_.limits.history_stored = 1'000'000;
    open();
    const std::uint64_t before = store_->commits();
    const HistoryChange change{uuid(3), {created, 1, 1, MachineKind::job, 0, 1, Cause::agent}};
    constexpr int changes = 20'000;  // some 100 bytes each
    for (int i = 0; i < changes; ++i) {
        ASSERT_TRUE(store_->write({&change, 1}));
    }
    EXPECT_EQ(store_->commits(), before);
    ASSERT_TRUE(store_->commit());
    EXPECT_EQ(store_->commits(), before + 1);
    engine_.reset();
    store_.reset();
    EXPECT_EQ(stored_changes(), changes);
    open();
    for (int i = 0; i < changes; ++i) {
        ASSERT_TRUE(store_->write({&change, 1}));
    }
    engine_.reset();
    store_.reset();  // as a crash before its end
    EXPECT_EQ(stored_changes(), changes);
}

TEST_F(EngineTest, TrimsAHistoryThatFillsTheBuffer) {
    settings_.limits.history_stored = 10;
    open();
    const HistoryChange change{uuid(3), {created, 1, 1, MachineKind::job, 0, 1, Cause::agent}};
    // As many as fit: the line that trims finds no room.
    Batch as_large;
    while (as_large.has_room()) {
        ASSERT_TRUE(records::put(Line{as_large, 0}, 1, change));
        ASSERT_TRUE(store_->write({&change, 1}));
    }
    ASSERT_TRUE(store_->commit());
    engine_.reset();
    store_.reset();
    EXPECT_GE(stored_changes(), 10);
    EXPECT_LT(stored_changes(), 10 + 300);
}

TEST_F(EngineTest, ForgetsATurnThatWasNotCommitted) {
    connect_h1();
    engine_->settle();
    EXPECT_EQ(make_pool("kept").kind, OutcomeKind::changed);
    engine_->settle();
    EXPECT_EQ(make_pool("lost").kind, OutcomeKind::changed);
    open();  // as after kill -9: the turn never ended
    EXPECT_NE(engine_->core().find_desktop_pool("kept"), no_row);
    EXPECT_EQ(engine_->core().find_desktop_pool("lost"), no_row);
}

TEST_F(EngineTest, KeepsWhatHappenedToAGuestOverARestart) {
    connect_h1();
    const Outcome paused = pause_web();
    engine_->settle();
    ASSERT_GT(web().history.size(), 0U);
    const HistoryRow before = web().history.newest(0);
    open();
    ASSERT_NE(engine_->core().find_vm("web"), no_row);
    ASSERT_GT(web().history.size(), 0U);
    const HistoryRow after = web().history.newest(0);
    EXPECT_EQ(after.at, before.at);
    EXPECT_EQ(after.machine, before.machine);
    EXPECT_EQ(after.from, before.from);
    EXPECT_EQ(after.to, before.to);
    EXPECT_EQ(after.cause, before.cause);
    EXPECT_EQ(after.subject, before.subject);
    EXPECT_NE(engine_->core().find_job(paused.job_id), no_row);
}

TEST_F(EngineTest, KeepsOnlyTheNewestChangesInTheStore) {
    settings_.limits.history_stored = 10;
    open();
    constexpr std::uint64_t changes = 2000;
    for (std::uint64_t i = 1; i <= changes; ++i) {
        const HistoryChange change{uuid(3), {created, i, i, MachineKind::job, 0, 1, Cause::agent}};
        ASSERT_TRUE(store_->write({&change, 1}));
        ASSERT_TRUE(store_->commit());
    }
    engine_.reset();
    store_.reset();
    EXPECT_GE(stored_changes(), 10);
    EXPECT_LT(stored_changes(), 10 + 300);  // some more stay until the next trim
    open();
    EXPECT_EQ(engine_->core().decision(0), nullptr) << "decisions themselves are not kept";
}

}  // namespace
}  // namespace ballast::controller
