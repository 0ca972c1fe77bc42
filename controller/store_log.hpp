// The store's log (SQLite's WAL) gets its length before it is used.
#pragma once

#include <string>

namespace ballast::controller {

// So many pages the log holds before it is folded back into the file and begun anew, whoever waits for the
// disk meanwhile; from the lesser number on, it is done as soon as nobody does. And what a page takes in it.
inline constexpr int log_pages_max = 2048;
inline constexpr int log_pages_quiet = 512;
inline constexpr std::size_t log_page_bytes = 4096;
inline constexpr std::size_t log_frame_bytes = log_page_bytes + 24;  // with the header of each

// Fills the file up to its length in use with zeros, which are no frames to SQLite, and keeps what is there.
// A sync of what overwrites blocks waits for those blocks only; one that makes the file longer waits for the
// journal of the file system, and so for whatever everybody else has written. REQUIRES: no other process uses
// the store. Where there is no room, nothing is lost but that.
void lengthen_log(const std::string& path) noexcept;

}  // namespace ballast::controller
