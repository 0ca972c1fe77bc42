// The parts of the store: its connection and its statements. For store.cpp and store_restore.cpp only.
#pragma once

#include <sqlite3.h>

#include <array>
#include <string>
#include <vector>

#include "controller/store.hpp"
#include "controller/store_records.hpp"
#include "proto/codec.hpp"

namespace ballast::controller {

struct Store::Impl {
    struct Entry {
        Statement* statement;
        std::string_view sql;
    };

    ~Impl() {
        // Statements first: SQLite does not close a connection that has some.
        for (const Entry& entry : entries()) {
            *entry.statement = Statement{};
        }
        sqlite3_close(connection);
    }

    std::array<Entry, 29> entries() {
        return {{
            {&begin, "BEGIN IMMEDIATE"},
            {&end, "COMMIT"},
            {&put_identity,
             "UPDATE identity SET next_job_id=max(next_job_id,?), next_plan_id=max(next_plan_id,?), "
             "next_session_id=max(next_session_id,?)"},
            {&put_store_mark, "UPDATE identity SET store_marked=1"},
            {&put_host, records::put_host},
            {&put_vm, records::put_vm},
            {&put_definition, "REPLACE INTO definitions VALUES(?,?)"},
            {&put_job, records::put_job},
            {&put_plan, records::put_plan},
            {&put_move, records::put_move},
            {&put_rejection, records::put_rejection},
            {&put_plan_host, records::put_plan_host},
            {&put_key, records::put_key},
            {&forget_host, "DELETE FROM hosts WHERE name=?"},
            {&forget_vm, "DELETE FROM vms WHERE uuid=?"},
            {&forget_definition, "DELETE FROM definitions WHERE uuid=?"},
            {&forget_job, "DELETE FROM jobs WHERE id=?"},
            {&forget_plan, "DELETE FROM plans WHERE id=?"},
            {&forget_key, "DELETE FROM idempotency WHERE key_high=? AND key_low=?"},
            {&put_pool, records::put_pool},
            {&put_desktop, records::put_desktop},
            {&put_session, records::put_session},
            {&forget_pool, "DELETE FROM desktop_pools WHERE name=?"},
            {&forget_desktop, "DELETE FROM desktops WHERE uuid=?"},
            {&forget_session, "DELETE FROM sessions WHERE id=?"},
            {&put_change, records::put_change},
            {&forget_changes, "DELETE FROM history WHERE number<=?"},
            {&add_identity, "INSERT OR IGNORE INTO identity VALUES(1,?,?,1,?,0)"},
            {&get_identity,
             "SELECT store_id,next_job_id,next_plan_id,next_session_id,store_marked FROM identity"},
        }};
    }

    bool prepare_all() {
        for (const Entry& entry : entries()) {
            if (!entry.statement->prepare(connection, entry.sql)) {
                return false;
            }
        }
        return true;
    }

    bool begin_once() {
        if (!dirty) {
            dirty = begin.start().run();
        }
        return dirty;
    }

    std::string encode(const wire::GuestSpec& spec);  // empty: it does not fit a frame
    // Null: not a stored guest. The result lies in `message`.
    const wire::GuestSpec* decode(std::span<const std::byte> blob, wire::Message& message);
    bool raise_identity(std::uint64_t job, std::uint64_t plan, std::uint64_t session);
    bool write_definition(const wire::GuestSpec& spec);
    bool write_pool(const DesktopPoolRecord& record);
    bool write_session(const SessionRecord& record);
    bool write_job(const JobRecord& record);
    bool write_plan(const PlanView& plan);
    bool perform(const Core& core, const Action& action);
    template <class Record, class Restore>
    Status restore_all(std::string_view sql, const char* what, std::string& why, Restore restore);
    Status restore_definitions(Core& core, std::string& why);
    Status restore_pools(Core& core, std::string& why);
    Status restore_plan(Core& core, const PlanRecord& record);
    template <class Item>
    bool read_list(std::string_view sql, std::uint64_t plan_id, std::vector<Item>& out);

    sqlite3* connection = nullptr;
    std::string path;
    bool dirty = false;
    std::uint64_t changes_max = 0;
    std::uint64_t last_change = 0;   // its number
    std::uint64_t last_trimmed = 0;  // up to which changes are gone
    bool trim_changes();
    bool read_last_change();
    std::uint64_t commits = 0;
    Histogram commit_took;
    wire::Codec codec;
    Statement begin, end, put_identity, put_host, put_vm, put_definition, put_job, put_plan, put_move,
        put_rejection, put_plan_host, put_key, forget_host, forget_vm, forget_definition, forget_job,
        forget_plan, forget_key, add_identity, get_identity, put_pool, put_desktop, put_session, forget_pool,
        forget_desktop, forget_session, put_change, forget_changes, put_store_mark;
};

}  // namespace ballast::controller
