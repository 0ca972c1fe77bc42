#include "controller/store.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <variant>
#include <vector>

#include "controller/store_records.hpp"
#include "controller/store_schema.hpp"
#include "proto/codec.hpp"
#include "shell/random.hpp"

namespace ballast::controller {

namespace {

// Synced at every commit (FULL), so that an acknowledged request survives power loss. Locked against a second
// controller. The log is folded back into the file every 256 pages: both stay small.
constexpr const char* settings_sql =
    "PRAGMA locking_mode=EXCLUSIVE;PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
    "PRAGMA wal_autocheckpoint=256;PRAGMA cache_size=-1024;PRAGMA trusted_schema=OFF;PRAGMA "
    "cell_size_check=ON;"
    "BEGIN EXCLUSIVE;COMMIT;";

// The one row of a pragma such as integrity_check.
std::string first_text(sqlite3* connection, const char* sql) {
    sqlite3_stmt* statement = nullptr;
    std::string text;
    if (sqlite3_prepare_v2(connection, sql, -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char* found = sqlite3_column_text(statement, 0);
        text = found != nullptr ? reinterpret_cast<const char*>(found) : "";
    } else {
        text = sqlite3_errmsg(connection);
    }
    sqlite3_finalize(statement);
    return text;
}

}  // namespace

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

    std::array<Entry, 20> entries() {
        return {{
            {&begin, "BEGIN IMMEDIATE"},
            {&end, "COMMIT"},
            {&put_identity,
             "UPDATE identity SET next_job_id=max(next_job_id,?), next_plan_id=max(next_plan_id,?)"},
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
            {&add_identity, "INSERT OR IGNORE INTO identity VALUES(1,?,?,1)"},
            {&get_identity, "SELECT store_id,next_job_id,next_plan_id FROM identity"},
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

    bool write_definition(const wire::GuestSpec& spec);
    bool write_job(const JobRecord& record);
    bool write_plan(const PlanView& plan);
    bool perform(const Core& core, const Action& action);
    template <class Record, class Restore>
    Status restore_all(std::string_view sql, const char* what, std::string& why, Restore restore);
    Status restore_definitions(Core& core, std::string& why);
    Status restore_plan(Core& core, const PlanRecord& record);
    template <class Item>
    bool read_list(std::string_view sql, std::uint64_t plan_id, std::vector<Item>& out);

    sqlite3* connection = nullptr;
    std::string path;
    bool dirty = false;
    std::uint64_t commits = 0;
    wire::Codec codec;
    Statement begin, end, put_identity, put_host, put_vm, put_definition, put_job, put_plan, put_move,
        put_rejection, put_plan_host, put_key, forget_host, forget_vm, forget_definition, forget_job,
        forget_plan, forget_key, add_identity, get_identity;
};

Store::Store() : impl_{std::make_unique<Impl>()} {}
Store::~Store() = default;

std::unique_ptr<Store> Store::open(const std::string& path, WallTime now, std::string& why) {
    const auto refuse = [&](const std::string& reason) {
        why = path + ": " + reason;
        return nullptr;
    };
    std::unique_ptr<Store> store{new Store};
    Impl& impl = *store->impl_;
    impl.path = path;
    // SQLite creates files by the umask, and its log and index with the mode of the file.
    const mode_t previous = umask(0077);
    const int opened =
        sqlite3_open_v2(path.c_str(), &impl.connection,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    const bool set = opened == SQLITE_OK &&
                     sqlite3_exec(impl.connection, settings_sql, nullptr, nullptr, nullptr) == SQLITE_OK;
    umask(previous);
    if (!set) {
        const int code = sqlite3_errcode(impl.connection);
        return refuse(code == SQLITE_BUSY ? "another ballast-controller uses this state directory"
                                          : sqlite3_errmsg(impl.connection));
    }
    if (chmod(path.c_str(), 0600) != 0) {
        return refuse(std::strerror(errno));
    }
    if (const std::string found = first_text(impl.connection, "PRAGMA integrity_check(1)"); found != "ok") {
        return refuse("the file is damaged (" + found +
                      "): restore it from a backup, or move it away to start anew");
    }
    if (std::string reason; !bring_up_to_date(impl.connection, reason)) {
        return refuse(reason);
    }
    if (!impl.prepare_all() || !impl.add_identity.start().bind(new_uuid()).bind(first_job_id(now)).run()) {
        return refuse(sqlite3_errmsg(impl.connection));
    }
    return store;
}

// ---- writing ----

bool Store::Impl::write_definition(const wire::GuestSpec& spec) {
    wire::JobOrder order;
    order.job_id = 1;
    order.kind = JobKind::create;
    order.uuid = spec.uuid;
    order.has_spec = true;
    order.spec = spec;
    std::string frame;
    if (!codec.encode(wire::Message{order}, limits::frame_bytes_max, frame).ok()) {
        return false;
    }
    const auto payload = std::as_bytes(std::span{frame}).subspan(wire::frame_header_bytes);
    return put_definition.start().bind(spec.uuid).bind_blob(payload).run();
}

bool Store::Impl::write_job(const JobRecord& record) {
    // Beside the row: a job that is forgotten later must not give its number away again.
    return records::put(put_job, record) &&
           put_identity.start().bind(record.id + 1).bind(std::uint64_t{0}).run();
}

bool Store::Impl::write_plan(const PlanView& plan) {
    const std::uint64_t id = plan.record.id;
    bool ok =
        records::put(put_plan, plan.record) && put_identity.start().bind(std::uint64_t{0}).bind(id + 1).run();
    for (std::uint32_t i = 0; ok && i < plan.moves.size(); ++i) {
        ok = records::put(put_move, id, i, plan.moves[i]);
    }
    for (std::uint32_t i = 0; ok && i < plan.rejected.size(); ++i) {
        ok = records::put(put_rejection, id, i, plan.rejected[i]);
    }
    for (std::uint32_t i = 0; ok && i < plan.hosts.size(); ++i) {
        ok = records::put(put_plan_host, id, i, plan.hosts[i]);
    }
    return ok;
}

bool Store::Impl::perform(const Core& core, const Action& action) {
    struct Performer {
        Impl& store;
        const Core& core;
        bool operator()(const PersistHost& a) const {
            return records::put(store.put_host, core.host(a.host).record);
        }
        bool operator()(const PersistVm& a) const { return records::put(store.put_vm, core.vm(a.vm).record); }
        bool operator()(const PersistDefinition& a) const {
            return store.write_definition(core.definition(a.definition).spec);
        }
        bool operator()(const PersistJob& a) const { return store.write_job(core.job(a.job).record); }
        bool operator()(const PersistPlan& a) const { return store.write_plan(core.plan(a.plan)); }
        bool operator()(const PersistIdempotency& a) const {
            return records::put(store.put_key, core.idempotency(a.entry).record);
        }
        bool operator()(const ForgetHost& a) const { return store.forget_host.start().bind(a.name).run(); }
        bool operator()(const ForgetVm& a) const {
            return store.forget_vm.start().bind(a.uuid).run() &&
                   store.forget_definition.start().bind(a.uuid).run();
        }
        bool operator()(const ForgetJob& a) const { return store.forget_job.start().bind(a.id).run(); }
        bool operator()(const ForgetPlan& a) const { return store.forget_plan.start().bind(a.id).run(); }
        bool operator()(const ForgetIdempotency& a) const {
            return store.forget_key.start().bind(a.key.high).bind(a.key.low).run();
        }
        bool operator()(const Send&) const { return true; }
        bool operator()(const SendOrder&) const { return true; }
        bool operator()(const CloseLink&) const { return true; }
        bool operator()(const Reply&) const { return true; }
        bool operator()(const JobChanged&) const { return true; }
        bool operator()(const Report&) const { return true; }
    };
    return std::visit(Performer{*this, core}, action);
}

bool Store::write(const Core& core, const Action& action) {
    const bool persisting =
        std::holds_alternative<PersistHost>(action) || std::holds_alternative<PersistVm>(action) ||
        std::holds_alternative<PersistDefinition>(action) || std::holds_alternative<PersistJob>(action) ||
        std::holds_alternative<PersistPlan>(action) || std::holds_alternative<PersistIdempotency>(action) ||
        std::holds_alternative<ForgetHost>(action) || std::holds_alternative<ForgetVm>(action) ||
        std::holds_alternative<ForgetJob>(action) || std::holds_alternative<ForgetPlan>(action) ||
        std::holds_alternative<ForgetIdempotency>(action);
    return !persisting || (impl_->begin_once() && impl_->perform(core, action));
}

bool Store::commit() {
    if (impl_->dirty) {
        impl_->dirty = !impl_->end.start().run();
        impl_->commits += impl_->dirty ? 0 : 1;
    }
    return !impl_->dirty;
}

std::string Store::last_error() const {
    return impl_->path + ": " + sqlite3_errmsg(impl_->connection);
}
std::uint64_t Store::commits() const noexcept {
    return impl_->commits;
}

std::uint64_t Store::bytes_on_disk() const {
    std::uint64_t bytes = 0;
    for (const char* suffix : {"", "-wal"}) {
        std::error_code error;
        const std::uintmax_t size = std::filesystem::file_size(impl_->path + suffix, error);
        bytes += error ? 0 : size;
    }
    return bytes;
}

// ---- reading everything back ----

template <class Record, class Restore>
Status Store::Impl::restore_all(std::string_view sql, const char* what, std::string& why, Restore restore) {
    Statement rows;
    std::uint64_t position = 0;
    if (!rows.prepare(connection, sql)) {
        why = path + ": " + sqlite3_errmsg(connection);
        return Err{Fault::io_failed};
    }
    rows.start();
    while (rows.next()) {
        ++position;
        Record record;
        const Status status =
            records::get(rows, record) ? restore(record) : Status{Err{Fault::image_corrupt}};
        if (!status.ok()) {
            why = path + ": record " + std::to_string(position) + " of the stored " + what + ": " +
                  std::string{describe(status.fault())};
            return status;
        }
    }
    if (rows.failed()) {
        why = path + ": " + sqlite3_errmsg(connection);
        return Err{Fault::io_failed};
    }
    return {};
}

Status Store::Impl::restore_definitions(Core& core, std::string& why) {
    Statement rows;
    if (!rows.prepare(connection, "SELECT spec FROM definitions ORDER BY uuid")) {
        why = path + ": " + sqlite3_errmsg(connection);
        return Err{Fault::io_failed};
    }
    const auto message = std::make_unique<wire::Message>();
    rows.start();
    while (rows.next()) {
        wire::Chunk chunk;
        const auto* order = codec.decode(rows.read_blob(), *message, chunk).ok()
                                ? std::get_if<wire::JobOrder>(message.get())
                                : nullptr;
        const Status status = order != nullptr && order->has_spec ? core.restore_definition(order->spec)
                                                                  : Status{Err{Fault::image_corrupt}};
        if (!status.ok()) {
            why = path + ": a stored definition: " + std::string{describe(status.fault())};
            return status;
        }
    }
    return {};
}

template <class Item>
bool Store::Impl::read_list(std::string_view sql, std::uint64_t plan_id, std::vector<Item>& out) {
    Statement rows;
    if (!rows.prepare(connection, sql)) {
        return false;
    }
    rows.start().bind(plan_id);
    while (rows.next()) {
        if (!records::get(rows, out.emplace_back())) {
            return false;
        }
    }
    return !rows.failed();
}

Status Store::Impl::restore_plan(Core& core, const PlanRecord& stored) {
    PlanRecord record = stored;
    std::vector<PlanMove> moves;
    std::vector<PlanRejection> rejected;
    std::vector<PlanHostLoad> hosts;
    if (!read_list(records::get_moves, record.id, moves) ||
        !read_list(records::get_rejections, record.id, rejected) ||
        !read_list(records::get_plan_hosts, record.id, hosts)) {
        return Err{Fault::image_corrupt};
    }
    record.moves = static_cast<std::uint32_t>(moves.size());
    record.rejected = static_cast<std::uint32_t>(rejected.size());
    record.hosts = static_cast<std::uint32_t>(hosts.size());
    return core.restore_plan({record, moves, rejected, hosts});
}

Status Store::restore_into(Core& core, std::string& why) {
    Identity identity;
    Statement& row = impl_->get_identity.start();
    if (!row.next() ||
        row.read(identity.store_id).read(identity.next_job_id).read(identity.next_plan_id).corrupt()) {
        why = impl_->path + ": the store's own identity is missing";
        return Err{Fault::image_corrupt};
    }
    row.run();
    core.restore_identity(identity);
    BALLAST_CHECK(impl_->restore_all<HostRecord>(records::get_hosts, "hosts", why,
                                                 [&](const HostRecord& r) { return core.restore_host(r); }));
    BALLAST_CHECK(impl_->restore_all<VmRecord>(records::get_vms, "vms", why,
                                               [&](const VmRecord& r) { return core.restore_vm(r); }));
    BALLAST_CHECK(impl_->restore_definitions(core, why));
    BALLAST_CHECK(impl_->restore_all<JobRecord>(records::get_jobs, "jobs", why,
                                                [&](const JobRecord& r) { return core.restore_job(r); }));
    BALLAST_CHECK(impl_->restore_all<PlanRecord>(
        records::get_plans, "plans", why, [&](const PlanRecord& r) { return impl_->restore_plan(core, r); }));
    return impl_->restore_all<IdempotencyRecord>(
        records::get_keys, "idempotency keys", why,
        [&](const IdempotencyRecord& r) { return core.restore_idempotency(r); });
}

}  // namespace ballast::controller
