#include "cli/online/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/files.hpp"
#include "cli/table.hpp"
#include "cli/times.hpp"

namespace ballast::cli {

namespace {

struct FaultExit {
    std::string_view fault;
    Exit exit;
};

// Faults that are not here are failures of the controller, an agent or Xen.
constexpr std::array fault_exits{
    FaultExit{"invalid_argument", Exit::usage},
    FaultExit{"not_found", Exit::not_found},
    FaultExit{"limit_reached", Exit::no_capacity},
    FaultExit{"no_memory", Exit::no_capacity},
    FaultExit{"no_disk_space", Exit::no_capacity},
    FaultExit{"authentication_failed", Exit::not_allowed},
    FaultExit{"connection_lost", Exit::unreachable},
    FaultExit{"host_unreachable", Exit::unreachable},
    FaultExit{"hypervisor_unavailable", Exit::unreachable},
    FaultExit{"deadline_exceeded", Exit::timeout},
    FaultExit{"hypervisor_failed", Exit::failed},
    FaultExit{"io_failed", Exit::failed},
    FaultExit{"protocol_violation", Exit::failed},
    FaultExit{"worker_died", Exit::failed},
};

std::string seconds_text(double ms) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), ms < 1000 ? "%.0f ms" : "%.1f s", ms < 1000 ? ms : ms / 1000);
    return text.data();
}

}  // namespace

std::string where_of(Json job) {
    const Json migration = job.at("migration");
    if (migration && !migration.at("to").text().empty()) {
        return migration.at("from").plain() + " -> " + migration.at("to").plain();
    }
    return job.at("host").plain();
}

void JobProgress::look(Json job, std::int64_t now_ms) {
    what_ = printable(job.at("vm").plain() + "  " + job.at("kind").plain() + " " + where_of(job));
    step_ = printable(job.at("step").plain());
    percent_ = std::min<std::uint64_t>(job.at("percent").count(), 100);
    const std::uint64_t sent = job.at("migration.wire_bytes").count();
    if (!seen_) {
        first_percent_ = percent_;
        first_ms_ = now_ms;
        sent_bytes_ = sent;
        sent_ms_ = now_ms;
    } else if (sent > sent_bytes_ && now_ms > sent_ms_) {
        bytes_per_second_ =
            static_cast<double>(sent - sent_bytes_) * 1000.0 / static_cast<double>(now_ms - sent_ms_);
        sent_bytes_ = sent;
        sent_ms_ = now_ms;
    }
    seen_ = true;
    now_ms_ = now_ms;
}

std::string JobProgress::line() const {
    std::string line = what_ + "  " + std::to_string(percent_) + "%";
    if (bytes_per_second_ > 0) {
        line += "  " + bytes_for_people(bytes_per_second_) + "/s";
    }
    // Only what was seen to pass says how fast the rest will.
    if (percent_ > first_percent_) {
        const std::uint64_t seen = (percent_ - first_percent_) * 100 / (100 - first_percent_);
        const std::string left = time_left(seen, now_ms_ - first_ms_);
        line += left.empty() ? "" : "  " + left;
    }
    return line + "  " + step_;
}

std::string time_left(std::uint64_t done_percent, std::int64_t elapsed_ms) {
    constexpr std::uint64_t meaningful_percent = 3;
    if (done_percent < meaningful_percent || done_percent >= 100 || elapsed_ms <= 0) {
        return {};
    }
    const auto left =
        static_cast<std::int64_t>(100 - done_percent) * elapsed_ms / static_cast<std::int64_t>(done_percent);
    return duration_for_people(std::max<std::int64_t>(left, 1000)) + " left";
}

bool job_ended(Json job) noexcept {
    const std::string_view state = job.at("state").text();
    return state == "succeeded" || state == "failed" || state == "cancelled";
}

std::string outcome_line(Json job) {
    std::string line = job.at("vm").plain() + ": " + job.at("kind").plain() + " " + where_of(job) + " " +
                       job.at("state").plain();
    const std::optional<std::int64_t> created = parse_time(job.at("created_at").text());
    const std::optional<std::int64_t> ended = parse_time(job.at("ended_at").text());
    if (created.has_value() && ended.has_value()) {
        line += " in " + seconds_text(static_cast<double>(*ended - *created));
    }
    const Json migration = job.at("migration");
    if (migration && job.at("state").text() == "succeeded") {
        line += ", stopped for " + seconds_text(migration.at("downtime_ms").number()) + ", " +
                bytes_for_people(migration.at("wire_bytes").number()) + " sent";
    }
    if (!job.at("detail").text().empty()) {
        line += ": " + job.at("detail").plain();
    } else if (!job.at("fault").text().empty()) {
        line += ": " + job.at("fault").plain();
    }
    return printable(line);
}

Exit exit_for_job(Json job) noexcept {
    if (job.at("state").text() == "succeeded") {
        return Exit::ok;
    }
    const std::string_view fault = job.at("fault").text();
    const auto found = std::ranges::find(fault_exits, fault, &FaultExit::fault);
    return found != fault_exits.end() ? found->exit : fault.empty() ? Exit::failed : Exit::conflict;
}

LiveLines::LiveLines() : on_{::isatty(STDERR_FILENO) == 1} {}

void LiveLines::show(const std::vector<std::string>& lines) {
    if (!on_ || (lines.empty() && shown_ == 0)) {
        return;
    }
    std::string out;
    if (shown_ > 0) {
        out += "\x1b[" + std::to_string(shown_) + "A";
    }
    const std::size_t width = terminal_columns();
    for (const std::string& line : lines) {
        out += "\r\x1b[K" + cut_to(line, width) + "\n";
    }
    out += "\x1b[J";
    shown_ = lines.size();
    std::fwrite(out.data(), 1, out.size(), stderr);
}

}  // namespace ballast::cli
