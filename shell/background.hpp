// A thread beside the loop, for what waits for a disk: it does its one piece of work once for each start(),
// and tells the loop of the end by a descriptor. What the work reads and writes belongs to it while it is
// busy, and to the loop's thread otherwise.
#pragma once

#include <functional>
#include <memory>

namespace ballast {

class Background {
  public:
    // Where the system gives no thread, start() does the work itself, and the loop waits for it.
    explicit Background(std::function<void()> work);
    // Waits for the work's end.
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    void start();  // REQUIRES: !busy()
    bool busy() const noexcept;
    void wait() noexcept;  // until it is not busy
    // Readable from the work's end until clear().
    int ended_fd() const noexcept;
    void clear() noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast
