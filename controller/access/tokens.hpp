// Bearer tokens: 256 random bits each, kept as SHA-256 in the store with role, expiry, revocation and last
// use.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controller/access/token_record.hpp"
#include "controller/store.hpp"

namespace ballast::controller {

struct NewToken {
    std::string_view name;
    Role role = Role::none;
    std::string_view user;  // role user
    WallTime expires;       // 0: never
    std::string_view created_by;
};

enum class TokenRefusal : std::uint8_t { none, name_taken, full, store_failed };

class Tokens {
  public:
    // At most `count_max` are kept. `store` must outlive this.
    Tokens(Store& store, std::uint32_t count_max) : store_{store}, count_max_{count_max} {}

    // Reads them from the store. False with a sentence in `why` when it cannot be read.
    bool load(std::string& why);
    // On the first start (there has never been a token): makes one for the administrator, and writes it to
    // STATE/admin.token (0600). False with a sentence in `why`.
    bool make_first(const std::string& state_dir, WallTime now, std::string& why);

    // The token's record, or null when it is unknown. Looks at every hash, whatever it finds. Its state
    // remains to be judged.
    const TokenRecord* find(std::string_view token) const noexcept;
    const TokenRecord* find(std::uint64_t id) const noexcept;
    // Notes that it was used; written to the store by `save_uses`.
    void used(std::uint64_t id, WallTime at) noexcept;
    // Whatever was noted since the last call, with the store's next commit.
    void save_uses();

    // `secret` is the token, `id` its number; it is on disk when this returns none.
    // REQUIRES: name and user fit their fields.
    TokenRefusal create(const NewToken& token, WallTime now, std::string& secret, std::uint64_t& id);
    // Whether `create` would take it now.
    TokenRefusal check(const NewToken& token, WallTime now) const noexcept;
    // From now on it opens nothing. False when the store failed: it then still does.
    // REQUIRES: there is one with this number.
    bool revoke(std::uint64_t id, WallTime now);

    std::span<const TokenRecord> all() const noexcept { return records_; }
    std::uint32_t count_max() const noexcept { return count_max_; }
    std::uint64_t refused_full() const noexcept { return refused_full_; }

  private:
    TokenRecord* row(std::uint64_t id) noexcept;
    // The dead one that has been dead for longest, to make room; null when all are live.
    const TokenRecord* oldest_dead(WallTime now) const noexcept;

    Store& store_;
    std::uint32_t count_max_;
    std::vector<TokenRecord> records_;  // by number
    std::vector<std::uint64_t> used_;   // numbers with a last use that is not in the store yet
    std::uint64_t refused_full_ = 0;
};

}  // namespace ballast::controller
