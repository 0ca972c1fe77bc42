// Sorts any number of entries in fixed memory: sorted runs on disk, then one merge of all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/core/index_format.hpp"
#include "image/file.hpp"

namespace ballast::image {

// Files of entries as they lie in memory (16 bytes each), sorted.
struct SortedRun {
    std::string path;
    std::uint64_t entries = 0;
};

class Sorter {
  public:
    // SortedRun files are `prefix` with a number; they are removed by the destructor, unless keep_runs().
    // Memory is taken on the first entry. REQUIRES: memory_bytes >= 256 KiB.
    Sorter(std::string prefix, std::size_t memory_bytes);
    ~Sorter();
    Sorter(const Sorter&) = delete;
    Sorter& operator=(const Sorter&) = delete;

    // `no_disk_space`, `io_failed`; `limit_reached` when there are more runs than one merge can take.
    Status add(std::span<const Entry> entries, std::string& why);
    // Entries that fit before a run must be written.
    std::size_t room() const noexcept { return capacity_ - filled_; }
    std::uint64_t entries() const noexcept { return total_; }

    // Writes what is in memory as a run that survives a crash, so that all entries so far are in runs().
    Status checkpoint(std::string& why);
    const std::vector<SortedRun>& runs() const noexcept { return runs_; }
    // Goes on with runs of an earlier process. REQUIRES: nothing added yet. `image_corrupt`: a run is not of
    // the size that it should have.
    Status adopt(std::vector<SortedRun> runs, std::string& why);
    void keep_runs() noexcept { keep_ = true; }

    // After the last add: the next entries in order; none at the end.
    Status next(std::span<const Entry>& sorted, std::string& why);

  private:
    struct Reader;
    Status spill(bool durable, std::string& why);
    Status start(std::string& why);
    Status refill(Reader& reader, std::string& why);
    struct Free {
        void operator()(Entry* entries) const noexcept { ::operator delete(entries); }
    };
    void take_memory();
    void sort_filled();
    Entry* buffer() noexcept { return memory_.get(); }
    Entry* scratch() noexcept { return memory_.get() + capacity_; }

    std::string prefix_;
    std::size_t memory_bytes_;
    std::size_t capacity_;
    std::unique_ptr<Entry, Free> memory_;
    std::size_t filled_ = 0;
    std::uint64_t total_ = 0;
    std::vector<SortedRun> runs_;
    bool keep_ = false;

    bool started_ = false;
    bool drained_ = false;
    std::vector<Reader> readers_;
    std::vector<std::size_t> heap_;  // readers, the one with the least entry first
    std::size_t output_capacity_ = 0;
};

}  // namespace ballast::image
