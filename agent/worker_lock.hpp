// The lock of one guest between worker processes.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/uuid.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::agent {

// Waits until no other worker works on the guest, and until nothing is left of what the last one started to
// serve the operation (libxl-save-helper outlives a killed worker by a moment). The lock goes with the
// descriptor.
Status lock_guest(const std::string& run_dir, const Uuid& uuid, UniqueFd& lock, std::string& why);

// Deletes the files of locks that nobody holds, and of which nothing is left that the next holder would end.
void sweep_locks(const std::string& run_dir);

}  // namespace ballast::agent
