// How many wrong credentials one address may show: a bucket each, refilled over a minute.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/fixed_string.hpp"
#include "base/instant.hpp"

namespace ballast::controller {

class LoginLimiter {
  public:
    // Remembers at most this many addresses; the one that has been quiet for longest makes room.
    static constexpr std::size_t addresses_max = 1024;

    explicit LoginLimiter(std::uint32_t per_minute);

    // Seconds until credentials of this address are looked at again; 0: now.
    unsigned wait_seconds(std::string_view address, Instant now) const noexcept;
    // Counts a failure. True for the first of a quiet address and for the one that empties its bucket: these
    // are worth a record, the flood between them is not.
    bool failed(std::string_view address, Instant now) noexcept;
    std::size_t addresses() const noexcept { return buckets_.size(); }

  private:
    // An IPv4 address, or the first 64 bits of an IPv6 address, of which one client has the rest to itself.
    using Key = FixedString<46>;
    struct Bucket {
        Key key;
        double left = 0;
        Instant at;
    };
    static Key key_of(std::string_view address) noexcept;
    double left_at(const Bucket& bucket, Instant now) const noexcept;
    const Bucket* find(const Key& key) const noexcept;

    double per_minute_;
    std::vector<Bucket> buckets_;
};

}  // namespace ballast::controller
