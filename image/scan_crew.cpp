#include "image/scan_crew.hpp"

namespace ballast::image {

ScanCrew::ScanCrew(ImageSource& source, std::span<const Grid> grids, Md5Kernel kernel, std::size_t threads,
                   const SeenOptions* seen) {
    ring_.reserve(threads * slots_a_thread + 1);
    for (std::size_t i = 0; i < threads * slots_a_thread + 1; ++i) {
        ring_.emplace_back(grids);
    }
    for (std::size_t i = 0; i < threads; ++i) {
        hashers_.push_back(std::make_unique<UnitHasher>(source, grids, kernel, seen));
    }
    for (const auto& hasher : hashers_) {
        threads_.emplace_back([this, &hasher = *hasher] { work(hasher); });
    }
}

ScanCrew::~ScanCrew() {
    {
        const std::lock_guard lock{mutex_};
        stop_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void ScanCrew::give(Extent extent) {
    slot(given_).unit.extent = extent;
    slot(given_).done = false;
    {
        const std::lock_guard lock{mutex_};
        ++given_;
    }
    work_.notify_one();
}

Status ScanCrew::take(const ScanUnit*& unit, std::string& why) {
    Slot& oldest = slot(taken_++);
    std::unique_lock lock{mutex_};
    awaited_ = &oldest;
    done_.wait(lock, [&oldest] { return oldest.done; });
    awaited_ = nullptr;
    unit = &oldest.unit;
    why = oldest.why;
    return oldest.status;
}

void ScanCrew::work(UnitHasher& hasher) {
    std::unique_lock lock{mutex_};
    while (true) {
        work_.wait(lock, [this] { return stop_ || begun_ < given_; });
        if (stop_) {
            return;
        }
        Slot& mine = slot(begun_++);
        lock.unlock();
        mine.why.clear();
        mine.status = hasher.hash(mine.unit, mine.why);
        lock.lock();
        mine.done = true;
        if (awaited_ == &mine) {
            done_.notify_one();
        }
    }
}

}  // namespace ballast::image
