// The agent's shell: turns messages, workers' reports and time into events of the core, performs the core's
// actions, and samples. One thread, one loop.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/config.hpp"
#include "agent/controller_link.hpp"
#include "agent/core/core.hpp"
#include "agent/desktop_service.hpp"
#include "agent/host_view.hpp"
#include "agent/journal.hpp"
#include "agent/sketches.hpp"
#include "agent/worker_pool.hpp"
#include "xen_glue/measured_hypervisor.hpp"

namespace ballast::agent {

class Agent {
  public:
    // Opens journal, hypervisor, listener; reconciles what the journal says with what is true; begins to
    // dial. Null with a sentence in `why` when the environment does not allow it.
    static std::unique_ptr<Agent> start(Loop& loop, const AgentConfig& config, std::string& why);
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    std::uint16_t migration_port() const noexcept { return listener_->port(); }

  private:
    // What performing an action has to tell the core.
    struct Answer {
        enum class Kind : std::uint8_t { persisted, looked, called, filed, gone } kind = Kind::persisted;
        std::uint32_t row = 0;
        bool survey = false;
        Fault fault = Fault::none;
        Detail detail;
        WorkerId worker = no_worker;
    };

    Agent(Loop& loop, const AgentConfig& config);
    bool open(std::string& why);
    void introduce(wire::Hello& hello) const;
    void keep_images();
    bool open_directories(std::string& why);
    bool recover(std::string& why);

    // core
    void handle(const Event& event);
    void perform_all();
    void perform(const Action& action);
    void perform_worker(const Action& action);
    void perform_tell(const Action& action);
    void answer_core(const Answer& answer);
    void arm_timer();

    // controller
    void on_controller_ready(const wire::HelloReply& reply);
    void on_controller_message(const wire::Message& message);
    void send_update(std::uint32_t row);
    void send_refusal(const Action& action);
    void send_inventory();
    void inventory_changed();
    void on_host_events(const HostEvents& events);
    void take_sample();
    void describe_self(wire::SampleReport& report) const;

    // data connections and workers
    void on_accept(int socket_fd);
    void on_worker_report(WorkerId worker, const WorkerReport& report);
    void on_worker_gone(WorkerId id, const Detail& how);
    Status perform_file(const Action& action, std::string& why) const;
    void start_sweep();
    void on_swept();
    void send_sketches();
    void images_changed(const JobRecord& ended);
    WorkerSetup base_setup() const;
    WorkerId start_probe(const wire::StoreProbe& probe, std::string& why);
    StoreKeeper::Events store_events();

    Loop& loop_;
    AgentConfig config_;
    std::shared_ptr<TlsCredentials> tls_;
    Journal journal_;
    SaveFiles files_;
    StoreState store_;
    std::unique_ptr<MeasuredHypervisor> hypervisor_;
    std::unique_ptr<HostView> view_;
    std::unique_ptr<std::byte[]> core_memory_;
    std::unique_ptr<Core> core_;
    std::unique_ptr<WorkerPool> workers_;
    std::unique_ptr<Listener> listener_;
    std::unique_ptr<ControllerLink> controller_;
    std::unique_ptr<DesktopService> desktops_;
    std::unique_ptr<FdWatch> domain_events_;
    Timer wake_timer_;
    Timer inventory_timer_;
    Timer event_timer_;  // while it runs, events of the host wait: a guest may cause any number of them
    Timer sample_timer_;
    Timer watchdog_timer_;
    Timer footprint_timer_;  // once after each connection: a handshake needs much that is not needed after it
    Timer sweep_timer_;
    Timer locks_timer_;  // after the end of a worker
    Actions actions_;
    std::deque<Answer> answers_;
    bool handling_ = false;
    bool hypervisor_answers_ = true;  // to the last sample
    WorkerId last_incoming_ = 0;
    std::unique_ptr<Sketches> sketches_;  // null: this host has no directory of images
    WorkerId sweeper_ = no_worker;
    bool sweep_again_ = false;  // when it has ended
    wire::Message outgoing_;    // reused: reports of a full host are large
};

}  // namespace ballast::agent
