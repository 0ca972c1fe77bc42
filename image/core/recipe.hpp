// How a segment of an image is made at its destination: runs of zeros, of bytes of images that are there, of
// bytes of the new image itself further up, and of bytes that travel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace ballast::image {

// What is verified, written and resumed as one. The last segment of an image may be shorter.
inline constexpr std::uint32_t segment_bytes = 1024 * 1024;
// A run is at least one sector long, but for the last of an image.
inline constexpr std::size_t runs_max = segment_bytes / 512 + 1;
inline constexpr std::size_t recipe_bytes_max = runs_max * 24;
inline constexpr std::size_t local_images_max = 64;

// Frozen: travels on the wire.
enum class RunKind : std::uint8_t {
    zero = 0,
    local = 1,   // a copy of bytes of an image at the destination
    itself = 2,  // a copy of bytes of the new image that lie before this run; or, with the run's own place as
                 // source, what an earlier round has left there
    literal = 3,  // the next bytes of those that travel with the segment
};

struct Run {
    RunKind kind = RunKind::zero;
    std::uint8_t local_image = 0;     // which one, for `local`
    std::uint32_t length = 0;         // in bytes
    std::uint64_t source_offset = 0;  // in the local image or in the new one
    friend constexpr bool operator==(const Run&, const Run&) noexcept = default;
};

// Whether the run leaves what lies there. `offset`: of the run, in the new image.
constexpr bool is_kept(const Run& run, std::uint64_t offset) noexcept {
    return run.kind == RunKind::itself && run.source_offset == offset;
}

// Runs of one segment, joined where one continues the other, on memory of the caller.
class Recipe {
  public:
    // REQUIRES: memory.size() == runs_max; it outlives the recipe.
    explicit Recipe(std::span<Run> memory) noexcept : memory_{memory} {}
    // Begins a segment that lies there in the image.
    void clear(std::uint64_t segment_offset) noexcept {
        segment_offset_ = segment_offset;
        count_ = 0;
        length_ = 0;
        literal_bytes_ = 0;
    }
    // REQUIRES: length > 0, and not more runs than fit (runs of whole sectors always do).
    void append(const Run& run) noexcept;
    std::span<const Run> runs() const noexcept { return memory_.first(count_); }
    std::uint32_t length() const noexcept { return length_; }
    std::uint32_t literal_bytes() const noexcept { return literal_bytes_; }

  private:
    bool joins_last(const Run& run) const noexcept;

    std::span<Run> memory_;
    std::uint64_t segment_offset_ = 0;
    std::size_t count_ = 0;
    std::uint32_t length_ = 0;
    std::uint32_t literal_bytes_ = 0;
};

// Returns the bytes used of `out`. REQUIRES: out.size() >= recipe_bytes_max.
std::size_t encode(const Recipe& recipe, std::span<std::byte> out) noexcept;

// What a recipe may speak of.
struct RecipeBounds {
    std::uint64_t segment_offset = 0;
    std::uint32_t segment_length = 0;
    std::span<const std::uint64_t> local_sizes;  // bytes of each local image
};
// Fills `recipe`. `protocol_violation` unless its runs cover exactly the segment, and every copy lies within
// its image (of the new one: before the run itself, or just there).
Status decode_recipe(std::span<const std::byte> bytes, const RecipeBounds& bounds, Recipe& recipe) noexcept;

}  // namespace ballast::image
