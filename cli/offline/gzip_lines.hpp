// The text of a gzip-compressed (or plain) file, within a limit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace ballast::cli::offline {

// Nothing, with one sentence in `why`, when the file cannot be read, is damaged or is longer than `bytes_max`
// when uncompressed.
std::optional<std::string> read_gzip(const std::string& path, std::size_t bytes_max, std::string& why);

}  // namespace ballast::cli::offline
