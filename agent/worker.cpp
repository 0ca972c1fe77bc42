#include "agent/worker.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fmt/core.h>

#include "agent/transfer.hpp"
#include "agent/worker_lock.hpp"
#include "shell/log.hpp"

namespace ballast::agent {
namespace {

constexpr Duration progress_every = milliseconds(400);
constexpr Duration dial_timeout = seconds(10);

// One datagram of exactly the expected size. False: the other end is gone.
template <class T>
bool receive_datagram(T& out) {
    for (;;) {
        const ssize_t size = ::recv(worker_channel_fd, &out, sizeof out, 0);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        return size == static_cast<ssize_t>(sizeof out);
    }
}

}  // namespace

int worker_main() {
    // The agent's end of the channel closes with the agent as well; this also ends a worker inside a long
    // call.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGPIPE, SIG_IGN);
    const auto setup = std::make_unique<WorkerSetup>();
    if (!receive_datagram(*setup) || ::getppid() != static_cast<pid_t>(setup->agent_pid)) {
        return EXIT_FAILURE;
    }
    Worker worker{*setup};
    return worker.run();
}

int Worker::run() {
    Status status;
    switch (setup_.op) {
        case WorkerOp::create: status = create(); break;
        case WorkerOp::shutdown: status = shut_down(); break;
        case WorkerOp::destroy: status = destroy(); break;
        case WorkerOp::save: status = save(); break;
        case WorkerOp::restore: status = restore(); break;
        case WorkerOp::migrate_out: status = migrate_out(); break;
        case WorkerOp::ask: status = ask(); break;
        case WorkerOp::incoming: status = incoming(); break;
        case WorkerOp::disk_create: status = disk_create(); break;
        case WorkerOp::disk_delete: status = disk_delete(); break;
        case WorkerOp::disk_discard: status = disk_discard(); break;
        case WorkerOp::golden_keep: status = golden_keep(); break;
        case WorkerOp::clone: status = clone(); break;
        case WorkerOp::store_probe: status = store_probe(); break;
        case WorkerOp::image_index: status = image_index(); break;
        case WorkerOp::image_sweep: status = image_sweep(); break;
    }
    if (!status.ok()) {
        WorkerReport failure;
        failure.news = WorkerNews::failed;
        failure.fault = status.fault();
        failure.detail = detail_.empty() ? Detail{describe(status.fault())} : detail_;
        failure.suspend_asked = hypervisor_ != nullptr && hypervisor_->suspend_asked();
        report(failure);
    }
    // Threads and contexts of libraries are not taken apart: the system does that, and it cannot fail.
    ::_exit(status.ok() ? EXIT_SUCCESS : EXIT_FAILURE);
}

void Worker::progress(std::uint64_t done_bytes, std::uint32_t round, bool guest_suspended) {
    const Instant now = mono_now();
    if (guest_suspended && suspended_ == Instant{}) {
        suspended_ = now;
    }
    if (sender_ != nullptr && memory_filter_) {
        count_memory(memory_filter_->progress());
    } else {
        effect_.memory_bytes = sender_ != nullptr ? sender_->image_bytes() : done_bytes;
    }
    effect_.rounds = std::max(effect_.rounds, round + 1);
    if (now >= next_progress_) {
        next_progress_ = now + progress_every;
        report(WorkerNews::progress);
    }
}

void Worker::note(std::string_view line) {
    log_notice("{}: {}", setup_.record.name, line);
}

Status Worker::open_hypervisor_of_host() {
    HypervisorSettings settings;
    settings.kind = setup_.hypervisor;
    settings.quick_vif_script = setup_.quick_vif_script;
    settings.sim.state_file = setup_.sim_state_file.view();
    settings.sim.seed = setup_.sim_seed;
    std::string why;
    hypervisor_ = open_hypervisor(settings, why);
    return hypervisor_ ? Status{} : failed(Fault::hypervisor_unavailable, why);
}

Status Worker::find(Domain& out) {
    const Status status = hypervisor_->find(setup_.record.uuid, out);
    return status.ok() ? status : failed_call(status.fault(), "the domain is not here");
}

Status Worker::lock_guest(const Uuid& uuid) {
    std::string why;
    const Status status = agent::lock_guest(std::string{setup_.run_dir.view()}, uuid, lock_, why);
    return status.ok() ? status : failed(status.fault(), why);
}

LinkOptions Worker::link_options(std::string_view peer_name, std::string& why) const {
    LinkOptions options;
    if (!setup_.plain) {
        options.tls = TlsCredentials::load(std::string{setup_.tls_ca.view()},
                                           std::string{setup_.tls_certificate.view()},
                                           std::string{setup_.tls_key.view()}, why);
        options.peer_name = peer_name;
    }
    return options;
}

Status Worker::dial() {
    const JobRecord& record = setup_.record;
    std::string why;
    const LinkOptions options = link_options(record.peer_host, why);
    if (!setup_.plain && !options.tls) {
        return failed(Fault::authentication_failed, why);
    }
    Fault fault = Fault::none;
    link_ = BlockingLink::connect(std::string{record.peer_address.view()}, record.peer_port, options,
                                  dial_timeout, fault, why);
    return link_ ? Status{}
                 : failed(fault, fmt::format("{} at {}:{}: {}", record.peer_host.view(),
                                             record.peer_address.view(), record.peer_port, why));
}

void Worker::report(WorkerReport report) {
    if (link_ != nullptr) {
        effect_.wire_bytes = memory_sent_bytes();
    }
    effect_.total_ms = static_cast<std::uint32_t>(elapsed_ms());
    report.effect = effect_;
    // The agent reads faster than workers report; when it is gone, so is this process.
    (void)::send(worker_channel_fd, &report, sizeof report, MSG_NOSIGNAL);
}

std::uint64_t Worker::memory_sent_bytes() const noexcept {
    return image_began_bytes_.value_or(link_->bytes_sent()) - image_sent_bytes_;
}

void Worker::report(WorkerNews news) {
    WorkerReport plain;
    plain.news = news;
    report(plain);
}

bool Worker::receive_command(WorkerCommand& out) {
    return receive_datagram(out);
}

std::optional<WorkerCommand> Worker::next_command() {
    WorkerCommand command;
    do {
        if (!receive_command(command)) {
            return std::nullopt;
        }
        if (command.tell == Tell::limit || command.tell == Tell::go) {
            setup_.record.bandwidth_mbps = command.bandwidth_mbps;
        }
    } while (command.tell == Tell::limit);
    return command;
}

Status Worker::failed(Fault fault, std::string_view detail) {
    detail_ = detail;
    return Err{fault};
}

Status Worker::failed_call(Fault fault, std::string_view what) {
    std::string_view said = hypervisor_ ? hypervisor_->last_error() : std::string_view{};
    while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) {
        said.remove_suffix(1);
    }
    // The newest lines are the last ones.
    said = said.size() > 160 ? said.substr(said.size() - 160) : said;
    return failed(fault, said.empty() ? std::string{what} : fmt::format("{}: {}", what, said));
}

std::int64_t Worker::elapsed_ms() const noexcept {
    return (mono_now() - begun_).ms;
}

Duration Worker::time_left() const noexcept {
    return milliseconds(std::max<std::int64_t>(setup_.time_left_ms - elapsed_ms(), 1000));
}

}  // namespace ballast::agent
