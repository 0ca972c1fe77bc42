// Records and the columns of their tables: the SQL that writes and reads each, and the order of its values.
#pragma once

#include <string_view>

#include "controller/core/actions.hpp"
#include "controller/core/desktop/records.hpp"
#include "controller/core/records.hpp"
#include "controller/sqlite.hpp"
#include "controller/store_batch.hpp"

namespace ballast::controller::records {

inline constexpr std::string_view put_host = "REPLACE INTO hosts VALUES(?,?,?,?,?)";
inline constexpr std::string_view get_hosts = "SELECT * FROM hosts ORDER BY name";
inline constexpr std::string_view put_vm = "REPLACE INTO vms VALUES(?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view get_vms = "SELECT * FROM vms ORDER BY uuid";
inline constexpr std::string_view put_job =
    "REPLACE INTO jobs "
    "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view get_jobs = "SELECT * FROM jobs ORDER BY id";
// An upsert: REPLACE would delete the plan's lists with it.
inline constexpr std::string_view put_plan =
    "INSERT INTO plans "
    "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO "
    "UPDATE SET state=excluded.state, ended=excluded.ended, prediction=excluded.prediction, "
    "measured_at=excluded.measured_at, measured_cpu=excluded.measured_cpu, "
    "measured_memory=excluded.measured_memory, measured_net=excluded.measured_net, "
    "measured_disk=excluded.measured_disk, measured_memory_used=excluded.measured_memory_used";
inline constexpr std::string_view get_plans = "SELECT * FROM plans ORDER BY id";
inline constexpr std::string_view put_move =
    "REPLACE INTO plan_moves VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view get_moves =
    "SELECT "
    "kind,state,vm_uuid,vm_name,from_host,to_host,with_uuid,with_name,memory_mib,vm_cpu_cores,job_id,why,"
    "outcome,expected_seconds,expected_downtime_seconds,took_ms,downtime_ms "
    "FROM plan_moves WHERE plan_id=? ORDER BY position";
inline constexpr std::string_view put_rejection = "REPLACE INTO plan_rejections VALUES(?,?,?,?,?,?,?)";
inline constexpr std::string_view get_rejections =
    "SELECT vm,to_host,what,have,bound FROM plan_rejections WHERE plan_id=? ORDER BY position";
inline constexpr std::string_view put_plan_host =
    "REPLACE INTO plan_hosts VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view get_plan_hosts =
    "SELECT host,before_cpu,before_memory,before_net,after_cpu,after_memory,after_net,unresolved,"
    "before_disk,before_memory_used,after_disk,after_memory_used,compared,measured_cpu,measured_memory,"
    "measured_net,measured_disk,measured_memory_used FROM plan_hosts WHERE plan_id=? ORDER BY position";
inline constexpr std::string_view put_rule = "REPLACE INTO plan_rules VALUES(?,?,?,?)";
inline constexpr std::string_view get_rules =
    "SELECT rule,vms,hosts FROM plan_rules WHERE plan_id=? ORDER BY rule";
inline constexpr std::string_view put_key = "REPLACE INTO idempotency VALUES(?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view get_keys = "SELECT * FROM idempotency ORDER BY key_high, key_low";

inline constexpr std::string_view put_pool =
    "REPLACE INTO desktop_pools VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view get_pools = "SELECT * FROM desktop_pools ORDER BY name";
inline constexpr std::string_view put_desktop = "REPLACE INTO desktops VALUES(?,?,?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view get_desktops = "SELECT * FROM desktops ORDER BY name, uuid";
inline constexpr std::string_view put_session =
    "REPLACE INTO sessions VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view get_sessions = "SELECT * FROM sessions ORDER BY id";

inline constexpr std::string_view put_change = "INSERT INTO history VALUES(?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view get_changes =
    "SELECT vm,at,subject,decision,machine,before,after,cause FROM history ORDER BY number";

// Each takes down a line for, or reads the present row of, the statement of the same name. Writing: false
// when the batch has no room. Reading: false when a value is not what the type allows.
bool put(Line line, const HostRecord& record);
bool put(Line line, const VmRecord& record);
bool put(Line line, const JobRecord& record);
bool put(Line line, const PlanRecord& record);
bool put(Line line, std::uint64_t plan_id, std::uint32_t position, const PlanMove& move);
bool put(Line line, std::uint64_t plan_id, std::uint32_t position, const PlanRejection& rejection);
bool put(Line line, std::uint64_t plan_id, std::uint32_t position, const PlanHostLoad& load);
bool put(Line line, std::uint64_t plan_id, const PlanRule& rule);
bool put(Line line, const IdempotencyRecord& record);
bool put(Line line, const DesktopRecord& record);
bool put(Line line, const SessionRecord& record);
// `guest` is the template as the store keeps definitions.
bool put(Line line, const DesktopPoolRecord& record, std::span<const std::byte> guest);
bool put(Line line, std::uint64_t number, const HistoryChange& change);
bool get(Statement& row, HistoryChange& change);
bool get(Statement& row, DesktopRecord& record);
bool get(Statement& row, SessionRecord& record);
// Without the guest, which `guest` then is; valid until the statement's next row.
bool get(Statement& row, DesktopPoolRecord& record, std::span<const std::byte>& guest);
bool get(Statement& row, HostRecord& record);
bool get(Statement& row, VmRecord& record);
bool get(Statement& row, JobRecord& record);
bool get(Statement& row, PlanRecord& record);
bool get(Statement& row, PlanMove& move);
bool get(Statement& row, PlanRejection& rejection);
bool get(Statement& row, PlanHostLoad& load);
bool get(Statement& row, PlanRule& rule);
bool get(Statement& row, IdempotencyRecord& record);

}  // namespace ballast::controller::records
