#include "controller/access/login_limiter.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace ballast::controller {

namespace {

constexpr double minute_ms = 60'000;
constexpr std::size_t network_bytes = 8;  // of an IPv6 address

}  // namespace

LoginLimiter::LoginLimiter(std::uint32_t per_minute) : per_minute_{static_cast<double>(per_minute)} {
    buckets_.reserve(addresses_max);
}

LoginLimiter::Key LoginLimiter::key_of(std::string_view address) noexcept {
    std::array<std::uint8_t, 16> bytes{};
    const std::string text{address};
    if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) {
        return Key{address};
    }
    std::fill(bytes.begin() + network_bytes, bytes.end(), std::uint8_t{0});
    std::array<char, INET6_ADDRSTRLEN> network{};
    const char* written = ::inet_ntop(AF_INET6, bytes.data(), network.data(), network.size());
    return Key{written != nullptr ? std::string_view{written} : address};
}

double LoginLimiter::left_at(const Bucket& bucket, Instant now) const noexcept {
    const auto passed = static_cast<double>((now - bucket.at).ms);
    return std::min(per_minute_, bucket.left + per_minute_ * passed / minute_ms);
}

const LoginLimiter::Bucket* LoginLimiter::find(const Key& key) const noexcept {
    const auto at = std::ranges::find(buckets_, key, &Bucket::key);
    return at != buckets_.end() ? &*at : nullptr;
}

unsigned LoginLimiter::wait_seconds(std::string_view address, Instant now) const noexcept {
    const Bucket* bucket = find(key_of(address));
    const double left = bucket != nullptr ? left_at(*bucket, now) : per_minute_;
    if (left >= 1) {
        return 0;
    }
    return 1 + static_cast<unsigned>(std::floor((1 - left) * minute_ms / per_minute_ / 1000));
}

bool LoginLimiter::failed(std::string_view address, Instant now) noexcept {
    const Key key = key_of(address);
    auto bucket = std::ranges::find(buckets_, key, &Bucket::key);
    const bool quiet = bucket == buckets_.end() || left_at(*bucket, now) >= per_minute_;
    if (bucket == buckets_.end()) {
        if (buckets_.size() >= addresses_max) {
            buckets_.erase(
                std::ranges::min_element(buckets_, {}, [](const Bucket& each) { return each.at.ms; }));
        }
        buckets_.push_back({key, per_minute_, now});
        bucket = buckets_.end() - 1;
    }
    bucket->left = std::max(0.0, left_at(*bucket, now) - 1);
    bucket->at = now;
    return quiet || bucket->left < 1;
}

}  // namespace ballast::controller
