// A request as the operations see it, and their answer: no HTTP library in sight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/instant.hpp"

namespace ballast::controller::http {

inline constexpr std::size_t query_parameters_max = 16;
inline constexpr std::size_t query_bytes_max = 512;  // of one parameter's value
inline constexpr std::size_t path_bytes_max = 512;
inline constexpr std::size_t idempotency_key_bytes_max = 64;
inline constexpr std::size_t reply_bytes_max = 16 * 1024 * 1024;  // the snapshot of a full pool is below

enum class Method : std::uint8_t { get, post, put, del, other };
std::string_view to_string(Method method) noexcept;

// What a caller may do. Ordered: a higher role may do all that a lower one may.
enum class Role : std::uint8_t { none = 0, viewer = 1, helpdesk = 2, operator_ = 3, admin = 4 };
std::string_view to_string(Role role) noexcept;

// What the caller wants to read (Accept).
enum class Format : std::uint8_t { json, text, ndjson };

struct Request {
    Method method = Method::other;
    std::string method_text;
    std::string path;  // percent-decoded, without the query
    std::vector<std::pair<std::string, std::string>> query;
    std::string body;
    std::string idempotency_key;
    std::string id;  // of this request: in the answer's X-Request-Id, in problems and in the log
    Format format = Format::json;
    Role role = Role::none;

    // Null when absent. A parameter given twice never gets this far.
    const std::string* parameter(std::string_view name) const noexcept;
};

struct Reply {
    unsigned status = 200;
    std::string_view content_type = "application/json";
    std::string body{};
    std::vector<std::pair<std::string_view, std::string>> headers{};
};

// The answer comes when the job, the plan or the session's opening has ended, or at `until`.
struct Wait {
    std::uint64_t job_id = 0;  // 0: waits for the plan
    std::uint64_t plan_id = 0;
    Instant until;
    bool replayed = false;         // of an idempotency key
    std::uint64_t session_id = 0;  // waits until the session is open or over, instead
    unsigned status = 200;         // of the answer about a session
};

using Answer = std::variant<Reply, Wait>;

// What the server serves. Called on the loop's thread only.
class Service {
  public:
    virtual ~Service() = default;
    // The role of a bearer token; Role::none when it is unknown. `token` is empty without an Authorization
    // header.
    virtual Role authenticate(std::string_view token) = 0;
    virtual Answer handle(const Request& request) = 0;
    // True when `wait` is over.
    virtual bool over(const Wait& wait) = 0;
    // The answer to a request whose wait is over.
    virtual Reply conclude(const Request& request, const Wait& wait) = 0;
};

}  // namespace ballast::controller::http
