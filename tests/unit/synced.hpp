// Which files and directories fsync() was asked for: a test sees whether a name was put on disk, which no
// crash of the process alone would show.
#pragma once

#include <string>

namespace ballast {

// Forgets what was synced before.
void watch_syncs();
// Whether what lies at `path` now has been synced since watch_syncs().
bool was_synced(const std::string& path);

}  // namespace ballast
