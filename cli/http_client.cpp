#include "cli/http_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>

namespace ballast::cli {

namespace {

// Larger than any answer of the controller; what is above it is no controller.
constexpr std::size_t answer_bytes_max = std::size_t{64} << 20;
constexpr long answer_seconds = 10;  // the TLS handshake included: a busy machine takes its time
constexpr long change_seconds = 30;
// Waits before another try, in ms.
constexpr std::array retry_after_ms{100, 400, 1000};

std::size_t take_body(char* data, std::size_t, std::size_t count, void* target) {
    auto& body = *static_cast<std::string*>(target);
    if (count > answer_bytes_max - body.size()) {
        return 0;
    }
    body.append(data, count);
    return count;
}

bool same_word(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::size_t take_header(char* data, std::size_t, std::size_t count, void* target) {
    auto& response = *static_cast<HttpResponse*>(target);
    const std::string_view line{data, count};
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        return count;
    }
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
    const std::string_view name = line.substr(0, colon);
    if (same_word(name, "content-type")) {
        response.content_type = value;
    } else if (same_word(name, "x-next-page-token")) {
        response.next_page_token = value;
    } else if (same_word(name, "etag")) {
        response.entity_tag = value;
    } else if (same_word(name, "idempotency-replayed")) {
        response.replayed = value == "true";
    }
    return count;
}

// For a shell: in single quotes.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

class HeaderList {
  public:
    ~HeaderList() { curl_slist_free_all(list_); }
    void add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
    curl_slist* get() const { return list_; }

  private:
    curl_slist* list_ = nullptr;
};

}  // namespace

struct HttpClient::Curl {
    CURL* handle = curl_easy_init();
    std::array<char, CURL_ERROR_SIZE> error{};
    ~Curl() { curl_easy_cleanup(handle); }
};

HttpClient::HttpClient(Server server, const Context& context)
    : server_{std::move(server)}, context_{context}, curl_{std::make_unique<Curl>()} {}

HttpClient::~HttpClient() = default;

HttpResponse HttpClient::send(const HttpRequest& request) {
    context_.explain(curl_line(server_, request));
    const bool repeatable = request.method == "GET" || !request.idempotency_key.empty();
    bool lost = false;
    for (std::size_t attempt = 0;; ++attempt) {
        bool broken = false;
        HttpResponse response = send_once(request, broken);
        lost = lost || response.lost;
        response.lost = lost && response.status == 0;
        if (!broken || !repeatable || attempt == retry_after_ms.size()) {
            return response;
        }
        context_.explain(response.failure + "; once more");
        std::this_thread::sleep_for(std::chrono::milliseconds(retry_after_ms.at(attempt)));
    }
}

HttpResponse HttpClient::send_once(const HttpRequest& request, bool& broken) {
    CURL* const handle = curl_->handle;
    curl_easy_reset(handle);  // keeps the connection
    HttpResponse response;
    HeaderList headers;
    headers.add("Accept: " + request.accept);
    headers.add("User-Agent: ballast/" BALLAST_VERSION);
    headers.add("Expect:");
    if (!server_.token.empty()) {
        headers.add("Authorization: Bearer " + server_.token);
    }
    if (!request.idempotency_key.empty()) {
        headers.add("Idempotency-Key: " + request.idempotency_key);
    }
    if (!request.if_match.empty()) {
        headers.add("If-Match: " + request.if_match);
    }
    const std::string url = server_.base + request.path;
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
        headers.add("Content-Type: application/json");
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.c_str());
    }
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &response.body);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &take_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &response);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, curl_->error.data());
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");  // a controller is near
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, seconds_for(request));
    const auto set_path = [&](CURLoption option, const std::string& path) {
        if (!path.empty()) {
            curl_easy_setopt(handle, option, path.c_str());
        }
    };
    set_path(CURLOPT_UNIX_SOCKET_PATH, server_.socket);
    set_path(CURLOPT_CAINFO, server_.ca);
    set_path(CURLOPT_SSLCERT, server_.certificate);
    set_path(CURLOPT_SSLKEY, server_.key);
    const CURLcode code = curl_easy_perform(handle);
    if (code == CURLE_OK) {
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &response.status);
        reached_ = reached_ || response.ok();
        return response;
    }
    broken = code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
             code == CURLE_PARTIAL_FILE;
    reached_ = reached_ || broken;
    response.lost = broken || (code == CURLE_OPERATION_TIMEDOUT && connected());
    const std::string where = server_.socket.empty() ? server_.base : "unix:" + server_.socket;
    response.failure = where + ": " + why_failed(code, request);
    return response;
}

bool HttpClient::connected() const {
    curl_off_t after_us = 0;
    return curl_easy_getinfo(curl_->handle, CURLINFO_CONNECT_TIME_T, &after_us) == CURLE_OK && after_us > 0;
}

long HttpClient::seconds_for(const HttpRequest& request) const noexcept {
    const long seconds =
        answer_within_seconds(request, static_cast<long>(context_.connection.request_timeout_seconds));
    return limit_seconds_ > 0 ? std::min(limit_seconds_, seconds) : seconds;
}

std::string HttpClient::why_failed(int code, const HttpRequest& request) const {
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return "no answer within " + std::to_string(seconds_for(request)) +
               " s: it is stopped, busy, or not to be reached from here (--request-timeout waits longer)";
    }
    if (code == CURLE_COULDNT_CONNECT && !server_.socket.empty()) {
        // curl speaks of a port there.
        long error = 0;
        curl_easy_getinfo(curl_->handle, CURLINFO_OS_ERRNO, &error);
        return std::string{"no controller of this machine answers there"} +
               (error == 0 ? "" : ": " + std::system_category().message(static_cast<int>(error))) +
               (error == EACCES
                    ? "; only root and the controller's own user may; others: --server and a token"
                    : "; one elsewhere: --server http://HOST:PORT, or BALLAST_SERVER");
    }
    std::string why =
        curl_->error.front() != '\0' ? curl_->error.data() : curl_easy_strerror(static_cast<CURLcode>(code));
    if (code == CURLE_SSL_CONNECT_ERROR) {
        why += "; does it speak TLS? Without: --server http://HOST:PORT";
    }
    return why;
}

long answer_within_seconds(const HttpRequest& request, long asked_for) noexcept {
    long waits = 0;
    const std::string& path = request.path;
    for (const std::string_view key : {"?wait=", "&wait="}) {
        if (const std::size_t at = path.find(key); at != std::string::npos) {
            std::from_chars(path.data() + at + key.size(), path.data() + path.size(), waits);
        }
    }
    const long usual = request.method == "GET" ? answer_seconds : change_seconds;
    return waits + (asked_for > 0 ? asked_for : usual);
}

std::string curl_line(const Server& server, const HttpRequest& request) {
    std::string line = "curl";
    const auto add = [&](std::string_view option, const std::string& value) {
        if (!value.empty()) {
            line += " " + std::string{option} + " " + quoted(value);
        }
    };
    line += request.method == "GET" ? "" : " -X " + request.method;
    add("--unix-socket", server.socket);
    add("--cacert", server.ca);
    add("--cert", server.certificate);
    add("--key", server.key);
    if (!server.token_file.empty()) {
        line += " -H \"Authorization: Bearer $(cat " + quoted(server.token_file) + ")\"";
    } else if (!server.token.empty()) {
        line += " -H \"Authorization: Bearer $BALLAST_TOKEN\"";
    }
    if (request.accept != "application/json") {
        add("-H", "Accept: " + request.accept);
    }
    if (!request.idempotency_key.empty()) {
        add("-H", "Idempotency-Key: " + request.idempotency_key);
    }
    if (!request.if_match.empty()) {
        add("-H", "If-Match: " + request.if_match);
    }
    add("-d", request.body);
    return line + " " + quoted(server.base + request.path);
}

std::string url_escape(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    constexpr std::string_view plain = "-._~";
    std::string out;
    for (const char c : text) {
        const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                plain.find(c) != std::string_view::npos;
        if (unreserved) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        }
    }
    return out;
}

}  // namespace ballast::cli
