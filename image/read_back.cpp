#include "image/read_back.hpp"

#include <cstring>
#include <string>

#include "image/journal.hpp"

namespace ballast::image {

ReadBack::ReadBack(const ImageTarget& target, std::uint64_t image_bytes)
    : target_{target}, image_bytes_{image_bytes}, proven_(segments_of(image_bytes)) {
    for (Slot& slot : ring_) {
        slot.content = std::make_unique_for_overwrite<AlignedSegment>();
    }
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

AlignedSegment& ReadBack::buffer() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return handed_over_ - read_ < slots; });
    return *ring_[handed_over_ % slots].content;
}

void ReadBack::written(std::uint64_t segment) {
    {
        const std::lock_guard lock{mutex_};
        ring_[handed_over_ % slots].segment = segment;
        ++handed_over_;
    }
    changed_.notify_all();
}

void ReadBack::forget(std::uint64_t segment) {
    wait();
    proven_[static_cast<std::size_t>(segment)] = false;
}

void ReadBack::wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return read_ == handed_over_; });
}

void ReadBack::run() {
    const auto into = std::make_unique_for_overwrite<AlignedSegment>();
    std::unique_lock lock{mutex_};
    while (true) {
        changed_.wait(lock, [this] { return stop_ || read_ < handed_over_; });
        if (stop_) {
            return;
        }
        const Slot& slot = ring_[read_ % slots];
        lock.unlock();
        proven_[static_cast<std::size_t>(slot.segment)] = reads_back(slot, *into);
        lock.lock();
        ++read_;
        changed_.notify_all();
    }
}

// What cannot be read is not proven: it is tried again, and told, at the end.
bool ReadBack::reads_back(const Slot& slot, AlignedSegment& into) const {
    const std::uint32_t length = segment_length(image_bytes_, slot.segment);
    const std::span<std::byte> bytes = std::span{into.bytes}.first(length);
    std::string ignored;
    return target_.read_past_cache(slot.segment * segment_bytes, bytes, ignored).ok() &&
           std::memcmp(bytes.data(), slot.content->bytes.data(), length) == 0;
}

}  // namespace ballast::image
