// Who changed what, and who was refused: an append-only, hash-chained log in files of bounded size and
// number. shell/hash_chain.hpp has the form of a line, docs/security.md its members. `ballast audit verify`
// checks it.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/instant.hpp"
#include "controller/access/roles.hpp"
#include "shell/background.hpp"
#include "shell/hash_chain.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::controller {

struct AuditSettings {
    std::uint64_t file_bytes_max = std::uint64_t{16} << 20;
    std::uint32_t files_max = 8;
};

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

class AuditLog {
  public:
    explicit AuditLog(AuditSettings settings) : settings_{settings} {}

    // Goes on where the newest file in `directory` (made when it is not there) ends; a line that a crash cut
    // off is removed. False with a sentence in `why` when that cannot be done.
    bool open(const std::string& directory, std::string& why);

    // Writes one line, whole, to the file; it survives the end of the process, and after a sync power loss.
    // What cannot be written is counted, and told by `trouble` until a line can be written again.
    void append(const AuditEntry& entry);
    // Puts what was written since the last call on the disk, while the caller goes on; a call during that
    // does nothing.
    void sync_beside();
    // To be asked before something is done that is to be recorded: starts a new file when this one is full,
    // takes disk space for the next lines, and tries again when the last write failed. Empty: the next line
    // will find its place; else why not.
    const std::string& trouble();

    const ChainLink& head() const noexcept { return head_; }
    std::uint64_t written() const noexcept { return written_; }
    std::uint64_t lost() const noexcept { return lost_; }

  private:
    void sync();
    bool continue_file(const std::string& path, std::string& why);
    bool start_file();
    bool reserve();
    void remove_old_files();
    bool put(const std::string& line);
    std::string path_of(std::uint64_t first_seq) const;

    AuditSettings settings_;
    std::string directory_;
    UniqueFd file_;
    std::uint64_t file_bytes_ = 0;
    std::uint64_t reserved_bytes_ = 0;  // the disk has room for the file up to here
    ChainLink head_;
    bool unsynced_ = false;
    std::string trouble_;
    std::uint64_t written_ = 0;
    std::uint64_t lost_ = 0;

    // ---- the thread's while it is busy ----
    UniqueFd syncing_;
    bool synced_ = true;
    Background syncer_{[this] { synced_ = ::fdatasync(syncing_.get()) == 0; }};
};

}  // namespace ballast::controller
