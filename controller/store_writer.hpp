// The store's thread: executes batches of statements, each batch one transaction that is synced at its end,
// while the loop goes on and fills the next. One batch is on its way to disk at a time, so that those who
// wait for a sync share the next one (group commit).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "base/histogram.hpp"
#include "controller/sqlite.hpp"
#include "controller/store_batch.hpp"
#include "shell/background.hpp"

namespace ballast::controller {

class StoreWriter {
  public:
    StoreWriter() : thread_{[this] { work(); }} {}
    // Both outlive the writer; the statements are what lines name. From here on the connection is used by the
    // thread while the writer is busy, and by whoever calls otherwise.
    bool open(sqlite3* connection, std::span<Statement> statements);
    ~StoreWriter();
    StoreWriter(const StoreWriter&) = delete;
    StoreWriter& operator=(const StoreWriter&) = delete;

    // Begins a line of the present batch. One that outgrows its buffer is executed in parts, and the caller
    // waits for the part before: only its end commits it.
    Line line(std::uint8_t statement);
    // Something was taken down that was not submitted.
    bool dirty() const noexcept { return parted_ || !filling().empty(); }
    // Sends the present batch on its way, if there is something in it. It is on disk when that many are
    // committed; never, when one before it failed. REQUIRES: !busy().
    std::uint64_t submit();
    // See Store. REQUIRES: !busy().
    int log_pages() const noexcept { return log_pages_; }
    void fold();
    bool busy() const noexcept { return thread_.busy(); }
    void wait() noexcept { thread_.wait(); }
    // Readable when a batch, or a part of one, has ended; until clear().
    int ended_fd() const noexcept { return thread_.ended_fd(); }
    void clear_ended() noexcept { thread_.clear(); }
    // Takes note of how a batch or a fold has ended, which frees the batch's buffer. REQUIRES: !busy().
    void settle() noexcept;
    // False since a batch failed: it and what came after it is not in the store, and never will be.
    bool ok() const noexcept { return ok_; }
    // Why; REQUIRES: !ok().
    const std::string& error() const noexcept { return error_; }
    // Forgets what was taken down since and the failure. REQUIRES: !busy().
    void start_over();

    std::uint64_t commits() const noexcept { return commits_; }
    // When the newest batch to be committed was handed over, and when it was on disk (CLOCK_MONOTONIC).
    // REQUIRES: !busy().
    std::int64_t handed_ns() const noexcept { return handed_ns_; }
    std::int64_t landed_ns() const noexcept { return landed_ns_; }
    const Histogram& commit_took() const noexcept { return commit_took_; }
    const Histogram& fold_took() const noexcept { return fold_took_; }

  private:
    Batch& filling() noexcept { return batches_[filling_]; }
    const Batch& filling() const noexcept { return batches_[filling_]; }
    void hand_over(bool ends);
    void work() noexcept;
    bool execute(const Batch& batch, bool ends) noexcept;
    void fold_back() noexcept;

    sqlite3* connection_ = nullptr;
    std::span<Statement> statements_;
    std::array<Batch, 2> batches_;
    std::size_t filling_ = 0;
    bool parted_ = false;  // a part of the present batch was handed over
    bool ok_ = true;
    std::uint64_t commits_ = 0;
    Histogram commit_took_;
    Histogram fold_took_;

    // ---- the thread's while it is busy ----
    Statement begin_;
    Statement commit_;
    bool ends_ = false;    // the batch that it executes ends its transaction
    bool began_ = false;   // a transaction is open
    bool failed_ = false;  // the batch, or an earlier part of it
    bool handed_ = false;  // there is a batch's outcome to take note of
    bool folds_ = false;   // it folds the log instead of executing a batch
    int log_pages_ = 0;
    std::uint64_t took_us_ = 0;
    std::int64_t handed_ns_ = 0;
    std::int64_t landed_ns_ = 0;
    std::string error_;

    Background thread_;  // last: it ends before what it uses
};

}  // namespace ballast::controller
