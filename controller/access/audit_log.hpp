// Who changed what, and who was refused: an append-only, hash-chained log in files of bounded size and
// number. shell/hash_chain.hpp has the form of a line, docs/security.md its members. `ballast audit verify`
// checks it.
#pragma once

#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/instant.hpp"
#include "controller/access/audit_files.hpp"
#include "controller/access/roles.hpp"
#include "shell/background.hpp"
#include "shell/hash_chain.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::controller {

struct AuditEntry {
    WallTime at;
    const Caller& caller;
    std::string_view address;  // empty: over the unix socket
    std::string_view request_id;
    std::string_view method;
    std::string_view path;
    std::string_view about;  // what the request names beside its path; may be empty
    unsigned status = 0;     // of the answer; 202 and 0 (waited for) are accepted
};

// The loop makes the chain and takes its lines down; a thread writes them, so that a slow disk holds up only
// those whose answers wait for their line (`recorded`).
class AuditLog {
  public:
    explicit AuditLog(AuditSettings settings);
    // Writes what is left.
    ~AuditLog();
    AuditLog(const AuditLog&) = delete;
    AuditLog& operator=(const AuditLog&) = delete;

    bool open(const std::string& directory, std::string& why);  // see AuditFiles

    // Takes one line down, and sends it on its way to the file; it is there when `recorded` has come to what
    // `noted` is now. What cannot be written is counted, and told by `trouble` until a line can be written
    // again.
    void append(const AuditEntry& entry);
    // Puts what was written since the last call on the disk, while the caller goes on; a call during that
    // is remembered. Where lines could not be written, it is tried again whether they can.
    void sync_beside();
    // To be asked before something is done that is to be recorded. Empty: the next line will find its place
    // (disk space for it is taken), unless the disk itself fails; else why not, and it is tried again
    // meanwhile.
    const std::string& trouble();

    // Entries that were taken down, and of how many of them it is known what became of them: in the file, or
    // lost.
    std::uint64_t noted() const noexcept { return noted_; }
    std::uint64_t recorded() const noexcept { return recorded_; }
    // Readable from when that may have changed until `clear_ended`; then `settle`.
    int ended_fd() const noexcept { return writer_.ended_fd(); }
    void clear_ended() noexcept { writer_.clear(); }
    void settle();
    void wait();  // until all that was taken down is recorded

    const ChainLink& head() const noexcept { return head_; }  // of the last line that was taken down
    std::uint64_t written() const noexcept { return written_; }
    std::uint64_t lost() const noexcept { return lost_; }

  private:
    struct Batch {
        std::unique_ptr<char[]> bytes;  // its pages become memory once they are used
        std::size_t size = 0;
        std::size_t entries = 0;
    };
    void hand_over();
    void write();
    void lose(std::string_view lines, std::string_view why);
    void sync_if_due();

    std::array<Batch, 2> batches_;
    std::size_t filling_ = 0;
    bool handed_ = false;  // the other batch is, and what became of it is not settled
    ChainLink head_;
    std::string trouble_;
    std::uint64_t noted_ = 0;
    std::uint64_t recorded_ = 0;
    std::uint64_t written_ = 0;
    std::uint64_t lost_ = 0;
    bool sync_due_ = false;

    // ---- the writer's while it is busy ----
    AuditFiles files_;
    std::size_t put_bytes_ = 0;

    // ---- the syncer's while it is busy ----
    UniqueFd syncing_;
    bool synced_ = true;

    Background writer_{[this] { write(); }};
    Background syncer_{[this] { synced_ = ::fdatasync(syncing_.get()) == 0; }};
};

}  // namespace ballast::controller
