// One connection to libxl: context, log, and how it treats child processes and its own breakdown.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/fixed_string.hpp"
#include "base/ring.hpp"
#include "xen_glue/hypervisor.hpp"
#include "xen_glue/xen/libxl_raii.hpp"

namespace ballast::xen {

// What libxl, libxc and its helper processes say while they work. libxl's return code is nearly always the
// same -3; the reason stands here. Keeps the last warnings and errors, and turns libxc's progress reports
// into a ProgressSink's.
class ToolstackLog {
  public:
    static constexpr std::size_t lines_kept = 16;
    using Line = FixedString<239>;

    ToolstackLog() noexcept;
    ToolstackLog(const ToolstackLog&) = delete;
    ToolstackLog& operator=(const ToolstackLog&) = delete;

    // Never null; belongs to this object, which must outlive every user of it.
    xentoollog_logger* raw() noexcept { return &hook_; }

    // Begins a call: forgets the lines of the one before. The sink (may be null) gets what follows, until the
    // next begin or `end`.
    void begin(ProgressSink* sink) noexcept;
    void end() noexcept { sink_ = nullptr; }
    // The memory of the guest that is about to be sent: what its progress is measured against.
    void expect_memory(std::uint64_t bytes) noexcept { memory_bytes_ = bytes; }
    // A line of our own among libxl's.
    void add(std::string_view line) noexcept;
    // The kept lines joined by newlines, oldest first. Valid until the next call of this function.
    std::string_view text();
    // CLOCK_BOOTTIME of the last progress report since `begin`, or of `begin`.
    std::int64_t last_progress_ms() const noexcept { return last_progress_ms_; }

  private:
    // The C side finds its object through `owner`; the logger must come first.
    struct Hook : xentoollog_logger {
        ToolstackLog* owner;
    };
    static void on_message(xentoollog_logger* logger, xentoollog_level level, int errno_value,
                           const char* context, const char* format, va_list arguments);
    static void on_progress(xentoollog_logger* logger, const char* context, const char* doing_what,
                            int percent, unsigned long done, unsigned long total);
    static void on_destroy(xentoollog_logger*) {}
    void advance(std::string_view doing_what, std::uint64_t done_frames, std::uint64_t total_frames);

    Hook hook_;
    FixedRing<Line, lines_kept> lines_;
    std::string text_;
    ProgressSink* sink_ = nullptr;
    std::uint64_t memory_bytes_ = 0;
    std::uint64_t earlier_rounds_bytes_ = 0;
    std::uint64_t this_round_bytes_ = 0;
    std::uint32_t round_ = 0;
    bool guest_suspended_ = false;
    std::int64_t last_progress_ms_ = 0;
};

std::int64_t boottime_ms() noexcept;
std::int64_t boottime_ns() noexcept;

class Toolstack {
  public:
    // Null, with a sentence in `why`, when the hypervisor or xenstored cannot be reached.
    static std::unique_ptr<Toolstack> open(std::string& why);
    ~Toolstack();
    Toolstack(const Toolstack&) = delete;
    Toolstack& operator=(const Toolstack&) = delete;

    libxl_ctx* ctx() noexcept { return ctx_; }
    ToolstackLog& log() noexcept { return log_; }
    // libxl's event machinery broke down (xenstored died). Nothing more can be done with this context.
    bool broken() const noexcept { return broken_; }

  private:
    Toolstack() = default;
    static void on_event(void* user, libxl_event* event);
    static void on_disaster(void* user, libxl_event_type type, const char* message, int errno_value);

    ToolstackLog log_;
    libxl_ctx* ctx_ = nullptr;
    bool broken_ = false;
};

}  // namespace ballast::xen
