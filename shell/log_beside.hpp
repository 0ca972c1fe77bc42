// While one lives, a thread of its own writes the log's lines: whoever logs never waits for who reads them,
// be it a file on a busy disk or the journal behind one. Lines keep their order; those that come while the
// buffer is full are left out, and a line says how many. What was not written yet is lost when the process is
// killed.
#pragma once

#include <cstddef>
#include <memory>

namespace ballast {

// Of each of two buffers; a login makes three lines of a hundred bytes. Pages of memory only once they are
// used.
inline constexpr std::size_t log_beside_bytes = 64 * 1024;

class LogBeside {
  public:
    // Where the system gives no thread, lines are written as without it. REQUIRES: no other one lives.
    LogBeside();
    // Writes what is left.
    ~LogBeside();
    LogBeside(const LogBeside&) = delete;
    LogBeside& operator=(const LogBeside&) = delete;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast
