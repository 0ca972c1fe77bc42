// The proof that hosts see the same store: one writes a secret into a new file there, and every host that has
// not proven its store yet reads it. Until then its agent accepts no work on disks, and no such desktop is
// placed on it.
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

constexpr Duration round_patience = seconds(30);
constexpr Duration round_pause = seconds(60);  // after one in which some host did not prove it

bool has_store(const Tables& t, std::uint32_t host) noexcept {
    return t.hosts[host].in_use && host_live(t, host) && !t.hosts[host].store_path.empty();
}

void ask(Step& step, std::uint32_t host, wire::StoreStep what) noexcept {
    const StoreRound& round = step.t.store_round;
    step.out.add(Send{step.t.hosts[host].link, wire::StoreProbe{round.probe_id, what, round.secret}});
}

// A host that has proven its store writes; without one the first that has a store.
std::uint32_t writer_of(const Tables& t) noexcept {
    std::uint32_t writer = no_row;
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        if (has_store(t, host) &&
            (writer == no_row || (t.hosts[host].store_proven && !t.hosts[writer].store_proven))) {
            writer = host;
        }
    }
    return writer;
}

bool anybody_unproven(const Tables& t) noexcept {
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        if (has_store(t, host) && !t.hosts[host].store_proven) {
            return true;
        }
    }
    return false;
}

void begin_round(Step& step) noexcept {
    StoreRound& round = step.t.store_round;
    round.writer = writer_of(step.t);
    round.probe_id = static_cast<std::uint64_t>(step.now.wall.unix_ms);
    round.secret = derived_uuid(step.t.identity, "store", round.probe_id);
    round.until = step.now.mono + round_patience;
    ask(step, round.writer, wire::StoreStep::write);
}

void end_round(Step& step) noexcept {
    StoreRound& round = step.t.store_round;
    if (has_store(step.t, round.writer)) {
        ask(step, round.writer, wire::StoreStep::erase);
    }
    round.writer = no_row;
    round.until = step.now.mono + (anybody_unproven(step.t) ? round_pause : Duration{});
}

}  // namespace

void tick_store_proof(Step& step) noexcept {
    StoreRound& round = step.t.store_round;
    if (round.writer != no_row) {
        if (step.now.mono >= round.until || !anybody_unproven(step.t)) {
            end_round(step);
        }
    } else if (step.now.mono >= round.until && anybody_unproven(step.t)) {
        begin_round(step);
    }
}

Status on_store_answer(Step& step, std::uint32_t host, const wire::StoreAnswer& answer) noexcept {
    StoreRound& round = step.t.store_round;
    if (round.writer == no_row || answer.probe_id != round.probe_id ||
        answer.step == wire::StoreStep::erase) {
        return {};
    }
    if (answer.fault != Fault::none) {
        step.report(Severity::warning, Subject::host, "store_not_proven", step.t.hosts[host].record.name, 0,
                    answer.detail.empty() ? Detail{describe(answer.fault)} : answer.detail);
        if (answer.step == wire::StoreStep::write) {
            end_round(step);
        }
        return {};
    }
    if (answer.step == wire::StoreStep::check) {
        step.t.hosts[host].store_proven = true;
        step.report(Severity::info, Subject::host, "store_proven", step.t.hosts[host].record.name, 0,
                    Detail{step.t.hosts[host].store_path.view()});
    } else if (host == round.writer) {
        for (std::uint32_t other = 0; other < step.t.hosts.rows().size(); ++other) {
            if (has_store(step.t, other) && !step.t.hosts[other].store_proven) {
                ask(step, other, wire::StoreStep::check);
            }
        }
    }
    return {};
}

}  // namespace ballast::controller
