// Which controller, and as whom: from the options, the environment, the configuration file and the defaults.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace ballast::cli {

struct Server {
    std::string base;    // "http://127.0.0.1:7780"; "http://localhost" for a socket
    std::string socket;  // path; empty for TCP
    std::string token;   // empty: none
    std::string token_file;
    std::string ca;
    std::string certificate;
    std::string key;
};

// Values that are not given as options come from BALLAST_SERVER and its like, then from the file
// (~/.config/ballast/config.toml, or NAME.toml there for a profile). A server that is given by option or
// variable hides the file, unless a profile is asked for: a token goes only where it was meant to go. False:
// `why` says what is wrong.
bool resolve_server(const ConnectionOptions& options, Server& out, std::string& why);

// For `--server`: http://, https:// or unix:PATH. False when it is none of them.
bool parse_server(const std::string& text, Server& out, std::string& why);

}  // namespace ballast::cli
