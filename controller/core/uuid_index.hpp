// From a guest's uuid to its row: open addressing in arena memory, at most half full.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/uuid.hpp"

namespace ballast::controller {

class UuidIndex {
  public:
    static constexpr std::uint32_t none = UINT32_MAX;

    UuidIndex() noexcept = default;
    UuidIndex(Arena& arena, std::size_t rows_max) noexcept
        : slots_{arena.make_array<Slot>(std::bit_ceil(2 * rows_max + 2))} {}

    std::uint32_t find(const Uuid& uuid) const noexcept {
        for (std::size_t at = home(uuid);; at = next(at)) {
            if (slots_[at].row_plus_one == 0) {
                return none;
            }
            if (slots_[at].uuid == uuid) {
                return slots_[at].row_plus_one - 1;
            }
        }
    }
    // REQUIRES: the uuid is not in the index, and no more than rows_max are.
    void add(const Uuid& uuid, std::uint32_t row) noexcept {
        std::size_t at = home(uuid);
        while (slots_[at].row_plus_one != 0) {
            at = next(at);
        }
        slots_[at] = {uuid, row + 1};
    }
    // Closes the gap, so that searches need no tombstones.
    void remove(const Uuid& uuid) noexcept {
        std::size_t gap = home(uuid);
        while (slots_[gap].row_plus_one != 0 && slots_[gap].uuid != uuid) {
            gap = next(gap);
        }
        if (slots_[gap].row_plus_one == 0) {
            return;
        }
        for (std::size_t at = next(gap); slots_[at].row_plus_one != 0; at = next(at)) {
            const std::size_t wanted = home(slots_[at].uuid);
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
        Uuid uuid;
        std::uint32_t row_plus_one = 0;  // 0: free
    };
    std::size_t home(const Uuid& uuid) const noexcept {
        std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a: uuids need not be random
        for (const std::uint8_t byte : uuid.bytes) {
            hash = (hash ^ byte) * 0x100000001b3ULL;
        }
        return static_cast<std::size_t>(hash ^ (hash >> 29)) & (slots_.size() - 1);
    }
    std::size_t next(std::size_t at) const noexcept { return (at + 1) & (slots_.size() - 1); }

    std::span<Slot> slots_{};
};

}  // namespace ballast::controller
