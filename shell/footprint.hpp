// What a process that runs for months keeps in memory of its start.
#pragma once

namespace ballast {

// Lets go of the pages of program and libraries that were needed to start: they lie in files, and those that
// are needed again come back from the page cache. And gives free heap back to the system.
void release_start_pages() noexcept;

}  // namespace ballast
