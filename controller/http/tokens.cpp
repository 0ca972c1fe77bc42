#include "controller/http/tokens.hpp"

#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "shell/durable_file.hpp"
#include "shell/log.hpp"
#include "shell/random.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::size_t tokens_file_bytes_max = 64 * 1024;
constexpr std::size_t token_bytes_max = 256;

std::optional<Role> parse_role(std::string_view word) noexcept {
    for (const Role role : {Role::viewer, Role::helpdesk, Role::operator_, Role::admin}) {
        if (word == to_string(role)) {
            return role;
        }
    }
    return std::nullopt;
}

// Up to the next blank; `text` is advanced behind it.
std::string_view next_word(std::string_view& text) noexcept {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

std::string new_token() {
    Sha256 bits{};  // 256 random bits
    random_bytes(bits);
    return to_hex(bits);
}

}  // namespace

bool Tokens::parse(const std::string& path, std::string_view text, std::string& why) {
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.empty() || line.front() == '#') {
            continue;
        }
        Entry entry{};
        const bool hashed = from_hex(next_word(line), entry.hash);
        const std::optional<Role> role = parse_role(next_word(line));
        if (!hashed || !role.has_value()) {
            why = path + ":" + std::to_string(number) +
                  ": expected 64 hexadecimal digits (SHA-256 of the token), a blank, and viewer, helpdesk, "
                  "operator or admin";
            return false;
        }
        entry.role = *role;
        entries_.push_back(entry);
    }
    return true;
}

bool Tokens::load_or_create(const std::string& state_dir, std::string& why) {
    const std::string path = state_dir + "/tokens";
    std::string text;
    const Status read = read_bounded(path, tokens_file_bytes_max, text, why);
    if (read.ok()) {
        struct stat facts {};
        if (::stat(path.c_str(), &facts) != 0 || (facts.st_mode & 077) != 0) {
            why = path + ": expected mode 0600, others may read or write it";
            return false;
        }
        return parse(path, text, why);
    }
    if (read.fault() != Fault::not_found) {
        return false;
    }
    why.clear();
    const std::string token = new_token();
    const std::string plain_path = state_dir + "/admin.token";
    // The token first: a hash whose token nobody has would lock everybody out for good.
    const std::string line = to_hex(sha256(token)) + " admin made at the first start\n";
    if (!write_durable(plain_path, token + "\n", why).ok() || !write_durable(path, line, why).ok()) {
        return false;
    }
    log_notice("made an admin token for the HTTP endpoint: {}", plain_path);
    return parse(path, line, why);
}

Role Tokens::role_of(std::string_view token) const noexcept {
    if (token.empty() || token.size() > token_bytes_max) {
        return Role::none;
    }
    const Sha256 hash = sha256(token);
    Role role = Role::none;
    for (const Entry& entry : entries_) {
        if (equal_in_constant_time(entry.hash, hash)) {
            role = entry.role;
        }
    }
    return role;
}

}  // namespace ballast::controller::http
