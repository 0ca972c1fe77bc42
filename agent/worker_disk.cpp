// Operations on the shared store, and the guests that come out of it.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include <fmt/core.h>

#include "agent/disks/golden_seal.hpp"
#include "agent/save_files.hpp"
#include "agent/worker.hpp"

namespace ballast::agent {

Status Worker::open_store(const Store& store) {
    BALLAST_CHECK(lock_guest(setup_.record.uuid));
    return check_store(store);
}

// Whether the store is still the one that was proven. Asked once more when a file has been made: what came
// into being while another file system was mounted there is nobody's disk, and what was there already
// neither.
Status Worker::check_store(const Store& store) {
    StoreFacts facts;
    std::string why;
    const Status status = store.facts(facts, why);
    if (!status.ok()) {
        return failed(status.fault(), why);
    }
    return facts.identity == setup_.store
               ? Status{}
               : failed(Fault::storage_mismatch,
                        "another file system lies at the store's directory since it was proven");
}

Store::Progress Worker::file_progress() {
    return [this](std::uint64_t done_bytes, std::uint64_t of_bytes) {
        effect_.memory_bytes = done_bytes;
        effect_.wire_bytes = of_bytes;
        progress(done_bytes, 0, false);
    };
}

Status Worker::disk_create() {
    const Store store{std::string{setup_.store_directory.view()}};
    BALLAST_CHECK(open_store(store));
    const JobRecord& record = setup_.record;
    std::string why;
    const Status status = store.create(record.volume, record.job_id, setup_.again, file_progress(), why);
    BALLAST_CHECK(check_store(store));
    if (!status.ok()) {
        return failed(status.fault(), why);
    }
    report(WorkerNews::done);
    store.finish(record.volume.path, record.job_id);
    return {};
}

Status Worker::disk_delete() {
    const Store store{std::string{setup_.store_directory.view()}};
    BALLAST_CHECK(open_store(store));
    std::string why;
    const Status status = store.remove(setup_.record.volume.path, why);
    if (!status.ok()) {
        return failed(status.fault(), why);
    }
    report(WorkerNews::done);
    return {};
}

Status Worker::disk_discard() {
    const Store store{std::string{setup_.store_directory.view()}};
    BALLAST_CHECK(open_store(store));
    store.finish(setup_.record.volume.path, setup_.record.job_id);
    report(WorkerNews::done);
    return {};
}

Status Worker::golden_keep() {
    const Store store{std::string{setup_.store_directory.view()}};
    BALLAST_CHECK(open_store(store));
    const JobRecord& record = setup_.record;
    const std::string path = SaveFiles{std::string{setup_.save_dir.view()}}.complete_path(record.uuid);
    const UniqueFd from{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    struct stat status {};
    wire::SavedGuest guest;
    if (!from || ::fstat(from.get(), &status) != 0 || !SaveFiles::check(from.get(), guest).ok()) {
        return failed(Fault::image_corrupt, fmt::format("{} is no whole save file any more", path));
    }
    std::string why;
    const Status kept = store.keep(from.get(), static_cast<std::uint64_t>(status.st_size), record.volume.path,
                                   record.job_id, setup_.again, file_progress(), why);
    BALLAST_CHECK(check_store(store));
    if (!kept.ok()) {
        return failed(kept.fault(), why);
    }
    report(WorkerNews::done);
    store.finish(record.volume.path, record.job_id);
    return {};
}

Status Worker::clone() {
    const Store store{std::string{setup_.store_directory.view()}};
    BALLAST_CHECK(open_store(store));
    const DomainSpec spec = to_domain_spec(setup_.spec);
    if (const std::optional<Detail> broken = validate(spec)) {
        return failed(Fault::invalid_argument, broken->view());
    }
    const std::string path = store.full_path(setup_.record.volume.path);
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!fd) {
        return failed(errno == ENOENT ? Fault::not_found : Fault::io_failed,
                      fmt::format("cannot open the golden file {}: {}", path, std::strerror(errno)));
    }
    wire::SavedGuest guest;
    std::string why;
    if (const Status whole = check_golden(fd.get(), why); !whole.ok()) {
        return failed(whole.fault(), fmt::format("{} ({})", why, path));
    }
    if (!SaveFiles::check(fd.get(), guest, golden_seal_bytes).ok()) {
        return failed(Fault::image_corrupt, fmt::format("the golden file {} is cut, or none", path));
    }
    BALLAST_CHECK(open_hypervisor_of_host());
    Domain domain;
    const Status status = hypervisor_->receive_image_as(fd.get(), spec, *this, domain);
    if (!status.ok()) {
        return failed_call(status.fault(), "the guest cannot be made out of its golden file");
    }
    report(WorkerNews::done);
    return {};
}

// The agent's loop must not wait for a file server, so even this small step has a process of its own.
Status Worker::store_probe() {
    const Store store{std::string{setup_.store_directory.view()}};
    std::string why;
    Status status = store.probe(setup_.probe, why);
    WorkerReport answer;
    answer.news = WorkerNews::done;
    status = status.ok() ? store.facts(answer.store, why) : status;
    if (!status.ok()) {
        return failed(status.fault(), why);
    }
    report(answer);
    return {};
}

}  // namespace ballast::agent
