#include "controller/http/api.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/handlers.hpp"

namespace ballast::controller::http {

namespace {

// A filter word that no value has is a mistake of the caller's, not an empty list.
std::optional<Problem> check_states(const SetFilter& filter) {
    for (const std::string_view word : filter.words()) {
        if (!parse_host_state(word).has_value()) {
            return Problem{.slug = Slug::invalid_request,
                           .detail = "state: no host state \"" + std::string{word} + "\""};
        }
    }
    return std::nullopt;
}

}  // namespace

Answer list_hosts(Api& api, const Call& call) {
    Page page;
    const SetFilter states{call.request, "state"};
    std::optional<Problem> problem = read_page(call.request, page);
    if (!problem.has_value()) {
        problem = check_states(states);
    }
    if (problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    const auto rows = api.core().hosts();
    std::vector<ListItem> items;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        if (rows[i].in_use && states.passes(to_string(rows[i].state))) {
            items.push_back(ListItem::named(rows[i].record.name.view(), i));
        }
    }
    return list_reply(call.request, page, std::move(items), host_form(api.core()));
}

Answer get_host(Api& api, const Call& call) {
    const std::uint32_t host = api.core().find_host(call.id);
    return host != no_row ? api.host_reply(call.request, host) : api.not_found(call, "host");
}

Answer act_on_host(Api& api, const Call& call) {
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    body.root().finish();
    if (!body.valid()) {
        return api.refuse_body(call.request, body);
    }
    Command command;
    if (!command.target.try_assign(call.id)) {
        return api.not_found(call, "host");
    }
    return api.run(call, command);
}

}  // namespace ballast::controller::http
