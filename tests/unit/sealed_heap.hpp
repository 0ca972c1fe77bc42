// The proof that a core does not allocate: while a SealedHeap lives, any allocation by this thread ends the
// process with a message. The worlds of the tests hold one around every step of a core, so that whatever the
// tests make a core do is checked.
#pragma once

namespace ballast::test {

class SealedHeap {
  public:
    SealedHeap() noexcept;
    ~SealedHeap();
    SealedHeap(const SealedHeap&) = delete;
    SealedHeap& operator=(const SealedHeap&) = delete;
};

// False in builds whose sanitizer brings an allocator of its own: nothing is checked there.
bool heap_can_be_sealed() noexcept;

}  // namespace ballast::test
