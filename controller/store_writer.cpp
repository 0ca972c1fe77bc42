#include "controller/store_writer.hpp"

#include <sqlite3.h>

#include <chrono>
#include <utility>

#include "base/assert.hpp"
#include "shell/loop.hpp"

namespace ballast::controller {

namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t us_since(Clock::time_point began) noexcept {
    const auto took = Clock::now() - began;
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
}

}  // namespace

bool StoreWriter::open(sqlite3* connection, std::span<Statement> statements) {
    connection_ = connection;
    statements_ = statements;
    // After each commit, by whoever has committed.
    const auto note_pages = [](void* pages, sqlite3*, const char*, int in_log) {
        *static_cast<int*>(pages) = in_log;
        return SQLITE_OK;
    };
    sqlite3_wal_hook(connection, note_pages, &log_pages_);
    return begin_.prepare(connection, "BEGIN IMMEDIATE") && commit_.prepare(connection, "COMMIT");
}

StoreWriter::~StoreWriter() {
    thread_.wait();
}

Line StoreWriter::line(std::uint8_t statement) {
    if (!filling().has_room()) {
        thread_.wait();
        settle();
        hand_over(false);
        parted_ = true;
    }
    return Line{filling(), statement};
}

std::uint64_t StoreWriter::submit() {
    settle();
    if (!ok_) {
        return commits_ + 1;
    }
    if (!dirty()) {
        return commits_;
    }
    hand_over(true);
    parted_ = false;
    return commits_ + 1;
}

void StoreWriter::hand_over(bool ends) {
    if (!ok_) {
        filling().clear();  // it will never be written
        return;
    }
    ends_ = ends;
    handed_ns_ = mono_ns();
    handed_ = true;
    filling_ = 1 - filling_;
    thread_.start();
}

void StoreWriter::fold() {
    settle();
    folds_ = true;
    thread_.start();
}

void StoreWriter::settle() noexcept {
    BALLAST_ASSERT(!thread_.busy());
    if (std::exchange(folds_, false)) {
        fold_took_.add_us(took_us_);
    }
    if (std::exchange(handed_, false)) {
        batches_[1 - filling_].clear();
        ok_ = ok_ && !failed_;
        if (ends_ && !failed_) {
            ++commits_;
            commit_took_.add_us(took_us_);
        }
    }
}

void StoreWriter::start_over() {
    settle();
    // Statements that failed hold the transaction open until they are reset.
    for (Statement& statement : statements_) {
        statement.start();
    }
    begin_.start();
    commit_.start();
    if (sqlite3_get_autocommit(connection_) == 0) {
        sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
    filling().clear();
    parted_ = began_ = failed_ = false;
    ok_ = true;
}

void StoreWriter::work() noexcept {
    if (folds_) {
        fold_back();
    } else if (!failed_ && !execute(batches_[1 - filling_], ends_)) {
        failed_ = true;
        error_ = sqlite3_errmsg(connection_);
    }
}

bool StoreWriter::execute(const Batch& batch, bool ends) noexcept {
    began_ = began_ || begin_.start().run();
    if (!began_ || !batch.replay(statements_)) {
        return false;
    }
    if (ends) {
        const Clock::time_point began = Clock::now();
        began_ = !commit_.start().run();
        took_us_ = us_since(began);
        landed_ns_ = mono_ns();
        return !began_;
    }
    return true;
}

void StoreWriter::fold_back() noexcept {
    const Clock::time_point began = Clock::now();
    int in_log = 0;
    int folded = 0;
    if (sqlite3_wal_checkpoint_v2(connection_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &folded) ==
            SQLITE_OK &&
        folded == in_log) {
        log_pages_ = 0;
    }
    took_us_ = us_since(began);
}

}  // namespace ballast::controller
