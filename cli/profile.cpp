#include "cli/profile.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "cli/files.hpp"
#include "shell/config.hpp"

namespace ballast::cli {

namespace {

constexpr const char* server_by_default = "unix:/var/lib/ballast-controller/http.sock";
constexpr std::size_t token_bytes_max = 512;

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

// Takes the variable where the option is not given.
void take(std::string& value, const char* name) {
    if (value.empty()) {
        value = variable(name);
    }
}

std::string expand_home(std::string path) {
    if (path.starts_with("~/")) {
        path = variable("HOME") + path.substr(1);
    }
    return path;
}

std::string config_folder() {
    const std::string xdg = variable("XDG_CONFIG_HOME");
    return (xdg.empty() ? variable("HOME") + "/.config" : xdg) + "/ballast/";
}

// Reads what is not given yet from the file. A default file that is not there is no error; a profile that is
// not there is one.
bool read_file(const std::string& profile, ConnectionOptions& values, std::string& why) {
    const bool plain_name = std::ranges::none_of(profile, [](char c) { return c == '/' || c == '.'; });
    if (!plain_name) {
        why = "--profile: expected the name of a file in " + config_folder() + " without .toml";
        return false;
    }
    std::string path = variable("BALLAST_CONFIG");
    if (!profile.empty() || path.empty()) {
        path = config_folder() + (profile.empty() ? "config" : profile) + ".toml";
        struct stat facts {};
        if (profile.empty() && ::stat(path.c_str(), &facts) != 0) {
            return true;
        }
    }
    const std::unique_ptr<Config> file = Config::from_file(path);
    const auto read = [&](std::string_view key, std::string& value) {
        const std::string text = file->text(key, "");
        if (value.empty()) {
            value = text;
        }
    };
    read("server", values.server);
    read("token_file", values.token_file);
    read("ca", values.ca);
    read("cert", values.certificate);
    read("key", values.key);
    file->finish();
    if (!file->ok()) {
        why = file->errors().front();
        return false;
    }
    return true;
}

bool is_token(std::string_view text, const std::string& from, std::string& why) {
    const bool printable = std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
    if (text.empty() || text.size() > token_bytes_max || !printable) {
        why = from + ": expected a token and nothing else";
        return false;
    }
    return true;
}

bool read_token(const std::string& path, std::string& token, std::string& why) {
    if (!read_input(path, token_bytes_max, token, why).ok()) {
        return false;
    }
    const std::size_t end = token.find_last_not_of(" \t\r\n");
    token.resize(end == std::string::npos ? 0 : end + 1);
    return is_token(token, path, why);
}

}  // namespace

bool parse_server(const std::string& text, Server& out, std::string& why) {
    if (text.starts_with("unix:/")) {
        out.base = "http://localhost";
        out.socket = text.substr(5);
        return true;
    }
    const bool web = text.starts_with("http://") || text.starts_with("https://");
    const std::size_t end = text.size() - (text.ends_with('/') ? 1 : 0);  // as browsers write it
    const std::size_t begin = web ? text.find("//") + 2 : end;
    const std::string host = text.substr(begin, std::max(begin, end) - begin);
    if (host.empty() || host.find_first_of(" /?#@\"'\\") != std::string::npos) {
        why = "server \"" + text + "\": expected http://HOST:PORT, https://HOST:PORT or unix:/PATH";
        return false;
    }
    out.base = text.substr(0, end);
    return true;
}

bool resolve_server(const ConnectionOptions& options, Server& out, std::string& why) {
    ConnectionOptions values = options;
    take(values.server, "BALLAST_SERVER");
    take(values.token_file, "BALLAST_TOKEN_FILE");
    take(values.ca, "BALLAST_CA");
    take(values.certificate, "BALLAST_CERT");
    take(values.key, "BALLAST_KEY");
    take(values.profile, "BALLAST_PROFILE");
    if ((values.server.empty() || !values.profile.empty()) && !read_file(values.profile, values, why)) {
        return false;
    }
    if (!parse_server(values.server.empty() ? server_by_default : values.server, out, why)) {
        return false;
    }
    out.ca = expand_home(values.ca);
    out.certificate = expand_home(values.certificate);
    out.key = expand_home(values.key);
    out.token_file = expand_home(values.token_file);
    if (const std::string token = variable("BALLAST_TOKEN"); options.token_file.empty() && !token.empty()) {
        out.token_file.clear();
        out.token = token;
        return is_token(token, "BALLAST_TOKEN", why);
    }
    return out.token_file.empty() || read_token(out.token_file, out.token, why);
}

}  // namespace ballast::cli
