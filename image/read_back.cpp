#include "image/read_back.hpp"

#include <cstring>
#include <string>

#include "image/journal.hpp"

namespace ballast::image {

ReadBack::ReadBack(ImageTarget& target, std::uint64_t image_bytes)
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

void ReadBack::hand_over(std::uint64_t segment, bool to_write) {
    {
        const std::lock_guard lock{mutex_};
        ring_[handed_over_ % slots].segment = segment;
        ring_[handed_over_ % slots].to_write = to_write;
        ++handed_over_;
    }
    changed_.notify_all();
}

void ReadBack::forget(std::uint64_t segment) {
    wait();
    proven_[static_cast<std::size_t>(segment)] = false;
}

void ReadBack::wait_for(std::uint64_t offset, std::uint64_t length) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] {
        for (std::uint64_t i = read_; i < handed_over_; ++i) {
            const std::uint64_t begin = ring_[i % slots].segment * segment_bytes;
            if (begin < offset + length && offset < begin + segment_bytes) {
                return false;
            }
        }
        return true;
    });
}

Status ReadBack::result(std::string& why) {
    const std::lock_guard lock{mutex_};
    if (!result_.ok()) {
        why = result_why_;
    }
    return result_;
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
        if (read_ == handed_over_) {
            return;
        }
        const Slot& slot = ring_[read_ % slots];
        const bool failed = !result_.ok();
        lock.unlock();
        std::string why;
        const auto begun = std::chrono::steady_clock::now();
        const Status written = slot.to_write && !failed ? write(slot, why) : Status{};
        proven_[static_cast<std::size_t>(slot.segment)] = written.ok() && !failed && reads_back(slot, *into);
        if (slot.to_write && !failed) {
            work_.bytes += segment_length(image_bytes_, slot.segment);
            work_.time += std::chrono::steady_clock::now() - begun;
        }
        lock.lock();
        if (!written.ok()) {
            result_ = written;
            result_why_ = why;
        }
        ++read_;
        changed_.notify_all();
    }
}

Status ReadBack::write(const Slot& slot, std::string& why) {
    const std::uint32_t length = segment_length(image_bytes_, slot.segment);
    return target_.write(slot.segment * segment_bytes, std::span{slot.content->bytes}.first(length), why);
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
