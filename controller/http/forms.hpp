// The forms (JSON, table) of each kind of object, ready for lists and single answers. A form refers to the
// core.
#pragma once

#include "controller/core/core.hpp"
#include "controller/http/lists.hpp"
#include "controller/http/render.hpp"

namespace ballast::controller::http {

ListForm host_form(const Core& core);
ListForm vm_form(const Core& core);
ListForm job_form(const Core& core);
ListForm plan_form(const Core& core);
ListForm pool_form(const Core& core);
ListForm private_desktop_form(const Core& core);
ListForm session_form(const Core& core);
// A plan as JSON, or its moves as a table.
Reply plan_object_reply(const Request& request, const PlanView& plan, unsigned status);
// "reasons" of an outcome that says why one candidate was taken and others not; nothing when it gives none.
void render_reasons(JsonOut& json, const Outcome& outcome);

}  // namespace ballast::controller::http
