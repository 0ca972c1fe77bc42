// A source that cannot reach its destination asks by way of the controller what became of a guest. The
// controller only carries question and answer, and an answer only from the host that was asked: a false
// `refused` would start a second copy.
#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

constexpr Duration answer_within = seconds(60);

}  // namespace

Status on_handover_query(Step& step, std::uint32_t host, const wire::HandoverQuery& query) noexcept {
    const HostRow& asker = step.t.hosts[host];
    if (query.source_host != asker.record.name || query.migration_id.nil()) {
        return Err{Fault::protocol_violation};
    }
    const std::uint32_t destination = find_host_by_name(step.t, query.destination_host);
    if (destination == no_row || destination == host || step.t.hosts[destination].link == 0) {
        ++step.t.counters.handover_dropped;  // it asks again
        return {};
    }
    std::uint32_t row = step.t.handovers.find([&](const HandoverRow& asked) {
        return asked.migration_id == query.migration_id && asked.source_host == host;
    });
    if (row == no_row) {
        row = step.t.handovers.add();
    }
    if (row == no_row) {
        ++step.t.counters.handover_dropped;
        return {};
    }
    HandoverRow& asked = step.t.handovers[row];
    asked.migration_id = query.migration_id;
    asked.source_host = host;
    asked.destination_host = destination;
    asked.asked = step.now.mono;
    step.out.add(Send{step.t.hosts[destination].link, query});
    ++step.t.counters.handover_forwarded;
    return {};
}

Status on_handover_answer(Step& step, std::uint32_t host, const wire::HandoverAnswer& answer) noexcept {
    const std::uint32_t row = step.t.handovers.find([&](const HandoverRow& asked) {
        return asked.migration_id == answer.migration_id && asked.destination_host == host &&
               step.t.hosts[asked.source_host].record.name == answer.source_host;
    });
    if (row == no_row) {
        ++step.t.counters.handover_dropped;
        return {};
    }
    const std::uint32_t source = step.t.handovers[row].source_host;
    step.t.handovers.remove(row);
    if (step.t.hosts[source].link == 0) {
        ++step.t.counters.handover_dropped;
        return {};
    }
    step.out.add(Send{step.t.hosts[source].link, answer});
    ++step.t.counters.handover_forwarded;
    return {};
}

void tick_handovers(Step& step) noexcept {
    for (std::uint32_t row = 0; row < step.t.handovers.rows().size(); ++row) {
        const HandoverRow& asked = step.t.handovers[row];
        if (asked.in_use && step.now.mono - asked.asked >= answer_within) {
            step.t.handovers.remove(row);
        }
    }
}

}  // namespace ballast::controller
