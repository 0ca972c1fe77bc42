// The files of the audit log: what waits for a disk. Of one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shell/hash_chain.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::controller {

struct AuditSettings {
    std::uint64_t file_bytes_max = std::uint64_t{16} << 20;
    std::uint32_t files_max = 8;
};

// A line, its line feed included, is at most so long.
inline constexpr std::size_t audit_line_bytes_max = 16384;
// Lines that are written together.
inline constexpr std::size_t audit_batch_bytes = 128 * 1024;

class AuditFiles {
  public:
    explicit AuditFiles(AuditSettings settings) : settings_{settings} {}

    // Goes on where the newest file in `directory` (made when it is not there) ends; a line that a crash cut
    // off is removed. False with a sentence in `why` when that cannot be done.
    bool open(const std::string& directory, std::string& why);

    // Appends whole lines, and answers how many of their bytes: fewer after a failure. They survive the end
    // of the process, and after a sync power loss.
    std::size_t put(std::string_view lines);
    // Starts a new file when this one is full, takes disk space for two batches more, and tries again when
    // the last write failed: whether it is of use to come with more lines is then in `trouble`.
    void make_room();
    // Empty, or why what comes next may not find its place.
    const std::string& trouble() const noexcept { return trouble_; }

    // The last line that is in the files.
    const ChainLink& head() const noexcept { return head_; }
    // Is there something that no sync has put on the disk?
    bool unsynced() const noexcept { return unsynced_; }
    // A descriptor of the newest file, to sync it; all before is taken for synced from now on.
    UniqueFd for_sync();
    void sync_failed() noexcept { unsynced_ = true; }

  private:
    void sync();
    bool continue_file(const std::string& path, std::string& why);
    bool start_file();
    bool reserve();
    void remove_old_files();
    std::string path_of(std::uint64_t first_seq) const;

    AuditSettings settings_;
    std::string directory_;
    UniqueFd file_;
    std::uint64_t file_bytes_ = 0;
    std::uint64_t reserved_bytes_ = 0;  // the disk has room for the file up to here
    ChainLink head_;
    bool unsynced_ = false;
    std::string trouble_;
};

}  // namespace ballast::controller
