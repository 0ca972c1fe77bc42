#include "controller/access/tokens.hpp"

#include <algorithm>

#include "shell/durable_file.hpp"
#include "shell/log.hpp"
#include "shell/random.hpp"

namespace ballast::controller {

namespace {

constexpr std::size_t token_bytes_max = 256;
// So that a token that leaks into a repository or a log is found by those who look for such things.
constexpr std::string_view token_prefix = "ballast_";
// Never makes room: that it is there says that this is not the first start.
constexpr std::uint64_t first_token_id = 1;

std::string new_secret() {
    Sha256 bits{};  // 256 random bits
    random_bytes(bits);
    return std::string{token_prefix} + to_hex(bits);
}

WallTime died(const TokenRecord& token) noexcept {
    return token.revoked.unix_ms != 0 ? token.revoked : token.expires;
}

}  // namespace

bool Tokens::load(std::string& why) {
    return store_.read_tokens(records_, why);
}

bool Tokens::make_first(const std::string& state_dir, WallTime now, std::string& why) {
    if (!records_.empty()) {
        return true;
    }
    const std::string path = state_dir + "/admin.token";
    const std::string secret = new_secret();
    // The token first: a hash whose token nobody has would lock everybody out.
    if (!write_durable(path, secret + "\n", why).ok()) {
        return false;
    }
    TokenRecord record;
    record.id = first_token_id;
    record.name = "first-start";
    record.created_by = "ballast-controller";
    record.hash = sha256(secret);
    record.role = Role::admin;
    record.created = now;
    if (!store_.put_token(record)) {
        why = store_.last_error();
        return false;
    }
    records_.push_back(record);
    log_notice("made an admin token for the HTTP endpoint: {}", path);
    return true;
}

const TokenRecord* Tokens::find(std::string_view token) const noexcept {
    if (token.empty() || token.size() > token_bytes_max) {
        return nullptr;
    }
    const Sha256 hash = sha256(token);
    const TokenRecord* found = nullptr;
    for (const TokenRecord& record : records_) {
        if (equal_in_constant_time(record.hash, hash)) {
            found = &record;
        }
    }
    return found;
}

TokenRecord* Tokens::row(std::uint64_t id) noexcept {
    const auto at = std::ranges::find(records_, id, &TokenRecord::id);
    return at != records_.end() ? &*at : nullptr;
}

const TokenRecord* Tokens::find(std::uint64_t id) const noexcept {
    const auto at = std::ranges::find(records_, id, &TokenRecord::id);
    return at != records_.end() ? &*at : nullptr;
}

void Tokens::used(std::uint64_t id, WallTime at) noexcept {
    TokenRecord* record = row(id);
    if (record == nullptr) {
        return;
    }
    record->last_used = at;
    if (std::ranges::find(used_, id) == used_.end()) {
        used_.push_back(id);
    }
}

void Tokens::save_uses() {
    for (const std::uint64_t id : used_) {
        if (const TokenRecord* record = row(id); record != nullptr) {
            (void)store_.note_token_use(id, record->last_used);  // one that is lost is no harm
        }
    }
    used_.clear();
}

const TokenRecord* Tokens::oldest_dead(WallTime now) const noexcept {
    const TokenRecord* oldest = nullptr;
    for (const TokenRecord& record : records_) {
        const bool dead = state_of(record, now) != TokenState::live && record.id != first_token_id;
        if (dead && (oldest == nullptr || died(record).unix_ms < died(*oldest).unix_ms)) {
            oldest = &record;
        }
    }
    return oldest;
}

TokenRefusal Tokens::check(const NewToken& token, WallTime now) const noexcept {
    const auto same_name = [&](const TokenRecord& record) {
        return record.name == token.name && state_of(record, now) == TokenState::live;
    };
    if (std::ranges::any_of(records_, same_name)) {
        return TokenRefusal::name_taken;
    }
    const bool full = records_.size() >= count_max_ && oldest_dead(now) == nullptr;
    return full ? TokenRefusal::full : TokenRefusal::none;
}

TokenRefusal Tokens::create(const NewToken& token, WallTime now, std::string& secret, std::uint64_t& id) {
    if (const TokenRefusal refusal = check(token, now); refusal != TokenRefusal::none) {
        refused_full_ += refusal == TokenRefusal::full;
        return refusal;
    }
    if (records_.size() >= count_max_) {
        const std::uint64_t gone = oldest_dead(now)->id;
        if (!store_.forget_token(gone)) {
            return TokenRefusal::store_failed;
        }
        std::erase_if(records_, [gone](const TokenRecord& record) { return record.id == gone; });
    }
    secret = new_secret();
    TokenRecord record;
    record.id = records_.empty() ? first_token_id : records_.back().id + 1;
    record.name = token.name;
    record.hash = sha256(secret);
    record.role = token.role;
    record.user = token.user;
    record.created_by = token.created_by;
    record.created = now;
    record.expires = token.expires;
    if (!store_.put_token(record)) {
        return TokenRefusal::store_failed;
    }
    id = record.id;
    records_.push_back(record);
    return TokenRefusal::none;
}

bool Tokens::revoke(std::uint64_t id, WallTime now) {
    TokenRecord* record = row(id);
    TokenRecord changed = *record;
    changed.revoked = now;
    if (!store_.put_token(changed)) {
        return false;
    }
    *record = changed;
    return true;
}

}  // namespace ballast::controller
