// The recent past of hosts, instant by instant, and a forecast of the next.
#pragma once

#include <cstdint>
#include <span>

#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// Every host's utilisation at each of the last `instants` instants: the sums of its guests' samples, aligned
// at the newest, plus dom0's. A host with shorter series has fewer.
class HostHistory {
  public:
    // Keeps its values in `workspace.host_history`. REQUIRES: instants <= limits::window_samples_max;
    // `measure` has been called.
    HostHistory(const Pool& pool, std::uint32_t instants, Workspace& workspace) noexcept;

    // Oldest first; as long as the host's longest series, at most `instants`.
    std::span<const Amounts> of(HostIndex h) const noexcept;

  private:
    std::span<Amounts> row(HostIndex h) const noexcept;
    void add(HostIndex h, Resource resource, Series series, double ceiling, double capacity) noexcept;

    Workspace& workspace_;
    std::uint32_t instants_;
};

// The value after the last one of `history` by an autoregressive model of order one, as Sandpiper's (Wood et
// al., NSDI 2007): m + f (last - m), with the mean m and the autocorrelation f of lag one estimated from
// `history`, f held to -1..1. The last value itself when there is no more than that; 0 when there is none.
double predict_next(std::span<const double> history) noexcept;

}  // namespace ballast::policy
