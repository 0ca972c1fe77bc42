// Whether guests that were let run again are alive, as far as their host can see it: their virtual CPUs use
// processor time, and their VNC console greets whoever connects. For guests that say nothing of themselves.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/relay/conversation.hpp"
#include "proto/messages.hpp"
#include "shell/loop.hpp"
#include "xen_glue/hypervisor.hpp"

namespace ballast::agent {

// Who was woken shows it at once, as a rule. The longer a guest has been looked at, the further apart are the
// looks: by half of that time, within these bounds.
inline constexpr Duration life_look_first = milliseconds(1);
inline constexpr Duration life_look_last = milliseconds(200);

class LifeWatch {
  public:
    using FindConsole = std::function<Fault(const Uuid& guest, GuestConsole& out, Detail& why)>;
    // The signal repeats the note's nonce: ready, or `guest_unresponsive` with what was not seen.
    LifeWatch(Loop& loop, Hypervisor& hypervisor, FindConsole find_console,
              std::function<void(const wire::GuestSignal&)> on_signal);
    ~LifeWatch();
    LifeWatch(const LifeWatch&) = delete;
    LifeWatch& operator=(const LifeWatch&) = delete;

    // Another nonce for the same guest takes the place of the one before; the same again changes nothing.
    void watch(const wire::GuestNote& note);

  private:
    struct Watched;
    struct Knock;
    void look();
    bool alive(Watched& watched);
    bool uses_processor(Watched& watched);
    bool greets(Watched& watched);
    void answer(const Watched& watched, Fault fault);
    void look_again();

    Loop& loop_;
    Hypervisor& hypervisor_;
    FindConsole find_console_;
    std::function<void(const wire::GuestSignal&)> on_signal_;
    std::vector<std::unique_ptr<Watched>> watched_;
    Timer timer_;
};

}  // namespace ballast::agent
