#include "image/read_back.hpp"

#include <memory>

#include "image/journal.hpp"

namespace ballast::image {

ReadBack::ReadBack(const ImageTarget& target, const TransferKey& key, std::uint64_t image_bytes)
    : target_{target}, image_bytes_{image_bytes}, digester_{key}, proven_(segments_of(image_bytes)) {
    thread_ = std::thread{[this] { run(); }};
}

ReadBack::~ReadBack() {
    {
        const std::lock_guard lock{mutex_};
        stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void ReadBack::expect(std::uint64_t segment, const Digest& digest) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return waiting_.size() < waiting_max; });
    waiting_.push_back({.segment = segment, .digest = digest});
    changed_.notify_all();
}

void ReadBack::wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return waiting_.empty() && !reading_; });
}

void ReadBack::run() {
    const auto buffer = std::make_unique_for_overwrite<AlignedSegment>();
    std::unique_lock lock{mutex_};
    while (true) {
        reading_ = false;
        changed_.notify_all();
        changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
        if (stop_) {
            return;
        }
        const Expected expected = waiting_.front();
        waiting_.pop_front();
        reading_ = true;
        lock.unlock();
        const std::uint32_t length = segment_length(image_bytes_, expected.segment);
        const std::span<std::byte> bytes = std::span{buffer->bytes}.first(length);
        std::string ignored;  // what cannot be read is not proven: it is tried again, and told, at the end
        const bool read = target_.read_past_cache(expected.segment * segment_bytes, bytes, ignored).ok();
        proven_[static_cast<std::size_t>(expected.segment)] =
            read && digester_.of_segment(expected.segment, bytes) == expected.digest;
        lock.lock();
    }
}

}  // namespace ballast::image
