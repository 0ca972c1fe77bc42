// Which values may travel.
#include "proto/convert.hpp"

namespace ballast::wire {
namespace {

// Enumerators without gaps: everything up to the last one is known.
template <class Enum>
constexpr bool up_to(Enum value, Enum last) noexcept {
    return value <= last;
}

// The length of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7), 0 when there
// is none.
std::size_t sequence_bytes(std::string_view text) noexcept {
    const auto byte = [text](std::size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto continues = [&byte](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return first == 0 ? 0 : 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return continues(1) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        const bool overlong = first == 0xe0 && byte(1) < 0xa0;
        const bool surrogate = first == 0xed && byte(1) > 0x9f;
        return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const bool overlong = first == 0xf0 && byte(1) < 0x90;
        const bool beyond = first == 0xf4 && byte(1) > 0x8f;
        return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

}  // namespace

bool known(Fault value) noexcept {
    return to_string(value) != "unknown";
}
bool known(DomainState value) noexcept {
    return up_to(value, DomainState::absent);
}
bool known(GuestType value) noexcept {
    return up_to(value, GuestType::hvm);
}
bool known(JobKind value) noexcept {
    return up_to(value, JobKind::image_index);
}
bool known(JobState value) noexcept {
    return up_to(value, JobState::cancelled);
}
bool known(MigrationMode value) noexcept {
    return up_to(value, MigrationMode::automatic);
}
bool known(ImageStep value) noexcept {
    return up_to(value, ImageStep::complete);
}
bool known(Compression value) noexcept {
    return up_to(value, Compression::lz4);
}
bool known(InFlight value) noexcept {
    return up_to(value, InFlight::departing);
}
bool known(Verdict value) noexcept {
    return up_to(value, Verdict::lost);
}
bool known(Disk::Format value) noexcept {
    return up_to(value, Disk::Format::phy);
}
bool known(VolumeSource value) noexcept {
    return up_to(value, VolumeSource::blank);
}
bool known(RelayState value) noexcept {
    return up_to(value, RelayState::closed);
}
bool known(LifeSigns value) noexcept {
    return up_to(value, LifeSigns::console);
}
bool known(StoreStep value) noexcept {
    return up_to(value, StoreStep::erase);
}

void assign_well_formed(std::string_view text, std::string& out) {
    out.clear();
    while (!text.empty()) {
        const std::size_t bytes = sequence_bytes(text);
        if (bytes == 0) {
            out.push_back('?');
            text.remove_prefix(1);
        } else {
            out.append(text.substr(0, bytes));
            text.remove_prefix(bytes);
        }
    }
}

}  // namespace ballast::wire
