// A list in memory that the caller gave: what does not fit is counted, never lost silently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.hpp"

namespace ballast::policy {

template <class T>
class BoundedList {
  public:
    BoundedList() noexcept = default;
    explicit BoundedList(std::span<T> storage) noexcept : storage_{storage} {}

    // False when the storage is full: the item is left out and counted.
    bool push(const T& item) noexcept {
        if (size_ == storage_.size()) {
            ++left_out_;
            return false;
        }
        storage_[size_++] = item;
        return true;
    }
    void clear() noexcept { size_ = left_out_ = 0; }

    std::span<const T> items() const noexcept { return storage_.first(size_); }
    std::span<T> items() noexcept { return storage_.first(size_); }
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return storage_.size(); }
    bool empty() const noexcept { return size_ == 0; }
    bool full() const noexcept { return size_ == storage_.size(); }
    std::size_t left_out() const noexcept { return left_out_; }
    const T& operator[](std::size_t index) const noexcept {
        BALLAST_ASSERT(index < size_);
        return storage_[index];
    }

  private:
    std::span<T> storage_{};
    std::size_t size_ = 0;
    std::size_t left_out_ = 0;
};

}  // namespace ballast::policy
