// Finds what has changed since the last look, by comparing a fingerprint of every row of the core with the
// one that was seen last. However many steps lie between two looks, each object is told once, as it is now;
// whichever part of the core changed it, it is told. A look at 2,000 guests takes some 100 microseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "controller/core/core.hpp"
#include "controller/http/feed/event_ring.hpp"

namespace ballast::controller::http {

// One object that has changed. Not `row`, of what is removed: that is gone.
struct Changed {
    EventKind kind;
    Change change;
    std::uint32_t row = no_row;
    std::string_view name;  // or its number
};

class ChangeWatch {
  public:
    ChangeWatch(Arena& arena, const Limits& limits) noexcept;

    // Tells every difference to `tell`, objects in an order in which none refers to one told later. The first
    // look tells nothing: what is there then, lists show.
    void look(const Core& core, const std::function<void(const Changed&)>& tell);

  private:
    struct Seen {
        std::uint64_t fingerprint = 0;  // 0: the row was empty
        Name name;
    };
    template <class Rows, class Name, class Fingerprint>
    void compare(EventKind kind, std::span<Seen> seen, const Rows& rows, const Name& name_of,
                 const Fingerprint& fingerprint);
    void tell(const Changed& changed);
    void count_desktops(const Core& core) noexcept;
    void look_at_decisions(const Core& core);
    void look_at_loads(const Core& core);

    std::span<Seen> hosts_;
    std::span<std::uint64_t> samples_;  // by host: the newest one told
    std::span<Seen> vms_;
    std::span<Seen> jobs_;
    std::span<Seen> plans_;
    std::span<Seen> pools_;
    std::span<Seen> sessions_;
    std::span<std::uint64_t> desktops_;  // by pool: a fingerprint of how many are in which state
    std::uint64_t last_decision_ = 0;
    std::uint64_t last_decision_repeated_ = 0;
    bool first_ = true;
    const std::function<void(const Changed&)>* tell_ = nullptr;
};

}  // namespace ballast::controller::http
