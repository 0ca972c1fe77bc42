// One buffer for many who need one only while there are bytes in it: who keeps bytes keeps the buffer, and
// the next one gets another.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace ballast {

class SpareBytes {
  public:
    // At least so many.
    std::vector<std::byte> take(std::size_t bytes) {
        std::vector<std::byte> taken = std::exchange(spare_, {});
        if (taken.size() < bytes) {
            taken.resize(bytes);
        }
        return taken;
    }
    void give_back(std::vector<std::byte> bytes) noexcept {
        if (bytes.size() > spare_.size()) {
            spare_ = std::move(bytes);
        }
    }
    std::size_t kept_bytes() const noexcept { return spare_.size(); }

  private:
    std::vector<std::byte> spare_;
};

}  // namespace ballast
