#include "controller/store_schema.hpp"

#include <sqlite3.h>

#include <array>
#include <string_view>

namespace ballast::controller {

namespace {

// Step n makes version n + 1 out of version n. A step is never changed once released: only further steps are
// added. Uuids are 16-byte blobs, times Unix milliseconds, enumerations the numbers of base/vocabulary.hpp
// and records.hpp.
constexpr std::array<std::string_view, schema_version> steps{
    R"sql(
CREATE TABLE identity(
  only_row INTEGER PRIMARY KEY CHECK(only_row = 1), store_id BLOB NOT NULL, next_job_id INTEGER NOT NULL,
  next_plan_id INTEGER NOT NULL) STRICT;
CREATE TABLE hosts(
  name TEXT PRIMARY KEY, uuid BLOB NOT NULL, cordoned INTEGER NOT NULL, draining INTEGER NOT NULL,
  first_seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE vms(
  uuid BLOB PRIMARY KEY, name TEXT NOT NULL, kind INTEGER NOT NULL, ours INTEGER NOT NULL, movable INTEGER NOT NULL,
  last_host TEXT NOT NULL, last_moved INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- The spec is a JobOrder of the wire protocol: what the agent would be sent.
CREATE TABLE definitions(uuid BLOB PRIMARY KEY, spec BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE jobs(
  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, origin INTEGER NOT NULL, state INTEGER NOT NULL,
  vm_uuid BLOB NOT NULL, vm_name TEXT NOT NULL,
  source_host TEXT NOT NULL, source_state INTEGER NOT NULL, source_result INTEGER NOT NULL,
  source_fault INTEGER NOT NULL, source_step TEXT NOT NULL,
  destination_host TEXT NOT NULL, destination_state INTEGER NOT NULL, destination_result INTEGER NOT NULL,
  destination_fault INTEGER NOT NULL, destination_step TEXT NOT NULL,
  migration_id BLOB NOT NULL, mode INTEGER NOT NULL, memory_mib INTEGER NOT NULL, expected_states BLOB NOT NULL,
  percent INTEGER NOT NULL, fault INTEGER NOT NULL, detail TEXT NOT NULL, cancel_asked INTEGER NOT NULL,
  plan_id INTEGER NOT NULL, created INTEGER NOT NULL, deadline INTEGER NOT NULL, ended INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL, wire_bytes INTEGER NOT NULL, downtime_ms INTEGER NOT NULL,
  total_ms INTEGER NOT NULL, rounds INTEGER NOT NULL, compression INTEGER NOT NULL) STRICT;
CREATE TABLE plans(
  id INTEGER PRIMARY KEY, state INTEGER NOT NULL, origin INTEGER NOT NULL, policy TEXT NOT NULL,
  critical_load REAL NOT NULL, window INTEGER NOT NULL, guest_rate REAL NOT NULL, host_rate REAL NOT NULL,
  moves_max INTEGER NOT NULL, cool_down_seconds INTEGER NOT NULL, samples_min INTEGER NOT NULL,
  in_flight_max INTEGER NOT NULL, source TEXT NOT NULL, created INTEGER NOT NULL, ended INTEGER NOT NULL,
  rejected_left_out INTEGER NOT NULL,
  before_cpu REAL NOT NULL, before_memory REAL NOT NULL, before_net REAL NOT NULL,
  after_cpu REAL NOT NULL, after_memory REAL NOT NULL, after_net REAL NOT NULL) STRICT;
CREATE TABLE plan_moves(
  plan_id INTEGER NOT NULL REFERENCES plans(id) ON DELETE CASCADE, position INTEGER NOT NULL, kind INTEGER NOT NULL,
  state INTEGER NOT NULL, vm_uuid BLOB NOT NULL, vm_name TEXT NOT NULL, from_host TEXT NOT NULL,
  to_host TEXT NOT NULL, with_uuid BLOB NOT NULL, with_name TEXT NOT NULL, memory_mib INTEGER NOT NULL,
  vm_cpu_cores REAL NOT NULL, job_id INTEGER NOT NULL, why TEXT NOT NULL, outcome TEXT NOT NULL,
  PRIMARY KEY(plan_id, position)) STRICT, WITHOUT ROWID;
CREATE TABLE plan_rejections(
  plan_id INTEGER NOT NULL REFERENCES plans(id) ON DELETE CASCADE, position INTEGER NOT NULL, vm TEXT NOT NULL,
  to_host TEXT NOT NULL, what INTEGER NOT NULL, have REAL NOT NULL, bound REAL NOT NULL,
  PRIMARY KEY(plan_id, position)) STRICT, WITHOUT ROWID;
CREATE TABLE plan_hosts(
  plan_id INTEGER NOT NULL REFERENCES plans(id) ON DELETE CASCADE, position INTEGER NOT NULL, host TEXT NOT NULL,
  before_cpu REAL NOT NULL, before_memory REAL NOT NULL, before_net REAL NOT NULL,
  after_cpu REAL NOT NULL, after_memory REAL NOT NULL, after_net REAL NOT NULL, unresolved INTEGER NOT NULL,
  PRIMARY KEY(plan_id, position)) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency(
  key_high INTEGER NOT NULL, key_low INTEGER NOT NULL, body_high INTEGER NOT NULL, body_low INTEGER NOT NULL,
  expires INTEGER NOT NULL, effect INTEGER NOT NULL, job_id INTEGER NOT NULL, plan_id INTEGER NOT NULL,
  PRIMARY KEY(key_high, key_low)) STRICT, WITHOUT ROWID;
)sql",
    // Policies that weigh several resources. `parameters`: "name=value" of those that are not as by default.
    R"sql(
ALTER TABLE plans ADD COLUMN parameters TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN before_disk REAL NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN before_memory_used REAL NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN after_disk REAL NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN after_memory_used REAL NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN conclusion TEXT NOT NULL DEFAULT '';
ALTER TABLE plan_hosts ADD COLUMN before_disk REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_hosts ADD COLUMN before_memory_used REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_hosts ADD COLUMN after_disk REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_hosts ADD COLUMN after_memory_used REAL NOT NULL DEFAULT 0;
)sql",
    // The desktop service. Sessions begin where jobs are: agents must not know a number from a lost store.
    R"sql(
ALTER TABLE identity ADD COLUMN next_session_id INTEGER NOT NULL DEFAULT 1;
UPDATE identity SET next_session_id = next_job_id;
ALTER TABLE idempotency ADD COLUMN session_id INTEGER NOT NULL DEFAULT 0;
-- The guest is a JobOrder of the wire protocol, as in definitions.
CREATE TABLE desktop_pools(
  name TEXT PRIMARY KEY, kind INTEGER NOT NULL, enabled INTEGER NOT NULL, closing INTEGER NOT NULL,
  ready INTEGER NOT NULL, paused INTEGER NOT NULL, saved INTEGER NOT NULL, most INTEGER NOT NULL,
  after_session INTEGER NOT NULL, console INTEGER NOT NULL, guest_signals INTEGER NOT NULL,
  pause_after INTEGER NOT NULL, save_after INTEGER NOT NULL, paused_max INTEGER NOT NULL,
  session_max INTEGER NOT NULL, session_idle INTEGER NOT NULL, disconnect INTEGER NOT NULL,
  boot_timeout INTEGER NOT NULL, shutdown_grace INTEGER NOT NULL, guest BLOB NOT NULL,
  volumes INTEGER NOT NULL,
  disk_1 INTEGER NOT NULL, source_1 INTEGER NOT NULL, template_1 TEXT NOT NULL, bytes_1 INTEGER NOT NULL,
  disk_2 INTEGER NOT NULL, source_2 INTEGER NOT NULL, template_2 TEXT NOT NULL, bytes_2 INTEGER NOT NULL,
  data_share TEXT NOT NULL, created INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE desktops(
  uuid BLOB PRIMARY KEY, name TEXT NOT NULL, pool TEXT NOT NULL, kind INTEGER NOT NULL, user TEXT NOT NULL,
  state INTEGER NOT NULL, since INTEGER NOT NULL, generation INTEGER NOT NULL, used INTEGER NOT NULL,
  volumes INTEGER NOT NULL, session INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sessions(
  id INTEGER PRIMARY KEY, user TEXT NOT NULL, pool TEXT NOT NULL, personal INTEGER NOT NULL, state INTEGER NOT NULL,
  desktop BLOB NOT NULL, desktop_name TEXT NOT NULL, taken_from INTEGER NOT NULL, ended_by INTEGER NOT NULL,
  detail TEXT NOT NULL, password TEXT NOT NULL, client TEXT NOT NULL, decision INTEGER NOT NULL,
  requested INTEGER NOT NULL, opened INTEGER NOT NULL, last_used INTEGER NOT NULL, left_at INTEGER NOT NULL,
  ended INTEGER NOT NULL) STRICT;
)sql",
    // Bearer tokens: SHA-256 of each, never the token.
    R"sql(
CREATE TABLE tokens(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, role INTEGER NOT NULL, user TEXT NOT NULL,
  created_by TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER NOT NULL,
  last_used INTEGER NOT NULL) STRICT;
)sql",
    // The newest changes of state, of all guests together.
    R"sql(
CREATE TABLE history(
  number INTEGER PRIMARY KEY, vm BLOB NOT NULL, at INTEGER NOT NULL, subject INTEGER NOT NULL,
  decision INTEGER NOT NULL, machine INTEGER NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL,
  cause INTEGER NOT NULL) STRICT;
)sql",
    // What keeps a guest from going to and fro, and from moving while it boots.
    R"sql(
ALTER TABLE vms ADD COLUMN came_from TEXT NOT NULL DEFAULT '';
ALTER TABLE vms ADD COLUMN started INTEGER NOT NULL DEFAULT 0;
)sql",
    // Migrations that take the disk images along.
    R"sql(
ALTER TABLE jobs ADD COLUMN copy_storage INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN bandwidth_mbps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN image_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN image_wire_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN image_rounds INTEGER NOT NULL DEFAULT 0;
)sql",
    // By it a host's store is known to be the one that was proven before.
    R"sql(
ALTER TABLE identity ADD COLUMN store_marked INTEGER NOT NULL DEFAULT 0;
)sql",
    // What plans foresaw beside what came of it.
    R"sql(
ALTER TABLE plans ADD COLUMN prediction INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN measured_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN measured_cpu REAL NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN measured_memory REAL NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN measured_net REAL NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN measured_disk REAL NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN measured_memory_used REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_moves ADD COLUMN expected_seconds REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_moves ADD COLUMN expected_downtime_seconds REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_moves ADD COLUMN took_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plan_moves ADD COLUMN downtime_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plan_hosts ADD COLUMN compared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plan_hosts ADD COLUMN measured_cpu REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_hosts ADD COLUMN measured_memory REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_hosts ADD COLUMN measured_net REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_hosts ADD COLUMN measured_disk REAL NOT NULL DEFAULT 0;
ALTER TABLE plan_hosts ADD COLUMN measured_memory_used REAL NOT NULL DEFAULT 0;
)sql",
    // How many guests and hosts each rule kept as they were.
    R"sql(
CREATE TABLE plan_rules(
  plan_id INTEGER NOT NULL REFERENCES plans(id) ON DELETE CASCADE, rule INTEGER NOT NULL, vms INTEGER NOT NULL,
  hosts INTEGER NOT NULL, PRIMARY KEY(plan_id, rule)) STRICT, WITHOUT ROWID;
)sql",
    // Pages of memory that did not travel.
    R"sql(
ALTER TABLE jobs ADD COLUMN referenced_bytes INTEGER NOT NULL DEFAULT 0;
)sql",
    // How long a plan's policy was asked to search, and whether it could until nothing improved.
    R"sql(
ALTER TABLE plans ADD COLUMN search_asked_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN search_end INTEGER NOT NULL DEFAULT 0;
)sql"};

int number_of(sqlite3* connection, const char* pragma) {
    sqlite3_stmt* statement = nullptr;
    int number = -1;
    if (sqlite3_prepare_v2(connection, pragma, -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        number = sqlite3_column_int(statement, 0);
    }
    sqlite3_finalize(statement);
    return number;
}

}  // namespace

bool bring_up_to_date(sqlite3* connection, std::string& why) {
    const int id = number_of(connection, "PRAGMA application_id");
    const int version = number_of(connection, "PRAGMA user_version");
    const int tables = number_of(connection, "SELECT count(*) FROM sqlite_schema");
    if (id < 0 || version < 0 || tables < 0) {
        why = sqlite3_errmsg(connection);
        return false;
    }
    if (id != application_id && (id != 0 || tables != 0)) {
        why = "it is a database of another program";
        return false;
    }
    if (version > schema_version) {
        why = "it was written by a newer ballast-controller (schema " + std::to_string(version) +
              "; this one knows up to " + std::to_string(schema_version) + ")";
        return false;
    }
    if (version == schema_version) {
        return true;
    }
    std::string sql = "BEGIN IMMEDIATE;";
    for (int step = version; step < schema_version; ++step) {
        sql += steps[static_cast<std::size_t>(step)];
    }
    sql += "PRAGMA application_id = " + std::to_string(application_id) + ";";
    sql += "PRAGMA user_version = " + std::to_string(schema_version) + ";COMMIT;";
    if (sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        why = sqlite3_errmsg(connection);
        return false;
    }
    return true;
}

}  // namespace ballast::controller
