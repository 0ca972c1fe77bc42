#include "controller/store.hpp"

#include <sys/stat.h>
#include <chrono>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <variant>

#include "controller/store_impl.hpp"
#include "controller/store_log.hpp"
#include "controller/store_schema.hpp"
#include "shell/random.hpp"

namespace ballast::controller {

namespace {

// Synced at every commit (FULL), so that an acknowledged request survives power loss. Locked against a second
// controller. No commit folds the log back into the file: that takes two syncs more (see fold_log).
constexpr const char* settings_sql =
    "PRAGMA locking_mode=EXCLUSIVE;PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
    "PRAGMA cache_size=-96;PRAGMA trusted_schema=OFF;PRAGMA "
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

Store::Store() : impl_{std::make_unique<Impl>()} {}
Store::~Store() = default;

std::unique_ptr<Store> Store::open(const std::string& path, WallTime now, std::string& why) {
    const auto refuse = [&](const std::string& reason) {
        why = path + ": " + reason;
        return nullptr;
    };
    sqlite3_hard_heap_limit64(sqlite_bytes_max);
    std::unique_ptr<Store> store{new Store};
    Impl& impl = *store->impl_;
    impl.path = path;
    // SQLite creates files by the umask, and its log and index with the mode of the file.
    const mode_t previous = umask(0077);
    const int opened =
        sqlite3_open_v2(path.c_str(), &impl.connection,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    const bool set = opened == SQLITE_OK &&
                     sqlite3_exec(impl.connection, settings_sql, nullptr, nullptr, nullptr) == SQLITE_OK &&
                     sqlite3_wal_autocheckpoint(impl.connection, 0) == SQLITE_OK;
    umask(previous);
    if (!set) {
        const int code = sqlite3_errcode(impl.connection);
        return refuse(code == SQLITE_BUSY ? "another ballast-controller uses this state directory"
                                          : sqlite3_errmsg(impl.connection));
    }
    lengthen_log(path + "-wal");  // ours alone from here on
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
    if (!impl.add_identity(now) || !impl.prepare_all() || !impl.read_last_change()) {
        return refuse(sqlite3_errmsg(impl.connection));
    }
    return store;
}

// ---- writing ----

bool Store::Impl::add_identity(WallTime now) {
    Statement add;
    const Uuid store_id = new_uuid();
    const auto first = static_cast<std::int64_t>(first_job_id(now));
    return add.prepare(connection, "INSERT OR IGNORE INTO identity VALUES(1,?,?,1,?,0)") &&
           add.start().bind_blob(std::as_bytes(std::span{store_id.bytes})).bind(first).bind(first).run();
}

std::string Store::Impl::encode(const wire::GuestSpec& spec) {
    wire::JobOrder order;
    order.job_id = 1;
    order.kind = JobKind::create;
    order.uuid = spec.uuid;
    order.has_spec = true;
    order.spec = spec;
    std::string frame;
    const bool encoded = codec.encode(wire::Message{order}, limits::frame_bytes_max, frame).ok();
    return encoded ? frame.substr(wire::frame_header_bytes) : std::string{};
}

bool Store::Impl::write_definition(const wire::GuestSpec& spec) {
    const std::string blob = encode(spec);
    return !blob.empty() &&
           line(Sql::put_definition).bind(spec.uuid).bind_blob(std::as_bytes(std::span{blob})).end();
}

bool Store::Impl::write_pool(const DesktopPoolRecord& record) {
    const std::string blob = encode(record.guest);
    return !blob.empty() && records::put(line(Sql::put_pool), record, std::as_bytes(std::span{blob}));
}

bool Store::Impl::write_session(const SessionRecord& record) {
    return records::put(line(Sql::put_session), record) && raise_identity(0, 0, record.id + 1);
}

bool Store::Impl::raise_identity(std::uint64_t job, std::uint64_t plan, std::uint64_t session) {
    return line(Sql::put_identity).bind(job).bind(plan).bind(session).end();
}

bool Store::Impl::write_job(const JobRecord& record) {
    // Beside the row: a job that is forgotten later must not give its number away again.
    return records::put(line(Sql::put_job), record) && raise_identity(record.id + 1, 0, 0);
}

bool Store::Impl::write_plan(const PlanView& plan) {
    const std::uint64_t id = plan.record.id;
    bool ok = records::put(line(Sql::put_plan), plan.record) && raise_identity(0, id + 1, 0);
    for (std::uint32_t i = 0; ok && i < plan.moves.size(); ++i) {
        ok = records::put(line(Sql::put_move), id, i, plan.moves[i]);
    }
    for (std::uint32_t i = 0; ok && i < plan.rejected.size(); ++i) {
        ok = records::put(line(Sql::put_rejection), id, i, plan.rejected[i]);
    }
    for (std::uint32_t i = 0; ok && i < plan.hosts.size(); ++i) {
        ok = records::put(line(Sql::put_plan_host), id, i, plan.hosts[i]);
    }
    for (std::size_t i = 0; ok && i < policy::constraint_count; ++i) {
        const PlanRule rule{static_cast<policy::Constraint>(i), plan.by_rule.vms[i], plan.by_rule.hosts[i]};
        ok = (rule.vms == 0 && rule.hosts == 0) || records::put(line(Sql::put_rule), id, rule);
    }
    return ok;
}

bool Store::Impl::perform(const Core& core, const Action& action) {
    struct Performer {
        Impl& store;
        const Core& core;
        bool operator()(const PersistHost& a) const {
            return records::put(store.line(Sql::put_host), core.host(a.host).record);
        }
        bool operator()(const PersistVm& a) const {
            // A row that was forgotten later in the same step is empty by now.
            return !core.vm(a.vm).in_use || records::put(store.line(Sql::put_vm), core.vm(a.vm).record);
        }
        bool operator()(const PersistDefinition& a) const {
            return store.write_definition(core.definition(a.definition).spec);
        }
        bool operator()(const PersistJob& a) const { return store.write_job(core.job(a.job).record); }
        bool operator()(const PersistPlan& a) const { return store.write_plan(core.plan(a.plan)); }
        bool operator()(const PersistIdempotency& a) const {
            return records::put(store.line(Sql::put_key), core.idempotency(a.entry).record);
        }
        bool operator()(const ForgetHost& a) const { return store.line(Sql::forget_host).bind(a.name).end(); }
        bool operator()(const ForgetVm& a) const {
            return store.line(Sql::forget_vm).bind(a.uuid).end() &&
                   store.line(Sql::forget_definition).bind(a.uuid).end();
        }
        bool operator()(const ForgetJob& a) const { return store.line(Sql::forget_job).bind(a.id).end(); }
        bool operator()(const ForgetPlan& a) const { return store.line(Sql::forget_plan).bind(a.id).end(); }
        bool operator()(const ForgetIdempotency& a) const {
            return store.line(Sql::forget_key).bind(a.key.high).bind(a.key.low).end();
        }
        bool operator()(const PersistDesktopPool& a) const {
            return store.write_pool(core.desktop_pool(a.pool).record);
        }
        bool operator()(const PersistDesktop& a) const {
            return !core.desktop(a.desktop).in_use ||
                   records::put(store.line(Sql::put_desktop), core.desktop(a.desktop).record);
        }
        bool operator()(const PersistSession& a) const {
            return !core.session(a.session).in_use || store.write_session(core.session(a.session).record);
        }
        bool operator()(const ForgetDesktopPool& a) const {
            return store.line(Sql::forget_pool).bind(a.name).end();
        }
        bool operator()(const ForgetDesktop& a) const {
            return store.line(Sql::forget_desktop).bind(a.uuid).end();
        }
        bool operator()(const ForgetSession& a) const {
            return store.line(Sql::forget_session).bind(a.id).end();
        }
        bool operator()(const PersistStoreMark&) const { return store.line(Sql::put_store_mark).end(); }
        bool operator()(const Send&) const { return true; }
        bool operator()(const SendOrder&) const { return true; }
        bool operator()(const CloseLink&) const { return true; }
        bool operator()(const Reply&) const { return true; }
        bool operator()(const JobChanged&) const { return true; }
        bool operator()(const SessionChanged&) const { return true; }
        bool operator()(const Report&) const { return true; }
    };
    return std::visit(Performer{*this, core}, action);
}

bool Store::write(const Core& core, const Action& action) {
    return !durable(action) || (impl_->writer->ok() && impl_->perform(core, action));
}

bool Store::write(std::span<const HistoryChange> changes) {
    for (const HistoryChange& change : changes) {
        if (impl_->changes_max > 0 &&
            !records::put(impl_->line(Sql::put_change), impl_->last_change + 1, change)) {
            return false;
        }
        ++impl_->last_change;
    }
    return impl_->writer->ok();
}

void Store::keep_changes(std::uint64_t count) noexcept {
    impl_->changes_max = count;
}

// Some more than asked for stay until the next trim, so that not every commit pays for one.
bool Store::Impl::trim_changes() {
    constexpr std::uint64_t spare = 256;
    if (last_change < last_trimmed + changes_max + spare) {
        return true;
    }
    last_trimmed = last_change - changes_max;
    return line(Sql::forget_changes).bind(last_trimmed).end();
}

bool Store::Impl::read_last_change() {
    Statement bounds;
    return bounds.prepare(connection,
                          "SELECT coalesce((SELECT min(number) FROM history),1)-1, coalesce((SELECT "
                          "max(number) FROM history),0)") &&
           bounds.start().next() && !bounds.read(last_trimmed).read(last_change).corrupt();
}

std::uint64_t Store::submit() {
    StoreWriter& writer = *impl_->writer;
    writer.settle();
    if (writer.dirty()) {
        (void)impl_->trim_changes();
        writer.wait();  // the trim may have been one line too many for the buffer
    }
    return writer.submit();
}

bool Store::dirty() const noexcept {
    return impl_->writer->dirty();
}
bool Store::busy() const noexcept {
    return impl_->writer->busy();
}
int Store::ended_fd() const noexcept {
    return impl_->writer->ended_fd();
}
void Store::clear_ended() noexcept {
    impl_->writer->clear_ended();
}
bool Store::settle() noexcept {
    impl_->writer->settle();
    return impl_->writer->ok();
}
int Store::log_pages() const noexcept {
    return impl_->writer->log_pages();
}
void Store::fold_log() {
    impl_->writer->fold();
}
void Store::wait() noexcept {
    impl_->writer->wait();
}

bool Store::commit() {
    wait();
    const std::uint64_t number = submit();
    wait();
    return settle() && commits() >= number;
}

bool Store::try_again() {
    wait();
    impl_->writer->start_over();
    // One job's number: what says the same as before SQLite does not write at all, and a full disk would take
    // it.
    return impl_->read_last_change() && impl_->line(Sql::try_identity).end() && commit();
}

std::string Store::last_error() const {
    const StoreWriter& writer = *impl_->writer;
    const bool idle = !writer.busy();
    return impl_->path + ": " +
           (!writer.ok() ? writer.error()
            : idle       ? sqlite3_errmsg(impl_->connection)
                         : "it is being written");
}
std::uint64_t Store::commits() const noexcept {
    return impl_->writer->commits();
}
std::int64_t Store::handed_ns() const noexcept {
    return impl_->writer->handed_ns();
}
std::int64_t Store::landed_ns() const noexcept {
    return impl_->writer->landed_ns();
}
const Histogram& Store::commit_took() const noexcept {
    return impl_->writer->commit_took();
}
const Histogram& Store::fold_took() const noexcept {
    return impl_->writer->fold_took();
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

}  // namespace ballast::controller
