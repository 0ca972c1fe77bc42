// The agent's settings (configs/agent.toml explains each key for operators).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/compression.hpp"
#include "agent/hypervisors.hpp"
#include "agent/relay/relays.hpp"

namespace ballast::agent {

struct AgentConfig {
    std::string host_name;
    std::string state_dir;  // the journal
    std::string run_dir;    // locks
    std::string save_dir;   // save files
    std::uint32_t memory_reserved_mib = 0;
    std::uint32_t net_mbps = 0;  // 0: what sysfs says

    std::string controller_address;
    std::uint16_t controller_port = 0;
    std::string controller_name;

    bool plain = false;  // no TLS: loopback only
    std::string tls_ca;
    std::string tls_certificate;
    std::string tls_key;

    std::string migration_listen;
    std::uint16_t migration_port = 0;
    std::string migration_advertised;
    CompressionSetting compression = CompressionSetting::automatic;
    std::uint32_t incoming_max = 4;

    RelaySettings relay;
    std::string store_directory;   // empty: none
    std::string images_directory;  // empty: none
    std::uint32_t images_keep_hours = 0;
    bool page_references = false;

    HypervisorSettings hypervisor;
};

// Reads `path`. Nothing when it is not right: `errors` then says all that is wrong, a line each.
// `hypervisor_kind` overrides the file's when it is not empty.
bool load_config(const std::string& path, const std::string& hypervisor_kind, AgentConfig& out,
                 std::vector<std::string>& errors);

}  // namespace ballast::agent
