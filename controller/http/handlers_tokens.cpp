// Tokens, and who the caller is.
#include "controller/http/api.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/lists.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

namespace {

// A token that nobody revokes ends by itself, unless it was asked to last.
constexpr std::int64_t token_seconds_default = 90 * 86400;
constexpr std::int64_t token_seconds_max = 10 * 366 * std::int64_t{86400};

void render_members(JsonOut& json, const TokenRecord& token) {
    json.member("id", token.id);
    json.member("name", token.name.view());
    json.member("role", to_string(token.role));
    if (!token.user.empty()) {
        json.member("user", token.user.view());
    }
    json.member("state", to_string(state_of(token, wall_now())));
    json.member("created_by", token.created_by.view());
    json.member("created_at", token.created);
    json.member("expires_at", token.expires);
    json.member("revoked_at", token.revoked);
    json.member("last_used_at", token.last_used);
}

ListForm token_form(const Tokens& tokens) {
    return {"tokens",
            {"ID", "NAME", "ROLE", "USER", "STATE", "EXPIRES", "LAST_USED"},
            [&tokens](JsonOut& json, std::uint32_t row) {
                json.object();
                render_members(json, tokens.all()[row]);
                json.end_object();
            },
            [&tokens](TextTable& table, std::uint32_t row) {
                const TokenRecord& token = tokens.all()[row];
                const auto time = [](WallTime at) { return at.unix_ms != 0 ? rfc3339(at) : std::string{}; };
                table.cell(token.id);
                table.cell(token.name.view());
                table.cell(to_string(token.role));
                table.cell(token.user.view());
                table.cell(to_string(state_of(token, wall_now())));
                table.cell(time(token.expires));
                table.cell(time(token.last_used));
            }};
}

// The row of the token in the path; nothing when there is none.
std::optional<std::uint32_t> row_of(const Tokens& tokens, const Call& call) {
    const std::optional<std::uint64_t> id = call.number();
    for (std::uint32_t i = 0; id.has_value() && i < tokens.all().size(); ++i) {
        if (tokens.all()[i].id == *id) {
            return i;
        }
    }
    return std::nullopt;
}

// Letters, digits and a few signs: the name is printed everywhere, and compared by people.
bool is_plain_name(std::string_view text) noexcept {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";
    return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

struct Wanted {
    std::string name;
    std::string user;
    std::string created_by;
    NewToken token;
};

void read_wanted(JsonFields& fields, const Caller& caller, Wanted& wanted) {
    wanted.name = fields.text("name", true, 64).value_or("");
    if (!is_plain_name(wanted.name)) {
        fields.reject("name", "expected letters, digits and . _ @ -");
    }
    const std::string role = fields.text("role", true, 16).value_or("");
    wanted.token.role = parse_role(role).value_or(Role::none);
    if (wanted.token.role == Role::none) {
        fields.reject("role", "expected user, viewer, helpdesk, operator or admin");
    }
    wanted.user = fields.text("user", wanted.token.role == Role::user, 64).value_or("");
    if (!wanted.user.empty() && wanted.token.role != Role::user) {
        fields.reject("user", "only a token of the role user belongs to a user");
    }
    const std::int64_t lasts =
        fields.integer("expires_in_seconds", false, 0, token_seconds_max).value_or(token_seconds_default);
    fields.finish();
    wanted.created_by = caller.name;
    wanted.token.name = wanted.name;
    wanted.token.user = wanted.user;
    wanted.token.created_by = wanted.created_by;
    wanted.token.expires = lasts != 0 ? WallTime{wall_now().unix_ms + lasts * 1000} : WallTime{};
}

Reply dry_run_reply(std::string_view action, std::string_view detail) {
    Reply reply;
    JsonOut json{reply.body, reply_bytes_max};
    json.object();
    json.member("dry_run", true);
    json.member("action", action);
    json.member("decision", "changed");
    json.member("detail", detail);
    json.end_object();
    json.next_document();
    return reply;
}

Reply refuse_token(Api& api, const Call& call, TokenRefusal refusal, const Wanted& wanted) {
    switch (refusal) {
        case TokenRefusal::name_taken:
            return api.refuse(call.request, {.slug = Slug::state_conflict,
                                             .detail = "there is a live token \"" + wanted.name +
                                                       "\": revoke it first, or take another name"});
        case TokenRefusal::full:
            return api.refuse(call.request, {.slug = Slug::limit_reached,
                                             .detail = "there are as many live tokens as may be: " +
                                                       std::to_string(api.tokens().count_max()),
                                             .limit = "limits.tokens"});
        case TokenRefusal::none:
        case TokenRefusal::store_failed: break;
    }
    return api.refuse_store(call.request);
}

// A token is shown once and kept as a hash, so that its answer cannot be given again.
std::optional<Problem> refuse_key(const Request& request) {
    if (request.idempotency_key.empty()) {
        return std::nullopt;
    }
    return Problem{.slug = Slug::invalid_request,
                   .detail =
                       "no Idempotency-Key here: a token is shown once; its name, which must be new, keeps "
                       "a repetition from making two"};
}

}  // namespace

Answer whoami(Api& api, const Call& call) {
    const Caller& caller = call.request.caller;
    const TokenRecord* token = api.tokens().find(caller.token_id);
    Reply reply;
    JsonOut json{reply.body, reply_bytes_max};
    json.object();
    json.member("name", std::string_view{caller.name});
    json.member("role", to_string(caller.role));
    json.member("proof", to_string(caller.proof));
    if (!caller.user.empty()) {
        json.member("user", std::string_view{caller.user});
    }
    if (token != nullptr) {
        json.member("token_id", token->id);
        json.member("expires_at", token->expires);
    }
    json.end_object();
    json.next_document();
    return reply;
}

Answer list_tokens(Api& api, const Call& call) {
    Page page;
    if (std::optional<Problem> problem = read_page(call.request, page); problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    const Tokens& tokens = api.tokens();
    std::vector<ListItem> items;
    for (std::uint32_t i = 0; i < tokens.all().size(); ++i) {
        items.push_back(ListItem::newest_first(tokens.all()[i].id, i));
    }
    return list_reply(call.request, page, std::move(items), token_form(tokens));
}

Answer get_token(Api& api, const Call& call) {
    const std::optional<std::uint32_t> row = row_of(api.tokens(), call);
    return row.has_value() ? object_reply(call.request, token_form(api.tokens()), *row)
                           : api.not_found(call, "token");
}

Answer create_token(Api& api, const Call& call) {
    if (std::optional<Problem> problem = refuse_key(call.request); problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    Wanted wanted;
    JsonFields fields = body.root();
    read_wanted(fields, call.request.caller, wanted);
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    Tokens& tokens = api.tokens();
    api.note("token " + wanted.name + " role " + std::string{to_string(wanted.token.role)});
    if (asks_dry_run(call.request)) {
        const TokenRefusal refusal = tokens.check(wanted.token, wall_now());
        return refusal == TokenRefusal::none ? dry_run_reply("token-create", "the token would be made")
                                             : refuse_token(api, call, refusal, wanted);
    }
    std::string secret;
    std::uint64_t id = 0;
    const TokenRefusal refusal = tokens.create(wanted.token, wall_now(), secret, id);
    if (refusal != TokenRefusal::none) {
        return refuse_token(api, call, refusal, wanted);
    }
    Reply reply{.status = 201};
    JsonOut json{reply.body, reply_bytes_max};
    json.object();
    render_members(json, *tokens.find(id));
    json.member("token", std::string_view{secret});
    json.end_object();
    json.next_document();
    reply.headers.emplace_back("Location", "/v1/tokens/" + std::to_string(id));
    return reply;
}

Answer revoke_token(Api& api, const Call& call) {
    const std::optional<std::uint32_t> row = row_of(api.tokens(), call);
    if (!row.has_value()) {
        return api.not_found(call, "token");
    }
    const TokenRecord& token = api.tokens().all()[*row];
    api.note("token " + std::string{token.name.view()});
    if (asks_dry_run(call.request)) {
        return dry_run_reply("token-revoke", "the token would open nothing any more");
    }
    const bool already = token.revoked.unix_ms != 0;
    if (!already && !api.tokens().revoke(token.id, wall_now())) {
        return api.refuse_store(call.request);
    }
    return object_reply(call.request, token_form(api.tokens()), *row);
}

}  // namespace ballast::controller::http
