#include "controller/shell_budget.hpp"

#include "controller/access/audit_files.hpp"
#include "controller/core/actions.hpp"
#include "controller/http/server.hpp"
#include "controller/sqlite.hpp"
#include "controller/store_batch.hpp"
#include "proto/codec.hpp"
#include "shell/link.hpp"
#include "shell/log_beside.hpp"

namespace ballast::controller {
namespace {

// GnuTLS sets no bound of its own. What a session of TLS 1.3 with certificates on both sides takes, measured,
// and half as much again.
constexpr std::uint64_t tls_session_bytes = 96 * 1024;
// protobuf-lite keeps what its objects have grown to: of the largest message of every kind at most a frame's
// worth, and a decoded value takes at most so many times its bytes on the wire (a repeated message of small
// integers).
constexpr std::uint64_t decoded_to_wire = 8;

}  // namespace

Budget shell_budget(const ControllerConfig& config) {
    const LinkOptions link;
    const std::uint64_t link_bytes = 2 * (link.frame_bytes_max + wire::frame_header_bytes) +
                                     link.send_buffer_bytes_max + link.frame_bytes_max;
    const std::uint64_t links = config.core.limits.links;
    const std::uint64_t connections = config.http.connections_max + http::unix_connections_max;
    Budget budget;
    const auto add = [&budget](std::string_view name, std::uint64_t count, std::uint64_t bytes_each) {
        budget.push({name, count, bytes_each, count * bytes_each});
    };
    add("link buffers", links, link_bytes);
    add("GnuTLS, agents", config.agents.plain ? 0 : links, tls_session_bytes);
    add("libmicrohttpd", connections,
        http::connection_memory_bytes + 2 * std::uint64_t{config.http.header_bytes_max});
    add("request bodies", connections, config.http.body_bytes_max);
    add("GnuTLS, HTTP", config.http.plain ? 0 : connections, tls_session_bytes);
    add("protobuf-lite", 1, decoded_to_wire * link.frame_bytes_max + sizeof(wire::Message));
    add("batches for the store", 2, Batch::bytes_max);
    add("SQLite", 1, sqlite_bytes_max);
    add("actions of a step", 1, sizeof(Actions));
    add("lines for the log", 2, log_beside_bytes);
    add("lines for the audit log", 2, audit_batch_bytes);
    return budget;
}

}  // namespace ballast::controller
