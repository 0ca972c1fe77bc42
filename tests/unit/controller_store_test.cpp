#include "controller/store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <vector>

#include "controller/sqlite.hpp"
#include "controller/store_records.hpp"
#include "controller/store_schema.hpp"
#include "tests/unit/controller_directory.hpp"

namespace ballast::controller {
namespace {

constexpr WallTime stored_at{1'795'000'000'000};

// What the store's thread does with one line.
template <class... Record>
bool put_row(Statement& statement, const Record&... record) {
    Batch batch;
    return records::put(Line{batch, 0}, record...) && batch.replay({&statement, 1});
}

class StoreTest : public ::testing::Test {
  protected:
    std::unique_ptr<Store> open() { return Store::open(path(), stored_at, why_); }
    std::string path() const { return directory_.path() + "/controller.db"; }
    void run_sql(const char* sql) {
        sqlite3* connection = nullptr;
        ASSERT_EQ(sqlite3_open(path().c_str(), &connection), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(connection);
        sqlite3_close(connection);
    }
    // A core over memory of its own, with everything that the store holds.
    Status restore(Store& store) {
        memory_.assign(Core::bytes_needed(settings_) + 64, std::byte{});
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
        const std::size_t skip = (64 - address % 64) % 64;
        core_ = std::make_unique<Core>(settings_, std::span{memory_}.subspan(skip));
        return store.restore_into(*core_, why_);
    }

    TestDirectory directory_;
    std::string why_;
    Settings settings_;
    std::vector<std::byte> memory_;
    std::unique_ptr<Core> core_;
};

TEST_F(StoreTest, IsNotTakenToBeWritableAgainWhileItsDiskIsFull) {
    const auto store = open();
    ASSERT_NE(store, nullptr) << why_;
    // A limit on the size of files stands for a full disk.
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);
    const bool first = store->try_again();
    const bool second = store->try_again();
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, before);
    EXPECT_FALSE(first || second);
    EXPECT_TRUE(store->try_again()) << store->last_error();
    EXPECT_TRUE(restore(*store).ok()) << why_;
}

TEST_F(StoreTest, OfANewControllerIsEmptyPrivateAndStartsTheJobNumbersAtTheClock) {
    const auto store = open();
    ASSERT_NE(store, nullptr) << why_;
    struct stat facts {};
    ASSERT_EQ(::stat(path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600U);
    EXPECT_TRUE(restore(*store).ok()) << why_;
}

TEST_F(StoreTest, IsRefusedWhileAnotherControllerHasIt) {
    const auto first = open();
    ASSERT_NE(first, nullptr) << why_;
    EXPECT_EQ(open(), nullptr);
    EXPECT_NE(why_.find("another ballast-controller"), std::string::npos) << why_;
}

TEST_F(StoreTest, IsRefusedWhenItIsNoDatabase) {
    std::ofstream{path()} << std::string(8192, 'x');
    EXPECT_EQ(open(), nullptr);
    EXPECT_NE(why_.find("controller.db"), std::string::npos) << why_;
}

TEST_F(StoreTest, IsRefusedWhenItIsOfAnotherProgramOrOfANewerVersion) {
    run_sql("CREATE TABLE theirs(x)");
    EXPECT_EQ(open(), nullptr);
    EXPECT_NE(why_.find("another program"), std::string::npos) << why_;
    run_sql("DROP TABLE theirs");
    ASSERT_NE(open(), nullptr) << why_;
    run_sql("PRAGMA user_version = 999");
    EXPECT_EQ(open(), nullptr);
    EXPECT_NE(why_.find("newer"), std::string::npos) << why_;
}

TEST_F(StoreTest, RefusesARecordThatCannotBe) {
    ASSERT_NE(open(), nullptr) << why_;
    run_sql("INSERT INTO hosts VALUES('h1', x'00', 0, 0, 1)");  // a uuid of one byte
    const auto store = open();
    ASSERT_NE(store, nullptr) << why_;
    EXPECT_FALSE(restore(*store).ok());
    EXPECT_NE(why_.find("record 1 of the stored hosts"), std::string::npos) << why_;
}

TEST_F(StoreTest, KeepsJobsOfEveryKindThereIs) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(":memory:", &connection), SQLITE_OK);
    ASSERT_TRUE(bring_up_to_date(connection, why_)) << why_;
    {
        Statement put;
        Statement rows;
        ASSERT_TRUE(put.prepare(connection, records::put_job));
        ASSERT_TRUE(rows.prepare(connection, records::get_jobs));
        std::uint64_t kinds = 0;
        JobRecord job;
        for (auto kind = JobKind::create; to_string(kind) != "invalid";
             kind = static_cast<JobKind>(kinds + 1)) {
            job.id = ++kinds;
            job.kind = kind;
            ASSERT_TRUE(put_row(put, job));
        }
        EXPECT_GE(kinds, 15U);
        rows.start();
        for (std::uint64_t read = 0; read < kinds; ++read) {
            ASSERT_TRUE(rows.next());
            ASSERT_TRUE(records::get(rows, job)) << to_string(static_cast<JobKind>(read + 1));
        }
    }
    sqlite3_close(connection);
}

// What is put must come back the same, every member of it.
TEST_F(StoreTest, KeepsEveryMemberOfAJob) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(":memory:", &connection), SQLITE_OK);
    ASSERT_TRUE(bring_up_to_date(connection, why_)) << why_;
    JobRecord job;
    job.id = 77;
    job.kind = JobKind::migrate;
    job.origin = JobOrigin::drain;
    job.state = JobState::failed;
    job.vm_uuid.bytes[3] = 9;
    job.vm_name = "web";
    job.source = {"h1", SideState::ended, JobState::failed, Fault::no_memory, "transferring"};
    job.destination = {"h2", SideState::acked, JobState::cancelled, Fault::cancelled, "receiving"};
    job.migration_id.bytes[15] = 1;
    job.mode = MigrationMode::stop_and_copy;
    job.memory_mib = 512;
    job.expected_states.push(DomainState::running);
    job.expected_states.push(DomainState::paused);
    job.percent = 40;
    job.fault = Fault::no_memory;
    job.detail = "why";
    job.cancel_asked = true;
    job.plan_id = 5;
    job.created = {1};
    job.deadline = {2};
    job.ended = {3};
    job.memory_bytes = 1ULL << 40;
    job.wire_bytes = 6;
    job.downtime_ms = 7;
    job.total_ms = 8;
    job.rounds = 9;
    job.compression = wire::Compression::lz4;
    job.copy_storage = true;
    job.bandwidth_mbps = 50;
    job.image_bytes = 1ULL << 41;
    job.image_wire_bytes = 11;
    job.image_rounds = 3;
    job.referenced_bytes = 12;
    {
        Statement put;
        Statement rows;
        ASSERT_TRUE(put.prepare(connection, records::put_job));
        ASSERT_TRUE(put_row(put, job));
        ASSERT_TRUE(rows.prepare(connection, records::get_jobs));
        JobRecord back;
        ASSERT_TRUE(rows.start().next());
        ASSERT_TRUE(records::get(rows, back));
        EXPECT_EQ(back.id, job.id);
        EXPECT_EQ(back.kind, job.kind);
        EXPECT_EQ(back.origin, job.origin);
        EXPECT_EQ(back.state, job.state);
        EXPECT_EQ(back.vm_uuid, job.vm_uuid);
        EXPECT_EQ(back.vm_name, job.vm_name);
        EXPECT_EQ(back.source.host, job.source.host);
        EXPECT_EQ(back.source.fault, job.source.fault);
        EXPECT_EQ(back.destination.state, job.destination.state);
        EXPECT_EQ(back.destination.step_name, job.destination.step_name);
        EXPECT_EQ(back.migration_id, job.migration_id);
        EXPECT_EQ(back.mode, job.mode);
        EXPECT_EQ(back.expected_states.size(), 2U);
        EXPECT_EQ(back.expected_states[1], DomainState::paused);
        EXPECT_EQ(back.percent, job.percent);
        EXPECT_EQ(back.detail, job.detail);
        EXPECT_TRUE(back.cancel_asked);
        EXPECT_EQ(back.plan_id, job.plan_id);
        EXPECT_EQ(back.ended, job.ended);
        EXPECT_EQ(back.memory_bytes, job.memory_bytes);
        EXPECT_EQ(back.rounds, job.rounds);
        EXPECT_EQ(back.compression, job.compression);
        EXPECT_TRUE(back.copy_storage);
        EXPECT_EQ(back.bandwidth_mbps, job.bandwidth_mbps);
        EXPECT_EQ(back.image_bytes, job.image_bytes);
        EXPECT_EQ(back.image_wire_bytes, job.image_wire_bytes);
        EXPECT_EQ(back.image_rounds, job.image_rounds);
        EXPECT_EQ(back.referenced_bytes, job.referenced_bytes);
    }
    sqlite3_close(connection);
}

// Where it came from and when: what keeps it from going back there after a restart.
TEST_F(StoreTest, KeepsEveryMemberOfAGuest) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(":memory:", &connection), SQLITE_OK);
    ASSERT_TRUE(bring_up_to_date(connection, why_)) << why_;
    VmRecord vm;
    vm.uuid.bytes[3] = 9;
    vm.name = "web";
    vm.kind = VmKind::personal;
    vm.ours = true;
    vm.movable = false;
    vm.last_host = "h2";
    vm.last_moved = {1'790'000'000'001};
    vm.came_from = "h1";
    vm.started = {1'790'000'000'002};
    {
        Statement put;
        Statement rows;
        ASSERT_TRUE(put.prepare(connection, records::put_vm));
        ASSERT_TRUE(put_row(put, vm));
        ASSERT_TRUE(rows.prepare(connection, records::get_vms));
        VmRecord back;
        ASSERT_TRUE(rows.start().next());
        ASSERT_TRUE(records::get(rows, back));
        EXPECT_EQ(back.uuid, vm.uuid);
        EXPECT_EQ(back.name, vm.name);
        EXPECT_EQ(back.kind, vm.kind);
        EXPECT_TRUE(back.ours);
        EXPECT_FALSE(back.movable);
        EXPECT_EQ(back.last_host, vm.last_host);
        EXPECT_EQ(back.last_moved, vm.last_moved);
        EXPECT_EQ(back.came_from, vm.came_from);
        EXPECT_EQ(back.started, vm.started);
    }
    sqlite3_close(connection);
}

TEST_F(StoreTest, TakesAKeyWithAllItsBits) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(":memory:", &connection), SQLITE_OK);
    ASSERT_TRUE(bring_up_to_date(connection, why_)) << why_;
    const IdempotencyRecord key{{UINT64_MAX, 1}, {2, UINT64_MAX - 3}, {4}, Effect::plan, 5, 6};
    {
        Statement put;
        Statement rows;
        ASSERT_TRUE(put.prepare(connection, records::put_key));
        ASSERT_TRUE(put_row(put, key));
        ASSERT_TRUE(rows.prepare(connection, records::get_keys));
        IdempotencyRecord back;
        ASSERT_TRUE(rows.start().next());
        ASSERT_TRUE(records::get(rows, back));
        EXPECT_EQ(back.key, key.key);
        EXPECT_EQ(back.body, key.body);
        EXPECT_EQ(back.effect, key.effect);
    }
    sqlite3_close(connection);
}

TEST_F(StoreTest, FoldsItsLogOnlyWhenItIsTold) {
    auto store = open();
    ASSERT_NE(store, nullptr) << why_;
    TokenRecord token;
    token.name = "one";
    constexpr std::size_t tokens = 30;
    int before = 0;
    for (token.id = 1; token.id <= tokens; ++token.id) {
        ASSERT_TRUE(store->put_token(token)) << store->last_error();
        ASSERT_GT(store->log_pages(), before);
        before = store->log_pages();
    }
    store->fold_log();
    store->wait();
    ASSERT_TRUE(store->settle());
    EXPECT_EQ(store->log_pages(), 0);
    EXPECT_EQ(store->fold_took().count(), 1U);
    ASSERT_TRUE(store->forget_token(1));
    EXPECT_LT(store->log_pages(), before) << "the log did not begin anew";
    store = nullptr;
    store = open();
    std::vector<TokenRecord> kept;
    ASSERT_TRUE(store->read_tokens(kept, why_)) << why_;
    EXPECT_EQ(kept.size(), tokens - 1);
}

// A plan of a policy with parameters and resources that the first schema had no columns for.
TEST_F(StoreTest, TakesAPlanWithEveryParameterAndResource) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(":memory:", &connection), SQLITE_OK);
    ASSERT_TRUE(bring_up_to_date(connection, why_)) << why_;
    PlanRecord plan;
    plan.id = 7;
    plan.policy = "sandpiper";
    plan.parameters.critical_load = 0.79;
    plan.parameters.cpu_threshold = 0.123456789012345;
    plan.parameters.weigh_disk = 1;
    plan.parameters.hot_samples = 2;
    plan.before = {1, 2, 3, 4, 5};
    plan.after = {6, 7, 8, 9, 10};
    plan.conclusion = "1 move";
    plan.prediction = PredictionState::compared;
    plan.measured_at = {1234};
    plan.measured = {11, 12, 13, 14, 15};
    plan.parameters.time_budget_ms = 10;
    plan.search = {60'000, 10, policy::SearchEnd::cut_short};
    const PlanHostLoad load{"h1", {1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}, true, true, {11, 12, 13, 14, 15}};
    PlanMove move;
    move.expected_seconds = 2.5;
    move.expected_downtime_seconds = 0.25;
    move.took_ms = 2400;
    move.downtime_ms = 240;
    {
        Statement put;
        Statement put_host;
        Statement rows;
        Statement host_rows;
        Statement put_move;
        Statement move_rows;
        ASSERT_TRUE(put.prepare(connection, records::put_plan));
        ASSERT_TRUE(put_row(put, plan));
        ASSERT_TRUE(put_host.prepare(connection, records::put_plan_host));
        ASSERT_TRUE(put_row(put_host, plan.id, 0U, load));
        ASSERT_TRUE(put_move.prepare(connection, records::put_move));
        ASSERT_TRUE(put_row(put_move, plan.id, 0U, move));
        ASSERT_TRUE(move_rows.prepare(connection, records::get_moves));
        ASSERT_TRUE(rows.prepare(connection, records::get_plans));
        ASSERT_TRUE(host_rows.prepare(connection, records::get_plan_hosts));
        PlanRecord back;
        ASSERT_TRUE(rows.start().next());
        ASSERT_TRUE(records::get(rows, back));
        for (const policy::ParameterInfo& info : policy::parameter_table()) {
            EXPECT_EQ(policy::get(back.parameters, info), policy::get(plan.parameters, info)) << info.name;
        }
        EXPECT_EQ(back.before.disk_stddev, 4);
        EXPECT_EQ(back.after.memory_used_stddev, 10);
        EXPECT_EQ(back.conclusion, "1 move");
        EXPECT_EQ(back.prediction, PredictionState::compared);
        EXPECT_EQ(back.measured_at, plan.measured_at);
        EXPECT_EQ(back.search.asked_ms, 60'000U);
        EXPECT_EQ(back.search.allowed_ms, 10U);
        EXPECT_EQ(back.search.end, policy::SearchEnd::cut_short);
        EXPECT_EQ(back.measured.net_stddev, 13);
        EXPECT_EQ(back.measured.memory_used_stddev, 15);
        PlanMove move_back;
        ASSERT_TRUE(move_rows.start().bind(static_cast<std::int64_t>(plan.id)).next());
        ASSERT_TRUE(records::get(move_rows, move_back));
        EXPECT_EQ(move_back.expected_seconds, 2.5);
        EXPECT_EQ(move_back.expected_downtime_seconds, 0.25);
        EXPECT_EQ(move_back.took_ms, 2400U);
        EXPECT_EQ(move_back.downtime_ms, 240U);
        PlanHostLoad load_back;
        ASSERT_TRUE(host_rows.start().bind(static_cast<std::int64_t>(plan.id)).next());
        ASSERT_TRUE(records::get(host_rows, load_back));
        EXPECT_EQ(load_back.before.disk, 4);
        EXPECT_EQ(load_back.after.disk, 9);
        EXPECT_EQ(load_back.after.memory_used, 10);
        EXPECT_TRUE(load_back.unresolved);
        EXPECT_TRUE(load_back.compared);
        EXPECT_EQ(load_back.measured.cpu, 11);
        EXPECT_EQ(load_back.measured.memory_used, 15);
    }
    sqlite3_close(connection);
}

}  // namespace
}  // namespace ballast::controller
