// The JSON forms and table rows of hosts, guests, jobs, plans and decisions. docs/http.md shows each.
#pragma once

#include <string_view>
#include <vector>

#include "controller/core/core.hpp"
#include "controller/http/json_out.hpp"
#include "controller/http/text_table.hpp"

namespace ballast::controller::http {

void render_host(JsonOut& json, const Core& core, std::uint32_t host);
void render_vm(JsonOut& json, const Core& core, std::uint32_t vm);
void render_job(JsonOut& json, const JobRow& job);
void render_plan(JsonOut& json, const PlanView& plan);
void render_decision(JsonOut& json, const DecisionRow& decision);
// ballast-pool/1
void render_snapshot(JsonOut& json, const Core& core, WallTime taken_at);

std::vector<std::string_view> host_headings();
void host_row(TextTable& table, const Core& core, std::uint32_t host);
std::vector<std::string_view> vm_headings();
void vm_row(TextTable& table, const Core& core, std::uint32_t vm);
std::vector<std::string_view> job_headings();
void job_row(TextTable& table, const JobRow& job);
std::vector<std::string_view> plan_headings();
void plan_row(TextTable& table, const PlanView& plan);
std::vector<std::string_view> move_headings();
void move_row(TextTable& table, const PlanMove& move);
std::vector<std::string_view> decision_headings();
void decision_row(TextTable& table, const DecisionRow& decision);

// Which kind of live migration the host's hypervisor can (PV needs shadow paging, PVH and HVM
// hardware-assisted).
bool can_live_migrate(const HostRow& host, GuestType type) noexcept;

}  // namespace ballast::controller::http
