// The core's one block of memory: reserved at start, kept out of swap where the system allows.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace ballast::controller {

class Reservation {
  public:
    // `bytes` whole pages, zeroed and really there (touched). Check `ok`.
    Reservation(std::size_t bytes, bool lock);
    ~Reservation();
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;

    bool ok() const noexcept { return !block_.empty(); }
    bool locked() const noexcept { return locked_; }
    // Why it could not be reserved, or not be locked.
    const std::string& why() const noexcept { return why_; }
    std::span<std::byte> block() const noexcept { return block_; }

  private:
    std::span<std::byte> block_;
    bool locked_ = false;
    std::string why_;
};

}  // namespace ballast::controller
