// Tokens in the store. They are no part of the core: each change is durable by itself.
#include "controller/store_impl.hpp"

namespace ballast::controller {

namespace {

constexpr std::string_view put_sql = "REPLACE INTO tokens VALUES(?,?,?,?,?,?,?,?,?,?)";

bool put_row(Statement& put, const TokenRecord& token) {
    return put.start()
        .bind(token.id)
        .bind(token.name.view())
        .bind_blob(token.hash)
        .bind(token.role)
        .bind(token.user.view())
        .bind(token.created_by.view())
        .bind(token.created)
        .bind(token.expires)
        .bind(token.revoked)
        .bind(token.last_used)
        .run();
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

// A transaction of its own, taken back whole when it fails: the core's next one must not carry it to disk.
// What the core has written in this turn is committed before.
template <class Change>
bool Store::change_by_itself(Change change) {
    if (!commit() || !impl_->begin_once()) {
        return false;
    }
    if (change() && commit()) {
        return true;
    }
    sqlite3_exec(impl_->connection, "ROLLBACK", nullptr, nullptr, nullptr);
    impl_->dirty = false;
    return false;
}

bool Store::put_tokens(std::span<const TokenRecord> tokens) {
    return change_by_itself([&] {
        Statement put;
        bool written = put.prepare(impl_->connection, put_sql);
        for (const TokenRecord& token : tokens) {
            written = written && put_row(put, token);
        }
        return written;
    });
}

bool Store::forget_token(std::uint64_t id) {
    return change_by_itself([&] {
        Statement forget;
        return forget.prepare(impl_->connection, "DELETE FROM tokens WHERE id=?") &&
               forget.start().bind(id).run();
    });
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
