// From what identifies a row (a guest's uuid, a job's number) to the row: open addressing in arena memory, at
// most half full.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/uuid.hpp"

namespace ballast::controller {

// FNV-1a: uuids need not be random.
constexpr std::size_t hash_of(const Uuid& uuid) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const std::uint8_t byte : uuid.bytes) {
        hash = (hash ^ byte) * 0x100000001b3ULL;
    }
    return static_cast<std::size_t>(hash ^ (hash >> 29));
}
// Numbers that are given one after the other spread by themselves.
constexpr std::size_t hash_of(std::uint64_t number) noexcept {
    return static_cast<std::size_t>(number);
}

template <class Key>
class RowIndex {
  public:
    static constexpr std::uint32_t none = UINT32_MAX;

    RowIndex() noexcept = default;
    RowIndex(Arena& arena, std::size_t rows_max) noexcept
        : slots_{arena.make_array<Slot>(std::bit_ceil(2 * rows_max + 2))} {}

    std::uint32_t find(const Key& key) const noexcept {
        for (std::size_t at = home(key);; at = next(at)) {
            if (slots_[at].row_plus_one == 0) {
                return none;
            }
            if (slots_[at].key == key) {
                return slots_[at].row_plus_one - 1;
            }
        }
    }
    // REQUIRES: the key is not in the index, and no more than rows_max are.
    void add(const Key& key, std::uint32_t row) noexcept {
        std::size_t at = home(key);
        while (slots_[at].row_plus_one != 0) {
            at = next(at);
        }
        slots_[at] = {key, row + 1};
    }
    // Closes the gap, so that searches need no tombstones.
    void remove(const Key& key) noexcept {
        std::size_t gap = home(key);
        while (slots_[gap].row_plus_one != 0 && slots_[gap].key != key) {
            gap = next(gap);
        }
        if (slots_[gap].row_plus_one == 0) {
            return;
        }
        for (std::size_t at = next(gap); slots_[at].row_plus_one != 0; at = next(at)) {
            const std::size_t wanted = home(slots_[at].key);
            const std::size_t mask = slots_.size() - 1;
            if (((at - wanted) & mask) >= ((at - gap) & mask)) {
                slots_[gap] = slots_[at];
                gap = at;
            }
        }
        slots_[gap] = Slot{};
    }

  private:
    struct Slot {
        Key key{};
        std::uint32_t row_plus_one = 0;  // 0: free
    };
    std::size_t home(const Key& key) const noexcept { return hash_of(key) & (slots_.size() - 1); }
    std::size_t next(std::size_t at) const noexcept { return (at + 1) & (slots_.size() - 1); }

    std::span<Slot> slots_{};
};

using UuidIndex = RowIndex<Uuid>;
using IdIndex = RowIndex<std::uint64_t>;

}  // namespace ballast::controller
