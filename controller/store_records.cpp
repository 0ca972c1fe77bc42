#include "controller/store_records.hpp"

#include <algorithm>
#include <array>

namespace ballast::controller::records {

namespace {

// Faults have gaps in their numbers; `to_string` knows which exist, and an unknown one is only shown, never
// acted on.
constexpr Fault fault_last = Fault::handover_lost;
constexpr JobState job_state_last = JobState::cancelled;

void put_side(Line& line, const JobSide& side) {
    line.bind(side.host).bind(side.state).bind(side.result).bind(side.fault).bind(side.step_name);
}
void get_side(Statement& row, JobSide& side) {
    row.read(side.host).read(side.state, SideState::lost).read(side.result, job_state_last);
    row.read(side.fault, fault_last).read(side.step_name);
}

void put_load(Line& line, const policy::HostLoad& load) {
    line.bind(load.cpu).bind(load.memory).bind(load.net);
}
void get_load(Statement& row, policy::HostLoad& load) {
    row.read(load.cpu).read(load.memory).read(load.net);
}

// The columns that came later.
void put_more(Line& line, const policy::HostLoad& load) {
    line.bind(load.disk).bind(load.memory_used);
}
void get_more(Statement& row, policy::HostLoad& load) {
    row.read(load.disk).read(load.memory_used);
}

// Beside the columns of their own, for the parameters that have none.
using ParameterText = FixedString<2047>;
ParameterText text_of(const policy::Parameters& parameters) noexcept {
    ParameterText text;
    for (const policy::ParameterInfo& info : policy::parameter_table()) {
        if (policy::get(parameters, info) != policy::default_of(info)) {
            text.append_cut(text.empty() ? "" : " ");
            text.append_cut(info.name);
            text.append_cut("=");
            text.append_cut(policy::text_of(parameters, info));
        }
    }
    return text;
}
// A name that is not known any more is left out: the parameters of a plan are shown, never acted on.
void read_text(std::string_view text, policy::Parameters& parameters) noexcept {
    while (!text.empty()) {
        const std::string_view item = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), item.size() + 1));
        if (const std::size_t equals = item.find('='); equals != std::string_view::npos) {
            (void)policy::set(parameters, item.substr(0, equals), item.substr(equals + 1));
        }
    }
}

void put_spread(Line& line, const PoolSpread& spread) {
    line.bind(spread.cpu_stddev).bind(spread.memory_stddev).bind(spread.net_stddev);
}
void get_spread(Statement& row, PoolSpread& spread) {
    row.read(spread.cpu_stddev).read(spread.memory_stddev).read(spread.net_stddev);
}

}  // namespace

bool put(Line line, const HostRecord& record) {
    return line.bind(record.name)
        .bind(record.uuid)
        .bind(record.cordoned)
        .bind(record.draining)
        .bind(record.first_seen)
        .end();
}
bool get(Statement& row, HostRecord& record) {
    row.read(record.name)
        .read(record.uuid)
        .read(record.cordoned)
        .read(record.draining)
        .read(record.first_seen);
    return !row.corrupt();
}

bool put(Line line, const VmRecord& record) {
    line.bind(record.uuid).bind(record.name).bind(record.kind).bind(record.ours);
    line.bind(record.movable).bind(record.last_host).bind(record.last_moved);
    return line.bind(record.came_from).bind(record.started).end();
}
bool get(Statement& row, VmRecord& record) {
    row.read(record.uuid).read(record.name).read(record.kind, VmKind::personal).read(record.ours);
    row.read(record.movable).read(record.last_host).read(record.last_moved);
    row.read(record.came_from).read(record.started);
    return !row.corrupt();
}

bool put(Line line, const JobRecord& record) {
    std::array<std::byte, decltype(record.expected_states)::capacity()> expected{};
    std::transform(record.expected_states.begin(), record.expected_states.end(), expected.begin(),
                   [](DomainState state) { return static_cast<std::byte>(state); });
    line.bind(record.id).bind(record.kind).bind(record.origin).bind(record.state);
    line.bind(record.vm_uuid).bind(record.vm_name);
    put_side(line, record.source);
    put_side(line, record.destination);
    line.bind(record.migration_id).bind(record.mode).bind(record.memory_mib);
    line.bind_blob(std::span{expected}.first(record.expected_states.size()));
    line.bind(record.percent).bind(record.fault).bind(record.detail).bind(record.cancel_asked);
    line.bind(record.plan_id).bind(record.created).bind(record.deadline).bind(record.ended);
    line.bind(record.memory_bytes).bind(record.wire_bytes).bind(record.downtime_ms);
    line.bind(record.total_ms).bind(record.rounds).bind(record.compression);
    line.bind(record.copy_storage).bind(record.bandwidth_mbps).bind(record.image_bytes);
    return line.bind(record.image_wire_bytes).bind(record.image_rounds).bind(record.referenced_bytes).end();
}
bool get(Statement& row, JobRecord& record) {
    row.read(record.id).read(record.kind, JobKind::image_index).read(record.origin, JobOrigin::session);
    row.read(record.state, job_state_last).read(record.vm_uuid).read(record.vm_name);
    get_side(row, record.source);
    get_side(row, record.destination);
    row.read(record.migration_id).read(record.mode, MigrationMode::automatic).read(record.memory_mib);
    for (const std::byte state : row.read_blob()) {
        if (state > static_cast<std::byte>(DomainState::absent) ||
            !record.expected_states.try_push(static_cast<DomainState>(state))) {
            return false;
        }
    }
    row.read(record.percent).read(record.fault, fault_last).read(record.detail).read(record.cancel_asked);
    row.read(record.plan_id).read(record.created).read(record.deadline).read(record.ended);
    row.read(record.memory_bytes).read(record.wire_bytes).read(record.downtime_ms);
    row.read(record.total_ms).read(record.rounds).read(record.compression, wire::Compression::lz4);
    row.read(record.copy_storage).read(record.bandwidth_mbps).read(record.image_bytes);
    row.read(record.image_wire_bytes).read(record.image_rounds).read(record.referenced_bytes);
    return !row.corrupt();
}

bool put(Line line, const PlanRecord& record) {
    const policy::Parameters& parameters = record.parameters;
    line.bind(record.id).bind(record.state).bind(record.origin).bind(record.policy);
    line.bind(parameters.critical_load).bind(parameters.window).bind(parameters.guest_rate);
    line.bind(parameters.host_rate).bind(parameters.moves_max).bind(parameters.cool_down_seconds);
    line.bind(parameters.samples_min).bind(parameters.in_flight_max).bind(record.source);
    line.bind(record.created).bind(record.ended).bind(record.rejected_left_out);
    put_spread(line, record.before);
    put_spread(line, record.after);
    const ParameterText text = text_of(parameters);
    line.bind(text.view());
    line.bind(record.before.disk_stddev).bind(record.before.memory_used_stddev);
    line.bind(record.after.disk_stddev).bind(record.after.memory_used_stddev);
    line.bind(record.conclusion).bind(record.prediction).bind(record.measured_at);
    put_spread(line, record.measured);
    line.bind(record.measured.disk_stddev).bind(record.measured.memory_used_stddev);
    return line.bind(record.search.asked_ms).bind(record.search.end).end();
}
bool get(Statement& row, PlanRecord& record) {
    policy::Parameters& parameters = record.parameters;
    row.read(record.id).read(record.state, PlanState::cancelled).read(record.origin, JobOrigin::session);
    row.read(record.policy)
        .read(parameters.critical_load)
        .read(parameters.window)
        .read(parameters.guest_rate);
    row.read(parameters.host_rate).read(parameters.moves_max).read(parameters.cool_down_seconds);
    row.read(parameters.samples_min).read(parameters.in_flight_max).read(record.source);
    row.read(record.created).read(record.ended).read(record.rejected_left_out);
    get_spread(row, record.before);
    get_spread(row, record.after);
    ParameterText text;
    row.read(text).read(record.before.disk_stddev).read(record.before.memory_used_stddev);
    row.read(record.after.disk_stddev).read(record.after.memory_used_stddev).read(record.conclusion);
    row.read(record.prediction, PredictionState::missed).read(record.measured_at);
    get_spread(row, record.measured);
    row.read(record.measured.disk_stddev).read(record.measured.memory_used_stddev);
    row.read(record.search.asked_ms).read(record.search.end, policy::SearchEnd::cut_short);
    read_text(text, parameters);
    record.search.allowed_ms = parameters.time_budget_ms;
    return !row.corrupt();
}

bool put(Line line, std::uint64_t plan_id, std::uint32_t position, const PlanMove& move) {
    line.bind(plan_id).bind(position).bind(move.kind).bind(move.state);
    line.bind(move.vm_uuid).bind(move.vm_name).bind(move.from).bind(move.to);
    line.bind(move.with_uuid).bind(move.with_name).bind(move.memory_mib).bind(move.vm_cpu_cores);
    line.bind(move.job_id).bind(move.why).bind(move.outcome).bind(move.expected_seconds);
    return line.bind(move.expected_downtime_seconds).bind(move.took_ms).bind(move.downtime_ms).end();
}
bool get(Statement& row, PlanMove& move) {
    row.read(move.kind, policy::MoveKind::swap).read(move.state, MoveState::cancelled);
    row.read(move.vm_uuid).read(move.vm_name).read(move.from).read(move.to);
    row.read(move.with_uuid).read(move.with_name).read(move.memory_mib).read(move.vm_cpu_cores);
    row.read(move.job_id).read(move.why).read(move.outcome).read(move.expected_seconds);
    row.read(move.expected_downtime_seconds).read(move.took_ms).read(move.downtime_ms);
    return !row.corrupt();
}

bool put(Line line, std::uint64_t plan_id, std::uint32_t position, const PlanRejection& rejection) {
    line.bind(plan_id).bind(position).bind(rejection.vm).bind(rejection.to);
    return line.bind(rejection.constraint).bind(rejection.have).bind(rejection.limit).end();
}
bool get(Statement& row, PlanRejection& rejection) {
    row.read(rejection.vm).read(rejection.to).read(rejection.constraint, policy::constraint_last);
    row.read(rejection.have).read(rejection.limit);
    return !row.corrupt();
}

bool put(Line line, std::uint64_t plan_id, std::uint32_t position, const PlanHostLoad& load) {
    line.bind(plan_id).bind(position).bind(load.host);
    put_load(line, load.before);
    put_load(line, load.after);
    line.bind(load.unresolved);
    put_more(line, load.before);
    put_more(line, load.after);
    line.bind(load.compared);
    put_load(line, load.measured);
    put_more(line, load.measured);
    return line.end();
}
bool get(Statement& row, PlanHostLoad& load) {
    row.read(load.host);
    get_load(row, load.before);
    get_load(row, load.after);
    row.read(load.unresolved);
    get_more(row, load.before);
    get_more(row, load.after);
    row.read(load.compared);
    get_load(row, load.measured);
    get_more(row, load.measured);
    return !row.corrupt();
}

bool put(Line line, std::uint64_t plan_id, const PlanRule& rule) {
    return line.bind(plan_id).bind(rule.rule).bind(rule.vms).bind(rule.hosts).end();
}
bool get(Statement& row, PlanRule& rule) {
    row.read(rule.rule, policy::constraint_last).read(rule.vms).read(rule.hosts);
    return !row.corrupt();
}

bool put(Line line, const IdempotencyRecord& record) {
    line.bind(record.key.high).bind(record.key.low).bind(record.body.high).bind(record.body.low);
    line.bind(record.expires).bind(record.effect).bind(record.job_id).bind(record.plan_id);
    return line.bind(record.session_id).end();
}
bool get(Statement& row, IdempotencyRecord& record) {
    row.read(record.key.high).read(record.key.low).read(record.body.high).read(record.body.low);
    row.read(record.expires).read(record.effect, Effect::session).read(record.job_id).read(record.plan_id);
    row.read(record.session_id);
    return !row.corrupt();
}

}  // namespace ballast::controller::records
