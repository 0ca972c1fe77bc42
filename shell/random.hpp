// Randomness of the kernel, good for keys and tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/uuid.hpp"

namespace ballast {

// Fills all of it. Cannot fail once the kernel has booted; a kernel without getrandom(2) stops the program.
void random_bytes(std::span<std::byte> out) noexcept;
std::uint64_t random_u64() noexcept;
Uuid new_uuid() noexcept;

}  // namespace ballast
