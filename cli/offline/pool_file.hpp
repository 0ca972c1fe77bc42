// Reads ballast-pool/1, the snapshot of a pool (docs/formats.md): what GET /v1/snapshot answers, and what
// people and other tools write by hand. Hostile until checked: one error, with the place as a JSON pointer
// and what was expected there.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/pool_model.hpp"

namespace ballast::cli::offline {

namespace limits {
inline constexpr std::size_t pool_file_bytes_max =
    64U << 20U;  // 10,000 guests with 60 samples of each kind: 15 MiB
inline constexpr std::size_t pool_hosts_max = 4096;
inline constexpr std::size_t pool_vms_max = 100'000;
inline constexpr std::size_t pool_samples_max = 8U << 20U;
inline constexpr std::size_t pool_depth_max = 64;
}  // namespace limits

struct PoolError {
    std::string pointer;   // "/vms/3/host"; empty: the document itself
    std::string expected;  // "expected …, found …"

    std::string sentence() const;
};

// The pool and all that its view points into: the text (names) and one block (hosts, guests, samples).
class PoolFile {
  public:
    PoolFile(PoolFile&&) = default;
    PoolFile& operator=(PoolFile&&) = default;
    PoolFile(const PoolFile&) = delete;
    PoolFile& operator=(const PoolFile&) = delete;

    policy::Pool pool() const { return pool_; }
    double sample_interval_seconds() const { return sample_interval_seconds_; }

  private:
    friend std::optional<PoolFile> parse_pool(std::string_view, PoolError&);
    PoolFile() = default;

    std::vector<char> text_;
    std::unique_ptr<std::byte[]> block_;
    policy::Pool pool_;
    double sample_interval_seconds_ = 0;
};

// Unknown keys are ignored; null is as if the key were not there. Numbers in a series that no machine
// measures (null, NaN, negative, infinite) are kept: policy/ has rules for them. Nothing, with the error, for
// everything else that the format does not allow.
std::optional<PoolFile> parse_pool(std::string_view text, PoolError& error);

}  // namespace ballast::cli::offline
