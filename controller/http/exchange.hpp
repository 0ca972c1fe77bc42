// Between libmicrohttpd's view of a request and ours.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "controller/http/message.hpp"
#include "controller/http/problem.hpp"

struct MHD_Connection;
struct MHD_Response;

namespace ballast::controller::http {

// Fills all of `request` but body, role and id from the request's head. What is wrong with it comes back as a
// problem.
std::optional<Problem> read_head(MHD_Connection* connection, const char* url, const char* method,
                                 std::size_t header_bytes_max, Request& request);

// The token of "Authorization: Bearer TOKEN", empty without one. Valid as long as the connection's request.
std::string_view bearer_token(MHD_Connection* connection);

// Numeric address of the client. Empty when it has none.
std::string peer_address(MHD_Connection* connection);

// A page that is not our own made the browser send this. Our own is known by its address being the one that
// was asked, as a number or as localhost: a name could be any, made to point here by a page of that name.
bool sent_by_a_foreign_page(MHD_Connection* connection);
// The rule itself, on the fields Origin and Host.
bool foreign_origin(std::string_view origin, std::string_view host) noexcept;

// The head says more than once how long the body is, or in a way that nobody here reads. A proxy in between
// may have understood it otherwise: what looks like the next request may then be this one's body.
bool body_end_is_unclear(MHD_Connection* connection);

// Announced length of the body; nothing when it comes in chunks.
std::optional<std::uint64_t> announced_body_bytes(MHD_Connection* connection);

// The response refers to `reply.body`, which must not change until the request is completed. Null without
// memory.
MHD_Response* make_response(const Reply& reply, std::string_view request_id);
// The headers that every response has, and the reply's own.
void add_headers(MHD_Response* response, const Reply& reply, std::string_view request_id);

}  // namespace ballast::controller::http
