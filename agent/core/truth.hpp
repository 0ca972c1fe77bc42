// What is true of one domain on this host at one instant, as the shell found it: the only ground on which a
// job decides anything.
#pragma once

#include <cstdint>

#include "proto/messages.hpp"

namespace ballast::agent {

struct GuestDisk {
    FixedString<15> device;
    Path path;
    bool raw = true;
    bool writable = true;
    std::uint64_t size_bytes = 0;  // 0: no regular file
};

struct Truth {
    // none: all that follows is so. Otherwise (hypervisor_unavailable...) nothing is known.
    Fault fault = Fault::none;
    wire::DomainInfo domain;  // `state` is absent when there is no such domain
    bool name_taken = false;  // another domain has the name, or the name with an in-flight suffix
    std::uint64_t memory_free_kib = 0;
    std::uint64_t memory_taken_kib = 0;  // of what jobs reserve: what their domains have already
    bool can_pv = false;
    bool can_hvm = false;
    bool can_hap = false;
    bool can_shadow = false;
    bool store_proven = false;  // to be the one that the other hosts see
    // The save file of this uuid (see agent/save_files.hpp).
    bool file_partial = false;           // FILE.tmp
    bool file_complete = false;          // FILE
    bool file_consumed = false;          // FILE.consumed
    std::uint64_t saved_memory_kib = 0;  // of the guest in the complete file
    std::uint64_t disk_free_bytes = 0;   // where save files lie
    // What the guest is configured with; looked at for orders that are about disks.
    Fault disks_fault = Fault::none;
    FixedVector<GuestDisk, limits::disks_per_domain_max> disks;
};

}  // namespace ballast::agent
