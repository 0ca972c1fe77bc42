#include "controller/http/forms.hpp"

namespace ballast::controller::http {

ListForm host_form(const Core& core) {
    return {"hosts", host_headings(),
            [&core](JsonOut& json, std::uint32_t row) { render_host(json, core, row); },
            [&core](TextTable& table, std::uint32_t row) { host_row(table, core, row); }};
}

ListForm vm_form(const Core& core) {
    return {"vms", vm_headings(), [&core](JsonOut& json, std::uint32_t row) { render_vm(json, core, row); },
            [&core](TextTable& table, std::uint32_t row) { vm_row(table, core, row); }};
}

ListForm job_form(const Core& core) {
    return {"jobs", job_headings(),
            [&core](JsonOut& json, std::uint32_t row) { render_job(json, core.job(row)); },
            [&core](TextTable& table, std::uint32_t row) { job_row(table, core.job(row)); }};
}

ListForm plan_form(const Core& core) {
    return {"plans", plan_headings(),
            [&core](JsonOut& json, std::uint32_t row) { render_plan(json, core.plan(row)); },
            [&core](TextTable& table, std::uint32_t row) { plan_row(table, core.plan(row)); }};
}

ListForm pool_form(const Core& core) {
    return {"pools", pool_headings(),
            [&core](JsonOut& json, std::uint32_t row) { render_desktop_pool(json, core, row); },
            [&core](TextTable& table, std::uint32_t row) { pool_row(table, core, row); }};
}

ListForm private_desktop_form(const Core& core) {
    return {"private_desktops", private_desktop_headings(),
            [&core](JsonOut& json, std::uint32_t row) { render_private_desktop(json, core, row); },
            [&core](TextTable& table, std::uint32_t row) { private_desktop_row(table, core, row); }};
}

ListForm session_form(const Core& core) {
    return {"sessions", session_headings(),
            [&core](JsonOut& json, std::uint32_t row) { render_session(json, core, row); },
            [&core](TextTable& table, std::uint32_t row) { session_row(table, core, row); }};
}

Reply plan_object_reply(const Request& request, const PlanView& plan, unsigned status) {
    Reply reply;
    reply.status = status;
    if (request.format == Format::text) {
        TextTable summary{plan_headings()};
        plan_row(summary, plan);
        TextTable moves{move_headings()};
        for (const PlanMove& move : plan.moves) {
            move_row(moves, move);
        }
        reply.content_type = "text/plain; charset=utf-8";
        reply.body = summary.text() + '\n' + moves.text();
    } else {
        JsonOut json{reply.body, reply_bytes_max};
        render_plan(json, plan);
        json.next_document();
    }
    return reply;
}

void render_reasons(JsonOut& json, const Outcome& outcome) {
    if (outcome.reasons.empty()) {
        return;
    }
    json.key("reasons");
    json.array();
    for (const Reason& reason : outcome.reasons) {
        write_reason(json, reason.candidate, reason.constraint, reason.have, reason.need);
    }
    json.end_array();
}

}  // namespace ballast::controller::http
