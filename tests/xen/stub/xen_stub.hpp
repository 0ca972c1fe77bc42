// A stand-in for the hypervisor (libxenctrl) and xenstored (libxenstore), underneath the real libxl,
// libxenstat and xl, so that these run on a machine without Xen. Linked into the tests; preloaded into xl.
//
// It keeps what is set here and answers the questions that a toolstack asks about a host and its domains;
// domains can be paused and unpaused (counted, as Xen does). Building, saving and restoring are not there:
// those need real Xen.
#pragma once

#include <cstdint>
#include <string>

#include "base/uuid.hpp"

namespace ballast::xen_stub {

struct Host {
    std::uint32_t cpu_count = 4;
    std::uint64_t pages = 4ULL * 1024 * 1024;
    std::uint64_t free_pages = 2ULL * 1024 * 1024;
    std::uint64_t scrub_pages = 0;
    std::uint64_t outstanding_pages = 0;
    bool hap = true;
    bool shadow = true;
};

struct Domain {
    std::uint32_t domid = 0;
    Uuid uuid;
    std::uint64_t pages = 0;
    std::uint64_t max_pages = 0;
    std::uint64_t cpu_time_ns = 0;
    std::uint32_t vcpus = 1;
    bool hvm_container = false;
    bool dying = false;
    bool shutdown = false;
    std::uint32_t shutdown_reason = 0;
    std::uint32_t pauses = 0;  // Xen's pause count
};

// A host with a running dom0 and nothing else; xenstored answers.
void reset();
Host& host();
// Adds the domain, or replaces the one with its domid. `name` and `type` ("pv", "pvh", "hvm") go to xenstore
// where libxl puts them; empty: the nodes are absent, as of a domain that is just being built.
void put_domain(const Domain& domain, const std::string& name, const std::string& type);
void remove_domain(std::uint32_t domid);
// Null when there is none.
Domain* find_domain(std::uint32_t domid);
void put_node(const std::string& path, const std::string& value);
std::string node(const std::string& path);  // empty when absent
// From now on xenstored answers nobody, as after its death.
void kill_xenstored();
// What a watcher sees when a domain comes or goes.
void fire_watch(const std::string& path);
// Questions put to xenstored since `reset`.
std::uint64_t xenstore_reads();

}  // namespace ballast::xen_stub
