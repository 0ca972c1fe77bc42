#include "sim/digest.hpp"

#include <bit>

#include "base/overload.hpp"

namespace ballast::simulator {
namespace {

class Digest {
  public:
    template <class Number>
    requires std::is_integral_v<Number> || std::is_enum_v<Number> Digest& operator<<(Number number) noexcept {
        value_ = (value_ ^ static_cast<std::uint64_t>(number)) * 0x100000001b3ULL + (value_ >> 41);
        return *this;
    }
    Digest& operator<<(std::string_view text) noexcept {
        for (const char letter : text) {
            *this << static_cast<unsigned char>(letter);
        }
        return *this << text.size();
    }
    template <std::size_t n>
    Digest& operator<<(const FixedString<n>& text) noexcept {
        return *this << text.view();
    }
    Digest& operator<<(const Uuid& uuid) noexcept {
        for (const std::uint8_t byte : uuid.bytes) {
            *this << byte;
        }
        return *this;
    }
    std::uint64_t value() const noexcept { return value_; }

  private:
    std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

void add(Digest& d, const controller::JobSide& side) {
    d << side.host << side.state << side.result << side.fault << side.step_name;
}

void add(Digest& d, const controller::JobRecord& job) {
    d << job.id << job.kind << job.origin << job.state << job.vm_uuid << job.vm_name << job.migration_id
      << job.mode << job.memory_mib << job.percent << job.fault << job.detail << job.cancel_asked
      << job.plan_id << job.created.unix_ms << job.deadline.unix_ms << job.ended.unix_ms;
    add(d, job.source);
    add(d, job.destination);
}

void add(Digest& d, const controller::DesktopRecord& desktop) {
    d << desktop.uuid << desktop.name << desktop.pool << desktop.state << desktop.since.unix_ms
      << desktop.generation << desktop.used << desktop.volumes << desktop.session;
}

void add(Digest& d, const controller::SessionRecord& session) {
    d << session.id << session.user << session.pool << session.state << session.desktop << session.taken_from
      << session.ended_by << session.detail << session.password << session.requested.unix_ms
      << session.opened.unix_ms << session.last_used.unix_ms << session.left.unix_ms << session.ended.unix_ms;
}

void add(Digest& d, const controller::PlanView& plan) {
    d << plan.record.id << plan.record.state << plan.record.policy << plan.record.source;
    for (const controller::PlanMove& move : plan.moves) {
        d << move.kind << move.state << move.vm_uuid << move.to << move.job_id << move.why << move.outcome
          << move.took_ms;
    }
    d << plan.record.prediction;
    for (const controller::PlanHostLoad& host : plan.hosts) {
        d << host.compared << std::bit_cast<std::uint64_t>(host.measured.cpu);
    }
}

void add(Digest& d, const wire::JobOrder& order) {
    d << order.job_id << order.kind << order.uuid << order.name << order.deadline_ms << order.migration_id
      << order.peer_host << order.peer_address << order.peer_port << order.mode << order.memory_kib
      << order.link_mbps << order.spec.uuid << order.spec.memory_mib;
}

void add(Digest& d, const controller::SmallMessage& message) {
    d << message.index();
    std::visit(
        Overload{
            [&](const wire::HelloReply& m) { d << m.accepted << m.fault << m.detail; },
            [&](const wire::JobCancel& m) { d << m.job_id; }, [&](const wire::JobAck& m) { d << m.job_id; },
            [&](const wire::JobLimit& m) { d << m.job_id << m.bandwidth_mbps; },
            [&](const wire::HandoverQuery& m) { d << m.migration_id << m.destination_host; },
            [&](const wire::HandoverAnswer& m) { d << m.migration_id << m.verdict; },
            [&](const wire::RelayOpen& m) { d << m.session_id << m.uuid << m.password << m.client_address; },
            [&](const wire::RelayClose& m) { d << m.session_id; },
            [&](const wire::GuestNote& m) { d << m.uuid << m.nonce << m.data_share << m.watch; },
            [&](const wire::StoreProbe& m) { d << m.probe_id << m.step << m.secret; }},
        message);
}

void add(Digest& d, const controller::Outcome& outcome) {
    d << outcome.kind << outcome.slug << outcome.fault << outcome.detail << outcome.replayed << outcome.job_id
      << outcome.plan_id << outcome.session_id << outcome.vm_uuid << outcome.host << outcome.reasons.size();
}

}  // namespace

std::uint64_t digest(const controller::Core& core, const controller::Actions& actions, const Now& now) {
    using namespace controller;
    Digest d;
    wire::JobOrder order;
    for (const Action& action : actions.list()) {
        d << action.index();
        std::visit(
            Overload{
                [&](const PersistHost& a) {
                    const HostRecord& record = core.host(a.host).record;
                    d << a.host << record.name << record.cordoned << record.draining;
                },
                [&](const PersistVm& a) {
                    const VmRecord& record = core.vm(a.vm).record;
                    d << a.vm << record.uuid << record.movable << record.last_host
                      << record.last_moved.unix_ms;
                },
                [&](const PersistDefinition& a) { d << a.definition; },
                [&](const PersistJob& a) { add(d << a.job, core.job(a.job).record); },
                [&](const PersistPlan& a) { add(d << a.plan, core.plan(a.plan)); },
                [&](const PersistIdempotency& a) { d << a.entry << core.idempotency(a.entry).record.job_id; },
                [&](const PersistDesktopPool& a) {
                    const DesktopPoolRecord& record = core.desktop_pool(a.pool).record;
                    d << record.name << record.enabled << record.closing << record.targets.spares();
                },
                [&](const PersistDesktop& a) { add(d << a.desktop, core.desktop(a.desktop).record); },
                [&](const PersistSession& a) { add(d << a.session, core.session(a.session).record); },
                [&](const ForgetDesktopPool& a) { d << a.name; },
                [&](const ForgetDesktop& a) { d << a.uuid; },
                [&](const ForgetSession& a) { d << a.id; },
                [](const PersistStoreMark&) {},
                [&](const ForgetHost& a) { d << a.name; },
                [&](const ForgetVm& a) { d << a.uuid; },
                [&](const ForgetJob& a) { d << a.id; },
                [&](const ForgetPlan& a) { d << a.id; },
                [&](const ForgetIdempotency& a) { d << a.key.high << a.key.low; },
                [&](const Send& a) { add(d << a.link, a.message); },
                [&](const SendOrder& a) {
                    core.fill_order(a, now, order);
                    add(d << a.link, order);
                },
                [&](const CloseLink& a) { d << a.link << a.fault; },
                [&](const Reply& a) { add(d << a.command_id, actions.outcome); },
                [&](const JobChanged& a) { d << a.job; },
                [&](const Report& a) { d << a.what << a.name << a.id << a.detail; },
                [](const auto&) {}},
            action);
    }
    return d.value();
}

}  // namespace ballast::simulator
