// Requests to the controller over TCP, TLS or its unix socket.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/context.hpp"
#include "cli/profile.hpp"

namespace ballast::cli {

struct HttpRequest {
    std::string method = "GET";
    std::string path;  // with its query: "/v1/vms?state=paused"
    std::string body;  // JSON; empty: none
    std::string accept = "application/json";
    std::string idempotency_key;
    std::string if_match;  // entity tag; empty: whatever it is now
};

// How long the answer may take: what the path asks the controller to wait, and `asked_for` more. 0 asks for
// the default, which is longer for what changes something: that is answered when it is on disk.
long answer_within_seconds(const HttpRequest& request, long asked_for) noexcept;

struct HttpResponse {
    long status = 0;  // 0: there was no answer, and `failure` says why
    std::string body;
    std::string content_type;
    std::string next_page_token;
    std::string entity_tag;  // of what was read or made
    bool replayed = false;
    bool lost = false;  // a connection broke, or nothing came in time: the request may have been carried out
    std::string failure;

    bool ok() const noexcept { return status >= 200 && status < 300; }
};

class HttpClient {
  public:
    // `context` says whether requests are shown (-v); it must outlive the client.
    HttpClient(Server server, const Context& context);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    // One request, one answer. A connection that breaks before the answer is tried again, for requests that
    // change something only when they carry an idempotency key, with which a second time has no second
    // effect.
    HttpResponse send(const HttpRequest& request);

    // Somebody was there: a request was granted, or its connection broke only once it stood.
    bool reached() const noexcept { return reached_; }

    // No request takes longer than this, whatever it asks for.
    void limit_seconds(long seconds) noexcept { limit_seconds_ = seconds; }

    const Server& server() const noexcept { return server_; }

  private:
    long seconds_for(const HttpRequest& request) const noexcept;
    HttpResponse send_once(const HttpRequest& request, bool& broken);
    bool connected() const;  // the last request had a connection to go through
    std::string why_failed(int code, const HttpRequest& request) const;  // a CURLcode

    struct Curl;
    Server server_;
    const Context& context_;
    long limit_seconds_ = 0;  // 0: none
    bool reached_ = false;
    std::unique_ptr<Curl> curl_;
};

// The command line that does the same with curl; it names the token's file, never the token.
std::string curl_line(const Server& server, const HttpRequest& request);

// For paths and queries: everything but unreserved characters as %XX.
std::string url_escape(std::string_view text);

}  // namespace ballast::cli
