#include "controller/http/api.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/handlers.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

Answer list_jobs(Api& api, const Call& call) {
    Page page;
    if (std::optional<Problem> problem = read_page(call.request, page); problem.has_value()) {
        return api.refuse(call.request, std::move(*problem));
    }
    const SetFilter states{call.request, "state"};
    const SetFilter kinds{call.request, "kind"};
    const SetFilter hosts{call.request, "host"};
    const auto rows = api.core().jobs();
    std::vector<ListItem> items;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        const JobRecord& record = rows[i].record;
        const bool touches =
            hosts.passes(record.source.host.view()) || hosts.passes(record.destination.host.view());
        if (rows[i].in_use && touches && states.passes(to_string(record.state)) &&
            kinds.passes(to_string(record.kind))) {
            items.push_back(ListItem::newest_first(record.id, i));
        }
    }
    return list_reply(call.request, page, std::move(items), job_form(api.core()));
}

Answer get_job(Api& api, const Call& call) {
    const std::optional<std::uint64_t> id = call.number();
    if (!id.has_value() || api.core().find_job(*id) == no_row) {
        return api.not_found(call, "job");
    }
    const Wait wait{*id, 0, mono_now() + Api::wait_asked(call.request), false};
    return api.over(wait) ? Answer{api.job_reply(call.request, *id, 200)} : Answer{wait};
}

Answer act_on_job(Api& api, const Call& call) {
    const std::optional<std::uint64_t> id = call.number();
    if (!id.has_value()) {
        return api.not_found(call, "job");
    }
    Command command;
    command.id = *id;
    return api.run(call, command);
}

Answer limit_job_images(Api& api, const Call& call) {
    const std::optional<std::uint64_t> id = call.number();
    if (!id.has_value()) {
        return api.not_found(call, "job");
    }
    JsonBody body{call.request.body};
    if (!body.parsed()) {
        return api.refuse_body(call.request, body);
    }
    Command command;
    command.id = *id;
    JsonFields fields = body.root();
    command.bandwidth_mbps =
        static_cast<std::uint32_t>(fields.integer("bandwidth_mbps", true, 0, bandwidth_mbps_max).value_or(0));
    fields.finish();
    return body.valid() ? api.run(call, command) : Answer{api.refuse_body(call.request, body)};
}

}  // namespace ballast::controller::http
