#include "agent/agent.hpp"

#include <unistd.h>

#include "agent/disks/image_files.hpp"
#include "agent/worker_lock.hpp"
#include "shell/durable_file.hpp"
#include "shell/footprint.hpp"
#include "shell/log.hpp"
#include "shell/notify.hpp"

namespace ballast::agent {
namespace {

// Kept images are deleted by the hour.
constexpr Duration sweep_every = seconds(3600);
// Workers of one guest often follow each other.
constexpr Duration locks_swept_after = seconds(30);

std::shared_ptr<TlsCredentials> load_tls(const AgentConfig& config, std::string& why) {
    return config.plain ? nullptr
                        : TlsCredentials::load(config.tls_ca, config.tls_certificate, config.tls_key, why);
}

std::string sketches_directory(const AgentConfig& config) {
    return config.state_dir + "/sketches";
}

}  // namespace

Agent::Agent(Loop& loop, const AgentConfig& config)
    : loop_{loop},
      config_{config},
      files_{config.save_dir},
      store_{.directory = std::string_view{config.store_directory}},
      wake_timer_{loop, [this] { handle(TickEvent{}); }},
      inventory_timer_{loop, [this] { send_inventory(); }},
      event_timer_{loop, [this] { domain_events_->set(Interest::read); }},
      sample_timer_{loop,
                    [this] {
                        // While an old sample still waits, a new one would only grow old behind it.
                        if (controller_->idle()) {
                            take_sample();
                        }
                    }},
      watchdog_timer_{loop, [] { (void)notify_watchdog(); }},
      footprint_timer_{loop, [] { release_start_pages(); }},
      sweep_timer_{loop, [this] { start_sweep(); }},
      locks_timer_{loop, [this] { sweep_locks(config_.run_dir); }} {}
Agent::~Agent() = default;

std::unique_ptr<Agent> Agent::start(Loop& loop, const AgentConfig& config, std::string& why) {
    std::unique_ptr<Agent> agent{new Agent{loop, config}};
    return agent->open(why) ? std::move(agent) : nullptr;
}

bool Agent::open_directories(std::string& why) {
    for (const std::string& directory :
         {config_.state_dir, config_.run_dir, config_.save_dir, sketches_directory(config_)}) {
        if (!make_directory(directory, why).ok()) {
            return false;
        }
    }
    return true;
}

bool Agent::open(std::string& why) {
    tls_ = load_tls(config_, why);
    if ((!config_.plain && !tls_) || !open_directories(why)) {
        return false;
    }
    std::unique_ptr<Hypervisor> hypervisor = open_hypervisor(config_.hypervisor, why);
    if (!hypervisor) {
        return false;
    }
    hypervisor_ = std::make_unique<MeasuredHypervisor>(std::move(hypervisor));
    view_ = std::make_unique<HostView>(*hypervisor_, files_, store_, config_.net_mbps);
    workers_ = std::make_unique<WorkerPool>(
        loop_,
        WorkerPool::Events{
            .on_report = [this](WorkerId id, const WorkerReport& report) { on_worker_report(id, report); },
            .on_gone = [this](WorkerId id, const Detail& how) { on_worker_gone(id, how); }});
    listener_ = Listener::open(
        loop_, config_.migration_listen, config_.migration_port, [this](int fd) { on_accept(fd); }, why);
    if (!listener_ || !recover(why)) {
        return false;
    }
    desktops_ = std::make_unique<DesktopService>(
        loop_, config_, *hypervisor_, *view_, store_, store_events(),
        [this](const wire::Message& message) { controller_->send(message); });
    domain_events_ =
        std::make_unique<FdWatch>(loop_, hypervisor_->event_fd(), Interest::read,
                                  [this](Interest) { on_host_events(hypervisor_->drain_events()); });
    controller_ = std::make_unique<ControllerLink>(
        loop_, config_, tls_,
        ControllerLink::Events{
            .fill_hello = [this](wire::Hello& hello) { introduce(hello); },
            .on_ready = [this](const wire::HelloReply& reply) { on_controller_ready(reply); },
            .on_message = [this](const wire::Message& message) { on_controller_message(message); },
            .on_lost = [this] { sample_timer_.stop(); }});
    controller_->start();
    keep_images();
    locks_timer_.start_once(locks_swept_after);  // those of the agent before this one
    if (watchdog_period().ms > 0) {
        watchdog_timer_.start_every(watchdog_period());
    }
    return true;
}

void Agent::introduce(wire::Hello& hello) const {
    hello.version = limits::protocol_version;
    hello.software = "ballast-agent " BALLAST_VERSION;
    hello.host_name.assign_cut(config_.host_name);
    hello.host_uuid = journal_.id();
    hello.frame_bytes_max = limits::frame_bytes_max;
    hello.migration_address.assign_cut(config_.migration_advertised);
    hello.migration_port = migration_port();
    hello.boot_ms = static_cast<std::uint64_t>(mono_now().ms);
    hello.jobs_max = limits::agent_jobs_max;
    hello.watches_life = true;
}

// Deletes images that left long ago, and has samples of those that are here, for the controller.
void Agent::keep_images() {
    if (config_.images_directory.empty()) {
        return;
    }
    sketches_ = std::make_unique<Sketches>(sketches_directory(config_), [this](const wire::Message& message) {
        if (controller_->ready()) {
            controller_->send(message);
        }
    });
    start_sweep();
    sweep_timer_.start_every(sweep_every);
}

void Agent::on_worker_gone(WorkerId id, const Detail& how) {
    if (!locks_timer_.active()) {
        locks_timer_.start_once(locks_swept_after);
    }
    if (id == sweeper_) {
        on_swept();
    } else if (desktops_ == nullptr || !desktops_->store().on_gone(id)) {
        handle(WorkerGoneEvent{id, how});
    }
}

bool Agent::recover(std::string& why) {
    std::vector<JobRecord> records;
    std::vector<std::string> notes;
    if (!journal_.open(config_.state_dir + "/journal", records, notes, why).ok()) {
        return false;
    }
    for (const std::string& note : notes) {
        log_error("{}", note);
    }
    const CoreSettings settings{.host_name = std::string_view{config_.host_name},
                                .journal_id = journal_.id(),
                                .memory_reserved_kib = std::uint64_t{config_.memory_reserved_mib} * 1024,
                                .store_directory = store_.directory,
                                .images_directory = std::string_view{config_.images_directory}};
    Arena counting;
    (void)Core{counting, settings};
    core_memory_ = std::make_unique<std::byte[]>(counting.used_bytes());
    Arena arena{{core_memory_.get(), counting.used_bytes()}};
    core_ = std::make_unique<Core>(arena, settings);
    for (const JobRecord& record : records) {
        if (!core_->recover(record, now()).ok()) {
            why = "the journal in " + config_.state_dir + "/journal holds more jobs than an agent can have";
            return false;
        }
        log_notice("job {}: {} of {} was at '{}' when the agent ended", record.job_id, record.kind,
                   record.name, record.stage);
    }
    core_->start(now(), actions_);
    perform_all();
    return true;
}

// ---- the core ----

void Agent::handle(const Event& event) {
    BALLAST_ASSERT(!handling_);
    handling_ = true;
    (void)core_->step(event, now(), actions_);
    perform_all();
    handling_ = false;
}

// Performs actions and answers them until the core has nothing more to ask: only then comes the next event
// from outside.
void Agent::perform_all() {
    for (;;) {
        for (const Action& action : actions_) {
            perform(action);
        }
        actions_.clear();
        if (answers_.empty()) {
            break;
        }
        const Answer answer = answers_.front();
        answers_.pop_front();
        answer_core(answer);
    }
    arm_timer();
}

void Agent::answer_core(const Answer& answer) {
    const Now at = now();
    switch (answer.kind) {
        case Answer::Kind::persisted:
            (void)core_->step(PersistedEvent{answer.row, answer.fault == Fault::none}, at, actions_);
            return;
        case Answer::Kind::looked: {
            Truth truth;
            view_->look(*core_, answer.row, answer.survey, truth);
            (void)core_->step(TruthEvent{answer.row, truth}, at, actions_);
            return;
        }
        case Answer::Kind::called:
            (void)core_->step(CalledEvent{answer.row, answer.fault, answer.detail}, at, actions_);
            return;
        case Answer::Kind::filed:
            (void)core_->step(FiledEvent{answer.row, answer.fault}, at, actions_);
            return;
        case Answer::Kind::gone:
            (void)core_->step(WorkerGoneEvent{answer.worker, answer.detail}, at, actions_);
            return;
    }
}

void Agent::perform(const Action& action) {
    std::string why;
    Answer answer;
    answer.row = action.row;
    switch (action.kind) {
        case ActionKind::persist:
            answer.fault = journal_.write(core_->record(action.row), why).fault();
            if (answer.fault != Fault::none) {
                log_error("job {}: its record cannot be written: {}", core_->record(action.row).job_id, why);
            }
            answers_.push_back(answer);
            return;
        case ActionKind::forget:
            if (!journal_.forget(action.job_id, why).ok()) {
                log_warning("job {}: its record cannot be deleted: {}", action.job_id, why);
            }
            return;
        case ActionKind::look:
            answer.kind = Answer::Kind::looked;
            answer.survey = action.survey;
            answers_.push_back(answer);
            return;
        case ActionKind::call:
            answer.kind = Answer::Kind::called;
            answer.fault = view_->call(action.call, core_->record(action.row), answer.detail);
            answers_.push_back(answer);
            return;
        case ActionKind::file:
            answer.kind = Answer::Kind::filed;
            answer.fault = perform_file(action, why).fault();
            if (answer.fault != Fault::none) {
                log_error("job {}: {}", core_->record(action.row).job_id, why);
            }
            answers_.push_back(answer);
            return;
        case ActionKind::start_worker: perform_worker(action); return;
        case ActionKind::tell_worker: perform_tell(action); return;
        case ActionKind::kill_worker: workers_->kill(action.worker); return;
        case ActionKind::report: send_update(action.row); return;
        case ActionKind::refuse: send_refusal(action); return;
        case ActionKind::ask_controller:
            if (controller_) {
                controller_->send(wire::Message{core_->query(action.row)});
            }
            return;
        case ActionKind::answer_controller:
            if (controller_) {
                controller_->send(wire::Message{wire::HandoverAnswer{.migration_id = action.migration_id,
                                                                     .source_host = action.host,
                                                                     .verdict = action.verdict}});
            }
            return;
    }
}

Status Agent::perform_file(const Action& action, std::string& why) const {
    const JobRecord& record = core_->record(action.row);
    switch (action.file) {
        case FileStep::retract_images: return retract_images(record.disks, why);
        case FileStep::retire_images: return retire_images(record.disks, record.begun, wall_now(), why);
        case FileStep::discard_partial:
        case FileStep::publish:
        case FileStep::discard_complete:
        case FileStep::consume:
        case FileStep::discard_consumed: break;
    }
    return files_.perform(action.file, record.uuid, why);
}

WorkerSetup Agent::base_setup() const {
    WorkerSetup setup;
    setup.agent_pid = ::getpid();
    setup.host_name.assign_cut(config_.host_name);
    setup.journal_id = journal_.id();
    setup.plain = config_.plain;
    setup.tls_ca.assign_cut(config_.tls_ca);
    setup.tls_certificate.assign_cut(config_.tls_certificate);
    setup.tls_key.assign_cut(config_.tls_key);
    setup.run_dir.assign_cut(config_.run_dir);
    setup.save_dir.assign_cut(config_.save_dir);
    setup.store_directory = store_.directory;
    setup.store = store_.identity;
    setup.compression = config_.compression;
    setup.hypervisor = config_.hypervisor.kind;
    setup.quick_vif_script = config_.hypervisor.quick_vif_script;
    setup.sim_state_file.assign_cut(config_.hypervisor.sim.state_file);
    setup.sim_seed = config_.hypervisor.sim.seed;
    setup.images_directory.assign_cut(config_.images_directory);
    setup.images_keep_hours = config_.images_keep_hours;
    setup.page_references = config_.page_references;
    setup.image_secret.assign_cut(config_.state_dir + "/image-secret");
    setup.sketches.assign_cut(sketches_directory(config_));
    return setup;
}

void Agent::perform_worker(const Action& action) {
    WorkerSetup setup = base_setup();
    setup.op = action.op;
    setup.record = core_->record(action.row);
    setup.time_left_ms = setup.record.deadline.unix_ms - wall_now().unix_ms;
    setup.again = action.again;
    if (action.op == WorkerOp::create || action.op == WorkerOp::clone) {
        setup.spec = core_->order(action.row).spec;
    }
    std::string why;
    if (!workers_->start(action.worker, setup, -1, why)) {
        log_error("job {}: {}", setup.record.job_id, why);
        Answer gone;
        gone.kind = Answer::Kind::gone;
        gone.worker = action.worker;
        gone.detail = why.c_str();
        answers_.push_back(gone);
    }
}

void Agent::perform_tell(const Action& action) {
    WorkerCommand command;
    command.tell = action.tell;
    command.verdict = action.verdict;
    command.fault = action.fault;
    command.detail = action.detail;
    if (action.tell == Tell::limit || action.tell == Tell::go) {
        command.bandwidth_mbps = core_->record(action.row).bandwidth_mbps;
    }
    if (action.tell == Tell::accept) {
        const JobRecord& record = core_->record(action.row);
        command.uuid = record.uuid;
        command.time_left_ms = record.deadline.unix_ms - wall_now().unix_ms;
        workers_->mark_accepted(action.worker);
    }
    workers_->tell(action.worker, command);
}

void Agent::arm_timer() {
    if (const std::optional<Instant> next = core_->next_wake()) {
        const Duration wait = *next - mono_now();
        wake_timer_.start_once(wait.ms > 0 ? wait : milliseconds(1));
    } else {
        wake_timer_.stop();
    }
}

}  // namespace ballast::agent
