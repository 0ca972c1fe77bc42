// Operations on the shared store, and the guests that come out of it (agent/worker_disk.cpp,
// agent/disks/store.cpp): a file is made under a temporary name that is its job's, synced, linked to a name
// that nobody has, and the temporary name goes when the result has been told.
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::int64_t disk_write_min_ns = 2 * ms;
constexpr std::int64_t disk_write_max_ns = 60 * ms;
constexpr std::int64_t disk_sync_max_ns = 10 * ms;

std::string temporary(const Path& path, std::uint64_t job_id) {
    return fmt::format("{}.{:016x}.tmp", path.view(), job_id);
}

}  // namespace

// False: the file system that lies at the store's directory is not the one that was proven.
bool Workers::store_is_proven(const Worker& worker) const {
    return world_.store_seen(worker.host) == worker.store_seen;
}

void Workers::discard(const Worker& worker) {
    world_.store_at(worker.host).files.erase(temporary(worker.record.volume.path, worker.record.job_id));
}

// Nothing of it is there yet but a name of its own.
Workers::Did Workers::begin_file(Worker& worker) {
    SharedStore& store = world_.store_at(worker.host);
    const std::string path{worker.record.volume.path.view()};
    const std::string name = temporary(worker.record.volume.path, worker.record.job_id);
    if (!lock(worker, worker.record.uuid)) {
        return Did::waits;
    }
    if (!store_is_proven(worker)) {
        return fail(worker, Fault::storage_mismatch, "another file system lies at the store's directory");
    }
    if (worker.again && store.find(path) != nullptr && store.find(path) == store.find(name)) {
        worker.phase = 3;
        return Did::goes_on;
    }
    if (store.find(path) != nullptr) {
        return fail(worker, Fault::already_exists, path + " is there already");
    }
    auto file = std::make_shared<StoreFile>();
    if (worker.op == agent::WorkerOp::golden_keep) {
        const SaveSlot& slot = world_.machine(worker.host).saves[worker.record.uuid];
        if (!slot.complete) {
            return fail(worker, Fault::image_corrupt, "it is no whole save file any more");
        }
        file->golden = true;
        file->image = slot.complete_image;
    }
    store.files[name] = std::move(file);
    worker.phase = 1;
    return wait(worker,
                between(worker.random, disk_write_min_ns, disk_write_max_ns) + world_.shared_delay_ns());
}

// A disk, or a golden file: `phase` says how far it has come.
Workers::Did Workers::make_file(Worker& worker) {
    if (worker.phase == 0) {
        return begin_file(worker);
    }
    SharedStore& store = world_.store_at(worker.host);
    const std::string path{worker.record.volume.path.view()};
    const std::string name = temporary(worker.record.volume.path, worker.record.job_id);
    const std::int64_t delay_ns = world_.shared_delay_ns();
    if (worker.phase <= 3 && !store_is_proven(worker)) {
        return fail(worker, Fault::storage_mismatch, "another file system lies at the store's directory");
    }
    if (worker.phase == 1) {
        if (world_.shared_full > 0 || store.find(name) == nullptr) {
            discard(worker);
            return fail(worker, Fault::no_disk_space, "the store is full");
        }
        store.find(name)->whole = true;
        worker.phase = 2;
        return wait(worker, between(worker.random, ms, disk_sync_max_ns) + delay_ns);
    }
    if (worker.phase == 2) {
        if (store.find(path) != nullptr || store.find(name) == nullptr) {
            discard(worker);
            return fail(worker, Fault::already_exists, path + " is there already");
        }
        store.files[path] = store.find(name);
        worker.phase = 3;
        return wait(worker, between(worker.random, ms, disk_sync_max_ns) + delay_ns);
    }
    if (worker.phase == 3) {
        report(worker, {.news = agent::WorkerNews::done});
        worker.phase = 4;
        return wait(worker, between(worker.random, us, ms));
    }
    store.files.erase(name);
    leave(worker, {});
    return Did::ended;
}

Workers::Did Workers::remove_file(Worker& worker) {
    if (worker.phase == 0) {
        if (!lock(worker, worker.record.uuid)) {
            return Did::waits;
        }
        if (!store_is_proven(worker)) {
            return fail(worker, Fault::storage_mismatch, "another file system lies at the store's directory");
        }
        worker.phase = 1;
        return wait(worker, between(worker.random, ms, disk_sync_max_ns) + world_.shared_delay_ns());
    }
    if (worker.op == agent::WorkerOp::disk_discard) {
        discard(worker);
    } else {
        world_.store_at(worker.host).files.erase(std::string{worker.record.volume.path.view()});
    }
    return done(worker);
}

Workers::Did Workers::clone(Worker& worker) {
    if (worker.phase == 0) {
        if (!lock(worker, worker.record.uuid)) {
            return Did::waits;
        }
        if (!store_is_proven(worker)) {
            return fail(worker, Fault::storage_mismatch, "another file system lies at the store's directory");
        }
        const SharedStore::File file =
            world_.store_at(worker.host).find(std::string{worker.record.volume.path.view()});
        if (file == nullptr) {
            return fail(worker, Fault::not_found, "cannot open the golden file");
        }
        if (!file->golden || !file->whole || file->image.corrupt ||
            file->image.guest.memory_kib != std::uint64_t{worker.spec.memory_mib} * 1024) {
            return fail(worker, Fault::image_corrupt, "the golden file is cut, or none");
        }
        worker.image = file->image;
        worker.image.guest.uuid = worker.spec.uuid;
        worker.image.guest.name = worker.spec.name;
        const Result<std::uint32_t> begun = sim::begin_receive(xen(worker), worker.image.guest, {}, false);
        if (!begun.ok()) {
            return fail(worker, begun.fault(), "the guest cannot be made out of its golden file");
        }
        worker.domid = begun.value();
        worker.phase = 1;
        const std::uint64_t pages = worker.image.guest.memory_kib * 1024 / sim::page_bytes;
        return wait(worker, sim::build_ns(xen(worker).config) + bytes_ns(worker, pages, false));
    }
    worker.image.workload.signals = world_.signals_of_newborn(worker.host, worker.random);
    const Status status =
        sim::finish_receive(xen(worker), worker.domid, worker.image.workload, worker.image.executed_ns);
    if (!status.ok()) {
        return fail(worker, status.fault(), "the guest cannot be made out of its golden file");
    }
    world_.ledger.born(worker.host, worker.spec.uuid, worker.spec.name.view(), worker.image.used_by);
    return done(worker);
}

}  // namespace ballast::simulator
