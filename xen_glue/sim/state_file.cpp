#include "xen_glue/sim/state_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <fstream>

#include "base/assert.hpp"
#include "xen_glue/sim/sim_host.hpp"

namespace ballast::sim {
namespace {

constexpr std::string_view magic = "BallastSimHost\n";
constexpr std::uint32_t layout_version = 3;

// Locks on bytes of the file that hold nothing: one for transactions, and one for each activity on each
// domain. They belong to the open file description, so that the kernel drops them with the process, however
// it ends.
constexpr std::int64_t transaction_lock = std::int64_t{1} << 40;
constexpr std::int64_t claim_locks = transaction_lock + 1;
constexpr std::int64_t activities = 8;

std::int64_t claim_lock(const Guest& guest) noexcept {
    return claim_locks + std::int64_t{guest.domid} * activities + static_cast<std::int64_t>(guest.activity);
}

struct flock lock_on_byte(std::int64_t offset, int type) noexcept {
    struct flock lock {};
    lock.l_type = static_cast<short>(type);
    lock.l_whence = SEEK_SET;
    lock.l_start = offset;
    lock.l_len = 1;
    return lock;
}

void set_lock(int fd, std::int64_t offset, int type) noexcept {
    struct flock lock = lock_on_byte(offset, type);
    int r = 0;
    do {
        r = fcntl(fd, F_OFD_SETLKW, &lock);
    } while (r < 0 && errno == EINTR);
    // Not getting a lock on a mapped file of ours has no cause that one could live with.
    BALLAST_ASSERT(r == 0);
}

std::string boot_id() {
    std::ifstream file{"/proc/sys/kernel/random/boot_id"};
    std::string id;
    file >> id;
    return id;
}

std::string with_errno(const std::string& what) {
    return what + ": " + std::strerror(errno);
}

}  // namespace

struct StateFile::Layout {
    struct SpecSlot {
        std::uint32_t domid = 0;
        DomainSpec spec;
    };

    std::array<char, 16> magic;
    std::uint32_t version;
    std::uint32_t layout_bytes;
    std::array<char, 40> boot_id;
    // Counts the commits; its lowest bit says which snapshot holds.
    std::atomic<std::uint64_t> commits;
    // A spec is written before the state that mentions its domain is committed, and not changed afterwards.
    std::array<SpecSlot, limits::domains_per_host_max> specs;
    std::array<Snapshot, 2> snapshots;
};

std::int64_t boottime_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::unique_ptr<StateFile> StateFile::open(const std::string& path, const Creator& creator,
                                           std::string& why) {
    std::unique_ptr<StateFile> file{new StateFile};
    file->path_ = path;
    file->fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (creator ? O_CREAT : 0), 0600);
    if (file->fd_ < 0) {
        why = with_errno(path + ": cannot open the simulated host's state file");
        return nullptr;
    }
    set_lock(file->fd_, transaction_lock, F_WRLCK);
    const bool mapped = file->map(creator, why);
    set_lock(file->fd_, transaction_lock, F_UNLCK);
    return mapped ? std::move(file) : nullptr;
}

bool StateFile::map(const Creator& creator, std::string& why) {
    struct stat info {};
    if (fstat(fd_, &info) < 0) {
        why = with_errno(path_);
        return false;
    }
    const bool empty = info.st_size == 0;
    const auto size = static_cast<off_t>(sizeof(Layout));
    if ((empty && !creator) || (!empty && info.st_size != size)) {
        why = path_ + ": expected the state file of a simulated host of this version";
        return false;
    }
    // Blocks are reserved now: a full disk must be an error here and not a SIGBUS later.
    if (const int error = empty ? posix_fallocate(fd_, 0, size) : 0; error != 0) {
        why =
            path_ + ": cannot reserve " + std::to_string(sizeof(Layout)) + " bytes: " + std::strerror(error);
        return false;
    }
    void* memory = mmap(nullptr, sizeof(Layout), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (memory == MAP_FAILED) {
        why = with_errno(path_ + ": cannot map the state file");
        return false;
    }
    layout_ = static_cast<Layout*>(memory);
    // All zeros: new, or its creator was killed half-way.
    const std::array<char, 16> zeros{};
    if (layout_->magic == zeros) {
        return begin_anew(creator, why);
    }
    if (std::string_view{layout_->magic.data()} != magic || layout_->version != layout_version ||
        layout_->layout_bytes != sizeof(Layout) ||
        current().host.guests.size() > decltype(SimHost::guests)::capacity()) {
        why = path_ + ": expected the state file of a simulated host of this version";
        return false;
    }
    if (std::string_view{layout_->boot_id.data()} != boot_id()) {
        layout_->magic = zeros;
        return begin_anew(creator, why);
    }
    return true;
}

bool StateFile::begin_anew(const Creator& creator, std::string& why) {
    if (!creator) {
        why = path_ + ": the simulated host has not been started since this machine's boot";
        return false;
    }
    layout_->version = layout_version;
    layout_->layout_bytes = sizeof(Layout);
    layout_->boot_id.fill('\0');
    const std::string id = boot_id();
    id.copy(layout_->boot_id.data(), layout_->boot_id.size() - 1);
    spare() = Snapshot{};
    layout_->specs.fill({});
    current() = Snapshot{};
    current().host.now_ns = current().host.load_step_at_ns = boottime_ns();
    Transaction transaction{*this};
    if (!creator(transaction, why)) {
        return false;
    }
    transaction.commit();
    std::atomic_thread_fence(std::memory_order_release);
    magic.copy(layout_->magic.data(), magic.size());
    return true;
}

StateFile::~StateFile() {
    if (layout_ != nullptr) {
        munmap(layout_, sizeof(Layout));
    }
    if (fd_ >= 0) {
        close(fd_);
    }
}

Snapshot& StateFile::current() noexcept {
    return layout_->snapshots[layout_->commits.load() % 2];
}
Snapshot& StateFile::spare() noexcept {
    return layout_->snapshots[(layout_->commits.load() + 1) % 2];
}

bool StateFile::claimed_by_other(const Guest& guest) const noexcept {
    struct flock lock = lock_on_byte(claim_lock(guest), F_WRLCK);
    return fcntl(fd_, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

void StateFile::abandon_orphans(SimHost& host) noexcept {
    for (Guest& guest : host.guests) {
        if (guest.activity != Activity::none && claim_lock(guest) != claim_offset_ &&
            !claimed_by_other(guest)) {
            abandon(host, guest);
        }
    }
}

void StateFile::release() noexcept {
    if (claim_offset_ >= 0) {
        set_lock(fd_, claim_offset_, F_UNLCK);
        claim_offset_ = -1;
    }
}

StateFile::Transaction::Transaction(StateFile& file) noexcept : file_{file} {
    set_lock(file_.fd_, transaction_lock, F_WRLCK);
    file_.spare() = file_.current();
    advance(host(), boottime_ns());
    file_.abandon_orphans(host());
}

StateFile::Transaction::~Transaction() {
    set_lock(file_.fd_, transaction_lock, F_UNLCK);
}

Snapshot& StateFile::Transaction::snapshot() noexcept {
    return file_.spare();
}
SimHost& StateFile::Transaction::host() noexcept {
    return snapshot().host;
}

const DomainSpec* StateFile::Transaction::spec(std::uint32_t domid) const noexcept {
    const auto& slots = file_.layout_->specs;
    const auto found =
        std::find_if(slots.begin(), slots.end(), [domid](const auto& s) { return s.domid == domid; });
    return found == slots.end() || domid == 0 ? nullptr : &found->spec;
}

void StateFile::Transaction::keep_spec(std::uint32_t domid, const DomainSpec& spec) noexcept {
    auto& slots = file_.layout_->specs;
    const auto slot_of = [&slots](const auto& matches) {
        return std::find_if(slots.begin(), slots.end(), matches);
    };
    auto slot = slot_of([domid](const auto& s) { return s.domid == domid; });
    if (slot == slots.end()) {
        slot = slot_of([this](const auto& s) { return find_domid(host(), s.domid) == nullptr; });
    }
    BALLAST_ASSERT(slot != slots.end());  // there are more slots than guests
    slot->spec = spec;
    slot->domid = domid;
}

void StateFile::Transaction::claim(const Guest& guest) noexcept {
    file_.release();
    file_.claim_offset_ = claim_lock(guest);
    set_lock(file_.fd_, file_.claim_offset_, F_WRLCK);
}

void StateFile::Transaction::commit() noexcept {
    const bool list_changed = file_.current().host.change_count != host().change_count;
    std::atomic<std::uint64_t>& commits = file_.layout_->commits;
    const std::uint64_t next = commits.load() + 1;
    if (!list_changed) {
        commits.store(next);
        return;
    }
    // Writing through the descriptor, unlike a store, also wakes the processes that watch the file (inotify):
    // the change and its announcement cannot be torn apart.
    std::atomic_thread_fence(std::memory_order_release);
    const ssize_t written = pwrite(file_.fd_, &next, sizeof next, offsetof(Layout, commits));
    BALLAST_ASSERT(written == sizeof next);
}

}  // namespace ballast::sim
