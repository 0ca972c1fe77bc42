// Bounds that are part of formats and of the types themselves. What an operator may change is in the config
// instead (controller/config.hpp, agent/config.hpp), bounded by the values here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ballast::limits {

inline constexpr std::size_t name_bytes_max = 63;     // Xen has no limit; libxl's tools show this much
inline constexpr std::size_t path_bytes_max = 255;    // disks, kernels, save files
inline constexpr std::size_t detail_bytes_max = 255;  // one sentence about a failure

// A frame holds at most one message. The largest is a sample report of a full host.
inline constexpr std::size_t frame_bytes_max = 256 * 1024;
inline constexpr std::uint32_t protocol_version = 1;

inline constexpr std::size_t domains_per_host_max =
    256;  // libxenstat pages by 256; BIC's densest host has 100
inline constexpr std::size_t vcpus_per_domain_max = 128;
inline constexpr std::size_t disks_per_domain_max = 8;
inline constexpr std::size_t vifs_per_domain_max = 8;
inline constexpr std::size_t agent_jobs_max = 32;      // in flight or not yet acknowledged on one host
inline constexpr std::size_t window_samples_max = 60;  // samples kept for each host and VM

static_assert(frame_bytes_max >= domains_per_host_max * 512,
              "a sample report of a full host must fit a frame");

}  // namespace ballast::limits
