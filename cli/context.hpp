// What every action is given: where to write, and what the options that all commands share say.
#pragma once

#include <string>
#include <string_view>

#include "cli/options.hpp"

namespace ballast::cli {

enum class Format : std::uint8_t { table, json, ndjson, name };

// Options of every command.
struct OutputOptions {
    std::string format = "table";
    bool no_headers = false;
    std::string color = "auto";
    bool verbose = false;
};

// Options of commands that talk to the controller. Empty: from the environment, the profile or the default.
struct ConnectionOptions {
    std::string server;
    std::string token_file;
    std::string ca;
    std::string certificate;
    std::string key;
    std::string profile;
    std::int64_t request_timeout_seconds = 0;  // 0: by default, which is longer for changes
};

void declare_output(Options& options, OutputOptions& into);
void declare_connection(Options& options, ConnectionOptions& into);

class Context {
  public:
    OutputOptions output;
    ConnectionOptions connection;

    // Standard output is a terminal.
    bool terminal() const noexcept;
    // Escape sequences for colours may be written to standard output: a terminal that has them, no NO_COLOR,
    // and not `--color never`.
    bool colour() const;
    Format format() const;

    // Writes to standard output. A reader that has gone away (`ballast … | head`) ends the program quietly.
    void print(std::string_view text);
    // Writes "ballast: TEXT" and a line feed to standard error.
    void complain(std::string_view text) const;
    // As complain, but only with -v.
    void explain(std::string_view text) const;
};

}  // namespace ballast::cli
