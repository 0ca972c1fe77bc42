// Small files that must survive a crash of the process and of the machine: journals, tokens. A write is
// complete or has not happened: temporary file, fsync, rename, fsync of the directory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ballast {

// All of these fill `why` with one sentence (path and system's reason) when they fail.

// Replaces `path` by a file of mode 0600 with this content; once it returns ok, the content is on disk. One
// writer per path. `no_disk_space`, `io_failed`; the old file is then untouched (or, when only the last sync
// failed, perhaps replaced: the caller must treat the step as not taken and not done).
Status write_durable(const std::string& path, std::string_view content, std::string& why);

// Reads a whole regular file. `not_found`, `limit_reached` when it is above `bytes_max`, `io_failed`.
Status read_bounded(const std::string& path, std::size_t bytes_max, std::string& content, std::string& why);

// Removes a file for good. That it is not there is success.
Status remove_durable(const std::string& path, std::string& why);

// Names (without the directory) of the files that end in `suffix`, sorted. Temporary files of write_durable
// are not among them. `limit_reached` when there are more than `count_max`.
Status list_directory(const std::string& directory, std::string_view suffix, std::size_t count_max,
                      std::vector<std::string>& names, std::string& why);

// Puts on disk which names a directory holds: a rename, an unlink or a new file in it is durable only then.
Status sync_directory(const std::string& directory, std::string& why);

// The directory that holds the path's last name; "." for a name alone.
std::string directory_of(const std::string& path);

// Creates the directory (mode 0700; its parent must exist) unless it is there.
Status make_directory(const std::string& path, std::string& why);

}  // namespace ballast
