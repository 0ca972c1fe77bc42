// A hypervisor whose short calls are counted and timed, for the agent that makes them on its loop. The LONG
// ones are passed on as they are: workers make them, and jobs tell how long they take.
#pragma once

#include <array>
#include <memory>

#include "base/vocabulary.hpp"
#include "xen_glue/hypervisor.hpp"

namespace ballast {

// Of all calls of one kind.
struct CallCount {
    std::uint64_t count = 0;
    std::uint64_t errors = 0;  // answers with a fault, an expected `not_found` included
    std::uint64_t total_us = 0;
};
using CallCounts = std::array<CallCount, hypervisor_calls_count>;  // by HypervisorCall

class MeasuredHypervisor final : public Hypervisor {
  public:
    explicit MeasuredHypervisor(std::unique_ptr<Hypervisor> inner) : inner_{std::move(inner)} {}
    const CallCounts& calls() const noexcept { return calls_; }

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
    Status watch_guests(const DomainList& guests) override;

    int event_fd() override { return inner_->event_fd(); }
    HostEvents drain_events() override { return inner_->drain_events(); }
    std::string_view last_error() const override { return inner_->last_error(); }

    Status create(const DomainSpec& spec, ProgressSink& progress, Domain& out) override {
        return inner_->create(spec, progress, out);
    }
    Status shutdown(const Domain& domain, std::int64_t timeout_ms, ProgressSink& progress) override {
        return inner_->shutdown(domain, timeout_ms, progress);
    }
    Status destroy(const Domain& domain, ProgressSink& progress) override {
        return inner_->destroy(domain, progress);
    }
    Status send_image(const Domain& domain, int fd, MigrationMode mode, ProgressSink& progress) override {
        return inner_->send_image(domain, fd, mode, progress);
    }
    bool suspend_asked() const override { return inner_->suspend_asked(); }
    Status receive_image(int fd, std::string_view name_suffix, const DiskList& moved, ProgressSink& progress,
                         Domain& out) override {
        return inner_->receive_image(fd, name_suffix, moved, progress, out);
    }
    Status identify_image(int fd, Domain& out, std::uint64_t& image_bytes) override {
        return inner_->identify_image(fd, out, image_bytes);
    }
    Status disks_in_image(int fd, DiskList& out) override { return inner_->disks_in_image(fd, out); }
    Status receive_image_as(int fd, const DomainSpec& identity, ProgressSink& progress,
                            Domain& out) override {
        return inner_->receive_image_as(fd, identity, progress, out);
    }

  private:
    template <class Call>
    Status measure(HypervisorCall kind, Call call);

    std::unique_ptr<Hypervisor> inner_;
    CallCounts calls_{};
};

}  // namespace ballast
