// The names of guests' disk images while they go from host to host (docs/wan_migration.md):
//
//   FILE                in use by a guest of this host
//   FILE.incoming       comes, or was to come: kept for another attempt
//   FILE.left-SECONDS   of a guest that left with it then (seconds since 1970)
//   FILE.index          its fingerprints; go with it
#pragma once

#include <string>

#include "agent/core/record.hpp"
#include "base/result.hpp"

namespace ballast::agent {

// Tells a file from those that get its name, or its inode, when it is gone (a tick of the kernel later at the
// earliest). 0: there is none.
std::uint64_t file_id(const std::string& path);

// FILE.incoming -> FILE for all of them, on disk when ok. Never over another file: `already_exists`.
Status publish_images(const ImageDisks& disks, std::string& why);
// Back again, those that have been renamed. May be repeated.
Status retract_images(const ImageDisks& disks, std::string& why);
// FILE -> FILE.left-SECONDS. May be repeated: of an image that has left since `begun`, when its guest's
// departure began, a file that has its name by now is somebody else's.
Status retire_images(const ImageDisks& disks, WallTime begun, WallTime now, std::string& why);

// The path that is expected to be free has none; otherwise a sentence.
bool images_vacant(const ImageDisks& disks, std::string& why);

// Deletes what left, and what came and was not finished, more than `keep_hours` ago.
void sweep_images(const std::string& directory, std::uint32_t keep_hours, WallTime now);

}  // namespace ballast::agent
