// A thread beside the loop.
#pragma once

#include <pthread.h>

#include <csignal>
#include <cstddef>

namespace ballast {

// Starts a thread that does `body.run()`, on a stack of so many bytes and with all signals blocked: they are
// the loop's. False where the system gives none. `body` must live until the thread has been joined.
template <class Body>
bool start_thread(pthread_t& thread, std::size_t stack_bytes, Body& body) noexcept {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const auto enter = [](void* argument) -> void* {
        static_cast<Body*>(argument)->run();
        return nullptr;
    };
    const bool started = pthread_create(&thread, &attributes, enter, &body) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return started;
}

}  // namespace ballast
