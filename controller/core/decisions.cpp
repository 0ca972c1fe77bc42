// The record of what was decided and why. A bounded ring; repeating the same answer every tick costs a count,
// not a row.
#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

bool repeats(const DecisionRow& newest, const DecisionRow& next) noexcept {
    const bool quiet = next.kind == DecisionKind::no_overload || next.kind == DecisionKind::no_move ||
                       next.kind == DecisionKind::waiting || next.kind == DecisionKind::not_placed;
    return quiet && newest.kind == next.kind && newest.origin == next.origin &&
           newest.policy == next.policy && newest.source == next.source && newest.vm == next.vm &&
           newest.plan_id == next.plan_id;
}

}  // namespace

DecisionRow& decide(Step& step, const DecisionRow& decision) noexcept {
    Tables& t = step.t;
    if (t.decisions_kept() != 0) {
        DecisionRow& newest = t.decisions[t.last_decision % t.decisions.size()];
        if (repeats(newest, decision)) {
            ++newest.repeated;
            newest.last_repeated = step.now.wall;
            newest.source_cpu = decision.source_cpu;
            newest.rejected = decision.rejected;
            newest.rejected_left_out = decision.rejected_left_out;
            newest.by_rule = decision.by_rule;
            newest.search = decision.search;
            return newest;
        }
    }
    DecisionRow& row = t.decisions[++t.last_decision % t.decisions.size()];
    row = decision;
    row.id = t.last_decision;
    row.at = row.last_repeated = step.now.wall;
    return row;
}

void add_rejections(const Tables& t, std::span<const policy::Rejection> rejected,
                    DecisionRow& decision) noexcept {
    for (const policy::Rejection& rejection : rejected) {
        PlanRejection kept;
        if (rejection.vm != policy::no_index) {
            kept.vm = t.vms[rejection.vm].record.name;
        }
        if (rejection.to != policy::no_index) {
            kept.to = t.hosts[rejection.to].record.name;
        }
        kept.constraint = rejection.constraint;
        kept.have = rejection.have;
        kept.limit = rejection.limit;
        if (!decision.rejected.try_push(kept)) {
            ++decision.rejected_left_out;
        }
    }
}

}  // namespace ballast::controller
