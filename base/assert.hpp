// Assertions that stay on in release builds. A failed one is a bug of ours, never a fault of a peer or of the
// environment (those are values, see result.hpp).
#pragma once

namespace ballast {

// Prints one line to standard error and aborts. Allocates nothing.
[[noreturn]] void panic(const char* what, const char* file, int line) noexcept;

}  // namespace ballast

#define BALLAST_ASSERT(condition)                             \
    do {                                                      \
        if (!(condition)) [[unlikely]] {                      \
            ::ballast::panic(#condition, __FILE__, __LINE__); \
        }                                                     \
    } while (false)
