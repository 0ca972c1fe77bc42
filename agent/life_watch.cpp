#include "agent/life_watch.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/compose.hpp"
#include "shell/link.hpp"
#include "shell/log.hpp"
#include "shell/socket.hpp"

namespace ballast::agent {
namespace {

constexpr std::string_view rfb_word = "RFB ";
constexpr std::size_t rfb_greeting_bytes = 12;

}  // namespace

// One connection to a console, until it has greeted.
struct LifeWatch::Knock {
    Knock(Loop& loop, int connecting, std::function<void()> on_news)
        : fd{connecting}, news{std::move(on_news)}, watch{loop, fd.get(), Interest::read, [this](Interest) {
                                                              hear();
                                                          }} {}

    void hear() {
        const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            problem = got == 0 ? "it closes the connection" : std::strerror(errno);
        } else {
            size += static_cast<std::size_t>(got);
            greeted = size == text.size() && std::string_view{text.data(), rfb_word.size()} == rfb_word;
            problem = size == text.size() && !greeted ? "it speaks no RFB" : "";
        }
        if (greeted || !problem.empty()) {
            watch.set(Interest::none);
            news();
        }
    }

    UniqueFd fd;
    std::function<void()> news;
    std::array<char, rfb_greeting_bytes> text{};
    std::size_t size = 0;
    bool greeted = false;
    std::string_view problem;
    FdWatch watch;
};

struct LifeWatch::Watched {
    Uuid uuid;
    Uuid nonce;
    bool wants_console = false;
    Instant since;
    Instant until;
    std::uint32_t domid = 0;  // 0: not seen yet
    std::uint64_t cpu_time_ns = 0;
    bool processor_used = false;
    std::unique_ptr<Knock> knock;
    Detail missing;  // what was not seen yet
};

LifeWatch::LifeWatch(Loop& loop, Hypervisor& hypervisor, FindConsole find_console,
                     std::function<void(const wire::GuestSignal&)> on_signal)
    : loop_{loop},
      hypervisor_{hypervisor},
      find_console_{std::move(find_console)},
      on_signal_{std::move(on_signal)},
      timer_{loop, [this] { look(); }} {}
LifeWatch::~LifeWatch() = default;

void LifeWatch::watch(const wire::GuestNote& note) {
    const auto known = std::find_if(watched_.begin(), watched_.end(),
                                    [&note](const auto& watched) { return watched->uuid == note.uuid; });
    if (known != watched_.end()) {
        if ((*known)->nonce == note.nonce) {
            return;
        }
        watched_.erase(known);
    }
    if (watched_.size() >= limits::domains_per_host_max) {
        watched_.erase(watched_.begin());
    }
    auto watched = std::make_unique<Watched>();
    watched->uuid = note.uuid;
    watched->nonce = note.nonce;
    watched->wants_console = note.watch == wire::LifeSigns::console;
    watched->since = mono_now();
    watched->until = watched->since + milliseconds(note.wait_ms);
    watched_.push_back(std::move(watched));
    look();
}

void LifeWatch::look() {
    for (std::size_t i = watched_.size(); i-- > 0;) {
        Watched& watched = *watched_[i];
        const bool lives = alive(watched);
        if (lives || mono_now() >= watched.until) {
            answer(watched, lives ? Fault::none : Fault::guest_unresponsive);
            watched_.erase(watched_.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    look_again();
}

void LifeWatch::look_again() {
    if (watched_.empty()) {
        timer_.stop();
        return;
    }
    Instant youngest = watched_.front()->since;
    for (const auto& watched : watched_) {
        youngest = std::max(youngest, watched->since);
    }
    const Duration age = mono_now() - youngest;
    timer_.start_once(milliseconds(std::clamp(age.ms / 2, life_look_first.ms, life_look_last.ms)));
}

bool LifeWatch::alive(Watched& watched) {
    watched.processor_used = watched.processor_used || uses_processor(watched);
    return watched.processor_used && (!watched.wants_console || greets(watched));
}

// What it used before we looked says nothing: it may be from before it was paused.
bool LifeWatch::uses_processor(Watched& watched) {
    Domain domain;
    if (const Status found = hypervisor_.find(watched.uuid, domain); !found.ok()) {
        watched.missing = found.fault() == Fault::not_found ? "the guest is not on this host"
                                                            : "the hypervisor does not answer";
        return false;
    }
    if (domain.state != DomainState::running) {
        watched.missing = compose("the guest is ", to_string(domain.state));
        return false;
    }
    const bool first = watched.domid != domain.domid;
    const bool used = !first && domain.cpu_time_ns > watched.cpu_time_ns;
    watched.domid = domain.domid;
    watched.cpu_time_ns = first ? domain.cpu_time_ns : watched.cpu_time_ns;
    watched.missing = "the guest's processor time stands still";
    return used;
}

bool LifeWatch::greets(Watched& watched) {
    if (watched.knock != nullptr && watched.knock->greeted) {
        return true;
    }
    if (watched.knock != nullptr && watched.knock->problem.empty()) {
        watched.missing = "the guest's VNC console says nothing";
        return false;
    }
    if (watched.knock != nullptr) {
        watched.missing = compose("the guest's VNC console does not greet: ", watched.knock->problem);
        watched.knock.reset();
        return false;  // the next look knocks again
    }
    GuestConsole console;
    Detail why_not;
    const Fault fault = find_console_(watched.uuid, console, why_not);
    if (fault == Fault::unsupported) {
        return true;  // it has none
    }
    if (fault != Fault::none) {
        watched.missing = why_not;
        return false;
    }
    std::string why;
    const int fd = start_connect(std::string{console.address.view()}, console.port, why);
    if (fd < 0) {
        watched.missing = compose("the guest's VNC console cannot be reached: ", std::string_view{why});
        return false;
    }
    watched.knock = std::make_unique<Knock>(loop_, fd, [this] { timer_.start_once(milliseconds(0)); });
    return false;
}

void LifeWatch::answer(const Watched& watched, Fault fault) {
    wire::GuestSignal signal;
    signal.uuid = watched.uuid;
    signal.domid = watched.domid;
    signal.nonce = watched.nonce;
    signal.ready = fault == Fault::none;
    signal.fault = fault;
    if (fault != Fault::none) {
        signal.detail = watched.missing;
        log_warning("guest {}: no sign of life after it was let run: {}", watched.uuid, watched.missing);
    }
    on_signal_(signal);
}

}  // namespace ballast::agent
