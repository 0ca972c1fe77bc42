// What a process that runs for months takes: of memory, of the processor, and of what it needed to start.
#pragma once

#include <cstdint>

namespace ballast {

// Memory of the process, shared pages included; 0 where the system does not tell.
std::uint64_t resident_bytes() noexcept;
// Processor time of all its threads, children left out.
std::uint64_t cpu_ms() noexcept;

// Takes the memory that the deepest calls will need of the stack, as all other memory is taken at start.
// Without it the first job of a kind is where a process grows, if only by a page or two.
void reserve_stack() noexcept;

// Lets go of the pages of program and libraries that were needed to start: they lie in files, and those that
// are needed again come back from the page cache. And gives free heap back to the system.
void release_start_pages() noexcept;

}  // namespace ballast
