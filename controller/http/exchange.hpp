// Between libmicrohttpd's view of a request and ours.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
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

// What a browser says of the page that made it send a request. Valid as long as the connection's request.
struct PageFields {
    std::string_view origin;  // empty: no page, or one of the address that is asked, which only reads
    std::string_view host;    // as the page's address, or the client, named us; empty: not a browser
};
PageFields page_fields(MHD_Connection* connection);

// Whether `host` (the field Host) is a name that only we have: a number, localhost, or one of `names`. Any
// other could have been made to point here by a page of that name, which then counts as ours to the browser.
bool own_name(std::string_view host, std::span<const std::string> names) noexcept;
// A page of another address than the one that was asked.
bool other_origin(std::string_view origin, std::string_view host) noexcept;
// A page that is not our own uses a proof that the browser, or whoever passes the request on, adds by itself.
// A token is not one: only who knows it sends it. Who proves nothing may not read under another name either;
// under TLS with a certificate no other name reaches us.
bool foreign_page(Proof proof, const PageFields& fields, bool changes,
                  std::span<const std::string> names) noexcept;

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
