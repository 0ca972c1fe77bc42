#include "controller/store_records.hpp"

#include <algorithm>
#include <array>

namespace ballast::controller::records {

namespace {

// Faults have gaps in their numbers; `to_string` knows which exist, and an unknown one is only shown, never
// acted on.
constexpr Fault fault_last = Fault::handover_lost;
constexpr JobState job_state_last = JobState::cancelled;

void put_side(Statement& statement, const JobSide& side) {
    statement.bind(side.host).bind(side.state).bind(side.result).bind(side.fault).bind(side.step_name);
}
void get_side(Statement& row, JobSide& side) {
    row.read(side.host).read(side.state, SideState::lost).read(side.result, job_state_last);
    row.read(side.fault, fault_last).read(side.step_name);
}

void put_load(Statement& statement, const policy::HostLoad& load) {
    statement.bind(load.cpu).bind(load.memory).bind(load.net);
}
void get_load(Statement& row, policy::HostLoad& load) {
    row.read(load.cpu).read(load.memory).read(load.net);
}

// The columns that came later.
void put_more(Statement& statement, const policy::HostLoad& load) {
    statement.bind(load.disk).bind(load.memory_used);
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

void put_spread(Statement& statement, const PoolSpread& spread) {
    statement.bind(spread.cpu_stddev).bind(spread.memory_stddev).bind(spread.net_stddev);
}
void get_spread(Statement& row, PoolSpread& spread) {
    row.read(spread.cpu_stddev).read(spread.memory_stddev).read(spread.net_stddev);
}

}  // namespace

bool put(Statement& statement, const HostRecord& record) {
    return statement.start()
        .bind(record.name)
        .bind(record.uuid)
        .bind(record.cordoned)
        .bind(record.draining)
        .bind(record.first_seen)
        .run();
}
bool get(Statement& row, HostRecord& record) {
    row.read(record.name)
        .read(record.uuid)
        .read(record.cordoned)
        .read(record.draining)
        .read(record.first_seen);
    return !row.corrupt();
}

bool put(Statement& statement, const VmRecord& record) {
    statement.start().bind(record.uuid).bind(record.name).bind(record.kind).bind(record.ours);
    statement.bind(record.movable).bind(record.last_host).bind(record.last_moved);
    return statement.bind(record.came_from).bind(record.started).run();
}
bool get(Statement& row, VmRecord& record) {
    row.read(record.uuid).read(record.name).read(record.kind, VmKind::personal).read(record.ours);
    row.read(record.movable).read(record.last_host).read(record.last_moved);
    row.read(record.came_from).read(record.started);
    return !row.corrupt();
}

bool put(Statement& statement, const JobRecord& record) {
    std::array<std::byte, decltype(record.expected_states)::capacity()> expected{};
    std::transform(record.expected_states.begin(), record.expected_states.end(), expected.begin(),
                   [](DomainState state) { return static_cast<std::byte>(state); });
    statement.start().bind(record.id).bind(record.kind).bind(record.origin).bind(record.state);
    statement.bind(record.vm_uuid).bind(record.vm_name);
    put_side(statement, record.source);
    put_side(statement, record.destination);
    statement.bind(record.migration_id).bind(record.mode).bind(record.memory_mib);
    statement.bind_blob(std::span{expected}.first(record.expected_states.size()));
    statement.bind(record.percent).bind(record.fault).bind(record.detail).bind(record.cancel_asked);
    statement.bind(record.plan_id).bind(record.created).bind(record.deadline).bind(record.ended);
    statement.bind(record.memory_bytes).bind(record.wire_bytes).bind(record.downtime_ms);
    statement.bind(record.total_ms).bind(record.rounds).bind(record.compression);
    statement.bind(record.copy_storage).bind(record.bandwidth_mbps).bind(record.image_bytes);
    return statement.bind(record.image_wire_bytes).bind(record.image_rounds).run();
}
bool get(Statement& row, JobRecord& record) {
    row.read(record.id).read(record.kind, JobKind::clone).read(record.origin, JobOrigin::session);
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
    row.read(record.image_wire_bytes).read(record.image_rounds);
    return !row.corrupt();
}

bool put(Statement& statement, const PlanRecord& record) {
    const policy::Parameters& parameters = record.parameters;
    statement.start().bind(record.id).bind(record.state).bind(record.origin).bind(record.policy);
    statement.bind(parameters.critical_load).bind(parameters.window).bind(parameters.guest_rate);
    statement.bind(parameters.host_rate).bind(parameters.moves_max).bind(parameters.cool_down_seconds);
    statement.bind(parameters.samples_min).bind(parameters.in_flight_max).bind(record.source);
    statement.bind(record.created).bind(record.ended).bind(record.rejected_left_out);
    put_spread(statement, record.before);
    put_spread(statement, record.after);
    const ParameterText text = text_of(parameters);
    statement.bind(text.view());
    statement.bind(record.before.disk_stddev).bind(record.before.memory_used_stddev);
    statement.bind(record.after.disk_stddev).bind(record.after.memory_used_stddev);
    statement.bind(record.conclusion).bind(record.prediction).bind(record.measured_at);
    put_spread(statement, record.measured);
    return statement.bind(record.measured.disk_stddev).bind(record.measured.memory_used_stddev).run();
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
    read_text(text, parameters);
    return !row.corrupt();
}

bool put(Statement& statement, std::uint64_t plan_id, std::uint32_t position, const PlanMove& move) {
    statement.start().bind(plan_id).bind(position).bind(move.kind).bind(move.state);
    statement.bind(move.vm_uuid).bind(move.vm_name).bind(move.from).bind(move.to);
    statement.bind(move.with_uuid).bind(move.with_name).bind(move.memory_mib).bind(move.vm_cpu_cores);
    statement.bind(move.job_id).bind(move.why).bind(move.outcome).bind(move.expected_seconds);
    return statement.bind(move.expected_downtime_seconds).bind(move.took_ms).bind(move.downtime_ms).run();
}
bool get(Statement& row, PlanMove& move) {
    row.read(move.kind, policy::MoveKind::swap).read(move.state, MoveState::cancelled);
    row.read(move.vm_uuid).read(move.vm_name).read(move.from).read(move.to);
    row.read(move.with_uuid).read(move.with_name).read(move.memory_mib).read(move.vm_cpu_cores);
    row.read(move.job_id).read(move.why).read(move.outcome).read(move.expected_seconds);
    row.read(move.expected_downtime_seconds).read(move.took_ms).read(move.downtime_ms);
    return !row.corrupt();
}

bool put(Statement& statement, std::uint64_t plan_id, std::uint32_t position,
         const PlanRejection& rejection) {
    statement.start().bind(plan_id).bind(position).bind(rejection.vm).bind(rejection.to);
    return statement.bind(rejection.constraint).bind(rejection.have).bind(rejection.limit).run();
}
bool get(Statement& row, PlanRejection& rejection) {
    row.read(rejection.vm).read(rejection.to).read(rejection.constraint, policy::constraint_last);
    row.read(rejection.have).read(rejection.limit);
    return !row.corrupt();
}

bool put(Statement& statement, std::uint64_t plan_id, std::uint32_t position, const PlanHostLoad& load) {
    statement.start().bind(plan_id).bind(position).bind(load.host);
    put_load(statement, load.before);
    put_load(statement, load.after);
    statement.bind(load.unresolved);
    put_more(statement, load.before);
    put_more(statement, load.after);
    statement.bind(load.compared);
    put_load(statement, load.measured);
    put_more(statement, load.measured);
    return statement.run();
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

bool put(Statement& statement, const IdempotencyRecord& record) {
    statement.start().bind(record.key.high).bind(record.key.low).bind(record.body.high).bind(record.body.low);
    statement.bind(record.expires).bind(record.effect).bind(record.job_id).bind(record.plan_id);
    return statement.bind(record.session_id).run();
}
bool get(Statement& row, IdempotencyRecord& record) {
    row.read(record.key.high).read(record.key.low).read(record.body.high).read(record.body.low);
    row.read(record.expires).read(record.effect, Effect::session).read(record.job_id).read(record.plan_id);
    row.read(record.session_id);
    return !row.corrupt();
}

}  // namespace ballast::controller::records
