#include "tests/bench/fleet/host.hpp"

#include <algorithm>

#include "base/compose.hpp"
#include "shell/random.hpp"

namespace ballast::fleet {
namespace {

constexpr Duration redial_pause = milliseconds(200);
constexpr Duration between_reports = milliseconds(500);
constexpr std::uint64_t kib_per_mib = 1024;

// What an agent says of a job that is done, but for its result.
wire::JobUpdate about(const wire::JobOrder& order) {
    wire::JobUpdate update;
    update.job_id = order.job_id;
    update.kind = order.kind;
    update.uuid = order.uuid;
    update.step_name = "done";
    update.percent = 100;
    return update;
}

}  // namespace

Uuid uuid_of(std::uint32_t host, std::uint32_t guest) {
    std::array<std::uint8_t, 16> bytes{0xf1, 0xee};  // version and variant go to bytes 6 and 8
    for (std::size_t i = 0; i < 4; ++i) {
        bytes[2 + i] = static_cast<std::uint8_t>(host >> (8 * i));
        bytes[12 + i] = static_cast<std::uint8_t>(guest >> (8 * i));
    }
    return uuid_from_random(bytes);
}

Host::Host(Loop& loop, const FleetSettings& settings, FleetCounts& counts, Peers& peers, std::uint32_t number)
    : loop_{loop},
      settings_{settings},
      counts_{counts},
      peers_{peers},
      number_{number},
      name_{compose("h", number).view()},
      random_{number},
      redial_{loop, [this] { dial(); }} {
    peers_[std::string{name_.view()}] = this;
    guests_.resize(settings.guests_per_host);
    for (Guest& guest : guests_) {
        guest.info.domid = next_domid_++;
        guest.info.uuid = uuid_of(number, guest.info.domid);
        guest.info.name = Name{compose(name_, "-vm", guest.info.domid).view()};
        guest.info.type = GuestType::pv;
        guest.info.state = DomainState::running;
        guest.info.memory_kib = settings.guest_memory_mib * kib_per_mib;
        guest.info.vcpus = 1;
    }
}

// ---- the connection ----

void Host::dial() {
    std::string why;
    link_.reset();
    const int fd = start_connect("127.0.0.1", settings_.port, why);
    if (fd < 0) {
        on_down();
        return;
    }
    LinkOptions options;
    options.scratch = settings_.scratch;
    link_ = std::make_unique<Link>(
        loop_, fd, Role::client, options,
        Link::Events{.on_up = [this] { send_hello(); },
                     .on_message = [this](const wire::Message& message) { on_message(message); },
                     .on_down = [this](Fault, std::string_view) { on_down(); }});
}

// Half of the pause is drawn by lot, as agents do.
void Host::on_down() {
    counts_.up -= ready_ ? 1 : 0;
    ready_ = false;
    redial_.start_once(milliseconds(
        redial_pause.ms / 2 +
        static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(redial_pause.ms / 2)))));
}

void Host::send_hello() {
    wire::Hello hello;
    hello.version = limits::protocol_version;
    hello.software = "fleet";
    hello.host_name = name_;
    hello.host_uuid = uuid_of(number_, 0);
    hello.frame_bytes_max = limits::frame_bytes_max;
    hello.migration_address = "127.0.0.1";
    hello.migration_port = 1;
    hello.boot_ms = 1;
    hello.jobs_max = limits::agent_jobs_max;
    link_->send(wire::Message{hello});
}

void Host::on_message(const wire::Message& message) {
    if (const auto* reply = std::get_if<wire::HelloReply>(&message)) {
        if (!reply->accepted) {
            ++counts_.refused;
            link_->close();
            return;
        }
        ready_ = true;
        ++counts_.up;
        ++counts_.connections;
        send_report();
        for (const auto& [id, result] : results_) {
            link_->send(wire::Message{result});
        }
        const Instant at = mono_now();
        send_sample(at);
        // Spread over the interval, as hosts that were not started together are.
        next_sample_ = at + milliseconds(static_cast<std::int64_t>(
                                random_.below(static_cast<std::uint64_t>(settings_.sample_interval.ms))));
    } else if (const auto* order = std::get_if<wire::JobOrder>(&message)) {
        on_order(*order);
    } else if (const auto* ack = std::get_if<wire::JobAck>(&message)) {
        results_.erase(ack->job_id);
    } else if (const auto* open = std::get_if<wire::RelayOpen>(&message)) {
        send_relay(open->session_id, open->uuid, wire::RelayState::listening);
    } else if (const auto* close = std::get_if<wire::RelayClose>(&message)) {
        send_relay(close->session_id, {}, wire::RelayState::closed);
    } else if (const auto* note = std::get_if<wire::GuestNote>(&message)) {
        answer(*note);
    } else if (const auto* probe = std::get_if<wire::StoreProbe>(&message)) {
        link_->send(wire::Message{wire::StoreAnswer{probe->probe_id, probe->step, Fault::none, {}}});
    }
}

// ---- orders ----

void Host::on_order(const wire::JobOrder& order) {
    if (const auto known = results_.find(order.job_id); known != results_.end()) {
        link_->send(wire::Message{known->second});
        return;
    }
    if (order.kind == JobKind::migrate_in) {
        prepare(order);
        return;
    }
    const bool begun = std::any_of(work_.begin(), work_.end(),
                                   [&](const Work& work) { return work.order.job_id == order.job_id; });
    if (!begun) {
        work_.push_back({mono_now() + settings_.operation, order});
    }
}

// ---- migrations ----

void Host::prepare(const wire::JobOrder& order) {
    const auto same = [&](const wire::JobOrder& known) { return known.job_id == order.job_id; };
    if (std::none_of(arriving_.begin(), arriving_.end(), same)) {
        arriving_.push_back(order);
    }
    wire::JobUpdate update = about(order);
    update.state = JobState::running;
    update.step_name = "prepared";
    update.ready = true;
    link_->send(wire::Message{update});
}

bool Host::hand_over(const wire::JobOrder& order, Guest& guest) {
    const auto peer = peers_.find(std::string{order.peer_host.view()});
    if (peer == peers_.end()) {
        return false;
    }
    peer->second->receive(order.migration_id, guest);
    guests_.erase(guests_.begin() + (&guest - guests_.data()));
    return true;
}

void Host::receive(const Uuid& migration, const Guest& guest) {
    guests_.push_back(guest);
    guests_.back().info.domid = next_domid_++;
    changed_ = true;
    const auto order = std::find_if(arriving_.begin(), arriving_.end(), [&](const wire::JobOrder& known) {
        return known.migration_id == migration;
    });
    if (order != arriving_.end()) {
        wire::JobUpdate result = about(*order);
        result.state = JobState::succeeded;
        result.has_domain = true;
        result.domain = guests_.back().info;
        arriving_.erase(order);
        finish(result);
    }
}

void Host::finish(const wire::JobUpdate& result) {
    ++counts_.jobs;
    results_[result.job_id] = result;
    if (ready_) {
        link_->send(wire::Message{result});
    }
}

Host::Guest* Host::find(const Uuid& uuid) {
    const auto at =
        std::find_if(guests_.begin(), guests_.end(), [&](const Guest& g) { return g.info.uuid == uuid; });
    return at == guests_.end() ? nullptr : &*at;
}

void Host::carry_out(const wire::JobOrder& order, wire::JobUpdate& result) {
    Guest* guest = find(order.uuid);
    const bool makes = order.kind == JobKind::create || order.kind == JobKind::clone;
    const bool on_disks = order.kind == JobKind::disk_create || order.kind == JobKind::disk_delete;
    result.state = JobState::succeeded;
    if (on_disks) {
        return;
    }
    if (makes != (guest == nullptr)) {
        result.state = JobState::failed;
        result.fault = makes ? Fault::already_exists : Fault::not_found;
        return;
    }
    changed_ = true;
    if (order.kind == JobKind::migrate_out) {
        const bool moved = hand_over(order, *guest);
        result.state = moved ? JobState::succeeded : JobState::failed;
        result.fault = moved ? Fault::none : Fault::host_unreachable;
        result.mode = MigrationMode::live;
        return;
    }
    if (makes) {
        guest = &guests_.emplace_back();
        guest->info = {order.uuid,
                       next_domid_++,
                       order.name,
                       order.spec.type,
                       DomainState::running,
                       order.spec.memory_mib * kib_per_mib,
                       order.spec.vcpus,
                       true,
                       wire::InFlight::no,
                       0,
                       {}};
    } else if (order.kind == JobKind::shutdown || order.kind == JobKind::destroy) {
        guests_.erase(guests_.begin() + (guest - guests_.data()));
        return;
    } else {
        guest->saved = order.kind == JobKind::save;
        guest->info.state = order.kind == JobKind::pause ? DomainState::paused : DomainState::running;
    }
    result.has_domain = !guest->saved;
    result.domain = guest->info;
}

// ---- what it tells ----

std::uint64_t Host::free_kib() const {
    std::uint64_t used = 0;
    for (const Guest& guest : guests_) {
        used += guest.saved ? 0 : guest.info.memory_kib;
    }
    const std::uint64_t all = settings_.host_memory_mib * kib_per_mib;
    return all > used ? all - used : 0;
}

void Host::send_report() {
    wire::Message message;
    auto& report = message.emplace<wire::HostReport>();
    report.sequence = ++sequence_;
    report.cpu_count = 64;
    report.memory_kib = settings_.host_memory_mib * kib_per_mib;
    report.memory_free_kib = free_kib();
    report.can_pv = report.can_hvm = report.can_hap = true;
    report.hypervisor_version = "4.17";
    report.hypervisor_kind = "fleet";
    report.net_mbps = 10'000;
    for (const Guest& guest : guests_) {
        if (guest.saved) {
            (void)report.saved.try_push(
                {guest.info.uuid, guest.info.name, guest.info.memory_kib, guest.info.type, guest.info.vcpus});
        } else {
            (void)report.domains.try_push(guest.info);
        }
    }
    changed_ = false;
    ++counts_.reports;
    link_->send(message);
}

void Host::send_sample(Instant at) {
    wire::Message message;
    auto& sample = message.emplace<wire::SampleReport>();
    sample.sequence = ++sequence_;
    sample.taken_unix_ms = wall_now().unix_ms;
    sample.interval_ms = static_cast<std::uint32_t>(settings_.sample_interval.ms);
    sample.memory_free_kib = free_kib();
    sample.rates_valid = true;
    sample.dom0_cpu_cores = 0.2;
    sample.net_mbps = 10;
    for (const Guest& guest : guests_) {
        if (guest.saved) {
            continue;
        }
        wire::DomainSample one;
        one.uuid = guest.info.uuid;
        one.domid = guest.info.domid;
        one.cpu_time_ns = static_cast<std::uint64_t>(at.ms) * 1000;
        one.net_rx_bytes = static_cast<std::uint64_t>(at.ms) * 10;
        one.net_tx_bytes = static_cast<std::uint64_t>(at.ms) * 11;
        one.disk_read_bytes = static_cast<std::uint64_t>(at.ms) * 12;
        one.disk_write_bytes = static_cast<std::uint64_t>(at.ms) * 13;
        one.rates_valid = true;
        one.cpu_cores =
            guest.info.state == DomainState::running ? static_cast<double>(random_.below(100)) / 1000 : 0;
        one.net_mbps = static_cast<double>(random_.below(100)) / 100;
        one.disk_mbps = static_cast<double>(random_.below(100)) / 100;
        one.memory_kib = guest.info.memory_kib;
        one.state = guest.info.state;
        (void)sample.domains.try_push(one);
    }
    ++counts_.samples;
    link_->send(message);
}

void Host::send_relay(std::uint64_t session, const Uuid& guest, wire::RelayState state) {
    wire::RelayStatus status;
    status.session_id = session;
    status.uuid = guest;
    status.state = state;
    status.address = "127.0.0.1";
    status.port = static_cast<std::uint16_t>(5900 + session % 1000);
    link_->send(wire::Message{status});
}

void Host::answer(const wire::GuestNote& note) {
    if (note.nonce.nil()) {
        return;
    }
    wire::GuestSignal signal;
    signal.uuid = note.uuid;
    signal.nonce = note.nonce;
    signal.ready = true;
    signal.address = "10.0.0.1";
    link_->send(wire::Message{signal});
}

void Host::tick(Instant at) {
    while (!work_.empty() && work_.front().due <= at) {
        const wire::JobOrder order = work_.front().order;
        work_.pop_front();
        wire::JobUpdate result = about(order);
        carry_out(order, result);
        finish(result);
    }
    if (!ready_) {
        return;
    }
    if (changed_ && at >= next_report_) {
        next_report_ = at + between_reports;
        send_report();
    }
    if (at >= next_sample_) {
        next_sample_ = next_sample_ + settings_.sample_interval;
        send_sample(at);
    }
}

}  // namespace ballast::fleet
