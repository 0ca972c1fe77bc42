// The parts of the store: its connection and its statements. For store.cpp and store_restore.cpp only.
#pragma once

#include <sqlite3.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "controller/store.hpp"
#include "controller/store_records.hpp"
#include "controller/store_writer.hpp"
#include "proto/codec.hpp"

namespace ballast::controller {

// The statements that lines of a batch name.
enum class Sql : std::uint8_t {
    put_identity,
    try_identity,
    put_store_mark,
    put_host,
    put_vm,
    put_definition,
    put_job,
    put_plan,
    put_move,
    put_rejection,
    put_plan_host,
    put_rule,
    put_key,
    forget_host,
    forget_vm,
    forget_definition,
    forget_job,
    forget_plan,
    forget_key,
    put_pool,
    put_desktop,
    put_session,
    forget_pool,
    forget_desktop,
    forget_session,
    put_change,
    forget_changes,
    put_token,
    use_token,
    forget_token,
    count
};

struct Store::Impl {
    static constexpr std::size_t statements = static_cast<std::size_t>(Sql::count);

    ~Impl() {
        writer.reset();
        // Statements first: SQLite does not close a connection that has some.
        for (Statement& statement : prepared) {
            statement = Statement{};
        }
        sqlite3_close(connection);
    }

    static std::array<std::string_view, statements> texts() {
        return {
            "UPDATE identity SET next_job_id=max(next_job_id,?), next_plan_id=max(next_plan_id,?), "
            "next_session_id=max(next_session_id,?)",
            "UPDATE identity SET next_job_id=next_job_id+1",
            "UPDATE identity SET store_marked=1",
            records::put_host,
            records::put_vm,
            "REPLACE INTO definitions VALUES(?,?)",
            records::put_job,
            records::put_plan,
            records::put_move,
            records::put_rejection,
            records::put_plan_host,
            records::put_rule,
            records::put_key,
            "DELETE FROM hosts WHERE name=?",
            "DELETE FROM vms WHERE uuid=?",
            "DELETE FROM definitions WHERE uuid=?",
            "DELETE FROM jobs WHERE id=?",
            "DELETE FROM plans WHERE id=?",
            "DELETE FROM idempotency WHERE key_high=? AND key_low=?",
            records::put_pool,
            records::put_desktop,
            records::put_session,
            "DELETE FROM desktop_pools WHERE name=?",
            "DELETE FROM desktops WHERE uuid=?",
            "DELETE FROM sessions WHERE id=?",
            records::put_change,
            "DELETE FROM history WHERE number<=?",
            "REPLACE INTO tokens VALUES(?,?,?,?,?,?,?,?,?,?)",
            "UPDATE tokens SET last_used=? WHERE id=?",
            "DELETE FROM tokens WHERE id=?",
        };
    }

    bool prepare_all() {
        const auto sql = texts();
        for (std::size_t i = 0; i < statements; ++i) {
            if (!prepared[i].prepare(connection, sql[i])) {
                return false;
            }
        }
        writer = std::make_unique<StoreWriter>();
        return writer->open(connection, prepared);
    }

    Line line(Sql which) { return writer->line(static_cast<std::uint8_t>(which)); }

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
    Status unreadable(std::string& why) const;
    Status restore_definitions(Core& core, std::string& why);
    Status restore_pools(Core& core, std::string& why);
    Status restore_plan(Core& core, const PlanRecord& record);
    template <class Item>
    bool read_list(std::string_view sql, std::uint64_t plan_id, std::vector<Item>& out);

    sqlite3* connection = nullptr;
    std::string path;
    std::uint64_t changes_max = 0;
    std::uint64_t last_change = 0;   // its number
    std::uint64_t last_trimmed = 0;  // up to which changes are gone
    bool trim_changes();
    bool read_last_change();
    bool add_identity(WallTime now);
    wire::Codec codec;
    std::array<Statement, statements> prepared;
    std::unique_ptr<StoreWriter> writer;
};

}  // namespace ballast::controller
