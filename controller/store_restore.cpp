// Reading everything back at the start.
#include <memory>

#include "controller/store_impl.hpp"

namespace ballast::controller {

const wire::GuestSpec* Store::Impl::decode(std::span<const std::byte> blob, wire::Message& message) {
    wire::Chunk chunk;
    const auto* order =
        codec.decode(blob, message, chunk).ok() ? std::get_if<wire::JobOrder>(&message) : nullptr;
    return order != nullptr && order->has_spec ? &order->spec : nullptr;
}

// What SQLite says of it. A read that failed must not be taken for the end of the rows.
Status Store::Impl::unreadable(std::string& why) const {
    why = path + ": " + sqlite3_errmsg(connection);
    return Err{Fault::io_failed};
}

template <class Record, class Restore>
Status Store::Impl::restore_all(std::string_view sql, const char* what, std::string& why, Restore restore) {
    Statement rows;
    std::uint64_t position = 0;
    if (!rows.prepare(connection, sql)) {
        return unreadable(why);
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
    return rows.failed() ? unreadable(why) : Status{};
}

Status Store::Impl::restore_definitions(Core& core, std::string& why) {
    Statement rows;
    if (!rows.prepare(connection, "SELECT spec FROM definitions ORDER BY uuid")) {
        return unreadable(why);
    }
    const auto message = std::make_unique<wire::Message>();
    rows.start();
    while (rows.next()) {
        const wire::GuestSpec* spec = decode(rows.read_blob(), *message);
        const Status status =
            spec != nullptr ? core.restore_definition(*spec) : Status{Err{Fault::image_corrupt}};
        if (!status.ok()) {
            why = path + ": a stored definition: " + std::string{describe(status.fault())};
            return status;
        }
    }
    return rows.failed() ? unreadable(why) : Status{};
}

Status Store::Impl::restore_pools(Core& core, std::string& why) {
    Statement rows;
    if (!rows.prepare(connection, records::get_pools)) {
        return unreadable(why);
    }
    const auto message = std::make_unique<wire::Message>();
    rows.start();
    while (rows.next()) {
        DesktopPoolRecord record;
        std::span<const std::byte> blob;
        const bool read = records::get(rows, record, blob);
        const wire::GuestSpec* spec = read ? decode(blob, *message) : nullptr;
        record.guest = spec != nullptr ? *spec : wire::GuestSpec{};
        const Status status =
            spec != nullptr ? core.restore_desktop_pool(record) : Status{Err{Fault::image_corrupt}};
        if (!status.ok()) {
            why = path + ": the stored pool " + std::string{record.name.view()} + ": " +
                  std::string{describe(status.fault())};
            return status;
        }
    }
    return rows.failed() ? unreadable(why) : Status{};
}

template <class Item>
bool Store::Impl::read_list(std::string_view sql, std::uint64_t plan_id, std::vector<Item>& out) {
    Statement rows;
    if (!rows.prepare(connection, sql)) {
        return false;
    }
    rows.start().bind(static_cast<std::int64_t>(plan_id));
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
    std::vector<PlanRule> rules;
    if (!read_list(records::get_moves, record.id, moves) ||
        !read_list(records::get_rejections, record.id, rejected) ||
        !read_list(records::get_plan_hosts, record.id, hosts) ||
        !read_list(records::get_rules, record.id, rules)) {
        return Err{Fault::image_corrupt};
    }
    RuleCounts by_rule;
    for (const PlanRule& rule : rules) {
        by_rule.vms[static_cast<std::size_t>(rule.rule)] = rule.vms;
        by_rule.hosts[static_cast<std::size_t>(rule.rule)] = rule.hosts;
    }
    record.moves = static_cast<std::uint32_t>(moves.size());
    record.rejected = static_cast<std::uint32_t>(rejected.size());
    record.hosts = static_cast<std::uint32_t>(hosts.size());
    return core.restore_plan({record, moves, rejected, hosts, by_rule});
}

Status Store::restore_into(Core& core, std::string& why) {
    Identity identity;
    Statement row;
    if (!row.prepare(impl_->connection,
                     "SELECT store_id,next_job_id,next_plan_id,next_session_id,store_marked FROM identity") ||
        !row.start().next() ||
        row.read(identity.store_id)
            .read(identity.next_job_id)
            .read(identity.next_plan_id)
            .read(identity.next_session_id)
            .read(identity.store_marked)
            .corrupt()) {
        why = impl_->path + ": the store's own identity is missing";
        return Err{Fault::image_corrupt};
    }
    core.restore_identity(identity);
    BALLAST_CHECK(impl_->restore_all<HostRecord>(records::get_hosts, "hosts", why,
                                                 [&](const HostRecord& r) { return core.restore_host(r); }));
    BALLAST_CHECK(impl_->restore_all<VmRecord>(records::get_vms, "vms", why,
                                               [&](const VmRecord& r) { return core.restore_vm(r); }));
    BALLAST_CHECK(impl_->restore_definitions(core, why));
    BALLAST_CHECK(impl_->restore_pools(core, why));
    BALLAST_CHECK(
        impl_->restore_all<DesktopRecord>(records::get_desktops, "desktops", why,
                                          [&](const DesktopRecord& r) { return core.restore_desktop(r); }));
    BALLAST_CHECK(
        impl_->restore_all<SessionRecord>(records::get_sessions, "sessions", why,
                                          [&](const SessionRecord& r) { return core.restore_session(r); }));
    BALLAST_CHECK(impl_->restore_all<JobRecord>(records::get_jobs, "jobs", why,
                                                [&](const JobRecord& r) { return core.restore_job(r); }));
    BALLAST_CHECK(impl_->restore_all<PlanRecord>(
        records::get_plans, "plans", why, [&](const PlanRecord& r) { return impl_->restore_plan(core, r); }));
    BALLAST_CHECK(impl_->restore_all<IdempotencyRecord>(
        records::get_keys, "idempotency keys", why,
        [&](const IdempotencyRecord& r) { return core.restore_idempotency(r); }));
    return impl_->restore_all<HistoryChange>(
        records::get_changes, "history", why,
        [&](const HistoryChange& change) { return core.restore_change(change); });
}

}  // namespace ballast::controller
