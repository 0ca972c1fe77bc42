// Incidents in words.
#include "sim/scenario.hpp"

namespace ballast::simulator {

const char* to_string(Mutation mutation) noexcept {
    switch (mutation) {
        case Mutation::none: return "none";
        case Mutation::journal_lies: return "journal_lies";
        case Mutation::unpause_early: return "unpause_early";
        case Mutation::destroy_early: return "destroy_early";
        case Mutation::forget_keys: return "forget_keys";
        case Mutation::acks_lost: return "acks_lost";
        case Mutation::second_clock: return "second_clock";
        case Mutation::forget_used: return "forget_used";
        case Mutation::empty_report: return "empty_report";
    }
    return "?";
}

namespace {

const char* word(IncidentKind kind) noexcept {
    switch (kind) {
        case IncidentKind::agent_dies: return "the agent dies";
        case IncidentKind::agent_dies_in_steps: return "the agent dies in some steps";
        case IncidentKind::host_dies: return "the host loses power";
        case IncidentKind::controller_dies: return "the controller dies";
        case IncidentKind::controller_dies_in_steps: return "the controller dies in some steps";
        case IncidentKind::controller_host_dies: return "the controller's host loses power";
        case IncidentKind::workers_die: return "the workers are killed";
        case IncidentKind::cut: return "the network is cut";
        case IncidentKind::half_open: return "the network is cut in one direction";
        case IncidentKind::isolated: return "the host is cut off";
        case IncidentKind::slow_network: return "the network is slow";
        case IncidentKind::journal_fails: return "the journal cannot be written";
        case IncidentKind::journal_fails_late: return "the journal says that it was not written, and was";
        case IncidentKind::journal_slow: return "the journal is slow";
        case IncidentKind::saves_full: return "no room for save files";
        case IncidentKind::store_fails: return "the store cannot be written";
        case IncidentKind::store_fails_late: return "the store says that it was not written, and was";
        case IncidentKind::store_slow: return "the store is slow";
        case IncidentKind::host_clock_jumps: return "the host's clock jumps";
        case IncidentKind::controller_clock_jumps: return "the controller's clock jumps";
        case IncidentKind::hypervisor_silent: return "the hypervisor does not answer";
        case IncidentKind::guest_deaf: return "the guest is deaf";
        case IncidentKind::guest_crashes: return "the guest crashes";
        case IncidentKind::guest_powers_off: return "the guest powers off";
        case IncidentKind::desktop_crashes: return "a desktop crashes";
        case IncidentKind::desktop_powers_off: return "a desktop powers off";
        case IncidentKind::guests_mute: return "guests say nothing";
        case IncidentKind::guests_babble: return "guests talk nonsense";
        case IncidentKind::kernel_missing: return "the guests' kernel is missing";
        case IncidentKind::shared_full: return "the shared store is full";
        case IncidentKind::shared_slow: return "the shared store is slow";
        case IncidentKind::golden_rots: return "the golden files rot";
        case IncidentKind::shared_elsewhere: return "another file system lies where the shared store was";
        case IncidentKind::login: return "login";
        case IncidentKind::request: return "request";
    }
    return "?";
}

}  // namespace

std::string describe(const Incident& incident) {
    if (incident.kind == IncidentKind::request) {
        return fmt::format("request: {} (guest g{}, host h{}, {}{})", controller::to_string(incident.command),
                           incident.guest, incident.host, incident.amount,
                           incident.repeated ? ", sent again later" : "");
    }
    if (incident.kind == IncidentKind::login) {
        return fmt::format("login: u{} for {} ms", incident.guest, incident.amount);
    }
    const std::string other =
        incident.other == controller_node ? "the controller" : fmt::format("h{}", incident.other);
    return fmt::format("{} (h{}, {}, guest g{}, for {} ms, amount {})", word(incident.kind), incident.host,
                       other, incident.guest, incident.lasts_ns / ms, incident.amount);
}

}  // namespace ballast::simulator
