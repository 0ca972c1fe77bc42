#include "xen_glue/measured_hypervisor.hpp"

#include <chrono>

namespace ballast {

template <class Call>
Status MeasuredHypervisor::measure(HypervisorCall kind, Call call) {
    const auto began = std::chrono::steady_clock::now();
    const Status status = call();
    const auto took = std::chrono::steady_clock::now() - began;
    CallCount& count = calls_[static_cast<std::size_t>(kind)];
    ++count.count;
    count.errors += status.ok() ? 0 : 1;
    count.total_us +=
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    return status;
}

Status MeasuredHypervisor::host_facts(HostFacts& out) {
    return measure(HypervisorCall::host_facts, [&] { return inner_->host_facts(out); });
}
Status MeasuredHypervisor::list(DomainList& out) {
    return measure(HypervisorCall::list, [&] { return inner_->list(out); });
}
Status MeasuredHypervisor::find(const Uuid& uuid, Domain& out) {
    return measure(HypervisorCall::find, [&] { return inner_->find(uuid, out); });
}
Status MeasuredHypervisor::sample(HostCounters& out) {
    return measure(HypervisorCall::sample, [&] { return inner_->sample(out); });
}
Status MeasuredHypervisor::pause(const Domain& domain) {
    return measure(HypervisorCall::pause, [&] { return inner_->pause(domain); });
}
Status MeasuredHypervisor::unpause(const Domain& domain) {
    return measure(HypervisorCall::unpause, [&] { return inner_->unpause(domain); });
}
Status MeasuredHypervisor::resume_suspended(const Domain& domain, bool if_withdrawn) {
    return measure(HypervisorCall::resume_suspended,
                   [&] { return inner_->resume_suspended(domain, if_withdrawn); });
}
Status MeasuredHypervisor::withdraw_suspend(const Domain& domain) {
    return measure(HypervisorCall::withdraw_suspend, [&] { return inner_->withdraw_suspend(domain); });
}
Status MeasuredHypervisor::rename(const Domain& domain, std::string_view new_name) {
    return measure(HypervisorCall::rename, [&] { return inner_->rename(domain, new_name); });
}
Status MeasuredHypervisor::disks(const Domain& domain, DiskList& out) {
    return measure(HypervisorCall::disks, [&] { return inner_->disks(domain, out); });
}
Status MeasuredHypervisor::console(const Domain& domain, ConsoleEndpoint& out) {
    return measure(HypervisorCall::console, [&] { return inner_->console(domain, out); });
}
Status MeasuredHypervisor::guest_read(const Domain& domain, std::string_view relative_path,
                                      std::string& out) {
    return measure(HypervisorCall::guest_read,
                   [&] { return inner_->guest_read(domain, relative_path, out); });
}
Status MeasuredHypervisor::guest_write(const Domain& domain, std::string_view relative_path,
                                       std::string_view value) {
    return measure(HypervisorCall::guest_write,
                   [&] { return inner_->guest_write(domain, relative_path, value); });
}
Status MeasuredHypervisor::watch_guests(const DomainList& guests) {
    return measure(HypervisorCall::watch_guests, [&] { return inner_->watch_guests(guests); });
}

}  // namespace ballast
