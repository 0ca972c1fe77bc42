// Writes segments and reads them back from the disk while more is coming, in a thread of its own, so that
// neither the next segment nor the end of a transfer waits for the disk. What comes back is compared with the
// bytes that were verified, which is as strict as their digest and takes a fifth of the time.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "image/target.hpp"

namespace ballast::image {

struct DiskWork {
    std::uint64_t bytes = 0;
    std::chrono::nanoseconds time{};
};

class ReadBack {
  public:
    // REQUIRES: target.past_cache(), and that the target outlives this.
    ReadBack(ImageTarget& target, std::uint64_t image_bytes);
    // Writes first what was handed over.
    ~ReadBack();
    ReadBack(const ReadBack&) = delete;
    ReadBack& operator=(const ReadBack&) = delete;

    // Where the next segment may be made; the same one until it is handed over. Waits until one is free.
    AlignedSegment& buffer();
    // What buffer() holds is to be written as this segment, and belongs to the thread from now on.
    void write(std::uint64_t segment) { hand_over(segment, true); }
    // The same of what was written already.
    void written(std::uint64_t segment) { hand_over(segment, false); }
    // Until nothing is to be written any more of these bytes of the image.
    void wait_for(std::uint64_t offset, std::uint64_t length);
    // Whether all could be written so far; what follows the first failure is not written.
    Status result(std::string& why);
    // Something else was written there, which nobody reads back.
    void forget(std::uint64_t segment);
    // Until all that was handed over has been written and read; from then on proven() may be asked.
    void wait();
    // Whether the disk gave back what was last written there. False says nothing: it may not have been asked.
    bool proven(std::uint64_t segment) const { return proven_[static_cast<std::size_t>(segment)]; }
    // What was written and read back, and the time that both took. After wait().
    const DiskWork& work() const noexcept { return work_; }

  private:
    struct Slot {
        std::unique_ptr<AlignedSegment> content;
        std::uint64_t segment = 0;
        bool to_write = false;
    };
    // Enough that neither waits for a single slow write or read.
    static constexpr std::size_t slots = 8;

    void run();
    void hand_over(std::uint64_t segment, bool to_write);
    Status write(const Slot& slot, std::string& why);
    bool reads_back(const Slot& slot, AlignedSegment& into) const;

    ImageTarget& target_;
    const std::uint64_t image_bytes_;
    std::array<Slot, slots> ring_;
    std::vector<bool> proven_;  // the thread's, unless all that was handed over has been read
    DiskWork work_;             // likewise
    std::mutex mutex_;          // of what follows
    std::condition_variable changed_;
    std::uint64_t handed_over_ = 0;
    std::uint64_t read_ = 0;
    bool stop_ = false;
    Status result_;
    std::string result_why_;
    std::thread thread_;  // last: it uses the rest
};

}  // namespace ballast::image
