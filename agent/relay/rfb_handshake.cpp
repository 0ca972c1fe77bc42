#include "agent/relay/rfb_handshake.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace ballast::agent {
namespace {

constexpr std::size_t version_bytes = 12;
constexpr std::uint8_t security_none = 1;
constexpr std::uint8_t security_vnc = 2;
constexpr std::uint32_t result_ok = 0;
constexpr std::uint32_t result_failed = 1;

std::string_view greeting_of(RfbVersion version) noexcept {
    switch (version) {
        case RfbVersion::v3_3: return "RFB 003.003\n";
        case RfbVersion::v3_7: return "RFB 003.007\n";
        case RfbVersion::v3_8: return "RFB 003.008\n";
    }
    return "RFB 003.008\n";
}

std::uint8_t byte_at(const ByteQueue& queue, std::size_t index) noexcept {
    return std::to_integer<std::uint8_t>(queue.waiting()[index]);
}

std::uint32_t number_at(const ByteQueue& queue, std::size_t index) noexcept {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        number = number << 8 | byte_at(queue, index + i);
    }
    return number;
}

void put_byte(ByteQueue& out, std::uint8_t value) noexcept {
    const auto byte = static_cast<std::byte>(value);
    out.put({&byte, 1});
}

void put_number(ByteQueue& out, std::uint32_t value) noexcept {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        put_byte(out, static_cast<std::uint8_t>(value >> shift));
    }
}

// "RFB xxx.yyy\n". What is above 3.8 (Apple's 3.889, proprietary 4.x and 5.x) is taken for 3.8, what lies
// between the published versions for the one below. Takes it from the queue.
std::optional<RfbVersion> take_version(ByteQueue& in) noexcept {
    std::array<char, version_bytes> text{};
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = static_cast<char>(byte_at(in, i));
    }
    in.drop(version_bytes);
    const std::string_view whole{text.data(), text.size()};
    const auto number = [&whole](std::size_t at) -> int {
        int value = 0;
        for (const char c : whole.substr(at, 3)) {
            if (c < '0' || c > '9') {
                return -1;
            }
            value = value * 10 + (c - '0');
        }
        return value;
    };
    const int major = number(4);
    const int minor = number(8);
    if (!whole.starts_with("RFB ") || whole[7] != '.' || whole[11] != '\n' || major < 3 || minor < 0) {
        return std::nullopt;
    }
    if (major > 3 || minor >= 8) {
        return RfbVersion::v3_8;
    }
    return minor == 7 ? RfbVersion::v3_7 : RfbVersion::v3_3;
}

VncChallenge take_challenge(ByteQueue& in) noexcept {
    VncChallenge challenge{};
    std::copy_n(in.waiting().begin(), challenge.size(), challenge.begin());
    in.drop(challenge.size());
    return challenge;
}

}  // namespace

// ---- towards a client ----

void ClientGreeting::begin(ByteQueue& out) noexcept {
    out.put(greeting_of(RfbVersion::v3_8));
}

void ClientGreeting::send_challenge(ByteQueue& out) noexcept {
    out.put(challenge_);
    expecting_ = Expecting::response;
}

ClientGreeting::Step ClientGreeting::feed(ByteQueue& in, ByteQueue& out) noexcept {
    if (expecting_ == Expecting::version && in.size() >= version_bytes) {
        const std::optional<RfbVersion> version = take_version(in);
        if (!version) {
            return Step::broken;
        }
        version_ = *version;
        if (version_ == RfbVersion::v3_3) {
            put_number(out, security_vnc);
            send_challenge(out);
        } else {
            put_byte(out, 1);  // as many types as follow
            put_byte(out, security_vnc);
            expecting_ = Expecting::choice;
        }
    }
    if (expecting_ == Expecting::choice && !in.empty()) {
        const std::uint8_t choice = byte_at(in, 0);
        in.drop(1);
        if (choice != security_vnc) {
            return Step::broken;
        }
        send_challenge(out);
    }
    if (expecting_ == Expecting::response && in.size() >= response_.size()) {
        response_ = take_challenge(in);
        expecting_ = Expecting::nothing;
        return Step::answered;
    }
    return Step::more;
}

void ClientGreeting::admit(ByteQueue& out) const noexcept {
    put_number(out, result_ok);
}

void ClientGreeting::reject(std::string_view reason, ByteQueue& out) const noexcept {
    put_number(out, result_failed);
    if (version_ == RfbVersion::v3_8) {
        put_number(out, static_cast<std::uint32_t>(reason.size()));
        out.put(reason);
    }
}

// ---- towards the guest's server ----

ServerGreeting::Step ServerGreeting::give_up(std::string_view problem) noexcept {
    problem_ = problem;
    expecting_ = Expecting::nothing;
    return Step::broken;
}

ServerGreeting::Step ServerGreeting::take(std::uint8_t security_type) noexcept {
    if (security_type == security_vnc) {
        expecting_ = Expecting::challenge;
        return Step::more;
    }
    // Before 3.8, "no security" has no result.
    expecting_ = version_ == RfbVersion::v3_8 ? Expecting::result : Expecting::nothing;
    return version_ == RfbVersion::v3_8 ? Step::more : Step::ready;
}

ServerGreeting::Step ServerGreeting::on_version(ByteQueue& in, ByteQueue& out) noexcept {
    const std::optional<RfbVersion> version = take_version(in);
    if (!version) {
        return give_up("what answers at the guest's console does not speak RFB");
    }
    version_ = *version;
    out.put(greeting_of(version_));
    expecting_ = version_ == RfbVersion::v3_3 ? Expecting::one_type : Expecting::types;
    return Step::more;
}

ServerGreeting::Step ServerGreeting::on_one_type(ByteQueue& in) noexcept {
    const std::uint32_t type = number_at(in, 0);
    in.drop(4);
    if (type != security_none && type != security_vnc) {
        return give_up(
            "the guest's VNC server refuses, or wants a kind of security that the relay does not know");
    }
    return take(static_cast<std::uint8_t>(type));
}

ServerGreeting::Step ServerGreeting::on_types(ByteQueue& in, ByteQueue& out) noexcept {
    const std::size_t count = byte_at(in, 0);
    if (in.size() < 1 + count) {
        return Step::more;
    }
    bool offers_none = false;
    bool offers_vnc = false;
    for (std::size_t i = 1; i <= count; ++i) {
        offers_none = offers_none || byte_at(in, i) == security_none;
        offers_vnc = offers_vnc || byte_at(in, i) == security_vnc;
    }
    in.drop(1 + count);
    if (!offers_none && !offers_vnc) {
        return give_up(
            "the guest's VNC server refuses, or wants a kind of security that the relay does not know");
    }
    const std::uint8_t choice = offers_none ? security_none : security_vnc;
    put_byte(out, choice);
    return take(choice);
}

ServerGreeting::Step ServerGreeting::on_challenge(ByteQueue& in, ByteQueue& out) noexcept {
    if (password_.empty()) {
        return give_up("the guest's VNC server wants a password that this host does not know");
    }
    const Result<VncChallenge> response = vnc_response(take_challenge(in), password_);
    if (!response.ok()) {
        return give_up("this host's GnuTLS was told not to do DES, which the guest's VNC password needs");
    }
    out.put(response.value());
    expecting_ = Expecting::result;
    return Step::more;
}

ServerGreeting::Step ServerGreeting::on_result(ByteQueue& in) noexcept {
    const std::uint32_t result = number_at(in, 0);
    in.drop(4);
    if (result != result_ok) {
        return give_up("the guest's VNC server did not take its own password");
    }
    expecting_ = Expecting::nothing;
    return Step::ready;
}

ServerGreeting::Step ServerGreeting::feed(ByteQueue& in, ByteQueue& out) noexcept {
    for (;;) {
        const Expecting before = expecting_;
        Step step = Step::more;
        if (before == Expecting::version && in.size() >= version_bytes) {
            step = on_version(in, out);
        } else if (before == Expecting::one_type && in.size() >= 4) {
            step = on_one_type(in);
        } else if (before == Expecting::types && !in.empty()) {
            step = on_types(in, out);
        } else if (before == Expecting::challenge && in.size() >= sizeof(VncChallenge)) {
            step = on_challenge(in, out);
        } else if (before == Expecting::result && in.size() >= 4) {
            step = on_result(in);
        }
        if (step != Step::more || expecting_ == before) {
            return step;
        }
    }
}

}  // namespace ballast::agent
