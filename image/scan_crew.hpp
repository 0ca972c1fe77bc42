// Threads that hash units of an image beside the one that hands them out and takes them back in order. A copy
// from the page cache and MD5 take about as long as each other, so that two keep up with what one core reads.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "image/unit_hasher.hpp"

namespace ballast::image {

class ScanCrew {
  public:
    // REQUIRES: the source can be shared, and threads >= 1. All must outlive it.
    ScanCrew(ImageSource& source, std::span<const Grid> grids, Md5Kernel kernel, std::size_t threads,
             const SeenOptions* seen);
    // Whatever is not taken is given up.
    ~ScanCrew();
    ScanCrew(const ScanCrew&) = delete;
    ScanCrew& operator=(const ScanCrew&) = delete;

    bool has_room() const noexcept { return given_ - taken_ < ring_.size() - 1; }
    bool idle() const noexcept { return given_ == taken_; }
    // REQUIRES: has_room().
    void give(Extent extent);
    // The oldest that was given, when it is done; valid until the next call. Its fault. REQUIRES: !idle().
    Status take(const ScanUnit*& unit, std::string& why);

  private:
    struct Slot {
        explicit Slot(std::span<const Grid> grids) : unit{grids} {}
        ScanUnit unit;
        bool done = false;
        Status status;
        std::string why;
    };
    // Enough that no thread waits for the one that takes.
    static constexpr std::size_t slots_a_thread = 3;

    void work(UnitHasher& hasher);
    Slot& slot(std::uint64_t number) { return ring_[number % ring_.size()]; }

    std::vector<Slot> ring_;  // one more than may be given: the one that was taken last is still read
    std::vector<std::unique_ptr<UnitHasher>> hashers_;
    std::mutex mutex_;              // of `done` in all slots, and of what follows but taken_
    std::condition_variable work_;  // there is some, or none will come
    std::condition_variable done_;  // awaited_ is
    const Slot* awaited_ = nullptr;
    std::uint64_t begun_ = 0;
    std::uint64_t given_ = 0;
    std::uint64_t taken_ = 0;  // the caller's alone
    bool stop_ = false;
    std::vector<std::thread> threads_;  // last: they use the rest
};

}  // namespace ballast::image
