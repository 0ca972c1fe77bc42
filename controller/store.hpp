// What outlives the controller's process: one SQLite file (WAL, synced at every commit) in the state
// directory. The core says what to write (its Persist* and Forget* actions) and gets all of it back at the
// next start.
//
// The file is refused, never repaired or guessed at: a controller that forgot an acknowledged job could order
// it twice.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "base/result.hpp"
#include "controller/access/token_record.hpp"
#include "controller/core/core.hpp"

namespace ballast::controller {

class Store {
  public:
    // Opens or creates `path` (mode 0600, locked against a second controller), brings an older schema up to
    // date and checks the file's integrity. Null with a sentence for the operator in `why` otherwise. `now`
    // is the time of creation of a new store.
    static std::unique_ptr<Store> open(const std::string& path, WallTime now, std::string& why);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // Hands everything to the core, in the order that it asks for. Between Core's constructor and
    // Core::start. A fault names the record in `why`.
    Status restore_into(Core& core, std::string& why);

    // Takes down the persisting actions of one step; others are ignored. They become durable together with
    // what is submitted next. False: the disk failed (see last_error); nothing may be performed of what comes
    // after.
    bool write(const Core& core, const Action& action);
    // The history of a step likewise. The newest `keep_changes` of all guests stay.
    bool write(std::span<const HistoryChange> changes);
    void keep_changes(std::uint64_t count) noexcept;
    // Something was written that was not submitted.
    bool dirty() const noexcept;
    // Sends everything written since the last time to the store's thread, as one transaction. It survives
    // power loss when `commits` has reached the number that this answers; when an earlier one failed it never
    // will. REQUIRES: !busy().
    std::uint64_t submit();
    // The thread is writing.
    bool busy() const noexcept;
    void wait() noexcept;  // until it is not busy
    // Readable when it has ended, until clear_ended().
    int ended_fd() const noexcept;
    void clear_ended() noexcept;
    // Takes note of how it ended. False: the disk failed (see last_error), now or since try_again. REQUIRES:
    // !busy().
    bool settle() noexcept;
    // Submits and waits. False: the disk failed.
    bool commit();
    // What commits have written to the log since it was last folded back whole. REQUIRES: !busy().
    int log_pages() const noexcept;
    // The thread begins to fold the log back into the file; the next commit begins the log anew. What fails
    // is left for the next time: all of it is in the log. REQUIRES: !busy().
    void fold_log();
    // After a failure: takes back what was not committed, and tries whether a change can be written and
    // synced.
    bool try_again();
    // ---- tokens (store_tokens.cpp): durable when these return true, and with them all that was written
    // before; false: the disk failed ----
    bool put_token(const TokenRecord& token);  // a new one or a changed one
    bool forget_token(std::uint64_t id);
    // Durable with the next commit.
    bool note_token_use(std::uint64_t id, WallTime last_used);
    // Appends all, by number. False with a sentence in `why`.
    bool read_tokens(std::vector<TokenRecord>& out, std::string& why);

    std::string last_error() const;
    std::uint64_t commits() const noexcept;
    // When the newest transaction was handed to the thread, and when it was on disk. REQUIRES: !busy().
    std::int64_t handed_ns() const noexcept;
    std::int64_t landed_ns() const noexcept;
    // How long each took, its sync included.
    const Histogram& commit_took() const noexcept;
    const Histogram& fold_took() const noexcept;
    // Size of the database file and its log.
    std::uint64_t bytes_on_disk() const;

  private:
    Store();

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast::controller
