// Connections of agents: who may be which host. A link is nobody's until its hello has been checked.
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

struct Refusal {
    Fault fault = Fault::none;
    Detail detail;
};

Refusal check_hello(const Step& step, const LinkRow& link, const wire::Hello& hello) noexcept {
    if (hello.version != limits::protocol_version) {
        return {Fault::version_mismatch, compose("the agent speaks protocol ", hello.version,
                                                 ", this controller ", limits::protocol_version)};
    }
    if (!valid_name(hello.host_name)) {
        return {Fault::invalid_argument,
                "host_name: expected letters, digits and ._-+, a letter or digit first"};
    }
    if (link.tls && link.certificate_name != hello.host_name) {
        return {Fault::authentication_failed, compose("the certificate is ", link.certificate_name,
                                                      "'s, and the hello says ", hello.host_name)};
    }
    const std::uint32_t host = find_host_by_name(step.t, hello.host_name);
    if (host != no_row) {
        const HostRow& known = step.t.hosts[host];
        if (known.link != 0 && known.record.uuid != hello.host_uuid) {
            return {Fault::already_exists, compose("another machine is connected as ", hello.host_name)};
        }
    }
    return {};
}

void answer_hello(Step& step, const LinkRow& link, const Refusal& refusal) noexcept {
    wire::HelloReply reply;
    reply.accepted = refusal.fault == Fault::none;
    reply.fault = refusal.fault;
    reply.detail = refusal.detail;
    reply.version = limits::protocol_version;
    reply.frame_bytes_max = limits::frame_bytes_max;
    reply.sample_interval_ms = static_cast<std::uint32_t>(step.t.settings.sample_interval.ms);
    step.out.add(Send{link.id, reply});
}

Status refuse_hello(Step& step, std::uint32_t link, const wire::Hello& hello,
                    const Refusal& refusal) noexcept {
    ++step.t.counters.hellos_refused;
    answer_hello(step, step.t.links[link], refusal);
    step.report(Severity::warning, Subject::host, "hello_refused", hello.host_name, 0, refusal.detail);
    close_link(step, link, refusal.fault);
    return Err{refusal.fault};
}

// A machine that was re-installed under its old name has nothing left of what it had.
void take_identity(Step& step, std::uint32_t host, const wire::Hello& hello) noexcept {
    HostRow& row = step.t.hosts[host];
    if (row.record.uuid == hello.host_uuid) {
        return;
    }
    if (!row.record.uuid.nil()) {
        step.report(Severity::warning, Subject::host, "host_uuid_changed", hello.host_name, 0,
                    compose("was ", to_text(row.record.uuid), ", is ", to_text(hello.host_uuid)));
    }
    row.record.uuid = hello.host_uuid;
    step.out.add(PersistHost{host});
}

std::uint32_t host_for(Step& step, const wire::Hello& hello) noexcept {
    const std::uint32_t known = find_host_by_name(step.t, hello.host_name);
    if (known != no_row) {
        return known;
    }
    const std::uint32_t host = step.t.add_host();
    if (host != no_row) {
        step.t.hosts[host].record.name = hello.host_name;
        step.t.hosts[host].record.uuid = hello.host_uuid;
        step.t.hosts[host].record.first_seen = step.now.wall;
        step.out.add(PersistHost{host});
        step.report(Severity::info, Subject::host, "host_added", hello.host_name, 0, "first seen");
    }
    return host;
}

void lose_host_link(Step& step, std::uint32_t host) noexcept {
    HostRow& row = step.t.hosts[host];
    row.link = 0;
    row.link_changed = step.now.mono;
    row.inventory_known = false;
    row.samples = 0;
    refresh_host(step, host);
    each_guest_seen(step.t, host, [&step](std::uint32_t vm) { refresh_vm(step, vm); });
    desktops_link_down(step, host);
}

}  // namespace

std::uint32_t find_link(const Tables& t, LinkId id) noexcept {
    return t.link_index.find(id);
}

Status link_up(Step& step, const LinkUp& event) noexcept {
    if (event.link == 0 || find_link(step.t, event.link) != no_row) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = step.t.links.add();
    if (row == no_row) {
        step.out.add(CloseLink{event.link, Fault::limit_reached});
        step.report(Severity::warning, Subject::controller, "link_refused", {}, 0,
                    compose("limit links: ", step.t.links.limit(), " connections are open"));
        return Err{Fault::limit_reached};
    }
    LinkRow& link = step.t.links[row];
    link.id = event.link;
    step.t.link_index.add(link.id, row);
    link.tls = event.tls;
    link.certificate_name = event.certificate_name;
    link.remote_address = event.remote_address;
    link.since = step.now.mono;
    return {};
}

Status on_hello(Step& step, std::uint32_t link, const wire::Hello& hello) noexcept {
    const Refusal refusal = check_hello(step, step.t.links[link], hello);
    if (refusal.fault != Fault::none) {
        return refuse_hello(step, link, hello, refusal);
    }
    const std::uint32_t host = host_for(step, hello);
    if (host == no_row) {
        return refuse_hello(
            step, link, hello,
            {Fault::limit_reached, compose("limit hosts: ", step.t.hosts.limit(), " are known")});
    }
    HostRow& row = step.t.hosts[host];
    if (row.link != 0) {
        // The same machine dialled again before its old connection was noticed to be dead.
        const std::uint32_t old = find_link(step.t, row.link);
        step.t.links[old].host = no_row;
        close_link(step, old, Fault::connection_lost);
        lose_host_link(step, host);
    }
    take_identity(step, host, hello);
    LinkRow& accepted = step.t.links[link];
    set_link_state(accepted, LinkState::accepted);
    accepted.host = host;
    row.link = accepted.id;
    row.link_changed = step.now.mono;
    row.software = hello.software;
    row.migration_address =
        hello.migration_address.empty() ? accepted.remote_address : hello.migration_address;
    row.migration_port = hello.migration_port;
    row.agent_boot_ms = hello.boot_ms;
    row.agent_jobs_max = hello.jobs_max;
    row.watches_life = hello.watches_life;
    row.report_sequence = row.sample_sequence = 0;
    row.samples = 0;
    row.dom0_cpu_cores.clear();
    row.net_mbps_used.clear();
    ++step.t.counters.hellos_accepted;
    answer_hello(step, accepted, {});
    refresh_host(step, host);
    resend_orders(step, host);
    desktops_link_up(step, host);
    return {};
}

void close_link(Step& step, std::uint32_t link, Fault fault) noexcept {
    step.out.add(CloseLink{step.t.links[link].id, fault});
    const std::uint32_t host = step.t.links[link].host;
    set_link_state(step.t.links[link], LinkState::closed);
    step.t.link_index.remove(step.t.links[link].id);
    step.t.links.remove(link);
    if (host != no_row) {
        lose_host_link(step, host);
    }
}

Status link_down(Step& step, const LinkDown& event) noexcept {
    const std::uint32_t link = find_link(step.t, event.link);
    if (link == no_row) {
        return {};  // we had closed it ourselves
    }
    const std::uint32_t host = step.t.links[link].host;
    set_link_state(step.t.links[link], LinkState::closed);
    step.t.link_index.remove(step.t.links[link].id);
    step.t.links.remove(link);
    ++step.t.counters.links_lost;
    if (event.fault == Fault::protocol_violation) {
        ++step.t.counters.protocol_faults;
    }
    if (host != no_row) {
        step.report(Severity::warning, Subject::host, "link_lost", step.t.hosts[host].record.name, 0,
                    Detail{describe(event.fault)});
        lose_host_link(step, host);
    }
    return {};
}

void tick_links(Step& step) noexcept {
    for (std::uint32_t link = 0; link < step.t.links.rows().size(); ++link) {
        const LinkRow& row = step.t.links[link];
        if (row.in_use && row.state == LinkState::awaiting_hello &&
            step.now.mono - row.since >= step.t.settings.hello_timeout) {
            close_link(step, link, Fault::deadline_exceeded);
        }
    }
}

}  // namespace ballast::controller
