// How far something has come, in words, and lines that are painted again in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/exit_codes.hpp"
#include "cli/json.hpp"

namespace ballast::cli {

// Follows one job from answer to answer.
class JobProgress {
  public:
    // `job` as the endpoint shows it; `now_ms` of a clock that never goes backwards.
    void look(Json job, std::int64_t now_ms);

    // "vm3-01  migrate h3 -> h4  42%  12.3 MiB/s  3s left  copying"
    std::string line() const;

  private:
    std::string what_;
    std::string step_;
    std::uint64_t percent_ = 0;
    std::uint64_t first_percent_ = 0;
    std::int64_t first_ms_ = 0;
    std::int64_t now_ms_ = 0;
    std::uint64_t sent_bytes_ = 0;
    std::int64_t sent_ms_ = 0;
    double bytes_per_second_ = 0;
    bool seen_ = false;
};

// "vm3-01: migrate h3 -> h4 succeeded in 2.3 s, stopped for 30 ms, 856 KiB sent", for a job that has ended.
std::string outcome_line(Json job);
bool job_ended(Json job) noexcept;
// How a command ends that waited for this job: as the endpoint answers ?wait= with the same fault.
Exit exit_for_job(Json job) noexcept;

// "h3 -> h4" of a migration, else the host.
std::string where_of(Json job);

// What is left when `done` of 100 took `elapsed_ms`: "3s left"; empty while that says nothing.
std::string time_left(std::uint64_t done_percent, std::int64_t elapsed_ms);

// A block of lines on standard error that replaces itself. Does nothing where that is no terminal.
class LiveLines {
  public:
    LiveLines();
    ~LiveLines() { show({}); }
    LiveLines(const LiveLines&) = delete;
    LiveLines& operator=(const LiveLines&) = delete;

    bool on() const noexcept { return on_; }
    // Empty: takes the block away.
    void show(const std::vector<std::string>& lines);

  private:
    bool on_;
    std::size_t shown_ = 0;
};

}  // namespace ballast::cli
