#include "xen_glue/xen/toolstack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/assert.hpp"

namespace ballast::xen {
namespace {

constexpr std::uint64_t frame_bytes = 4096;

// libxc's words for what it is doing (its context is "xc").
constexpr std::string_view live_round_prefix = "Frames iteration ";
constexpr std::string_view only_round = "Frames";
constexpr std::string_view suspended_now = "Domain now suspended";

}  // namespace

std::int64_t boottime_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

std::int64_t boottime_ms() noexcept {
    return boottime_ns() / 1'000'000;
}

ToolstackLog::ToolstackLog() noexcept : hook_{} {
    hook_.vmessage = &ToolstackLog::on_message;
    hook_.progress = &ToolstackLog::on_progress;
    hook_.destroy = &ToolstackLog::on_destroy;
    hook_.owner = this;
}

void ToolstackLog::begin(ProgressSink* sink) noexcept {
    lines_.clear();
    sink_ = sink;
    memory_bytes_ = 0;
    earlier_rounds_bytes_ = 0;
    this_round_bytes_ = 0;
    round_ = 0;
    guest_suspended_ = false;
    last_progress_ms_ = boottime_ms();
}

void ToolstackLog::add(std::string_view line) noexcept {
    lines_.push(Line{line});
    if (sink_ != nullptr) {
        sink_->note(line);
    }
}

std::string_view ToolstackLog::text() {
    text_.clear();
    for (std::size_t i = 0; i < lines_.size(); ++i) {
        text_ += lines_[i].view();
        text_ += i + 1 < lines_.size() ? "\n" : "";
    }
    return text_;
}

void ToolstackLog::on_message(xentoollog_logger* logger, xentoollog_level level, int errno_value,
                              const char* context, const char* format, va_list arguments) {
    if (level < XTL_WARN) {
        return;
    }
    std::array<char, Line::capacity() + 1> text{};
    std::vsnprintf(text.data(), text.size(), format, arguments);
    // Guests' names and paths end up in these lines: nothing that could forge a second line gets through.
    for (char& c : text) {
        if (c != '\0' && (c < ' ' || c > '~')) {
            c = ' ';
        }
    }
    std::array<char, Line::capacity() + 1> line{};
    auto end = fmt::format_to_n(line.data(), line.size() - 1, "{}: {}", context != nullptr ? context : "xen",
                                text.data());
    if (errno_value > 0) {
        const std::size_t used = std::min(end.size, line.size() - 1);
        fmt::format_to_n(line.data() + used, line.size() - 1 - used, ": {}", strerrordesc_np(errno_value));
    }
    static_cast<Hook*>(logger)->owner->add(line.data());
}

void ToolstackLog::on_progress(xentoollog_logger* logger, const char* context, const char* doing_what,
                               int /*percent*/, unsigned long done, unsigned long total) {
    if (context != nullptr && doing_what != nullptr && std::string_view{context} == "xc") {
        static_cast<Hook*>(logger)->owner->advance(doing_what, done, total);
    }
}

void ToolstackLog::advance(std::string_view doing_what, std::uint64_t done_frames,
                           std::uint64_t total_frames) {
    last_progress_ms_ = boottime_ms();
    // The first round of a PVH or HVM guest counts the frames of its address space, holes included (4 GiB and
    // more for a guest of 128 MiB); the later ones count what is sent.
    std::uint64_t done_bytes = done_frames * frame_bytes;
    const std::uint64_t total_bytes = total_frames * frame_bytes;
    if (memory_bytes_ > 0 && total_bytes > memory_bytes_) {
        done_bytes = done_frames * (memory_bytes_ / frame_bytes) / total_frames * frame_bytes;
    }
    if (doing_what == suspended_now) {
        guest_suspended_ = true;
    } else if (doing_what.starts_with(live_round_prefix)) {
        std::uint32_t round = round_;
        const std::string_view number = doing_what.substr(live_round_prefix.size());
        std::from_chars(number.data(), number.data() + number.size(), round);
        // The counter begins anew with every round; a new round is known by its number or by the smaller
        // count.
        if (round != round_ || done_bytes < this_round_bytes_) {
            earlier_rounds_bytes_ += this_round_bytes_;
        }
        round_ = round;
        this_round_bytes_ = done_bytes;
    } else if (doing_what == only_round) {
        this_round_bytes_ = done_bytes;
    } else {
        return;
    }
    if (sink_ != nullptr) {
        sink_->progress(earlier_rounds_bytes_ + this_round_bytes_, round_, guest_suspended_);
    }
}

std::unique_ptr<Toolstack> Toolstack::open(std::string& why) {
    // A peer that goes away must be an error code, not a signal. Helper processes get the default back from
    // libxl.
    struct sigaction current {};
    if (sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
        std::signal(SIGPIPE, SIG_IGN);
    }
    std::unique_ptr<Toolstack> toolstack{new Toolstack};
    toolstack->log_.begin(nullptr);
    if (const int rc = libxl_ctx_alloc(&toolstack->ctx_, LIBXL_VERSION, 0, toolstack->log_.raw()); rc != 0) {
        why = fmt::format("cannot connect to Xen ({}): is this dom0, run as root, with xenstored up?\n{}", rc,
                          toolstack->log_.text());
        toolstack->ctx_ = nullptr;
        return nullptr;
    }
    // The default mode would reap children that are not libxl's own.
    static constexpr libxl_childproc_hooks children{
        .chldowner = libxl_sigchld_owner_libxl_always_selective_reap,
        .fork_replacement = nullptr,
        .reaped_callback = nullptr,
    };
    libxl_childproc_setmode(toolstack->ctx_, &children, nullptr);
    // Without a hook for disasters, libxl ends the process when xenstored dies.
    static constexpr libxl_event_hooks events{
        .event_occurs_mask = LIBXL_EVENTMASK_ALL,
        .event_occurs = &Toolstack::on_event,
        .disaster = &Toolstack::on_disaster,
    };
    libxl_event_register_callbacks(toolstack->ctx_, &events, toolstack.get());
    return toolstack;
}

Toolstack::~Toolstack() {
    // libxl aborts the process when a context is freed with an operation on it, and after a breakdown one may
    // never end. The process is about to end in any case.
    if (ctx_ != nullptr && !broken_) {
        libxl_ctx_free(ctx_);
    }
}

void Toolstack::on_event(void* user, libxl_event* event) {
    // None is asked for; one that comes anyway must not pile up.
    libxl_event_free(static_cast<Toolstack*>(user)->ctx_, event);
}

void Toolstack::on_disaster(void* user, libxl_event_type /*type*/, const char* message, int errno_value) {
    auto* self = static_cast<Toolstack*>(user);
    self->broken_ = true;
    self->log_.add(fmt::format("libxl's event handling broke down: {}: {}",
                               message != nullptr ? message : "?",
                               errno_value > 0 ? strerrordesc_np(errno_value) : "unknown"));
}

}  // namespace ballast::xen
