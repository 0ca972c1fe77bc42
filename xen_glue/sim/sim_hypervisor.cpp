#include "xen_glue/sim/sim_hypervisor.hpp"

#include <algorithm>
#include <utility>

#include "xen_glue/sim/guest_area.hpp"
#include "xen_glue/sim/host_setup.hpp"
#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/sim_hypervisor_impl.hpp"

namespace ballast::sim {
namespace {

// Unless the host was given a port for all consoles, nobody listens there; the number changes with every
// restore and migration, as a real one does.
constexpr std::uint16_t vnc_port_first = 5900;

}  // namespace

std::unique_ptr<Hypervisor> open(const SimOptions& options, std::string& why) {
    if (why = complaint_about(options); !why.empty()) {
        return nullptr;
    }
    const auto creator = [&options](StateFile::Transaction& new_host, std::string& reason) {
        return set_up_host(options, new_host, reason);
    };
    std::unique_ptr<StateFile> file = StateFile::open(options.state_file, creator, why);
    return file == nullptr ? nullptr : std::make_unique<SimHypervisor>(std::move(file));
}

Status SimHypervisor::enter(Transaction& transaction, Call call) {
    last_error_.clear();
    complaint_.clear();
    pending_fault_.reset();
    SimHost& host = transaction.host();
    if (host.unavailable_until_ns > host.now_ns) {
        return Err{Fault::hypervisor_unavailable};
    }
    const std::optional<FaultRule> rule = take_fault(host.fault_rules, call);
    if (rule && call < Call::create) {
        complaint_ = "ordered fault";
        return Err{rule->fault};
    }
    pending_fault_ = rule;
    return {};
}

Status SimHypervisor::locate(Transaction& transaction, const Domain& domain, Guest*& guest) {
    if (domain.domid == 0) {
        complaint_ = "dom0 is not a guest: nothing is done to it";
        return Err{Fault::invalid_argument};
    }
    guest = find_domid(transaction.host(), domain.domid);
    if (guest == nullptr || guest->uuid != domain.uuid) {
        return Err{Fault::not_found};
    }
    return {};
}

Status SimHypervisor::finish(Call call, Status status) {
    if (!status.ok()) {
        last_error_ =
            "simulated " + std::string{to_string(call)} + ": " + std::string{describe(status.fault())};
        if (!complaint_.empty()) {
            last_error_ += " (" + complaint_ + ")";
        }
    }
    return status;
}

Status SimHypervisor::host_facts(HostFacts& out) {
    return short_call(Call::list, [&out](Transaction& transaction) -> Status {
        out = facts(transaction.host());
        return {};
    });
}

Status SimHypervisor::list(DomainList& out) {
    return short_call(Call::list, [&out](Transaction& transaction) -> Status {
        out.clear();
        out.push(describe_dom0(transaction.host()));
        for (const Guest& guest : transaction.host().guests) {
            out.push(describe(guest));
        }
        return {};
    });
}

Status SimHypervisor::find(const Uuid& uuid, Domain& out) {
    return short_call(Call::list, [&](Transaction& transaction) -> Status {
        const Guest* guest = find_uuid(transaction.host(), uuid);
        if (guest == nullptr) {
            return Err{Fault::not_found};
        }
        out = describe(*guest);
        return {};
    });
}

Status SimHypervisor::sample(HostCounters& out) {
    return short_call(Call::list, [&out](Transaction& transaction) -> Status {
        count(transaction.host(), out);
        out.taken_mono_ns = transaction.host().now_ns;
        return {};
    });
}

Status SimHypervisor::pause(const Domain& domain) {
    return short_call_on(Call::pause, domain,
                         [](Transaction& t, Guest& guest) { return sim::pause(t.host(), guest); });
}

Status SimHypervisor::unpause(const Domain& domain) {
    return short_call_on(Call::unpause, domain,
                         [](Transaction& t, Guest& guest) { return sim::unpause(t.host(), guest); });
}

Status SimHypervisor::resume_suspended(const Domain& domain, bool if_withdrawn) {
    return short_call_on(Call::resume, domain, [if_withdrawn](Transaction& t, Guest& guest) {
        return sim::resume_suspended(t.host(), guest, if_withdrawn);
    });
}

Status SimHypervisor::withdraw_suspend(const Domain& domain) {
    return short_call_on(Call::withdraw, domain,
                         [](Transaction& t, Guest& guest) { return sim::withdraw_suspend(t.host(), guest); });
}

Status SimHypervisor::rename(const Domain& domain, std::string_view new_name) {
    return short_call_on(Call::rename, domain, [&](Transaction& t, Guest& guest) {
        return sim::rename(t.host(), guest, domain.name, new_name);
    });
}

Status SimHypervisor::disks(const Domain& domain, DiskList& out) {
    return short_call_on(Call::list, domain, [&out](Transaction& t, Guest& guest) -> Status {
        const DomainSpec* spec = t.spec(guest.domid);
        if (spec == nullptr) {
            return Err{Fault::unsupported};
        }
        out = spec->disks;
        return {};
    });
}

Status SimHypervisor::console(const Domain& domain, ConsoleEndpoint& out) {
    return short_call_on(Call::list, domain, [&out](Transaction& t, Guest& guest) -> Status {
        out = ConsoleEndpoint{};
        const DomainSpec* spec = t.spec(guest.domid);
        if (spec != nullptr && spec->vnc.enabled) {
            out.protocol = ConsoleEndpoint::Protocol::vnc;
            out.listen_address = spec->vnc.listen.view();
            const std::uint32_t given = t.host().config.console_port;
            out.port = static_cast<std::uint16_t>(given != 0 ? given : vnc_port_first + guest.domid % 1000);
            out.password = spec->vnc.password;
        }
        return {};
    });
}

Status SimHypervisor::guest_read(const Domain& domain, std::string_view relative_path, std::string& out) {
    out.clear();
    return short_call_on(Call::guest_area, domain, [&](Transaction& t, Guest& guest) -> Status {
        if (!valid_area_path(relative_path)) {
            return Err{Fault::invalid_argument};
        }
        out = std::string_view{read_area(t.snapshot(), guest, relative_path)};
        std::replace_if(
            out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
        return {};
    });
}

Status SimHypervisor::guest_write(const Domain& domain, std::string_view relative_path,
                                  std::string_view value) {
    return short_call_on(Call::guest_area, domain, [&](Transaction& t, Guest& guest) {
        return write_area(t.snapshot(), guest, relative_path, value);
    });
}

int SimHypervisor::event_fd() {
    if (events_ == nullptr) {
        events_ = std::make_unique<EventSource>(file_->path());
        (void)drain_events();
    }
    return events_->fd();
}

HostEvents SimHypervisor::drain_events() {
    if (events_ != nullptr) {
        events_->drain();
        Transaction transaction{*file_};
        const SimHost& host = transaction.host();
        events_->set_timer(std::min(next_change_ns(host), next_signal_ns(host)));
        transaction.commit();
    }
    return {.domains = true, .all_guests = true};
}

// All of them are watched all the time.
Status SimHypervisor::watch_guests(const DomainList&) {
    return {};
}

}  // namespace ballast::sim
