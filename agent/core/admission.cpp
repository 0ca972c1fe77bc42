// What an order must fulfil before anything is done for it.
#include <algorithm>

#include "agent/core/core.hpp"
#include "base/compose.hpp"

namespace ballast::agent {
namespace {

constexpr std::uint32_t deadline_max_ms = 24 * 3600 * 1000;

// What a guest takes beside its memory: page tables of hardware-assisted or shadow paging (libxl reckons 4
// KiB for each MiB and 1 MiB for each vCPU) and the toolstack's rounding.
constexpr std::uint64_t overhead_kib(std::uint64_t memory_kib) noexcept {
    return memory_kib / 128 + 4096;
}

constexpr bool takes_memory(JobKind kind) noexcept {
    return kind == JobKind::create || kind == JobKind::clone || kind == JobKind::restore ||
           kind == JobKind::migrate_in;
}

// What a guest's image needs on disk beside its memory: configuration, device state, records of the stream.
constexpr std::uint64_t image_extra_bytes = 32ull * 1024 * 1024;

}  // namespace

bool Core::busy(const wire::JobOrder& order) const noexcept {
    return rows_.find([&order](const Row& job) {
        if (job.record.uuid != order.uuid) {
            return false;
        }
        if (!ended(job.record.state)) {
            return true;
        }
        // An undecided hand-over leaves the suspended copy to the operator, whose word may come as this
        // order.
        return job.record.stage == Stage::out_lost && order.kind != JobKind::destroy;
    }) != Table<Row>::none;
}

Fault Core::check_order(const wire::JobOrder& order, Detail& detail) const noexcept {
    const auto invalid = [&detail](const Detail& why) {
        detail = why;
        return Fault::invalid_argument;
    };
    if (transitions(order.kind).empty()) {
        return invalid("kind: not an operation of an agent");
    }
    if (order.job_id == 0 || order.uuid.nil()) {
        return invalid("job_id and uuid must not be nil");
    }
    if (!valid_name(order.name) || order.name.size() + 16 > limits::name_bytes_max) {
        return invalid("name: expected 1 to 47 letters, digits or ._-+, with a letter or digit first");
    }
    if (order.deadline_ms == 0 || order.deadline_ms > deadline_max_ms) {
        return invalid("deadline_ms: expected 1 to 86400000");
    }
    if (const Fault fault = check_volume(order, detail); fault != Fault::none) {
        return fault;
    }
    if (const Fault fault = check_images(order, detail); fault != Fault::none) {
        return fault;
    }
    const bool create = order.kind == JobKind::create || order.kind == JobKind::clone;
    if (create && (!order.has_spec || order.spec.uuid != order.uuid || order.spec.name != order.name ||
                   order.spec.memory_mib == 0)) {
        return invalid("spec: missing, or of another uuid or name than the order");
    }
    const bool migration = order.kind == JobKind::migrate_in || order.kind == JobKind::migrate_out;
    if (migration && (order.migration_id.nil() || !valid_name(order.peer_host))) {
        return invalid("migration_id and peer_host must be given");
    }
    if (migration && order.peer_host == settings_.host_name) {
        return invalid("peer_host: a guest cannot be moved to the host that it is on");
    }
    if (order.kind == JobKind::migrate_out && (order.peer_address.empty() || order.peer_port == 0)) {
        return invalid("peer_address and peer_port must be given");
    }
    if (order.kind == JobKind::migrate_in && order.memory_kib == 0) {
        return invalid("memory_kib must be given");
    }
    return Fault::none;
}

Status Core::refuse(const wire::JobOrder& order, Fault fault, const Detail& detail, Actions& out) noexcept {
    out.push({.kind = ActionKind::refuse,
              .fault = fault,
              .detail = detail,
              .job_id = order.job_id,
              .job = order.kind,
              .uuid = order.uuid});
    return Err{fault};
}

Status Core::on_order(const wire::JobOrder& order, Actions& out) noexcept {
    const std::uint32_t known = find_job(order.job_id);
    if (known != Table<Row>::none) {
        if (!rows_[known].retry_persist) {
            report(known, out);  // the same order again: how it stands
        }
        return {};
    }
    Detail detail;
    const Fault fault = check_order(order, detail);
    if (fault != Fault::none) {
        return refuse(order, fault, detail, out);
    }
    if (busy(order)) {
        return refuse(order, Fault::domain_in_use, describe(Fault::domain_in_use), out);
    }
    const std::uint32_t row = rows_.add();
    if (row == Table<Row>::none) {
        return refuse(order, Fault::limit_reached,
                      compose("agent_jobs_max: ", settings_.jobs_max,
                              " jobs are under way or not acknowledged on this host"),
                      out);
    }
    Row& job = rows_[row];
    job.deadline = now_.mono + milliseconds(order.deadline_ms);
    job.record = {
        .job_id = order.job_id,
        .kind = order.kind,
        .state = JobState::running,
        .uuid = order.uuid,
        .name = order.name,
        .begun = now_.wall,
        .deadline = {now_.wall.unix_ms + order.deadline_ms},
        .memory_kib = order.has_spec ? std::uint64_t{order.spec.memory_mib} * 1024 : order.memory_kib,
        .migration_id = order.migration_id,
        .peer_host = order.peer_host,
        .peer_address = order.peer_address,
        .peer_port = order.peer_port,
        .mode = order.mode,
        .link_mbps = order.link_mbps,
        .volume = order.volume,
        .copy_storage = order.copy_storage,
        .bandwidth_mbps = order.bandwidth_mbps};
    job.record.only_a_file = order.kind == JobKind::destroy && order.expected_states.size() == 1 &&
                             order.expected_states[0] == DomainState::absent;
    orders_[row] = order;
    look(row, out);
    return {};
}

// The truth is there: begin, or refuse.
void Core::admit(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const wire::JobOrder& order = orders_[row];
    Detail detail;
    Fault fault = job.truth.fault;
    if (fault != Fault::none) {
        detail = describe(fault);
    } else {
        fault = check_truth(job, order, detail);
    }
    if (fault == Fault::none) {
        fault = choose_disks(job, order, detail);
    }
    if (fault != Fault::none) {
        (void)refuse(order, fault, detail.empty() ? Detail{describe(fault)} : detail, out);
        drop(row);
        return;
    }
    if (order.kind == JobKind::restore) {
        job.record.memory_kib = job.truth.saved_memory_kib;
    } else if (!takes_memory(order.kind)) {
        job.record.memory_kib = job.truth.domain.memory_kib;
    }
    if (order.kind == JobKind::migrate_out && order.mode == MigrationMode::automatic) {
        const bool tracked =
            job.truth.domain.type == GuestType::pv ? job.truth.can_shadow : job.truth.can_hap;
        job.record.mode = tracked ? MigrationMode::live : MigrationMode::stop_and_copy;
    }
    enter(row, transitions(order.kind).front().to, out);
}

Fault Core::check_truth(const Row& row, const wire::JobOrder& order, Detail& detail) const noexcept {
    const Truth& truth = row.truth;
    const DomainState state = truth.domain.state;
    if (!order.expected_states.empty() &&
        std::find(order.expected_states.begin(), order.expected_states.end(), state) ==
            order.expected_states.end()) {
        detail = compose("the domain is ", to_string(state), ", and the order expected something else");
        return Fault::state_conflict;
    }
    if (const Fault fault = check_store(row, order, detail);
        fault != Fault::none || on_store_only(order.kind)) {
        return fault;
    }
    if (!takes_memory(order.kind)) {
        return check_guest(row, order, detail);
    }
    if (state != DomainState::absent || truth.name_taken) {
        detail = state != DomainState::absent ? "a domain of this uuid is on this host already"
                                              : "another domain on this host has this name";
        return Fault::already_exists;
    }
    if (order.kind == JobKind::restore) {
        if (!truth.file_complete) {
            detail = "there is no complete save file of this guest on this host";
            return Fault::not_found;
        }
        return check_room(row, truth.saved_memory_kib, detail);
    }
    if (truth.file_complete) {
        detail = "a save file of this guest lies on this host: restore or delete it first";
        return Fault::already_exists;
    }
    if (order.kind == JobKind::create || order.kind == JobKind::clone) {
        const bool possible = order.spec.type == GuestType::pv    ? truth.can_pv
                              : order.spec.type == GuestType::pvh ? truth.can_hvm && truth.can_hap
                                                                  : truth.can_hvm;
        if (!possible) {
            detail = compose("this host's hypervisor cannot run ", to_string(order.spec.type), " guests");
            return Fault::unsupported;
        }
    }
    return check_room(row, row.record.memory_kib, detail);
}

// Orders on a guest that is to be here.
Fault Core::check_guest(const Row& row, const wire::JobOrder& order, Detail& detail) const noexcept {
    const Truth& truth = row.truth;
    const DomainState state = truth.domain.state;
    const bool saved_only = state == DomainState::absent && truth.file_complete;
    if (saved_only && order.kind == JobKind::destroy && !order.expected_states.empty()) {
        return Fault::none;  // whoever expects no domain means the save file
    }
    if (state == DomainState::absent) {
        detail = "no domain of this uuid is on this host";
        return Fault::not_found;
    }
    if (order.kind == JobKind::destroy) {
        return Fault::none;
    }
    const bool toggles = order.kind == JobKind::pause || order.kind == JobKind::unpause;
    if (state == DomainState::paused && (toggles || order.kind == JobKind::image_index)) {
        return Fault::none;
    }
    if (state == DomainState::paused) {
        detail = describe(Fault::guest_paused);
        return order.kind == JobKind::shutdown ? Fault::state_conflict : Fault::guest_paused;
    }
    if (state != DomainState::running) {
        detail = compose("the domain is ", to_string(state));
        return Fault::state_conflict;
    }
    if (order.kind == JobKind::save) {
        if (truth.file_complete) {
            detail = "an earlier save file of this guest lies on this host: delete it first";
            return Fault::already_exists;
        }
        const std::uint64_t need = truth.domain.memory_kib * 1024 + image_extra_bytes;
        if (truth.disk_free_bytes < need) {
            detail = compose("the image may need ", need >> 20, " MiB, and ", truth.disk_free_bytes >> 20,
                             " MiB are free where save files lie");
            return Fault::no_disk_space;
        }
    }
    if (order.kind == JobKind::migrate_out && order.mode == MigrationMode::live) {
        const bool tracked = truth.domain.type == GuestType::pv ? truth.can_shadow : truth.can_hap;
        if (!tracked) {
            detail =
                compose("this hypervisor was started without ",
                        truth.domain.type == GuestType::pv ? "shadow paging" : "hardware-assisted paging",
                        ", which live migration of ", to_string(truth.domain.type),
                        " guests needs: only stop_and_copy is possible");
            return Fault::live_migration_unavailable;
        }
    }
    return Fault::none;
}

Fault Core::check_room(const Row& row, std::uint64_t memory_kib, Detail& detail) const noexcept {
    const std::uint64_t need = memory_kib + overhead_kib(memory_kib);
    // Free memory is told without what domains have: of those being built only the rest is still to come.
    const std::uint64_t reserved = reserved_kib();
    const std::uint64_t kept =
        settings_.memory_reserved_kib + reserved - std::min(reserved, row.truth.memory_taken_kib);
    const std::uint64_t free = row.truth.memory_free_kib > kept ? row.truth.memory_free_kib - kept : 0;
    if (need > free) {
        detail = compose("the guest needs ", need / 1024, " MiB, and ", free / 1024, " MiB are free (",
                         kept / 1024, " MiB kept for the host and for guests that are being started)");
        return Fault::no_memory;
    }
    return Fault::none;
}

std::uint64_t Core::reserved_kib(const Row& job) noexcept {
    const bool reserves = job.in_use && !ended(job.record.state) && reserves_memory(job.record.stage);
    return reserves ? job.record.memory_kib + overhead_kib(job.record.memory_kib) : 0;
}

std::uint64_t Core::reserved_kib() const noexcept {
    std::uint64_t sum = 0;
    for (const Row& job : rows_.rows()) {
        sum += reserved_kib(job);
    }
    return sum;
}

std::uint64_t Core::taken_kib(const Uuid& uuid, std::uint64_t memory_kib) const noexcept {
    std::uint64_t sum = 0;
    for (const Row& job : rows_.rows()) {
        sum += job.record.uuid == uuid ? std::min(reserved_kib(job), memory_kib) : 0;
    }
    return sum;
}

wire::InFlight Core::in_flight(const Uuid& uuid) const noexcept {
    for (const Row& job : rows_.rows()) {
        if (!job.in_use || job.record.uuid != uuid) {
            continue;
        }
        const Stage stage = job.record.stage;
        if (stage == Stage::out_lost ||
            (!ended(job.record.state) && (stage == Stage::commit_sent || stage == Stage::started))) {
            return wire::InFlight::departing;
        }
        if (job.record.kind == JobKind::migrate_in && !ended(job.record.state)) {
            return wire::InFlight::incoming;
        }
    }
    return wire::InFlight::no;
}

wire::JobUpdate Core::update(std::uint32_t row) const noexcept {
    const Row& job = rows_[row];
    const JobRecord& record = job.record;
    wire::JobUpdate update;
    update.job_id = record.job_id;
    update.kind = record.kind;
    update.state = record.state;
    update.step = static_cast<std::uint32_t>(record.stage);
    update.step_name = to_string(record.stage);
    // A file's length is known by its worker only.
    const bool on_images = record.stage == Stage::copying || record.stage == Stage::indexing;
    const std::uint64_t all_bytes = on_images                    ? record.effect.image_bytes
                                    : on_store_only(record.kind) ? record.effect.wire_bytes
                                                                 : record.memory_kib * 1024;
    const std::uint64_t done_bytes = on_images ? record.effect.image_done_bytes : record.effect.memory_bytes;
    update.percent =
        record.state == JobState::succeeded ? 100
        : all_bytes == 0
            ? 0
            : static_cast<std::uint32_t>(std::min<std::uint64_t>(done_bytes * 100 / all_bytes, 99));
    update.fault = job.doubtful && !ended(record.state) ? Fault::handover_in_doubt : record.fault;
    update.detail = record.detail;
    update.has_domain = job.looked;
    update.domain = job.truth.domain;
    update.domain.uuid = record.uuid;
    update.domain.name = record.name;  // without what marks it as being in flight
    update.domain.in_flight = in_flight(record.uuid);
    update.ready = record.stage == Stage::expecting;
    update.memory_bytes = record.effect.memory_bytes;
    update.wire_bytes = record.effect.wire_bytes;
    update.downtime_ms = record.effect.downtime_ms;
    update.total_ms = record.effect.total_ms;
    update.rounds = record.effect.rounds;
    update.mode = record.mode;
    update.compression = record.effect.compression;
    update.uuid = record.uuid;
    update.image_bytes = record.effect.image_bytes;
    update.image_done_bytes = record.effect.image_done_bytes;
    update.image_wire_bytes = record.effect.image_wire_bytes;
    update.image_rounds = record.effect.image_rounds;
    update.time_left_ms = record.effect.time_left_ms;
    update.referenced_bytes = record.effect.referenced_bytes;
    return update;
}

}  // namespace ballast::agent
