#include "tests/unit/sealed_heap.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace ballast::test {
namespace {

void* volatile kept = nullptr;  // what is never looked at the compiler need not allocate

TEST(SealedHeap, EndsTheProcessAtAnyAllocation) {
    if (!heap_can_be_sealed()) {
        GTEST_SKIP() << "the sanitizer's allocator is in the way";
    }
    const auto allocate = [](auto how) {
        const SealedHeap seal;
        kept = how();
    };
    EXPECT_DEATH(allocate([] { return std::malloc(8); }), "an allocation while the heap is sealed");
    EXPECT_DEATH(allocate([] { return std::calloc(2, 8); }), "an allocation while the heap is sealed");
    EXPECT_DEATH(allocate([] { return std::realloc(nullptr, 8); }), "an allocation while the heap is sealed");
    EXPECT_DEATH(allocate([] { return std::aligned_alloc(64, 64); }),
                 "an allocation while the heap is sealed");
    EXPECT_DEATH(allocate([]() -> void* { return new int; }), "an allocation while the heap is sealed");
    EXPECT_DEATH(allocate([]() -> void* { return new std::string(100, 'x'); }),
                 "an allocation while the heap is sealed");
}

TEST(SealedHeap, IsOpenAgainAfterwards) {
    { const SealedHeap seal; }
    kept = std::malloc(8);
    std::free(kept);
}

}  // namespace
}  // namespace ballast::test
