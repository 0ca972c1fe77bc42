#include "image/sorter.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "base/assert.hpp"
#include "image/failure.hpp"

namespace ballast::image {
namespace {

// A merge reads each run through a window at least this large, or the disk would do nothing but seek.
constexpr std::size_t window_entries_min = 512;
constexpr std::size_t memory_bytes_min = 256 * 1024;
constexpr unsigned bucket_bits = 16;

}  // namespace

struct Sorter::Reader {
    NamedFd file;
    std::uint64_t next_entry = 0;  // not yet read from the file
    std::uint64_t entries = 0;
    Entry* window = nullptr;
    std::size_t capacity = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    const Entry& front() const noexcept { return window[begin]; }
};

// Half of the memory holds entries, the other half is where they are sorted to.
Sorter::Sorter(std::string prefix, std::size_t memory_bytes)
    : prefix_{std::move(prefix)}, memory_bytes_{memory_bytes}, capacity_{memory_bytes / sizeof(Entry) / 2} {
    BALLAST_ASSERT(memory_bytes >= memory_bytes_min);
}

Sorter::~Sorter() {
    if (keep_) {
        return;
    }
    for (const SortedRun& run : runs_) {
        ::unlink(run.path.c_str());
    }
}

// Entries begin as zeros wherever C++ makes them, which would touch all of the memory for a small image too.
// What operator new gives holds entries as soon as they are written.
void Sorter::take_memory() {
    memory_.reset(static_cast<Entry*>(::operator new(2 * capacity_ * sizeof(Entry))));
}

Status Sorter::add(std::span<const Entry> entries, std::string& why) {
    BALLAST_ASSERT(!started_);
    if (!memory_) {
        take_memory();
    }
    while (!entries.empty()) {
        if (filled_ == capacity_) {
            BALLAST_CHECK(spill(false, why));
        }
        const std::size_t count = std::min(entries.size(), capacity_ - filled_);
        std::copy_n(entries.data(), count, buffer() + filled_);
        filled_ += count;
        total_ += count;
        entries = entries.subspan(count);
    }
    return {};
}

// Keys are spread evenly (they are digests, or numbers of blocks): one pass into buckets by their leading
// bits leaves little to do in each. Keys that are not (many equal ones) only cost the time of a plain sort.
void Sorter::sort_filled() {
    if (filled_ < 2) {
        return;
    }
    const std::span<Entry> from{buffer(), filled_};
    const auto [least, greatest] = std::minmax_element(
        from.begin(), from.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    const std::uint64_t base = least->key;
    const auto width = static_cast<unsigned>(std::bit_width(greatest->key - base));
    const unsigned shift = width > bucket_bits ? width - bucket_bits : 0;
    std::vector<std::uint32_t> ends((std::size_t{1} << bucket_bits) + 1);
    for (const Entry& entry : from) {
        ++ends[((entry.key - base) >> shift) + 1];
    }
    for (std::size_t i = 1; i < ends.size(); ++i) {
        ends[i] += ends[i - 1];
    }
    for (const Entry& entry : from) {
        scratch()[ends[(entry.key - base) >> shift]++] = entry;
    }
    std::size_t begin = 0;
    for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
        std::sort(scratch() + begin, scratch() + ends[i]);
        begin = ends[i];
    }
}

Status Sorter::spill(bool durable, std::string& why) {
    if ((runs_.size() + 1) * window_entries_min * 2 > memory_bytes_ / sizeof(Entry)) {
        why = prefix_ + ": " + std::to_string(runs_.size()) +
              " sorted runs are as many as the memory budget can merge: allow more memory";
        return Err{Fault::limit_reached};
    }
    sort_filled();
    SortedRun run{.path = prefix_ + std::to_string(runs_.size()), .entries = filled_};
    NamedFd file;
    BALLAST_CHECK(open_file(run.path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, file, why));
    runs_.push_back(run);
    const Entry* sorted = filled_ < 2 ? buffer() : scratch();
    BALLAST_CHECK(write_exactly(file, 0, std::as_bytes(std::span{sorted, filled_}), why));
    if (durable) {
        BALLAST_CHECK(sync_file(file, why));
    }
    filled_ = 0;
    return {};
}

Status Sorter::checkpoint(std::string& why) {
    return filled_ == 0 ? Status{} : spill(true, why);
}

Status Sorter::adopt(std::vector<SortedRun> runs, std::string& why) {
    BALLAST_ASSERT(total_ == 0 && runs_.empty());
    for (const SortedRun& run : runs) {
        struct stat status {};
        if (::stat(run.path.c_str(), &status) != 0) {
            return system_failure(run.path, "look at", errno, why);
        }
        if (static_cast<std::uint64_t>(status.st_size) != run.entries * sizeof(Entry)) {
            return content_failure(run.path, "not the run that the checkpoint speaks of",
                                   Fault::image_corrupt, why);
        }
        total_ += run.entries;
    }
    runs_ = std::move(runs);
    return {};
}

Status Sorter::refill(Reader& reader, std::string& why) {
    const std::uint64_t count = std::min<std::uint64_t>(reader.entries - reader.next_entry, reader.capacity);
    const std::span<Entry> window{reader.window, static_cast<std::size_t>(count)};
    BALLAST_CHECK(
        read_exactly(reader.file, reader.next_entry * sizeof(Entry), std::as_writable_bytes(window), why));
    reader.next_entry += count;
    reader.begin = 0;
    reader.end = window.size();
    return {};
}

// With runs on disk, the last entries become a run, too, and all of the memory serves the merge: one window
// for each run and one for what comes out.
Status Sorter::start(std::string& why) {
    started_ = true;
    if (runs_.empty()) {
        sort_filled();
        return {};
    }
    if (filled_ > 0) {
        BALLAST_CHECK(spill(false, why));
    }
    if (!memory_) {
        take_memory();
    }
    const std::size_t window = 2 * capacity_ / (runs_.size() + 1);
    output_capacity_ = window;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        Reader& reader = readers_.emplace_back();
        BALLAST_CHECK(open_file(runs_[i].path, O_RDONLY, reader.file, why));
        reader.entries = runs_[i].entries;
        reader.window = memory_.get() + (i + 1) * window;
        reader.capacity = window;
        BALLAST_CHECK(refill(reader, why));
        if (reader.begin < reader.end) {
            heap_.push_back(i);
        }
    }
    const auto later = [this](std::size_t a, std::size_t b) {
        return readers_[b].front() < readers_[a].front();
    };
    std::make_heap(heap_.begin(), heap_.end(), later);
    return {};
}

Status Sorter::next(std::span<const Entry>& sorted, std::string& why) {
    sorted = {};
    if (!started_) {
        BALLAST_CHECK(start(why));
    }
    if (runs_.empty()) {
        if (!drained_) {
            sorted = {filled_ < 2 ? buffer() : scratch(), filled_};
        }
        drained_ = true;
        return {};
    }
    const auto later = [this](std::size_t a, std::size_t b) {
        return readers_[b].front() < readers_[a].front();
    };
    std::size_t count = 0;
    while (count < output_capacity_ && !heap_.empty()) {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        Reader& reader = readers_[heap_.back()];
        buffer()[count++] = reader.front();
        ++reader.begin;
        if (reader.begin == reader.end) {
            BALLAST_CHECK(refill(reader, why));
        }
        if (reader.begin == reader.end) {
            heap_.pop_back();
        } else {
            std::push_heap(heap_.begin(), heap_.end(), later);
        }
    }
    sorted = {buffer(), count};
    return {};
}

}  // namespace ballast::image
