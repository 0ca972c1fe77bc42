// A digest of a guest's image as it is written at one end and read at the other. TLS vouches for the bytes on
// their way, this for what both programs do with them before and after: a piece lost, doubled or damaged in
// their memory is found before the guest runs.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ballast::agent {

class ImageDigest {
  public:
    ImageDigest() noexcept { XXH64_reset(&state_, 0); }
    void add(std::span<const std::byte> bytes) noexcept {
        (void)XXH64_update(&state_, bytes.data(), bytes.size());
    }
    // Never 0, which says on the wire that there is none.
    std::uint64_t value() const noexcept {
        const std::uint64_t digest = XXH64_digest(&state_);
        return digest != 0 ? digest : 1;
    }

  private:
    XXH64_state_t state_;
};

}  // namespace ballast::agent
