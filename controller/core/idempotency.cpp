// The same request acts once, however often it comes.
#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

std::uint32_t find_key(const Tables& t, const Digest& key) noexcept {
    return t.keys.find([&key](const IdempotencyRow& row) { return row.record.key == key; });
}

bool keyed(const Command& command) noexcept {
    return !command.idempotency_key.empty() && !command.dry_run;
}

OutcomeKind outcome_of(Effect effect) noexcept {
    switch (effect) {
        case Effect::already_so: return OutcomeKind::already_so;
        case Effect::job: return OutcomeKind::accepted;
        case Effect::plan: return OutcomeKind::plan;
        case Effect::session: return OutcomeKind::session;
        case Effect::changed: break;
    }
    return OutcomeKind::changed;
}

}  // namespace

bool replay(Step& step, const Command& command, Outcome& outcome) noexcept {
    if (!keyed(command)) {
        return false;
    }
    const std::uint32_t row = find_key(step.t, command.idempotency_key);
    if (row == no_row || step.t.keys[row].record.expires <= step.now.wall) {
        return false;
    }
    const IdempotencyRecord& record = step.t.keys[row].record;
    if (record.body != command.idempotency_body) {
        refuse(outcome, Slug::idempotency_key_reused, Fault::invalid_argument,
               "this idempotency key was used for another request within the last day");
        return true;
    }
    ++step.t.counters.idempotent_replays;
    outcome.kind = outcome_of(record.effect);
    outcome.replayed = true;
    outcome.job_id = record.job_id;
    outcome.plan_id = record.plan_id;
    outcome.session_id = record.session_id;
    return true;
}

bool key_fits(const Tables& t, const Command& command) noexcept {
    return !keyed(command) || t.keys.used() < t.keys.limit() ||
           find_key(t, command.idempotency_key) != no_row;
}

void remember(Step& step, const Command& command, const Outcome& outcome) noexcept {
    if (!keyed(command) || outcome.kind == OutcomeKind::problem) {
        return;
    }
    std::uint32_t row = find_key(step.t, command.idempotency_key);  // an expired one is used again
    if (row == no_row) {
        row = step.t.keys.add();
    }
    BALLAST_ASSERT(row != no_row);  // key_fits was asked before the command took effect
    IdempotencyRecord& record = step.t.keys[row].record;
    record = {command.idempotency_key, command.idempotency_body,
              step.wall_after(step.t.settings.idempotency_ttl)};
    switch (outcome.kind) {
        case OutcomeKind::accepted: record.effect = Effect::job; break;
        case OutcomeKind::plan: record.effect = Effect::plan; break;
        case OutcomeKind::session: record.effect = Effect::session; break;
        case OutcomeKind::changed: record.effect = Effect::changed; break;
        case OutcomeKind::already_so:
        case OutcomeKind::problem: record.effect = Effect::already_so; break;
    }
    record.job_id = outcome.job_id;
    record.plan_id = outcome.plan_id;
    record.session_id = outcome.session_id;
    step.out.add(PersistIdempotency{row});
}

void tick_keys(Step& step) noexcept {
    std::size_t forgotten = 0;
    for (std::uint32_t row = 0; row < step.t.keys.rows().size() && forgotten < forgotten_per_tick_max;
         ++row) {
        const IdempotencyRow& key = step.t.keys[row];
        if (key.in_use && key.record.expires <= step.now.wall) {
            ++forgotten;
            step.out.add(ForgetIdempotency{key.record.key});
            step.t.keys.remove(row);
        }
    }
}

}  // namespace ballast::controller
