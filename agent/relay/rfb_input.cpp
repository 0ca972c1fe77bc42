#include "agent/relay/rfb_input.hpp"

#include <algorithm>

namespace ballast::agent {
namespace {

// What the head of a message says. `need` more bytes of head are to be seen first, when it is not 0.
struct Meaning {
    std::size_t need = 0;      // head bytes that must be there to say more
    std::uint64_t length = 0;  // of the whole message; 0: an unknown kind
    bool input = false;
};

std::uint32_t number_at(const std::byte* head, std::size_t at, std::size_t bytes) noexcept {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
        number = number << 8 | std::to_integer<std::uint32_t>(head[at + i]);
    }
    return number;
}

// A clipboard's length is negative when its format is the extended one.
std::uint64_t clipboard_bytes(std::uint32_t length) noexcept {
    return (length & 0x80000000U) != 0 ? std::uint64_t{0x100000000U} - length : length;
}

Meaning qemu_message(const std::byte* head, std::size_t size) noexcept {
    if (size < 2) {
        return {.need = 2};
    }
    const std::uint32_t what = number_at(head, 1, 1);
    if (what == 0) {
        return {.length = 12, .input = true};  // key with scan code
    }
    if (what != 1) {
        return {};
    }
    if (size < 4) {
        return {.need = 4};
    }
    constexpr std::uint32_t set_audio_format = 2;
    return {.length = number_at(head, 2, 2) == set_audio_format ? 10U : 4U};
}

Meaning counted(const std::byte* head, std::size_t size, std::size_t count_at, std::size_t count_bytes,
                std::size_t fixed_bytes, std::size_t item_bytes) noexcept {
    if (size < count_at + count_bytes) {
        return {.need = count_at + count_bytes};
    }
    return {.length = fixed_bytes + std::uint64_t{number_at(head, count_at, count_bytes)} * item_bytes};
}

// REQUIRES: size > 0.
Meaning meaning_of(const std::byte* head, std::size_t size) noexcept {
    switch (std::to_integer<unsigned>(head[0])) {
        case 0: return {.length = 20};                   // SetPixelFormat
        case 2: return counted(head, size, 2, 2, 4, 4);  // SetEncodings
        case 3: return {.length = 10};                   // FramebufferUpdateRequest
        case 4: return {.length = 8, .input = true};     // KeyEvent
        case 5: return {.length = 6, .input = true};     // PointerEvent
        case 6:                                          // ClientCutText
            if (size < 8) {
                return {.need = 8};
            }
            return {.length = 8 + clipboard_bytes(number_at(head, 4, 4)), .input = true};
        case 150: return {.length = 10};                    // EnableContinuousUpdates
        case 248: return counted(head, size, 8, 1, 9, 1);   // ClientFence
        case 250: return {.length = 4};                     // xvp: power of the guest
        case 251: return counted(head, size, 6, 1, 8, 16);  // SetDesktopSize
        case 255: return qemu_message(head, size);
        default: return {};
    }
}

}  // namespace

// Takes one step; true when it was a sign of the user.
bool RfbInput::take(std::span<const std::byte>& bytes) noexcept {
    if (skip_ > 0) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
        skip_ -= count;
        bytes = bytes.subspan(count);
        return false;
    }
    head_[head_size_++] = bytes.front();
    bytes = bytes.subspan(1);
    const Meaning meaning = meaning_of(head_, head_size_);
    if (meaning.need > head_size_) {
        return false;
    }
    lost_ = meaning.length < head_size_;
    skip_ = lost_ ? 0 : meaning.length - head_size_;
    head_size_ = 0;
    return meaning.input || lost_;
}

bool RfbInput::saw_input(std::span<const std::byte> bytes) noexcept {
    bool seen = false;
    while (!bytes.empty() && !lost_) {
        seen = take(bytes) || seen;
    }
    return seen || lost_;
}

}  // namespace ballast::agent
