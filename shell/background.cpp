#include "shell/background.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include "base/assert.hpp"
#include "shell/log.hpp"
#include "shell/thread.hpp"
#include "shell/unique_fd.hpp"

namespace ballast {

namespace {

// SQLite is the deepest that runs on it; a core's tables are never on a stack.
constexpr std::size_t stack_bytes = 256 * 1024;

}  // namespace

struct Background::Impl {
    std::function<void()> work;
    UniqueFd ended;
    std::mutex mutex;
    std::condition_variable changed;
    bool busy = false;
    bool stopping = false;
    bool has_thread = false;
    pthread_t thread{};

    void run() {
        std::unique_lock lock{mutex};
        for (;;) {
            changed.wait(lock, [this] { return busy || stopping; });
            if (!busy) {
                return;
            }
            lock.unlock();
            work();
            lock.lock();
            end();
        }
    }

    void end() {
        busy = false;
        changed.notify_all();
        const std::uint64_t one = 1;
        (void)!::write(ended.get(), &one, sizeof one);  // full only when it is readable already
    }
};

Background::Background(std::function<void()> work) : impl_{std::make_unique<Impl>()} {
    impl_->work = std::move(work);
    impl_->ended = UniqueFd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    impl_->has_thread = start_thread(impl_->thread, stack_bytes, *impl_);
    if (!impl_->has_thread) {
        log_warning("no thread can be started: the loop waits for the disk itself");
    }
}

Background::~Background() {
    if (impl_->has_thread) {
        {
            const std::lock_guard lock{impl_->mutex};
            impl_->stopping = true;
        }
        impl_->changed.notify_all();
        pthread_join(impl_->thread, nullptr);
    }
}

void Background::start() {
    BALLAST_ASSERT(!busy());
    if (!impl_->has_thread) {
        impl_->work();
        const std::lock_guard lock{impl_->mutex};
        impl_->end();
        return;
    }
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->busy = true;
    }
    impl_->changed.notify_all();
}

bool Background::busy() const noexcept {
    const std::lock_guard lock{impl_->mutex};
    return impl_->busy;
}

void Background::wait() noexcept {
    std::unique_lock lock{impl_->mutex};
    impl_->changed.wait(lock, [this] { return !impl_->busy; });
}

int Background::ended_fd() const noexcept {
    return impl_->ended.get();
}

void Background::clear() noexcept {
    std::uint64_t count = 0;
    (void)!::read(impl_->ended.get(), &count, sizeof count);
}

}  // namespace ballast
