#include "agent/guest_signals.hpp"

#include <algorithm>
#include <array>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "agent/relay/relay.hpp"
#include "shell/log.hpp"

namespace ballast::agent {
namespace {

constexpr std::string_view note_nonce = "vm-data/ballast/nonce";
constexpr std::string_view note_share = "vm-data/ballast/data-share";
constexpr std::string_view note_notice = "vm-data/ballast/notice";
constexpr std::string_view told_nonce = "data/ballast/nonce";
constexpr std::string_view told_address = "data/ballast/ip";
constexpr std::string_view told_ready = "data/ballast/ready";

bool printable(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Two signals with the same mark say the same. Never 0.
std::uint64_t mark_of(const wire::GuestSignal& signal) noexcept {
    std::uint64_t mark = XXH3_64bits(signal.nonce.bytes.data(), signal.nonce.bytes.size());
    for (const std::string_view text : {signal.address.view(), signal.detail.view()}) {
        mark = XXH3_64bits_withSeed(text.data(), text.size(), mark);
    }
    const std::array<std::uint64_t, 2> facts{static_cast<std::uint64_t>(signal.ready),
                                             static_cast<std::uint64_t>(signal.fault)};
    return XXH3_64bits_withSeed(facts.data(), sizeof facts, mark) | 1U;
}

bool silent(const wire::GuestSignal& signal) noexcept {
    return signal.nonce.nil() && signal.address.empty() && !signal.ready && signal.fault == Fault::none;
}

}  // namespace

wire::GuestSignal read_signal(std::string_view nonce, std::string_view address, std::string_view ready) {
    const auto nonsense = [](std::string_view what) {
        wire::GuestSignal signal;
        signal.fault = Fault::protocol_violation;
        signal.detail = what;
        return signal;
    };
    wire::GuestSignal signal;
    const std::optional<Uuid> repeated = nonce.empty() ? Uuid{} : parse_uuid(nonce);
    if (!repeated) {
        return nonsense("data/ballast/nonce: expected a uuid");
    }
    if (!address.empty() && !valid_address(address)) {
        return nonsense("data/ballast/ip: expected an IPv4 or IPv6 address");
    }
    if (!ready.empty() && ready != "0" && ready != "1") {
        return nonsense("data/ballast/ready: expected 0 or 1");
    }
    signal.nonce = *repeated;
    signal.address = address;
    signal.ready = ready == "1";
    return signal;
}

GuestSignals::GuestSignals(Loop& loop, Hypervisor& hypervisor,
                           std::function<void(const wire::GuestSignal&)> on_signal)
    : hypervisor_{hypervisor},
      on_signal_{std::move(on_signal)},
      pause_timer_{loop, [this] { look_at_pending(); }},
      domains_{std::make_unique<DomainList>()} {}
GuestSignals::~GuestSignals() = default;

// ---- what is written for guests ----

void GuestSignals::refuse(const wire::GuestNote& note, Fault fault, std::string_view why) {
    log_warning("guest {}: it cannot be told anything: {}", note.uuid, why);
    wire::GuestSignal signal;
    signal.uuid = note.uuid;
    signal.fault = fault;
    signal.detail = why;
    on_signal_(signal);
}

Status GuestSignals::write(const Domain& domain, const wire::GuestNote& note) {
    BALLAST_CHECK(hypervisor_.guest_write(domain, note_share, note.data_share));
    BALLAST_CHECK(hypervisor_.guest_write(domain, note_notice, note.notice));
    // The nonce last: a guest that answers it has had the others.
    return hypervisor_.guest_write(domain, note_nonce, to_text(note.nonce).view());
}

void GuestSignals::note(const wire::GuestNote& note) {
    if (note.nonce.nil() || !printable(note.data_share) || !printable(note.notice)) {
        refuse(note, Fault::invalid_argument, "a note needs a nonce, and texts of printable characters");
        return;
    }
    Domain domain;
    Status status = hypervisor_.find(note.uuid, domain);
    if (status.fault() == Fault::not_found) {
        refuse(note, Fault::not_found, "the guest is not on this host");
        return;
    }
    status = status.ok() ? write(domain, note) : status;
    if (!status.ok()) {
        refuse(note, status.fault(), hypervisor_.last_error());
        return;
    }
    guests_changed();  // it may be new
    look_at(domain);
}

// ---- what guests say ----

// Brings known_ to what is there. False when the hypervisor does not answer.
bool GuestSignals::refresh(DomainList& domains) {
    domains.clear();
    if (!hypervisor_.list(domains).ok()) {
        return false;
    }
    KnownList now;
    for (const Domain& domain : domains) {
        if (domain.domid == 0) {
            continue;
        }
        const auto before = std::find_if(known_.begin(), known_.end(), [&domain](const Known& known) {
            return known.domid == domain.domid && known.uuid == domain.uuid;
        });
        now.push(before == known_.end() ? Known{domain.uuid, domain.domid, 0} : *before);
    }
    known_ = now;
    return true;
}

void GuestSignals::guests_changed() {
    const KnownList before = known_;
    if (!refresh(*domains_)) {
        return;
    }
    if (!hypervisor_.watch_guests(*domains_).ok()) {
        log_warning("guests' areas cannot be watched: {}", hypervisor_.last_error());
    }
    for (const Domain& domain : *domains_) {
        const bool is_new = std::none_of(before.begin(), before.end(), [&domain](const Known& known) {
            return known.domid == domain.domid && known.uuid == domain.uuid;
        });
        if (is_new && domain.domid != 0) {
            look_at(domain);
        }
    }
}

void GuestSignals::areas_changed(const HostEvents& events) {
    pending_.all_guests = pending_.all_guests || events.all_guests;
    for (const std::uint32_t domid : events.guests) {
        const bool waits =
            std::find(pending_.guests.begin(), pending_.guests.end(), domid) != pending_.guests.end();
        pending_.all_guests = (!waits && !pending_.guests.try_push(domid)) || pending_.all_guests;
    }
    if (!pause_timer_.active()) {
        look_at_pending();
    }
}

void GuestSignals::look_at_pending() {
    if (!pending_.all_guests && pending_.guests.empty()) {
        return;
    }
    const HostEvents due = std::exchange(pending_, HostEvents{});
    pause_timer_.start_once(guest_look_pause);
    if (!refresh(*domains_)) {
        return;
    }
    for (const Domain& domain : *domains_) {
        if (domain.domid != 0 && (due.all_guests || std::find(due.guests.begin(), due.guests.end(),
                                                              domain.domid) != due.guests.end())) {
            look_at(domain);
        }
    }
}

void GuestSignals::look_at(const Domain& domain) {
    std::string nonce;
    std::string address;
    std::string ready;
    const auto known = std::find_if(known_.begin(), known_.end(), [&domain](const Known& one) {
        return one.domid == domain.domid && one.uuid == domain.uuid;
    });
    if (known == known_.end() || !hypervisor_.guest_read(domain, told_nonce, nonce).ok() ||
        !hypervisor_.guest_read(domain, told_address, address).ok() ||
        !hypervisor_.guest_read(domain, told_ready, ready).ok()) {
        return;
    }
    wire::GuestSignal signal = read_signal(nonce, address, ready);
    signal.uuid = domain.uuid;
    signal.domid = domain.domid;
    const std::uint64_t mark = mark_of(signal);
    if (mark == known->told || (known->told == 0 && silent(signal))) {
        return;
    }
    known->told = mark;
    if (signal.fault != Fault::none) {
        log_warning("guest {}: {}", domain.name, signal.detail);
    }
    on_signal_(signal);
}

void GuestSignals::report_all() {
    for (Known& known : known_) {
        known.told = 0;
    }
    pending_.all_guests = true;
    look_at_pending();
}

}  // namespace ballast::agent
