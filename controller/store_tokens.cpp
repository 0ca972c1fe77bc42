// Tokens in the store. They are no part of the core: who makes or revokes one waits for the disk.
#include "controller/store_impl.hpp"

namespace ballast::controller {

namespace {

bool put(Line line, const TokenRecord& token) {
    return line.bind(token.id)
        .bind(token.name.view())
        .bind_blob(token.hash)
        .bind(token.role)
        .bind(token.user.view())
        .bind(token.created_by.view())
        .bind(token.created)
        .bind(token.expires)
        .bind(token.revoked)
        .bind(token.last_used)
        .end();
}

bool read_row(Statement& row, TokenRecord& token) {
    row.read(token.id).read(token.name);
    const std::span<const std::byte> hash = row.read_blob();
    row.read(token.role, Role::admin).read(token.user).read(token.created_by);
    row.read(token.created).read(token.expires).read(token.revoked).read(token.last_used);
    if (row.corrupt() || hash.size() != token.hash.size()) {
        return false;
    }
    std::copy(hash.begin(), hash.end(), token.hash.begin());
    return true;
}

}  // namespace

bool Store::put_token(const TokenRecord& token) {
    return put(impl_->line(Sql::put_token), token) && commit();
}

bool Store::forget_token(std::uint64_t id) {
    return impl_->line(Sql::forget_token).bind(id).end() && commit();
}

bool Store::note_token_use(std::uint64_t id, WallTime last_used) {
    return impl_->line(Sql::use_token).bind(last_used).bind(id).end();
}

bool Store::read_tokens(std::vector<TokenRecord>& out, std::string& why) {
    Statement rows;
    bool good = rows.prepare(impl_->connection, "SELECT * FROM tokens ORDER BY id");
    rows.start();
    while (good && rows.next()) {
        TokenRecord token;
        good = read_row(rows, token);
        out.push_back(token);
    }
    if (!good || rows.failed()) {
        why = impl_->path + ": the stored tokens cannot be read";
        return false;
    }
    return true;
}

}  // namespace ballast::controller
