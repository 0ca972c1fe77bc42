// Inside of the simulated host's door: shared by the files that implement it, and by nobody else.
#pragma once

#include <memory>
#include <string>

#include "xen_glue/hypervisor.hpp"
#include "xen_glue/sim/event_source.hpp"
#include "xen_glue/sim/image_order.hpp"
#include "xen_glue/sim/image_stream.hpp"
#include "xen_glue/sim/state_file.hpp"

namespace ballast::sim {

class SimHypervisor final : public Hypervisor {
  public:
    explicit SimHypervisor(std::unique_ptr<StateFile> file) : file_{std::move(file)} {}

    Status host_facts(HostFacts& out) override;
    Status list(DomainList& out) override;
    Status find(const Uuid& uuid, Domain& out) override;
    Status sample(HostCounters& out) override;
    Status pause(const Domain& domain) override;
    Status unpause(const Domain& domain) override;
    Status resume_suspended(const Domain& domain, bool if_withdrawn) override;
    Status withdraw_suspend(const Domain& domain) override;
    Status rename(const Domain& domain, std::string_view new_name) override;
    Status disks(const Domain& domain, DiskList& out) override;
    Status console(const Domain& domain, ConsoleEndpoint& out) override;
    Status guest_read(const Domain& domain, std::string_view relative_path, std::string& out) override;
    Status guest_write(const Domain& domain, std::string_view relative_path, std::string_view value) override;
    int event_fd() override;
    HostEvents drain_events() override;
    Status watch_guests(const DomainList& guests) override;

    Status create(const DomainSpec& spec, ProgressSink& progress, Domain& out) override;
    Status shutdown(const Domain& domain, std::int64_t timeout_ms, ProgressSink& progress) override;
    Status destroy(const Domain& domain, ProgressSink& progress) override;
    Status send_image(const Domain& domain, int fd, MigrationMode mode, ProgressSink& progress) override;
    bool suspend_asked() const override { return suspend_asked_; }
    Status receive_image(int fd, std::string_view name_suffix, const DiskList& moved, ProgressSink& progress,
                         Domain& out) override;
    Status receive_image_as(int fd, const DomainSpec& identity, ProgressSink& progress, Domain& out) override;
    Status identify_image(int fd, Domain& out, std::uint64_t& image_bytes) override;
    Status disks_in_image(int fd, DiskList& out) override;

    std::string_view last_error() const override { return last_error_; }

  private:
    using Transaction = StateFile::Transaction;
    struct Sending;
    struct Receiving;

    // Whether the host answers at all, and lets this call through. Keeps the rule that will hit a LONG call
    // later.
    Status enter(Transaction& transaction, Call call);
    // The guest that the caller means: `invalid_argument` for dom0, `not_found` when it is another by now.
    Status locate(Transaction& transaction, const Domain& domain, Guest*& guest);
    // Notes the fault for `last_error`.
    Status finish(Call call, Status status);
    // One transaction with `body(transaction)`; of a short call: with all that belongs to one.
    template <class Body>
    Status apply(Body body);
    template <class Body>
    Status apply_to_guest(const Domain& domain, Body body);
    template <class Body>
    Status short_call(Call call, Body body);
    template <class Body>
    Status short_call_on(Call call, const Domain& domain, Body body);

    // Enters a LONG call; an ordered fault may strike at once.
    Status begin_long(Call call, int fd);
    // Where an ordered fault of a LONG call strikes: to be called as its work goes on.
    Status work_point(std::uint32_t done_permille, int fd);
    // Waits for `duration_ns` in small steps, with work points from one permille to the other.
    Status work(std::int64_t duration_ns, std::uint32_t from_permille, std::uint32_t to_permille);

    Status create_domain(const DomainSpec& spec, ProgressSink& progress, Domain& out);
    Status shut_down_domain(const Domain& domain, std::int64_t timeout_ms);
    Status await_power_off(std::uint32_t domid, std::int64_t timeout_ms);
    Status destroy_domain(const Domain& domain);
    void give_up(std::uint32_t domid, Activity activity);

    Status send(Sending& sending, const Domain& domain, MigrationMode mode);
    Status send_rounds(Sending& sending);
    Status send_round(Sending& sending);
    Status suspend_guest(Sending& sending);
    Status ask_guest_to_suspend(Sending& sending);
    Status receive_whole(Receiving& receiving, std::string_view name_suffix, Domain& out);
    Status receive(Receiving& receiving, std::string_view name_suffix);
    Status begin_receiving(Receiving& receiving, std::string_view name_suffix);
    Status receive_records(Receiving& receiving);
    Status account_received(Receiving& receiving, std::uint32_t pages);

    std::unique_ptr<StateFile> file_;
    std::unique_ptr<EventSource> events_;
    std::optional<FaultRule> pending_fault_;  // of the LONG call under way
    bool suspend_asked_ = false;
    std::string last_error_;
    std::string complaint_;  // more about the fault than its name, for last_error_
};

template <class Body>
Status SimHypervisor::apply(Body body) {
    Transaction transaction{*file_};
    const Status status = body(transaction);
    transaction.commit();
    return status;
}

template <class Body>
Status SimHypervisor::apply_to_guest(const Domain& domain, Body body) {
    return apply([&](Transaction& transaction) -> Status {
        Guest* guest = nullptr;
        BALLAST_CHECK(locate(transaction, domain, guest));
        return body(transaction, *guest);
    });
}

template <class Body>
Status SimHypervisor::short_call(Call call, Body body) {
    return finish(call, apply([&](Transaction& transaction) -> Status {
                      BALLAST_CHECK(enter(transaction, call));
                      return body(transaction);
                  }));
}

template <class Body>
Status SimHypervisor::short_call_on(Call call, const Domain& domain, Body body) {
    return short_call(call, [&](Transaction& transaction) -> Status {
        Guest* guest = nullptr;
        BALLAST_CHECK(locate(transaction, domain, guest));
        return body(transaction, *guest);
    });
}

}  // namespace ballast::sim
