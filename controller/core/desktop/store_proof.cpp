// The proof that hosts see the same store. Until a host has it, its agent accepts no work on disks, and no
// such desktop is placed on it.
//
// First one host writes a secret into a new file, and another reads it: two that agree are not both wrong,
// one alone may look at the empty directory that its store should be mounted on. From then on the store bears
// a mark of this controller, and every host proves by it that it sees that very store, also when it is alone.
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

constexpr Duration round_patience = seconds(30);
constexpr Duration round_pause = seconds(60);  // after one in which some host did not prove it
constexpr std::uint64_t mark_id = 1;           // rounds before it have milliseconds of the calendar

bool has_store(const Tables& t, std::uint32_t host) noexcept {
    return host != no_row && t.hosts[host].in_use && host_live(t, host) && !t.hosts[host].store_path.empty();
}

void ask(Step& step, std::uint32_t host, wire::StoreStep what, std::uint64_t probe_id) noexcept {
    const Uuid secret = derived_uuid(step.t.identity, "store", probe_id);
    step.out.add(Send{step.t.hosts[host].link, wire::StoreProbe{probe_id, what, secret}});
}

// A host that has proven its store writes (a mark that somebody has removed comes back that way). Without one
// the mark tells; without a mark hosts take turns, for one of them may have another store than all the rest.
std::uint32_t next_writer(const Tables& t) noexcept {
    std::uint32_t first = no_row;
    std::uint32_t next = no_row;
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        if (!has_store(t, host)) {
            continue;
        }
        if (t.hosts[host].store_proven) {
            return host;
        }
        first = first == no_row ? host : first;
        next = next == no_row && t.store_round.writer != no_row && host > t.store_round.writer ? host : next;
    }
    return t.identity.store_marked ? no_row : (next != no_row ? next : first);
}

bool anybody_unproven(const Tables& t) noexcept {
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        if (has_store(t, host) && !t.hosts[host].store_proven) {
            return true;
        }
    }
    return false;
}

// Whoever has not proven it yet. A writer can say nothing of itself, unless there is no other host at all.
void ask_the_unproven(Step& step) noexcept {
    const StoreRound& round = step.t.store_round;
    std::size_t asked = 0;
    for (std::uint32_t host = 0; host < step.t.hosts.rows().size(); ++host) {
        const bool may_say = host != round.writer || step.t.hosts.used() == 1;
        if (may_say && has_store(step.t, host) && !step.t.hosts[host].store_proven) {
            ask(step, host, wire::StoreStep::check, round.probe_id);
            ++asked;
        }
    }
    if (asked == 0 && round.writer != no_row && !step.t.hosts[round.writer].store_proven) {
        step.report(Severity::warning, Subject::host, "store_not_proven",
                    step.t.hosts[round.writer].record.name, 0,
                    "no other host is connected that could confirm that it is the same one");
    }
}

void begin_round(Step& step) noexcept {
    StoreRound& round = step.t.store_round;
    round.writer = next_writer(step.t);
    round.probe_id =
        step.t.identity.store_marked ? mark_id : static_cast<std::uint64_t>(step.now.wall.unix_ms);
    round.until = step.now.mono + round_patience;
    round.under_way = true;
    if (round.writer != no_row) {
        ask(step, round.writer, wire::StoreStep::write, round.probe_id);
    } else {
        ask_the_unproven(step);
    }
}

void end_round(Step& step) noexcept {
    StoreRound& round = step.t.store_round;
    if (round.probe_id != mark_id && has_store(step.t, round.writer)) {
        ask(step, round.writer, wire::StoreStep::erase, round.probe_id);
    }
    round.under_way = false;
    round.until = step.now.mono + (anybody_unproven(step.t) ? round_pause : Duration{});
}

void prove(Step& step, std::uint32_t host) noexcept {
    const StoreRound& round = step.t.store_round;
    HostRow& row = step.t.hosts[host];
    row.store_proven = true;
    step.report(Severity::info, Subject::host, "store_proven", row.record.name, 0,
                Detail{row.store_path.view()});
    if (step.t.identity.store_marked) {
        return;
    }
    ask(step, host, wire::StoreStep::write, mark_id);
    if (has_store(step.t, round.writer) && !step.t.hosts[round.writer].store_proven) {
        ask(step, round.writer, wire::StoreStep::check, round.probe_id);  // confirmed by another one
    }
}

}  // namespace

void tick_store_proof(Step& step) noexcept {
    StoreRound& round = step.t.store_round;
    if (round.under_way) {
        if (step.now.mono >= round.until || !anybody_unproven(step.t)) {
            end_round(step);
        }
    } else if (step.now.mono >= round.until && anybody_unproven(step.t)) {
        begin_round(step);
    }
}

Status on_store_answer(Step& step, std::uint32_t host, const wire::StoreAnswer& answer) noexcept {
    StoreRound& round = step.t.store_round;
    const bool fine = answer.fault == Fault::none;
    if (answer.probe_id == mark_id && answer.step == wire::StoreStep::write &&
        !step.t.identity.store_marked) {
        if (fine && step.t.hosts[host].store_proven) {
            step.t.identity.store_marked = true;
            step.out.add(PersistStoreMark{});
        }
        return {};
    }
    if (!round.under_way || answer.probe_id != round.probe_id || answer.step == wire::StoreStep::erase) {
        return {};
    }
    if (!fine) {
        step.report(Severity::warning, Subject::host, "store_not_proven", step.t.hosts[host].record.name, 0,
                    answer.detail.empty() ? Detail{describe(answer.fault)} : answer.detail);
        if (answer.step == wire::StoreStep::write) {
            end_round(step);
        }
    } else if (answer.step == wire::StoreStep::check) {
        prove(step, host);
    } else if (host == round.writer) {
        ask_the_unproven(step);
    }
    return {};
}

}  // namespace ballast::controller
