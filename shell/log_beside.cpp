#include "shell/log_beside.hpp"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/assert.hpp"
#include "shell/log.hpp"
#include "shell/thread.hpp"

namespace ballast {

namespace {

constexpr std::size_t log_stack_bytes = 64 * 1024;  // it formats no line but one

}  // namespace

// One buffer is filled while the other is written.
struct LogBeside::Impl {
    struct Buffer {
        std::array<char, log_beside_bytes> bytes;
        std::size_t size;
    };

    std::mutex mutex;
    std::condition_variable changed;
    std::array<Buffer, 2> buffers;
    std::size_t filling = 0;
    int fd = -1;  // of the newest line
    std::uint64_t left_out = 0;
    bool waiting = false;  // the thread does, for the next line
    bool stopping = false;
    bool has_thread = false;
    pthread_t thread{};

    static Impl* living;

    static void take(int fd, std::string_view line) noexcept {
        if (::pthread_equal(::pthread_self(), living->thread) != 0) {
            write_all(fd, line);  // of what is missing, where it is
        } else {
            living->add(fd, line);
        }
    }

    void add(int to_fd, std::string_view line) noexcept {
        const std::lock_guard lock{mutex};
        Buffer& buffer = buffers[filling];
        if (line.size() > buffer.bytes.size() - buffer.size) {
            ++left_out;
            return;
        }
        std::memcpy(buffer.bytes.data() + buffer.size, line.data(), line.size());
        buffer.size += line.size();
        fd = to_fd;
        if (std::exchange(waiting, false)) {
            changed.notify_one();
        }
    }

    void run() {
        std::unique_lock lock{mutex};
        while (!stopping || buffers[filling].size != 0) {
            if (buffers[filling].size == 0) {
                waiting = true;
                changed.wait(lock, [this] { return stopping || !waiting; });
                continue;
            }
            Buffer& buffer = buffers[filling];
            filling = 1 - filling;
            const int to_fd = fd;
            const std::uint64_t missing = std::exchange(left_out, 0);
            lock.unlock();
            write_all(to_fd, {buffer.bytes.data(), buffer.size});
            buffer.size = 0;
            if (missing != 0) {
                log_warning(
                    "{} lines of the log are missing about here: they came faster than they could be written",
                    missing);
            }
            lock.lock();
        }
    }

    // Nothing is left to do when it fails.
    static void write_all(int fd, std::string_view text) noexcept {
        while (!text.empty()) {
            const ssize_t written = ::write(fd, text.data(), text.size());
            if (written <= 0) {
                return;
            }
            text.remove_prefix(static_cast<std::size_t>(written));
        }
    }
};

LogBeside::Impl* LogBeside::Impl::living = nullptr;

LogBeside::LogBeside() : impl_{std::unique_ptr<Impl>{new Impl}} {
    BALLAST_ASSERT(Impl::living == nullptr);
    impl_->buffers[0].size = impl_->buffers[1].size = 0;
    impl_->has_thread = start_thread(impl_->thread, log_stack_bytes, *impl_);
    if (impl_->has_thread) {
        Impl::living = impl_.get();
        set_log_writer(&Impl::take);
    }
}

LogBeside::~LogBeside() {
    if (impl_->has_thread) {
        {
            const std::lock_guard lock{impl_->mutex};
            impl_->stopping = true;
        }
        impl_->changed.notify_one();
        pthread_join(impl_->thread, nullptr);
        set_log_writer(nullptr);
        Impl::living = nullptr;
    }
}

}  // namespace ballast
