// How a modelled guest deals with the request to suspend itself: as one does on Xen, it takes the request
// some time after it was made, and is suspended some time after that, whoever made it.
#pragma once

#include <cstdint>
#include <optional>

namespace ballast::agent::model {

struct Lateness {
    std::int64_t takes_ms = 0;
    std::int64_t suspends_ms = 0;  // after it has taken it
};

class SuspendRequest {
  public:
    explicit SuspendRequest(Lateness lateness = {}) : lateness_{lateness} {}

    void make(std::int64_t now_ms) {
        takes_at_ms_ = now_ms + lateness_.takes_ms;
        withdrawn_late_ = false;
    }
    // False: there is none to be withdrawn, or not any more.
    bool withdraw() {
        const bool pending = takes_at_ms_.has_value();
        takes_at_ms_.reset();
        withdrawn_late_ = withdrawn_late_ || !pending;
        return pending;
    }
    // Nobody has made another since one could not be withdrawn.
    bool withdrawn_late() const { return withdrawn_late_; }
    bool open() const { return takes_at_ms_ || suspends_at_ms_; }
    std::optional<std::int64_t> next_ms() const { return takes_at_ms_ ? takes_at_ms_ : suspends_at_ms_; }
    bool due(std::int64_t now_ms) const { return open() && *next_ms() <= now_ms; }
    // One step of the guest. True: it is suspended now.
    bool heed(std::int64_t now_ms) {
        if (takes_at_ms_) {
            takes_at_ms_.reset();
            suspends_at_ms_ = now_ms + lateness_.suspends_ms;
            return false;
        }
        suspends_at_ms_.reset();
        return true;
    }

  private:
    Lateness lateness_;
    std::optional<std::int64_t> takes_at_ms_;
    std::optional<std::int64_t> suspends_at_ms_;
    bool withdrawn_late_ = false;
};

}  // namespace ballast::agent::model
