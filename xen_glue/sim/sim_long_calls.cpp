// The LONG calls that move no image: create, shutdown, destroy; and how LONG calls wait and fail to order.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "xen_glue/sim/host_setup.hpp"
#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/sim_hypervisor_impl.hpp"

namespace ballast::sim {
namespace {

constexpr std::int64_t step_ns = 50 * ns_per_ms;
constexpr std::uint32_t all_done_permille = 1000;

}  // namespace

Status SimHypervisor::work_point(std::uint32_t done_permille, int fd) {
    if (!pending_fault_ || done_permille < pending_fault_->at_permille) {
        return {};
    }
    const FaultRule rule = *pending_fault_;
    pending_fault_.reset();
    switch (rule.action) {
        case FaultAction::fail: break;
        case FaultAction::die: kill(getpid(), SIGKILL); break;
        case FaultAction::stall: return wait_until(never_ns, fd);
    }
    complaint_ = "ordered fault";
    return Err{rule.fault};
}

Status SimHypervisor::work(std::int64_t duration_ns, std::uint32_t from_permille, std::uint32_t to_permille) {
    const std::int64_t start_ns = boottime_ns();
    for (std::int64_t done_ns = 0; done_ns < duration_ns; done_ns += step_ns) {
        const std::int64_t done = (to_permille - from_permille) * done_ns / duration_ns;
        BALLAST_CHECK(work_point(from_permille + static_cast<std::uint32_t>(done), -1));
        BALLAST_CHECK(wait_until(start_ns + std::min(done_ns + step_ns, duration_ns), -1));
    }
    return work_point(to_permille, -1);
}

Status SimHypervisor::begin_long(Call call, int fd) {
    BALLAST_CHECK(apply([&](Transaction& transaction) { return enter(transaction, call); }));
    return work_point(0, fd);
}

// After a failure: this process works on the guest no longer, and a half-built domain goes. If another
// process has taken the guest over meanwhile (to destroy it), it is not ours to touch.
void SimHypervisor::give_up(std::uint32_t domid, Activity activity) {
    {
        Transaction transaction{*file_};
        SimHost& host = transaction.host();
        Guest* guest = find_domid(host, domid);
        if (guest != nullptr && guest->activity == activity) {
            abandon(host, *guest);
            cancel_build(host, domid);
        }
        transaction.commit();
    }
    file_->release();
}

Status SimHypervisor::create(const DomainSpec& spec, ProgressSink& progress, Domain& out) {
    return finish(Call::create, create_domain(spec, progress, out));
}

Status SimHypervisor::create_domain(const DomainSpec& spec, ProgressSink& progress, Domain& out) {
    BALLAST_CHECK(begin_long(Call::create, -1));
    if (const auto complaint = validate(spec)) {
        complaint_ = complaint->view();
        return Err{Fault::invalid_argument};
    }
    const std::uint64_t memory_kib = std::uint64_t{spec.memory_mib} * 1024;
    std::uint32_t domid = 0;
    std::int64_t duration_ns = 0;
    const Status begun = apply([&](Transaction& transaction) -> Status {
        SimHost& host = transaction.host();
        const Workload workload = ordinary_workload(host.config.seed, spec.uuid);
        domid = BALLAST_TRY(begin_create(host, new_guest(spec, true, workload)));
        transaction.keep_spec(domid, spec);
        transaction.claim(*find_domid(host, domid));
        duration_ns = create_ns(host.config, memory_kib);
        return {};
    });
    BALLAST_CHECK(begun);
    Status status = work(duration_ns, 0, all_done_permille);
    if (status.ok()) {
        status = apply([&](Transaction& transaction) -> Status {
            BALLAST_CHECK(finish_create(transaction.host(), domid));
            out = describe(*find_domid(transaction.host(), domid));
            return {};
        });
    }
    if (!status.ok()) {
        give_up(domid, Activity::creating);
        return status;
    }
    file_->release();
    progress.progress(memory_kib * 1024, 0, false);
    return {};
}

Status SimHypervisor::shutdown(const Domain& domain, std::int64_t timeout_ms, ProgressSink&) {
    return finish(Call::shutdown, shut_down_domain(domain, timeout_ms));
}

Status SimHypervisor::shut_down_domain(const Domain& domain, std::int64_t timeout_ms) {
    BALLAST_CHECK(begin_long(Call::shutdown, -1));
    const Status begun = apply_to_guest(domain, [&](Transaction& transaction, Guest& guest) -> Status {
        BALLAST_CHECK(begin_shutdown(transaction.host(), guest));
        transaction.claim(guest);
        return {};
    });
    BALLAST_CHECK(begun);
    const Status status = await_power_off(domain.domid, timeout_ms);
    if (!status.ok()) {
        give_up(domain.domid, Activity::shutting_down);
        return status;
    }
    return destroy_domain(domain);
}

Status SimHypervisor::await_power_off(std::uint32_t domid, std::int64_t timeout_ms) {
    const std::int64_t deadline_ns = boottime_ns() + timeout_ms * ns_per_ms;
    for (;;) {
        BALLAST_CHECK(work_point(all_done_permille / 2, -1));
        std::int64_t look_again_ns = boottime_ns() + step_ns;
        {
            Transaction transaction{*file_};
            const Guest* guest = find_domid(transaction.host(), domid);
            const DomainState now = guest == nullptr ? DomainState::absent : state_of(*guest);
            look_again_ns = std::min(look_again_ns, next_change_ns(transaction.host()));
            transaction.commit();
            if (now == DomainState::powered_off) {
                return {};
            }
            if (now == DomainState::crashed) {
                return Err{Fault::guest_crashed};
            }
            if (now != DomainState::running && now != DomainState::paused) {
                return Err{Fault::state_conflict};
            }
        }
        if (boottime_ns() >= deadline_ns) {
            return Err{Fault::guest_unresponsive};
        }
        BALLAST_CHECK(wait_until(std::min(look_again_ns, deadline_ns), -1));
    }
}

Status SimHypervisor::destroy(const Domain& domain, ProgressSink&) {
    const Status begun = begin_long(Call::destroy, -1);
    return finish(Call::destroy, begun.ok() ? destroy_domain(domain) : begun);
}

Status SimHypervisor::destroy_domain(const Domain& domain) {
    std::int64_t duration_ns = 0;
    const Status begun = apply_to_guest(domain, [&](Transaction& transaction, Guest& guest) -> Status {
        BALLAST_CHECK(begin_destroy(transaction.host(), guest));
        transaction.claim(guest);
        duration_ns = destroy_ns(transaction.host().config, guest.memory_kib);
        return {};
    });
    BALLAST_CHECK(begun);
    Status status = work(duration_ns, 0, all_done_permille);
    if (status.ok()) {
        status =
            apply([&](Transaction& transaction) { return finish_destroy(transaction.host(), domain.domid); });
    }
    if (!status.ok()) {
        give_up(domain.domid, Activity::destroying);
        return status;
    }
    file_->release();
    return {};
}

}  // namespace ballast::sim
