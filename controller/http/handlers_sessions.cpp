// Private desktops, sessions, and what happened to a guest.
#include <arpa/inet.h>

#include "controller/http/api.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/handlers.hpp"
#include "shell/loop.hpp"
#include "shell/random.hpp"

namespace ballast::controller::http {

namespace {

bool numeric_address(const std::string& text) noexcept {
    in6_addr address{};
    return ::inet_pton(AF_INET, text.c_str(), &address) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

std::array<std::uint8_t, 8> random_bytes() {
    std::array<std::uint8_t, 8> bytes{};
    std::uint64_t bits = random_u64();
    for (std::uint8_t& byte : bytes) {
        byte = static_cast<std::uint8_t>(bits);
        bits >>= 8;
    }
    return bytes;
}

// A caller of the role `user` need not say who it is.
void read_login(JsonFields& fields, const Caller& caller, Command& command) {
    const bool is_user = caller.role == Role::user;
    const std::optional<std::string> user = fields.text("user", !is_user, command.user.capacity());
    command.user = user.has_value() ? UserName{*user} : is_user ? UserName{caller.user} : UserName{};
    command.flag = fields.flag("private", false).value_or(false);
    const std::optional<std::string> pool = fields.text("pool", !command.flag, command.target.capacity());
    if (pool.has_value() && command.flag) {
        fields.reject("pool", "either \"pool\" or \"private\": true");
    } else if (pool.has_value()) {
        (void)command.target.try_assign(*pool);
    }
    const std::optional<std::string> client = fields.text("client_address", false, command.client.capacity());
    if (client.has_value() && !numeric_address(*client)) {
        fields.reject("client_address", "expected a numeric IPv4 or IPv6 address");
    } else if (client.has_value()) {
        (void)command.client.try_assign(*client);
    }
    fields.finish();
}

// The session's row, or none when there is none that the caller may see.
std::uint32_t visible_session(Api& api, const Call& call, std::uint64_t id) {
    const std::uint32_t row = api.core().find_session(id);
    const bool visible = row != no_row && call.request.caller.may_see(api.core().session(row).record.user);
    return visible ? row : no_row;
}

std::optional<Problem> check_session_states(const SetFilter& states) {
    for (const std::string_view word : states.words()) {
        if (word != "opening" && word != "open" && word != "closing" && word != "closed") {
            return Problem{.slug = Slug::invalid_request,
                           .detail = "state: expected opening, open, closing or closed"};
        }
    }
    return std::nullopt;
}

}  // namespace

Answer list_private_desktops(Api& api, const Call& call) {
    Page page;
    if (std::optional<Problem> problem = read_page(call.request, page); problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    const SetFilter states{call.request, "state"};
    const SetFilter pools{call.request, "pool"};
    const auto rows = api.core().desktops();
    std::vector<ListItem> items;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        const DesktopRecord& record = rows[i].record;
        if (rows[i].in_use && record.kind == VmKind::personal && call.request.caller.may_see(record.user) &&
            states.passes(to_string(record.state)) && pools.passes(record.pool.view())) {
            items.push_back(ListItem::named(record.user.view(), i));
        }
    }
    return list_reply(call.request, page, std::move(items), private_desktop_form(api.core()));
}

Answer get_private_desktop(Api& api, const Call& call) {
    const bool visible = call.request.caller.may_see(call.id);
    const std::uint32_t desktop = visible ? api.core().find_private_desktop(call.id) : no_row;
    return desktop != no_row ? object_reply(call.request, private_desktop_form(api.core()), desktop)
                             : api.not_found(call, "private desktop of user");
}

Answer act_on_private_desktop(Api& api, const Call& call) {
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    Command command;
    JsonFields fields = body.root();
    if (call.operation.command == CommandKind::private_put) {
        const std::optional<std::string> pool = fields.text("pool", true, command.target.capacity());
        (void)command.target.try_assign(pool.value_or(""));
    }
    fields.finish();
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    if (!command.user.try_assign(call.id)) {
        return api.not_found(call, "private desktop of user");
    }
    return api.run(call, command);
}

Answer list_sessions(Api& api, const Call& call) {
    Page page;
    const SetFilter states{call.request, "state"};
    const SetFilter pools{call.request, "pool"};
    const SetFilter users{call.request, "user"};
    std::optional<Problem> problem = read_page(call.request, page);
    if (!problem.has_value()) {
        problem = check_session_states(states);
    }
    if (problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    const auto rows = api.core().sessions();
    std::vector<ListItem> items;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        const SessionRecord& record = rows[i].record;
        if (rows[i].in_use && call.request.caller.may_see(record.user) &&
            states.passes(to_string(record.state)) && pools.passes(record.pool.view()) &&
            users.passes(record.user.view())) {
            items.push_back(ListItem::newest_first(record.id, i));
        }
    }
    return list_reply(call.request, page, std::move(items), session_form(api.core()));
}

Answer get_session(Api& api, const Call& call) {
    const std::optional<std::uint64_t> id = call.number();
    if (!id.has_value() || visible_session(api, call, *id) == no_row) {
        return api.not_found(call, "session");
    }
    const Wait wait{0, 0, mono_now() + Api::wait_asked(call.request), false, *id, 200};
    return api.over(wait) ? Answer{api.session_reply(call.request, *id, 200)} : Answer{wait};
}

Answer open_session(Api& api, const Call& call) {
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    Command command;
    JsonFields fields = body.root();
    read_login(fields, call.request.caller, command);
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    if (!call.request.caller.may_see(command.user)) {
        return api.refuse(call.request, {.slug = Slug::forbidden,
                                         .detail = "the role user opens sessions of its own only, here of " +
                                                   call.request.caller.user});
    }
    command.random = random_bytes();
    return api.run(call, command);
}

Answer close_session(Api& api, const Call& call) {
    const std::optional<std::uint64_t> id = call.number();
    const bool somebody_elses =
        id.has_value() && api.core().find_session(*id) != no_row && visible_session(api, call, *id) == no_row;
    if (!id.has_value() || somebody_elses) {
        return api.not_found(call, "session");
    }
    Command command;
    command.id = *id;
    return api.run(call, command);
}

Answer get_vm_history(Api& api, const Call& call) {
    bool ambiguous = false;
    const std::uint32_t vm = api.core().find_vm(call.id, &ambiguous);
    if (vm == no_row) {
        return ambiguous ? Answer{api.refuse(call.request, {.slug = Slug::state_conflict,
                                                            .detail = "several guests are called \"" +
                                                                      call.id + "\": use the uuid"})}
                         : Answer{api.not_found(call, "vm")};
    }
    Reply reply;
    if (call.request.format == Format::text) {
        TextTable table{history_headings()};
        history_rows(table, api.core(), vm);
        reply.content_type = "text/plain; charset=utf-8";
        reply.body = table.text();
        return reply;
    }
    JsonOut json{reply.body, reply_bytes_max};
    render_history(json, api.core(), vm);
    json.next_document();
    return reply;
}

}  // namespace ballast::controller::http
