// A dense table with a fixed number of rows in arena memory. Rows keep their index for life, so that an index
// can be stored elsewhere; iteration goes by index and so is deterministic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/assert.hpp"

namespace ballast {

// T must have a `bool in_use` member.
template <class T>
class Table {
  public:
    static constexpr std::uint32_t none = UINT32_MAX;

    Table() noexcept = default;
    Table(Arena& arena, std::size_t rows_max) noexcept : rows_{arena.make_array<T>(rows_max)} {}

    // The index of a fresh row (the lowest free one), or `none` when the table is full; a refusal is counted.
    std::uint32_t add() noexcept {
        for (std::uint32_t i = full_below_; i < rows_.size(); ++i) {
            if (!rows_[i].in_use) {
                rows_[i] = T{};
                rows_[i].in_use = true;
                ++used_;
                full_below_ = i + 1;
                return i;
            }
        }
        ++refused_;
        return none;
    }
    void remove(std::uint32_t index) noexcept {
        BALLAST_ASSERT(index < rows_.size() && rows_[index].in_use);
        rows_[index] = T{};
        --used_;
        full_below_ = std::min(full_below_, index);
    }

    template <class Predicate>
    std::uint32_t find(Predicate matches) const noexcept {
        for (std::uint32_t i = 0; i < rows_.size(); ++i) {
            if (rows_[i].in_use && matches(rows_[i])) {
                return i;
            }
        }
        return none;
    }

    T& operator[](std::uint32_t index) noexcept {
        BALLAST_ASSERT(index < rows_.size());
        return rows_[index];
    }
    const T& operator[](std::uint32_t index) const noexcept {
        BALLAST_ASSERT(index < rows_.size());
        return rows_[index];
    }
    // All rows, the free ones included: check `in_use`.
    std::span<T> rows() noexcept { return rows_; }
    std::span<const T> rows() const noexcept { return rows_; }
    std::size_t used() const noexcept { return used_; }
    std::size_t limit() const noexcept { return rows_.size(); }
    std::uint64_t refused() const noexcept { return refused_; }
    // For callers that know that the table is full before they ask for a row.
    void count_refusal() noexcept { ++refused_; }

  private:
    std::span<T> rows_{};
    std::size_t used_ = 0;
    std::uint32_t full_below_ = 0;  // no row below this one is free
    std::uint64_t refused_ = 0;
};

}  // namespace ballast
