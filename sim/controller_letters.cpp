// The two large messages of agents, unpacked into ones that are kept and reused.
#include "sim/world.hpp"

namespace ballast::simulator {

void Controller::hear_report(controller::LinkId link, const HostFactsSent& sent) {
    wire::HostReport& report = std::get<wire::HostReport>(*report_);
    report.domains.clear();
    report.saved.clear();
    const wire::HostReport& head = sent.head;
    report.sequence = head.sequence;
    report.cpu_count = head.cpu_count;
    report.memory_kib = head.memory_kib;
    report.memory_free_kib = head.memory_free_kib;
    report.can_pv = head.can_pv;
    report.can_hvm = head.can_hvm;
    report.can_hap = head.can_hap;
    report.can_shadow = head.can_shadow;
    report.net_mbps = head.net_mbps;
    report.degraded = head.degraded;
    report.store_path = head.store_path;
    report.store_proven = head.store_proven;
    report.store_free_mib = head.store_free_mib;
    for (const wire::DomainInfo& domain : sent.domains) {
        report.domains.push(domain);
    }
    for (const wire::SavedGuest& saved : sent.saved) {
        report.saved.push(saved);
    }
    step(controller::LinkMessage{link, report_.get()});
}

void Controller::hear_sample(controller::LinkId link, const SampleSent& sent) {
    wire::SampleReport& sample = std::get<wire::SampleReport>(*sample_);
    sample.domains.clear();
    sample.sequence = sent.sequence;
    sample.taken_unix_ms = sent.taken_unix_ms;
    sample.memory_free_kib = sent.memory_free_kib;
    sample.rates_valid = sent.rates_valid;
    sample.dom0_cpu_cores = sent.dom0_cpu_cores;
    for (const wire::DomainSample& domain : sent.domains) {
        sample.domains.push(domain);
    }
    step(controller::LinkMessage{link, sample_.get()});
}

}  // namespace ballast::simulator
