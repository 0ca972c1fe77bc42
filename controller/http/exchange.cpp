#include "controller/http/exchange.hpp"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace ballast::controller::http {

namespace {

constexpr std::string_view bearer = "Bearer ";

Method parse_method(std::string_view text) noexcept {
    if (text == "GET" || text == "HEAD") {  // libmicrohttpd leaves the body of an answer to HEAD away
        return Method::get;
    }
    if (text == "POST") {
        return Method::post;
    }
    if (text == "PUT") {
        return Method::put;
    }
    return text == "DELETE" ? Method::del : Method::other;
}

// The first media type that we know wins; without one, JSON.
Format parse_accept(std::string_view accept) noexcept {
    struct Known {
        std::string_view type;
        Format format;
    };
    std::size_t best = std::string_view::npos;
    Format format = Format::json;
    for (const Known& known :
         {Known{"application/json", Format::json}, Known{"text/plain", Format::text},
          Known{"application/x-ndjson", Format::ndjson}, Known{"text/event-stream", Format::sse}}) {
        const std::size_t at = accept.find(known.type);
        if (at < best) {
            best = at;
            format = known.format;
        }
    }
    return format;
}

struct QueryReader {
    Request& request;
    std::optional<Problem> problem;
};

MHD_Result read_parameter(void* cls, MHD_ValueKind, const char* key, size_t key_size, const char* value,
                          size_t value_size) {
    auto& reader = *static_cast<QueryReader*>(cls);
    Request& request = reader.request;
    const std::string_view name{key, key_size};
    const auto refuse = [&](std::string detail) {
        reader.problem = Problem{.slug = Slug::invalid_request, .detail = std::move(detail)};
        return MHD_NO;
    };
    if (request.query.size() >= query_parameters_max || key_size > query_bytes_max ||
        value_size > query_bytes_max) {
        return refuse("at most " + std::to_string(query_parameters_max) + " query parameters of at most " +
                      std::to_string(query_bytes_max) + " bytes");
    }
    if (request.parameter(name) != nullptr) {
        return refuse("query parameter \"" + std::string{name} + "\" is given twice");
    }
    request.query.emplace_back(name, std::string_view{value != nullptr ? value : "", value_size});
    return MHD_YES;
}

std::string_view header(MHD_Connection* connection, const char* name) {
    const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value != nullptr ? value : std::string_view{};
}

bool printable(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::optional<Problem> read_head(MHD_Connection* connection, const char* url, const char* method,
                                 std::size_t header_bytes_max, Request& request) {
    request.method_text = std::string_view{method}.substr(0, 16);
    request.method = parse_method(method);
    request.path = std::string_view{url}.substr(0, path_bytes_max + 1);
    request.format = parse_accept(header(connection, MHD_HTTP_HEADER_ACCEPT));
    const auto* size = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (request.path.size() > path_bytes_max) {
        return Problem{.slug = Slug::too_large,
                       .detail = "a path has at most " + std::to_string(path_bytes_max) + " bytes",
                       .status = MHD_HTTP_URI_TOO_LONG};
    }
    if (size != nullptr && size->header_size > header_bytes_max) {
        return Problem{.slug = Slug::too_large,
                       .detail = "the header has at most " + std::to_string(header_bytes_max) + " bytes",
                       .status = MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                       .limit = "http.header_bytes_max"};
    }
    QueryReader reader{request, std::nullopt};
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, &read_parameter, &reader);
    if (reader.problem.has_value()) {
        return reader.problem;
    }
    const std::string_view key = header(connection, "Idempotency-Key");
    if (key.size() > idempotency_key_bytes_max || !printable(key)) {
        return Problem{.slug = Slug::invalid_request,
                       .detail = "an Idempotency-Key is at most " +
                                 std::to_string(idempotency_key_bytes_max) +
                                 " printable ASCII characters without blanks"};
    }
    request.idempotency_key = key;
    request.if_match = header(connection, MHD_HTTP_HEADER_IF_MATCH);
    request.if_none_match = header(connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
    request.last_event_id = header(connection, "Last-Event-ID");
    request.accepts_gzip =
        header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING).find("gzip") != std::string_view::npos;
    return std::nullopt;
}

std::string_view bearer_token(MHD_Connection* connection) {
    const std::string_view value = header(connection, MHD_HTTP_HEADER_AUTHORIZATION);
    return value.starts_with(bearer) ? value.substr(bearer.size()) : std::string_view{};
}

std::string peer_address(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (info == nullptr || info->client_addr == nullptr) {
        return {};
    }
    const sockaddr* address = info->client_addr;
    const void* bytes =
        address->sa_family == AF_INET6
            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr)
            : &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    const bool internet = address->sa_family == AF_INET || address->sa_family == AF_INET6;
    return internet && ::inet_ntop(address->sa_family, bytes, text.data(), text.size()) != nullptr
               ? text.data()
               : std::string{};
}

bool own_name(std::string_view host, std::span<const std::string> names) noexcept {
    const std::string_view name =
        host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
    if (name.starts_with('[') ||
        (!name.empty() && name.find_first_not_of("0123456789.") == std::string_view::npos)) {
        return true;
    }
    const auto is = [name](std::string_view own) {
        return name.size() == own.size() && ::strncasecmp(name.data(), own.data(), own.size()) == 0;
    };
    return is("localhost") || std::any_of(names.begin(), names.end(), is);
}

bool other_origin(std::string_view origin, std::string_view host) noexcept {
    const std::size_t scheme = origin.find("://");
    const bool same = !host.empty() && scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
    return !origin.empty() && !same;
}

bool foreign_page(Proof proof, const PageFields& fields, bool changes,
                  std::span<const std::string> names) noexcept {
    const bool named_otherwise = !fields.host.empty() && !own_name(fields.host, names);
    const bool other = other_origin(fields.origin, fields.host);
    switch (proof) {
        case Proof::unasked: return named_otherwise || (changes && other);
        case Proof::socket: return changes && !fields.origin.empty() && (other || named_otherwise);
        case Proof::certificate: return changes && other;
        case Proof::token:
        case Proof::nothing: return false;
    }
    return false;
}

PageFields page_fields(MHD_Connection* connection) {
    return {.origin = header(connection, MHD_HTTP_HEADER_ORIGIN),
            .host = header(connection, MHD_HTTP_HEADER_HOST)};
}

bool body_end_is_unclear(MHD_Connection* connection) {
    struct Said {
        unsigned times = 0;
        bool readable = true;
    } said;
    const auto look = [](void* cls, MHD_ValueKind, const char* name, const char* value) {
        auto& so_far = *static_cast<Said*>(cls);
        const bool encoding = ::strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
        so_far.times += encoding || ::strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 ? 1 : 0;
        so_far.readable =
            so_far.readable && !(encoding && (value == nullptr || ::strcasecmp(value, "chunked") != 0));
        return MHD_YES;
    };
    MHD_get_connection_values(connection, MHD_HEADER_KIND, look, &said);
    return said.times > 1 || !said.readable;
}

std::optional<std::uint64_t> announced_body_bytes(MHD_Connection* connection) {
    if (!header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING).empty()) {
        return std::nullopt;
    }
    const std::string_view text = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    std::uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
    if (error == std::errc::result_out_of_range) {
        return UINT64_MAX;
    }
    return text.empty() ? 0 : bytes;
}

MHD_Response* make_response(const Reply& reply, std::string_view request_id) {
    // libmicrohttpd does not write to a persistent buffer; its type is older than const.
    MHD_Response* response = MHD_create_response_from_buffer(
        reply.body.size(), const_cast<char*>(reply.body.data()), MHD_RESPMEM_PERSISTENT);
    if (response == nullptr) {
        return nullptr;
    }
    add_headers(response, reply, request_id);
    return response;
}

void add_headers(MHD_Response* response, const Reply& reply, std::string_view request_id) {
    const auto add = [response](std::string_view name, std::string_view value) {
        MHD_add_response_header(response, std::string{name}.c_str(), std::string{value}.c_str());
    };
    add(MHD_HTTP_HEADER_CONTENT_TYPE, reply.content_type);
    const bool cacheable = std::any_of(reply.headers.begin(), reply.headers.end(), [](const auto& header) {
        return header.first == MHD_HTTP_HEADER_CACHE_CONTROL;
    });
    if (!cacheable) {
        add(MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    add("X-Content-Type-Options", "nosniff");
    add("X-Request-Id", request_id);
    for (const auto& [name, value] : reply.headers) {
        add(name, value);
    }
}

}  // namespace ballast::controller::http
