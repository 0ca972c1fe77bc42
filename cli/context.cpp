#include "cli/context.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cli/exit_codes.hpp"

namespace ballast::cli {

void declare_output(Options& options, OutputOptions& into) {
    options
        .value("-o,--output", &into.format, "FORM",
               "form of the answer: a table, the endpoint's own JSON, one object a line, or only names")
        .one_of({"table", "json", "ndjson", "name"});
    options.flag("--no-headers", into.no_headers, "tables without their first line");
    options.value("--color", &into.color, "WHEN", "colours: on a terminal unless NO_COLOR is set, or as said")
        .one_of({"auto", "always", "never"});
    options.flag("-v,--verbose", into.verbose, "say on standard error what is done, as curl lines");
}

void declare_connection(Options& options, ConnectionOptions& into) {
    options.value("--server", &into.server, "URL",
                  "the controller: http://HOST:PORT, https://HOST:PORT or unix:/PATH");
    options
        .value("--token-file", &into.token_file, "FILE",
               "file with the token (the token itself is never an argument: others see those)")
        .completes(Completes::files);
    options.value("--ca", &into.ca, "FILE", "certificates of the CA that the controller's is checked against")
        .completes(Completes::files);
    options.value("--cert", &into.certificate, "FILE", "client certificate").completes(Completes::files);
    options.value("--key", &into.key, "FILE", "key of the client certificate").completes(Completes::files);
    options.value("--profile", &into.profile, "NAME", "profile of the configuration file");
    options
        .value("--request-timeout", &into.request_timeout_seconds, "SECONDS",
               "how long the controller may take to answer, beside what it is asked to wait for (default 10, "
               "and 30 where something is changed); then the command ends with code 7")
        .between(1, 3600);
}

bool Context::terminal() const noexcept {
    return ::isatty(STDOUT_FILENO) == 1;
}

bool Context::colour() const {
    if (output.color != "auto") {
        return output.color == "always";
    }
    const char* const no_color = std::getenv("NO_COLOR");
    const char* const term = std::getenv("TERM");
    return terminal() && (no_color == nullptr || *no_color == '\0') && term != nullptr &&
           std::string_view{term} != "dumb";
}

Format Context::format() const {
    if (output.format == "json") {
        return Format::json;
    }
    if (output.format == "ndjson") {
        return Format::ndjson;
    }
    return output.format == "name" ? Format::name : Format::table;
}

void Context::print(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (std::fflush(stdout) != 0) {
        std::_Exit(static_cast<int>(Exit::failed));
    }
}

void Context::complain(std::string_view text) const {
    std::fprintf(stderr, "ballast: %.*s\n", static_cast<int>(text.size()), text.data());
}

void Context::explain(std::string_view text) const {
    if (output.verbose) {
        complain(text);
    }
}

}  // namespace ballast::cli
