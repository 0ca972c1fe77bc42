// Operations that stay on their host.
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::int64_t disk_look_every_ns = 100 * ms;
constexpr std::int64_t image_sync_max_ns = 20 * ms;

}  // namespace

// What a guest is built of and is not there.
Fault Workers::missing_for(const Worker& worker) const {
    if (world_.machine(worker.host).kernel_missing > 0) {
        return Fault::not_found;
    }
    for (const wire::Disk& disk : worker.spec.disks) {
        const SharedStore::File file =
            world_.store_at(worker.host)
                .find(std::string{disk.target.view().substr(store_directory.size() + 1)});
        if (file == nullptr || !file->whole) {
            return Fault::not_found;
        }
    }
    return Fault::none;
}

Workers::Did Workers::create(Worker& worker) {
    if (worker.phase == 0) {
        if (!lock(worker, worker.record.uuid)) {
            return Did::waits;
        }
        const wire::GuestSpec& spec = worker.spec;
        if (const Fault fault = missing_for(worker); fault != Fault::none) {
            return fail(worker, fault, "a kernel or disk of the guest is not on this host");
        }
        sim::NewGuest wanted{.uuid = spec.uuid,
                             .name = spec.name,
                             .type = spec.type,
                             .memory_kib = std::uint64_t{spec.memory_mib} * 1024,
                             .vcpus = spec.vcpus,
                             .ours = true,
                             .workload = {}};
        wanted.workload.dirty_mib_per_s = 20;
        wanted.workload.load = sim::start_load({.kind = sim::LoadKind::constant, .mean_permille = 150}, 1);
        wanted.workload.signals = world_.signals_of_newborn(worker.host, worker.random);
        world_.ledger.attach(spec);
        const Result<std::uint32_t> begun = sim::begin_create(xen(worker), wanted);
        if (!begun.ok()) {
            return fail(worker, begun.fault(), "the domain cannot be created");
        }
        worker.domid = begun.value();
        worker.phase = 1;
        return wait(worker, sim::create_ns(xen(worker).config, wanted.memory_kib));
    }
    const Status status = sim::finish_create(xen(worker), worker.domid);
    if (!status.ok()) {
        return fail(worker, status.fault(), "the domain cannot be created");
    }
    world_.ledger.born(worker.host, worker.spec.uuid, worker.spec.name.view(), {});
    return done(worker);
}

Workers::Did Workers::begin_destroying(Worker& worker, const sim::Guest& victim) {
    sim::Guest& target = *sim::find_domid(xen(worker), victim.domid);
    const Status status = sim::begin_destroy(xen(worker), target);
    if (!status.ok()) {
        return fail(worker, status.fault(), "the domain cannot be destroyed");
    }
    worker.domid = target.domid;
    return wait(worker, sim::destroy_ns(xen(worker).config, target.memory_kib));
}

Workers::Did Workers::destroy(Worker& worker) {
    if (worker.phase == 0) {
        if (!lock(worker, worker.record.uuid)) {
            return Did::waits;
        }
        if (world_.machine(worker.host).hypervisor_silent > 0) {
            return fail(worker, Fault::hypervisor_unavailable, "the hypervisor does not answer");
        }
        const sim::Guest* victim = guest(worker);
        if (victim == nullptr) {
            return done(worker);
        }
        worker.phase = 1;
        return begin_destroying(worker, *victim);
    }
    const bool wanted = world_.ledger.end_ordered(worker.host, worker.record.uuid);
    const Status status = sim::finish_destroy(xen(worker), worker.domid);
    if (!status.ok()) {
        return fail(worker, status.fault(), "the domain cannot be destroyed");
    }
    world_.ledger.removed(worker.record.uuid, wanted);
    return done(worker);
}

Workers::Did Workers::shut_down(Worker& worker) {
    if (worker.phase == 0) {
        if (!lock(worker, worker.record.uuid)) {
            return Did::waits;
        }
        sim::Guest* target = guest(worker);
        if (target == nullptr) {
            return fail(worker, Fault::not_found, "the domain is not here");
        }
        const Status status = sim::begin_shutdown(xen(worker), *target);
        if (!status.ok()) {
            return fail(worker, status.fault(), "the guest does not shut down");
        }
        worker.domid = target->domid;
        worker.phase = 1;
        const std::int64_t left_ms =
            worker.record.deadline.unix_ms - world_.host_now(worker.host).wall.unix_ms;
        (void)patience(worker, std::max<std::int64_t>(left_ms, 1000) * ms);
    }
    if (worker.phase == 1) {
        const sim::Guest* target = sim::find_domid(xen(worker), worker.domid);
        if (target != nullptr && sim::state_of(*target) == DomainState::powered_off) {
            worker.phase = 2;
            return begin_destroying(worker, *target);
        }
        const bool may_come = target != nullptr && (sim::state_of(*target) == DomainState::running ||
                                                    sim::state_of(*target) == DomainState::paused);
        if (!may_come || impatient(worker)) {
            return fail(worker, may_come ? Fault::guest_unresponsive : Fault::state_conflict,
                        "the guest does not shut down");
        }
        return wait(worker, disk_look_every_ns);
    }
    const Status status = sim::finish_destroy(xen(worker), worker.domid);
    if (status.ok()) {
        world_.ledger.removed(worker.record.uuid, true);
    }
    return status.ok() ? done(worker) : fail(worker, status.fault(), "the domain cannot be destroyed");
}

Workers::Did Workers::save(Worker& worker) {
    Machine& machine = world_.machine(worker.host);
    SaveSlot& slot = machine.saves[worker.record.uuid];
    sim::Guest* target = guest(worker);
    switch (worker.phase) {
        case 0: {
            if (!lock(worker, worker.record.uuid)) {
                return Did::waits;
            }
            if (machine.saves_full > 0) {
                return fail(worker, Fault::io_failed, "cannot create the file");
            }
            slot.partial = true;  // as open() with O_TRUNC leaves it
            slot.sealed = false;
            if (target == nullptr) {
                return fail(worker, Fault::not_found, "the domain is not here");
            }
            const Status status = sim::begin_send(xen(worker), *target, MigrationMode::stop_and_copy, false);
            if (!status.ok()) {
                return fail(worker, status.fault(), "the guest cannot be saved");
            }
            worker.domid = target->domid;
            worker.phase = 1;
            return wait_for_suspension(worker);
        }
        case 1: {
            const Status status = sim::suspend_for_send(xen(worker), worker.domid);
            if (status.fault() == Fault::guest_unresponsive) {
                return wait_for_late_suspension(worker, 4);
            }
            if (!status.ok()) {
                return fail(worker, status.fault(), "the guest cannot be saved");
            }
            worker.image = image_of(*target);
            worker.phase = 2;
            return wait(worker, bytes_ns(worker, target->precopy.round_pages, false));
        }
        case 2: {
            const Status status = sim::finish_send(xen(worker), worker.domid);
            if (!status.ok()) {
                return fail(worker, status.fault(), "the guest cannot be saved");
            }
            worker.phase = 3;
            return wait(worker, between(worker.random, ms, image_sync_max_ns));
        }
        case 3:
            worker.domid = 0;
            if (machine.saves_full > 0) {
                return fail(worker, Fault::no_disk_space, "the image cannot be sealed");
            }
            slot.sealed = true;
            slot.partial_image = worker.image;
            return done(worker);
        default: return fail(worker, give_up_on_suspension(worker).fault(), "the guest cannot be saved");
    }
}

Workers::Did Workers::restore(Worker& worker) {
    const SaveSlot& slot = world_.machine(worker.host).saves[worker.record.uuid];
    if (worker.phase == 0) {
        if (!lock(worker, worker.record.uuid)) {
            return Did::waits;
        }
        if (!slot.complete) {
            return fail(worker, Fault::io_failed, "cannot open the file");
        }
        worker.image = slot.complete_image;
        const Result<std::uint32_t> begun = sim::begin_receive(xen(worker), worker.image.guest, {}, false);
        if (!begun.ok()) {
            return fail(worker, begun.fault(), "the guest cannot be restored");
        }
        worker.domid = begun.value();
        worker.phase = 1;
        const std::uint64_t pages = worker.image.guest.memory_kib * 1024 / sim::page_bytes;
        return wait(worker, sim::build_ns(xen(worker).config) + bytes_ns(worker, pages, false));
    }
    const Status status =
        sim::finish_receive(xen(worker), worker.domid, worker.image.workload, worker.image.executed_ns);
    return status.ok() ? done(worker) : fail(worker, status.fault(), "the guest cannot be restored");
}

}  // namespace ballast::simulator
