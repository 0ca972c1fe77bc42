// Reads what was written back from the disk while more is coming, in a thread of its own, so that the end of
// a transfer does not wait for the whole image to be read once more.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "image/digest.hpp"
#include "image/target.hpp"

namespace ballast::image {

class ReadBack {
  public:
    // REQUIRES: target.past_cache(), and that the target outlives this.
    ReadBack(const ImageTarget& target, const TransferKey& key, std::uint64_t image_bytes);
    ~ReadBack();
    ReadBack(const ReadBack&) = delete;
    ReadBack& operator=(const ReadBack&) = delete;

    // This segment was written. Waits when too many are waiting.
    void expect(std::uint64_t segment, const Digest& digest);
    // Once all have been read; from then on proven() may be asked.
    void wait();
    // Whether the disk gave back what was last written there. False says nothing: it may not have been asked.
    bool proven(std::uint64_t segment) const { return proven_[static_cast<std::size_t>(segment)]; }

  private:
    struct Expected {
        std::uint64_t segment = 0;
        Digest digest{};
    };
    static constexpr std::size_t waiting_max = 256;

    void run();

    const ImageTarget& target_;
    const std::uint64_t image_bytes_;
    Digester digester_;
    std::vector<bool> proven_;  // the thread's until wait() has returned
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Expected> waiting_;
    bool reading_ = false;
    bool stop_ = false;
    std::thread thread_;  // last: it uses the rest
};

}  // namespace ballast::image
