// malloc and its relatives in front of glibc's, for the whole test program. operator new ends there too:
// libstdc++'s calls malloc.
#include "tests/unit/sealed_heap.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace {

thread_local bool sealed = false;

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

void check_seal() noexcept {
    if (sealed) {
        sealed = false;  // what happens from here on may allocate
        constexpr std::string_view text = "an allocation while the heap is sealed\n";
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
        std::abort();
    }
}

}  // namespace

extern "C" {
// glibc's own, under the names that it keeps for those who stand in front of it.
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
    check_seal();
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    check_seal();
    return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
    check_seal();
    return __libc_realloc(old, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
    check_seal();
    return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return memalign(alignment, size);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
    *out = memalign(alignment, size);
    return *out != nullptr ? 0 : ENOMEM;
}
}

namespace ballast::test {
bool heap_can_be_sealed() noexcept {
    return true;
}
}  // namespace ballast::test

#else

namespace ballast::test {
bool heap_can_be_sealed() noexcept {
    return false;
}
}  // namespace ballast::test

#endif

namespace ballast::test {

SealedHeap::SealedHeap() noexcept {
    sealed = heap_can_be_sealed();
}
SealedHeap::~SealedHeap() {
    sealed = false;
}

}  // namespace ballast::test
