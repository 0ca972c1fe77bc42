// Files that commands read and write. All of these fill `why` with one sentence (path and reason) when they
// fail.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ballast::cli {

// The whole file, or all of standard input for "-". `not_found`, `limit_reached` above `bytes_max`,
// `io_failed`.
Status read_input(const std::string& path, std::size_t bytes_max, std::string& content, std::string& why);

// Replaces the file; what cannot be written completely leaves no file of that name that looks complete.
// `mode` as in chmod(2). `io_failed`.
Status write_file(const std::string& path, std::string_view content, unsigned mode, std::string& why);

// "1.4 MiB", "512 KiB"
std::string bytes_for_people(double bytes);

}  // namespace ballast::cli
