// One conversation about one disk image: an image process (agent/images) at this end, one at the other, and
// the agents' data connection between them. For workers.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "agent/images/protocol.hpp"
#include "base/result.hpp"
#include "shell/link.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::agent {

// A running image process. It is killed and waited for when this object goes.
class ImageProcess {
  public:
    ImageProcess() = default;
    ~ImageProcess();
    ImageProcess(const ImageProcess&) = delete;
    ImageProcess& operator=(const ImageProcess&) = delete;

    // `lock_fd`: the guest's lock, which the process holds too; -1: none. `stream`: whether it gets a
    // conversation. `memory_fd`: its image_memory_fd. `io_failed` with a sentence in `why`.
    Status start(ImageSetup setup, int lock_fd, bool stream, std::string& why, int memory_fd = -1);
    int channel() const noexcept { return channel_.get(); }
    // The other end of its conversation.
    UniqueFd take_stream() noexcept { return std::move(stream_); }
    void limit(std::uint32_t bandwidth_mbps) const noexcept { tell({.bandwidth_mbps = bandwidth_mbps}); }
    void tell(const ImageCommand& command) const noexcept;
    // False: it has ended without another word.
    bool next_report(ImageReport& out) const;

  private:
    pid_t pid_ = -1;
    UniqueFd channel_;
    UniqueFd stream_;
};

// How long the other side may be silent: for as long as it reads the image through, of which nothing need
// have changed. While the guest stands still that is a minute and what a slow disk takes. (A host that is
// gone is noticed by the kernel's own probes: see worker_source.cpp.)
inline constexpr std::int64_t silence_max_s = 3600;
inline constexpr std::int64_t silence_of_last_round_s = 60;
inline constexpr std::uint64_t slow_disk_bytes_per_second = 32ull * 1024 * 1024;
constexpr Duration silence_allowed(bool last_round, std::uint64_t image_bytes) noexcept {
    const std::uint64_t reading_s = image_bytes / slow_disk_bytes_per_second;
    const bool short_one = last_round && reading_s < silence_max_s - silence_of_last_round_s;
    return seconds(short_one ? silence_of_last_round_s + static_cast<std::int64_t>(reading_s)
                             : silence_max_s);
}

// What a conversation, or the making of an index, wants of whoever runs it.
struct ImageEvents {
    std::function<void(const ImageReport&)> on_progress;
    // Readable: the limit may have changed. -1: nobody changes it. `on_command` reads it; false: call it off.
    int command_fd = -1;
    std::function<bool(const ImageProcess&)> on_command;
};

// Whether the program lies where it must; a sentence otherwise.
bool image_program_there(std::string& why);

// Runs an image process to its end. Its last report is in `last`; its fault is returned, with a sentence in
// `why`.
Status run_image_task(const ImageSetup& setup, int lock_fd, const ImageEvents& events, ImageReport& last,
                      std::string& why);

// The same with a conversation over `link`: bytes travel as uncompressed chunks, an end mark ends each
// direction. Ok only when both the process and the link have come to the end. A link that broke is the fault
// then, whatever the process says. Afterwards the link carries messages again.
Status converse(BlockingLink& link, const ImageSetup& setup, int lock_fd, Duration silence,
                const ImageEvents& events, ImageReport& last, std::string& why);

}  // namespace ballast::agent
