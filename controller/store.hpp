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

    // Carries out the persisting actions of one step; others are ignored. They become durable together at
    // `commit`. False: the disk failed (see last_error); nothing may be performed of what comes
    // after.
    bool write(const Core& core, const Action& action);
    // The history of a step likewise. The newest `keep_changes` of all guests stay.
    bool write(std::span<const HistoryChange> changes);
    void keep_changes(std::uint64_t count) noexcept;
    // Makes everything written since the last commit survive power loss. Does nothing when nothing was
    // written.
    bool commit();
    // After a failure: takes back what was not committed, and tries whether a change can be written and
    // synced.
    bool try_again();
    // ---- tokens (store_tokens.cpp): durable when these return true; false: the disk failed ----
    bool put_tokens(std::span<const TokenRecord> tokens);  // new ones and changed ones
    bool forget_token(std::uint64_t id);
    // Appends all, by number. False with a sentence in `why`.
    bool read_tokens(std::vector<TokenRecord>& out, std::string& why);

    std::string last_error() const;
    std::uint64_t commits() const noexcept;
    // How long each took, its sync included.
    const Histogram& commit_took() const noexcept;
    // Size of the database file and its log.
    std::uint64_t bytes_on_disk() const;

  private:
    Store();
    template <class Change>
    bool change_by_itself(Change change);

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast::controller
