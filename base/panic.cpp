#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/assert.hpp"

namespace ballast {
namespace {

void put(const char* text) noexcept {
    // Nothing sensible is left to do when standard error is gone.
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text, std::strlen(text));
}

}  // namespace

void panic(const char* what, const char* file, int line) noexcept {
    char digits[12];
    char* cursor = digits + sizeof digits - 1;
    *cursor = '\0';
    do {
        *--cursor = static_cast<char>('0' + line % 10);
        line /= 10;
    } while (line > 0 && cursor > digits);
    put("<2>bug: assertion failed: ");
    put(what);
    put(" at ");
    put(file);
    put(":");
    put(cursor);
    put("\n");
    std::abort();
}

}  // namespace ballast
