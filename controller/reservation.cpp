#include "controller/reservation.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace ballast::controller {

Reservation::Reservation(std::size_t bytes, bool lock) {
    // Populated now: a machine that is short of memory says so at start, not in the middle of a migration.
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        why_ = std::strerror(errno);
        return;
    }
    block_ = {static_cast<std::byte*>(memory), bytes};
    if (lock) {
        locked_ = ::mlock(memory, bytes) == 0;
        why_ = locked_ ? "" : std::strerror(errno);
    }
}

Reservation::~Reservation() {
    if (ok()) {
        ::munmap(block_.data(), block_.size());
    }
}

}  // namespace ballast::controller
