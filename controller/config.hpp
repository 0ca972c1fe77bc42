// The controller's settings (configs/controller.toml explains each key for operators).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/instant.hpp"
#include "controller/access/audit_log.hpp"
#include "controller/access/gate.hpp"
#include "controller/core/settings.hpp"

namespace ballast::controller {

struct TlsFiles {
    std::string ca;
    std::string certificate;
    std::string key;
};

struct AgentsConfig {
    std::string listen;
    std::uint16_t port = 0;
    bool plain = false;  // no TLS: loopback only
    TlsFiles tls;
};

struct HttpConfig {
    std::string listen;  // empty: no TCP
    std::uint16_t port = 0;
    bool plain = false;           // no TLS
    bool plain_anywhere = false;  // the operator insists on plain HTTP beyond loopback
    std::string tls_certificate;
    std::string tls_key;
    GateSettings gate;
    AuditSettings audit;
    std::vector<std::string> names;  // that lead to nobody but us, beside localhost
    std::string client_ca;           // PEM of the CA of client certificates; empty: none are asked for
    std::string socket;              // path of the unix socket; empty: none
    std::uint32_t tokens_max = 0;
    std::uint32_t connections_max = 0;
    std::uint32_t connections_per_address_max = 0;
    std::uint32_t header_bytes_max = 0;
    std::uint32_t body_bytes_max = 0;
    Duration idle_timeout;
    Duration
        request_timeout;  // from the connection or the last answer to a complete request; and for an answer
};

// What the dashboard and followers of events are served from.
struct FeedConfig {
    std::uint32_t events = 0;       // kept for readers
    std::uint32_t event_bytes = 0;  // of their texts
    std::uint32_t readers = 0;      // of events at once
};

struct ControllerConfig {
    std::string state_dir;
    bool lock_memory = true;
    AgentsConfig agents;
    HttpConfig http;
    FeedConfig feed;
    Settings core;
};

// Reads `path`. False when it is not right: `errors` then says all that is wrong, a line each.
bool load_config(const std::string& path, ControllerConfig& out, std::vector<std::string>& errors);

}  // namespace ballast::controller
