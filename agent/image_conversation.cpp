#include "agent/image_conversation.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fmt/core.h>

#include "agent/companions.hpp"
#include "agent/transfer.hpp"

extern char** environ;

namespace ballast::agent {
namespace {

// Descriptors are moved out of the way of the fixed ones first.
constexpr int image_descriptors_from = 10;
constexpr std::size_t piece_bytes = 128 * 1024;

bool make_image_pair(int type, UniqueFd& near_end, UniqueFd& far_end) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    near_end.reset(ends[0]);
    far_end.reset(::fcntl(ends[1], F_DUPFD_CLOEXEC, image_descriptors_from));
    ::close(ends[1]);
    return static_cast<bool>(far_end);
}

int out_of_the_way(int fd) {
    return fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, image_descriptors_from);
}

int spawn_image(const std::string& path, int channel, int stream, int lock, int memory, pid_t& pid) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, channel, image_channel_fd);
    if (stream >= 0) {
        posix_spawn_file_actions_adddup2(&actions, stream, image_stream_fd);
    }
    if (lock >= 0) {
        posix_spawn_file_actions_adddup2(&actions, lock, image_lock_fd);
    }
    if (memory >= 0) {
        posix_spawn_file_actions_adddup2(&actions, memory, image_memory_fd);
    }
    char name[] = "ballast-image";
    char mode[] = "--worker";
    char* const arguments[] = {name, mode, nullptr};
    const int error = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

// Both directions between the link and the process's stream. Each ends with its end mark; a broken link ends
// both.
class ImageRelay {
  public:
    ImageRelay(BlockingLink& link, UniqueFd stream, Duration silence)
        : link_{link}, stream_{std::move(stream)}, silence_{silence} {
        out_ = std::thread{[this] { send_all(); }};
        in_ = std::thread{[this] { receive_all(); }};
    }
    ~ImageRelay() {
        std::string ignored;
        (void)join(ignored);
    }
    ImageRelay(const ImageRelay&) = delete;
    ImageRelay& operator=(const ImageRelay&) = delete;

    // Waits for both. The first fault of the link, or what the peer called the migration off with; then `why`
    // is its sentence.
    Status join(std::string& why) {
        if (out_.joinable()) {
            out_.join();
            in_.join();
        }
        if (fault_ != Fault::none) {
            why = said_.empty() ? "the connection broke while an image was being copied" : said_;
        }
        return fault_ == Fault::none ? Status{} : Status{Err{fault_.load()}};
    }
    // The conversation is called off: the link is of no use after it.
    void break_off() noexcept { give_up(Fault::cancelled); }

  private:
    void give_up(Fault fault) noexcept {
        Fault none = Fault::none;
        fault_.compare_exchange_strong(none, fault);
        ::shutdown(stream_.get(), SHUT_RDWR);
        ::shutdown(link_.fd(), SHUT_RDWR);
    }
    void send_all() {
        std::vector<std::byte> piece(piece_bytes);
        std::uint64_t total = 0;
        for (;;) {
            const ssize_t got = ::recv(stream_.get(), piece.data(), piece.size(), 0);
            if (got < 0 && errno == EINTR) {
                continue;
            }
            const bool end = got <= 0;
            const auto size = end ? std::size_t{0} : static_cast<std::size_t>(got);
            total += size;
            const Status sent =
                end ? link_.send(wire::Message{wire::MigrationEnd{total}})
                    : link_.send(wire::Chunk{.data = {piece.data(), size},
                                             .compression = wire::Compression::none,
                                             .plain_bytes = static_cast<std::uint32_t>(size)});
            if (!sent.ok()) {
                give_up(sent.fault());
            }
            if (end || !sent.ok()) {
                return;
            }
        }
    }
    void receive_all() {
        wire::Message message;
        std::uint64_t total = 0;
        for (bool wanted = true;;) {
            wire::Chunk chunk;
            message = std::monostate{};
            const Status heard = link_.receive(message, chunk, silence_);
            if (!heard.ok()) {
                give_up(heard.fault());
                return;
            }
            if (const auto* end = std::get_if<wire::MigrationEnd>(&message)) {
                if (end->plain_bytes != total) {
                    give_up(Fault::protocol_violation);
                }
                ::shutdown(stream_.get(), SHUT_WR);
                return;
            }
            if (const auto* aborted = std::get_if<wire::MigrationAborted>(&message)) {
                said_ = aborted->detail.view();
                give_up(reason_of(*aborted));
                return;
            }
            if (!std::holds_alternative<std::monostate>(message) ||
                chunk.compression != wire::Compression::none) {
                give_up(Fault::protocol_violation);
                return;
            }
            total += chunk.data.size();
            // A process that has ended wants nothing any more; the peer's end mark is awaited all the same.
            wanted = wanted && pass_on(chunk.data);
        }
    }
    bool pass_on(std::span<const std::byte> data) const noexcept {
        while (!data.empty()) {
            const ssize_t written = ::send(stream_.get(), data.data(), data.size(), MSG_NOSIGNAL);
            if (written < 0 && errno == EINTR) {
                continue;
            }
            if (written <= 0) {
                return false;
            }
            data = data.subspan(static_cast<std::size_t>(written));
        }
        return true;
    }

    BlockingLink& link_;
    UniqueFd stream_;
    Duration silence_;
    std::atomic<Fault> fault_{Fault::none};
    std::string said_;  // of the receiving thread, until it is joined
    std::thread out_;
    std::thread in_;
};

// Until the process has said its last word. False: it is called off.
bool follow(const ImageProcess& process, const ImageEvents& events, ImageReport& last) {
    last.kind = ImageReport::Kind::failed;
    last.fault = Fault::worker_died;
    last.detail = "the image process ended without a result";
    for (;;) {
        pollfd entries[] = {{.fd = process.channel(), .events = POLLIN, .revents = 0},
                            {.fd = events.command_fd, .events = POLLIN, .revents = 0}};
        if (::poll(entries, 2, -1) < 0 && errno != EINTR) {
            return false;
        }
        if (entries[1].revents != 0 && !events.on_command(process)) {
            return false;
        }
        if (entries[0].revents == 0) {
            continue;
        }
        ImageReport report;
        if (!process.next_report(report)) {
            return true;
        }
        if (report.kind != ImageReport::Kind::progress) {
            last = report;
            return true;
        }
        if (events.on_progress) {
            events.on_progress(report);
        }
    }
}

Status result_of(const ImageReport& last, std::string& why) {
    if (last.kind == ImageReport::Kind::done) {
        return {};
    }
    why = last.detail.view();
    return Err{last.fault == Fault::none ? Fault::worker_died : last.fault};
}

}  // namespace

ImageProcess::~ImageProcess() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

Status ImageProcess::start(ImageSetup setup, int lock_fd, bool stream, std::string& why, int memory_fd) {
    UniqueFd far_channel;
    UniqueFd far_stream;
    const UniqueFd lock{out_of_the_way(lock_fd)};
    const UniqueFd memory{out_of_the_way(memory_fd)};
    if (!make_image_pair(SOCK_SEQPACKET, channel_, far_channel) ||
        (stream && !make_image_pair(SOCK_STREAM, stream_, far_stream)) || (lock_fd >= 0 && !lock) ||
        (memory_fd >= 0 && !memory)) {
        why = fmt::format("no channel for an image process: {}", std::strerror(errno));
        return Err{Fault::io_failed};
    }
    const std::string path = beside_own_program(image_program);
    if (const int error =
            spawn_image(path, far_channel.get(), far_stream.get(), lock.get(), memory.get(), pid_);
        error != 0) {
        pid_ = -1;
        why = fmt::format("cannot start {}: {}", path, std::strerror(error));
        return Err{Fault::io_failed};
    }
    setup.worker_pid = ::getpid();
    (void)::send(channel_.get(), &setup, sizeof setup, MSG_NOSIGNAL);
    return {};
}

void ImageProcess::tell(const ImageCommand& command) const noexcept {
    (void)::send(channel_.get(), &command, sizeof command, MSG_NOSIGNAL);
}

bool ImageProcess::next_report(ImageReport& out) const {
    ssize_t size = -1;
    do {
        size = ::recv(channel_.get(), &out, sizeof out, 0);
    } while (size < 0 && errno == EINTR);
    return size == static_cast<ssize_t>(sizeof out);
}

bool image_program_there(std::string& why) {
    const std::string path = beside_own_program(image_program);
    const bool there = ::access(path.c_str(), X_OK) == 0;
    if (!there) {
        why = fmt::format("{} cannot be started here: {}", path, std::strerror(errno));
    }
    return there;
}

Status run_image_task(const ImageSetup& setup, int lock_fd, const ImageEvents& events, ImageReport& last,
                      std::string& why) {
    ImageProcess process;
    BALLAST_CHECK(process.start(setup, lock_fd, false, why));
    if (!follow(process, events, last)) {
        why = "called off";
        return Err{Fault::cancelled};
    }
    return result_of(last, why);
}

Status converse(BlockingLink& link, const ImageSetup& setup, int lock_fd, Duration silence,
                const ImageEvents& events, ImageReport& last, std::string& why) {
    ImageProcess process;
    BALLAST_CHECK(process.start(setup, lock_fd, true, why));
    ImageRelay relay{link, process.take_stream(), silence};
    if (!follow(process, events, last)) {
        relay.break_off();
    }
    BALLAST_CHECK(relay.join(why));
    return result_of(last, why);
}

}  // namespace ballast::agent
