// One planning round on a pool from a file: the policy's memory, sized for that pool, and what it answered.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "cli/offline/pool_file.hpp"
#include "policy/policy.hpp"

namespace ballast::cli::offline {

class Planning {
  public:
    // The plan of `policy` for the pool; the memory is this object's, and the pool must outlive it.
    Planning(const policy::Pool& pool, const policy::Policy& policy, const policy::Parameters& parameters);

    const policy::Pool& pool() const { return pool_; }
    const policy::Policy& policy() const { return policy_; }
    const policy::Parameters& parameters() const { return parameters_; }
    const policy::Plan& plan() const { return plan_; }
    // Processor time of the decision.
    double seconds() const { return seconds_; }
    std::size_t memory_bytes() const { return memory_bytes_; }
    double gib_moved() const;
    std::size_t guests_moved() const;

  private:
    policy::Pool pool_;
    const policy::Policy& policy_;
    policy::Parameters parameters_;
    std::size_t memory_bytes_ = 0;
    std::unique_ptr<std::byte[]> memory_;
    policy::Workspace workspace_;
    policy::Plan plan_;
    double seconds_ = 0;
};

// The pool of a file, or of standard input for "-"; nothing, with one sentence for the operator in `why`,
// when it cannot be read, is too large or is no ballast-pool/1.
std::optional<PoolFile> read_pool(const std::string& path, std::string& why);

// Processor time of this thread: what something costs, whatever else the machine does.
std::uint64_t processor_ns();

}  // namespace ballast::cli::offline
