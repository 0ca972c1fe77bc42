#include "base/fault.hpp"

namespace ballast {

std::string_view to_string(Fault fault) noexcept {
    switch (fault) {
        case Fault::none: return "none";
        case Fault::invalid_argument: return "invalid_argument";
        case Fault::not_found: return "not_found";
        case Fault::already_exists: return "already_exists";
        case Fault::limit_reached: return "limit_reached";
        case Fault::unsupported: return "unsupported";
        case Fault::state_conflict: return "state_conflict";
        case Fault::guest_paused: return "guest_paused";
        case Fault::guest_unresponsive: return "guest_unresponsive";
        case Fault::guest_crashed: return "guest_crashed";
        case Fault::no_memory: return "no_memory";
        case Fault::no_disk_space: return "no_disk_space";
        case Fault::live_migration_unavailable: return "live_migration_unavailable";
        case Fault::domain_in_use: return "domain_in_use";
        case Fault::host_draining: return "host_draining";
        case Fault::hypervisor_failed: return "hypervisor_failed";
        case Fault::hypervisor_unavailable: return "hypervisor_unavailable";
        case Fault::io_failed: return "io_failed";
        case Fault::storage_mismatch: return "storage_mismatch";
        case Fault::image_corrupt: return "image_corrupt";
        case Fault::connection_lost: return "connection_lost";
        case Fault::peer_refused: return "peer_refused";
        case Fault::protocol_violation: return "protocol_violation";
        case Fault::version_mismatch: return "version_mismatch";
        case Fault::authentication_failed: return "authentication_failed";
        case Fault::host_unreachable: return "host_unreachable";
        case Fault::deadline_exceeded: return "deadline_exceeded";
        case Fault::cancelled: return "cancelled";
        case Fault::worker_died: return "worker_died";
        case Fault::handover_in_doubt: return "handover_in_doubt";
        case Fault::handover_lost: return "handover_lost";
    }
    return "unknown";
}

std::string_view describe(Fault fault) noexcept {
    switch (fault) {
        case Fault::none: return "no fault";
        case Fault::invalid_argument: return "an argument is outside what is allowed";
        case Fault::not_found: return "there is no such object";
        case Fault::already_exists: return "an object of that name or uuid exists already";
        case Fault::limit_reached: return "a configured limit is reached";
        case Fault::unsupported: return "this host cannot do that";
        case Fault::state_conflict: return "the domain is not in the state that the operation needs";
        case Fault::guest_paused: return "a paused guest can be neither saved nor migrated: unpause it first";
        case Fault::guest_unresponsive: return "the guest did not acknowledge the request in time";
        case Fault::guest_crashed: return "the guest has crashed";
        case Fault::no_memory: return "the host has not enough free memory for the guest";
        case Fault::no_disk_space: return "there is not enough disk space";
        case Fault::live_migration_unavailable:
            return "this hypervisor cannot track dirty memory for this kind of guest: only stop-and-copy is "
                   "possible";
        case Fault::domain_in_use: return "another operation on this domain is under way";
        case Fault::host_draining: return "the host is cordoned or draining and takes no guests";
        case Fault::hypervisor_failed: return "the hypervisor's toolstack refused or failed the operation";
        case Fault::hypervisor_unavailable: return "the hypervisor or xenstore does not answer";
        case Fault::io_failed: return "reading or writing a file or device failed";
        case Fault::storage_mismatch: return "a disk of the guest is not reachable on the other host";
        case Fault::image_corrupt: return "the save file or memory stream is not valid";
        case Fault::connection_lost: return "the connection broke";
        case Fault::peer_refused: return "the other side refused";
        case Fault::protocol_violation: return "the other side broke the protocol";
        case Fault::version_mismatch: return "the other side speaks another protocol version";
        case Fault::authentication_failed: return "the other side could not prove who it is";
        case Fault::host_unreachable: return "the host's agent is not connected";
        case Fault::deadline_exceeded: return "the operation did not end within its deadline";
        case Fault::cancelled: return "the operation was cancelled";
        case Fault::worker_died: return "the process that carried out the operation died";
        case Fault::handover_in_doubt:
            return "it is not known yet whether the destination runs the guest; the source copy stays "
                   "suspended";
        case Fault::handover_lost:
            return "the destination may have run the guest and then lost it; an operator must decide";
    }
    return "unknown fault";
}

}  // namespace ballast
