// The JSON forms and table rows of hosts, guests, jobs, plans and decisions. docs/http.md shows each.
#pragma once

#include <string>
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
// An array, the best first; of the others why not: the rule that excludes them, or how much later they are.
void render_destinations(JsonOut& json, std::span<const Destination> destinations);
// What is known of the images of the guest that was ranked.
void render_ranked_images(JsonOut& json, const Ranking& ranking);
std::string ranking_table(const Ranking& ranking);
void render_decision(JsonOut& json, const DecisionRow& decision);
// Member "search"; nothing of a policy that does not search.
void render_search(JsonOut& json, const Search& search);
// "by_rule": how many guests and hosts each rule kept as they are; nothing when none is counted.
void render_by_rule(JsonOut& json, const RuleCounts& by_rule);
void render_desktop_pool(JsonOut& json, const Core& core, std::uint32_t pool);
void render_private_desktop(JsonOut& json, const Core& core, std::uint32_t desktop);
void render_session(JsonOut& json, const Core& core, std::uint32_t session);
// The newest change first.
void render_history(JsonOut& json, const Core& core, std::uint32_t vm);
std::vector<std::string_view> pool_headings();
void pool_row(TextTable& table, const Core& core, std::uint32_t pool);
std::vector<std::string_view> private_desktop_headings();
void private_desktop_row(TextTable& table, const Core& core, std::uint32_t desktop);
std::vector<std::string_view> session_headings();
void session_row(TextTable& table, const Core& core, std::uint32_t session);
std::vector<std::string_view> history_headings();
void history_rows(TextTable& table, const Core& core, std::uint32_t vm);
// Where clients of other machines reach what listens on this address of the host.
std::string_view reachable_address(const Core& core, std::uint32_t host, std::string_view listens) noexcept;

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
