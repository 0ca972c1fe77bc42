// Who may call: bearer tokens, kept as SHA-256 hashes with a role each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controller/http/message.hpp"
#include "shell/sha256.hpp"

namespace ballast::controller::http {

class Tokens {
  public:
    // Reads STATE/tokens. When there is none, makes one admin token: the token itself goes into
    // STATE/admin.token for the operator, its hash into STATE/tokens; both 0600. False with a sentence in
    // `why` when a file cannot be read or written, is open to others, or has a line that is not "HASH ROLE
    // [NOTE]".
    bool load_or_create(const std::string& state_dir, std::string& why);
    // The role of a token; none when it is unknown. Looks at every hash, whatever it finds.
    Role role_of(std::string_view token) const noexcept;
    std::size_t count() const noexcept { return entries_.size(); }

  private:
    struct Entry {
        Sha256 hash;
        Role role;
    };
    bool parse(const std::string& path, std::string_view text, std::string& why);
    std::vector<Entry> entries_;
};

}  // namespace ballast::controller::http
