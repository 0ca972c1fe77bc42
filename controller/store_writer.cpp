#include "controller/store_writer.hpp"

#include <sqlite3.h>

#include <chrono>
#include <utility>

#include "base/assert.hpp"

namespace ballast::controller {

bool StoreWriter::open(sqlite3* connection, std::span<Statement> statements) {
    connection_ = connection;
    statements_ = statements;
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
    handed_ = true;
    filling_ = 1 - filling_;
    thread_.start();
}

void StoreWriter::settle() noexcept {
    BALLAST_ASSERT(!thread_.busy());
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
    if (!failed_ && !execute(batches_[1 - filling_], ends_)) {
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
        const auto began = std::chrono::steady_clock::now();
        began_ = !commit_.start().run();
        const auto took = std::chrono::steady_clock::now() - began;
        took_us_ =
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
        return !began_;
    }
    return true;
}

}  // namespace ballast::controller
