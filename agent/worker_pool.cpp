#include "agent/worker_pool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/core.h>

#include "shell/log.hpp"

extern char** environ;

namespace ballast::agent {
namespace {

// Descriptors are moved out of the way of the fixed ones first.
constexpr int descriptors_from = 10;

struct SpawnSettings {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    SpawnSettings() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        sigset_t none;
        sigset_t ours;
        sigemptyset(&none);
        sigemptyset(&ours);
        sigaddset(&ours, SIGPIPE);
        posix_spawnattr_setsigmask(&attributes, &none);     // the agent takes signals by descriptor
        posix_spawnattr_setsigdefault(&attributes, &ours);  // libxl's children must die of a broken pipe
        posix_spawnattr_setpgroup(&attributes, 0);          // what libxl starts can be found by its group
        posix_spawnattr_setflags(&attributes,
                                 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
};

int spawn(int channel, int peer, pid_t& pid) {
    const UniqueFd high_channel{::fcntl(channel, F_DUPFD_CLOEXEC, descriptors_from)};
    const UniqueFd high_peer{peer < 0 ? -1 : ::fcntl(peer, F_DUPFD_CLOEXEC, descriptors_from)};
    if (!high_channel || (peer >= 0 && !high_peer)) {
        return errno;
    }
    SpawnSettings settings;
    posix_spawn_file_actions_adddup2(&settings.actions, high_channel.get(), worker_channel_fd);
    if (peer >= 0) {
        posix_spawn_file_actions_adddup2(&settings.actions, high_peer.get(), worker_peer_fd);
    }
    char name[] = "ballast-agent";
    char mode[] = "--worker";
    char* const arguments[] = {name, mode, nullptr};
    return ::posix_spawn(&pid, "/proc/self/exe", &settings.actions, &settings.attributes, arguments, environ);
}

Detail describe_end(int wait_status) {
    if (WIFSIGNALED(wait_status)) {
        return fmt::format("the worker process was ended by signal {} ({})", WTERMSIG(wait_status),
                           ::strsignal(WTERMSIG(wait_status)))
            .c_str();
    }
    return {};
}

// The kernel calls a local socket writable while at most a quarter of its room is in use.
bool has_room(int channel) {
    pollfd entry{.fd = channel, .events = POLLOUT, .revents = 0};
    return ::poll(&entry, 1, 0) > 0;
}

template <class T>
bool send_whole(int channel, const T& what) {
    ssize_t sent = -1;
    do {
        sent = ::send(channel, &what, sizeof what, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(sizeof what);
}

}  // namespace

struct WorkerPool::Running {
    WorkerId id = no_worker;
    WorkerOp op = WorkerOp::create;
    pid_t pid = 0;
    bool accepted = false;
    bool killed = false;
    UniqueFd channel;
    std::optional<WorkerCommand> limit;  // to be told when there is room
    std::unique_ptr<FdWatch> ready;
    std::unique_ptr<ChildWatch> end;
};

WorkerPool::WorkerPool(Loop& loop, Events events) : loop_{loop}, events_{std::move(events)} {}

WorkerPool::~WorkerPool() {
    for (const std::unique_ptr<Running>& worker : workers_) {
        worker->end.reset();
        ::kill(worker->pid, SIGKILL);
        while (::waitpid(worker->pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

WorkerPool::Running* WorkerPool::find(WorkerId id) noexcept {
    const auto at = std::find_if(workers_.begin(), workers_.end(),
                                 [id](const std::unique_ptr<Running>& worker) { return worker->id == id; });
    return at == workers_.end() ? nullptr : at->get();
}

bool WorkerPool::start(WorkerId id, const WorkerSetup& setup, int peer_fd, std::string& why) {
    const UniqueFd peer{peer_fd};
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        why = fmt::format("no channel for a worker: {}", std::strerror(errno));
        return false;
    }
    auto worker = std::make_unique<Running>();
    worker->id = id;
    worker->op = setup.op;
    worker->channel.reset(ends[0]);
    const UniqueFd far_end{ends[1]};
    const int error = spawn(far_end.get(), peer.get(), worker->pid);
    if (error != 0) {
        why = fmt::format("no worker process: {}", std::strerror(error));
        return false;
    }
    if (!send_whole(worker->channel.get(), setup)) {
        ::kill(worker->pid, SIGKILL);  // its end says so
    }
    ::fcntl(worker->channel.get(), F_SETFL, O_NONBLOCK);
    worker->ready = std::make_unique<FdWatch>(loop_, worker->channel.get(), Interest::read,
                                              [this, id](Interest ready) { on_ready(id, ready); });
    worker->end =
        std::make_unique<ChildWatch>(loop_, worker->pid, [this, id](int status) { on_exit(id, status); });
    workers_.push_back(std::move(worker));
    return true;
}

void WorkerPool::tell(WorkerId id, const WorkerCommand& command) {
    Running* worker = find(id);
    if (worker == nullptr || worker->killed) {
        return;
    }
    if (command.tell == Tell::limit) {
        worker->limit.reset();  // an older one
        if (!has_room(worker->channel.get())) {
            worker->limit = command;
            if (worker->ready) {
                worker->ready->set(Interest::read_write);
            }
            return;
        }
    }
    if (send_whole(worker->channel.get(), command)) {
        return;
    }
    if (errno != EPIPE && errno != ECONNRESET) {  // it has ended by itself
        log_error("a worker (process {}) cannot be told what comes next, and is ended: {}", worker->pid,
                  std::strerror(errno));
    }
    kill(id);
}

void WorkerPool::kill(WorkerId id) {
    if (Running* worker = find(id)) {
        worker->killed = true;
        ::kill(worker->pid, SIGKILL);
    }
}

std::size_t WorkerPool::incoming() const noexcept {
    return static_cast<std::size_t>(
        std::count_if(workers_.begin(), workers_.end(), [](const std::unique_ptr<Running>& worker) {
            return worker->op == WorkerOp::incoming && !worker->accepted;
        }));
}

void WorkerPool::mark_accepted(WorkerId id) {
    if (Running* worker = find(id)) {
        worker->accepted = true;
    }
}

bool WorkerPool::read_one(WorkerId id) {
    Running* worker = find(id);
    if (worker == nullptr) {
        return false;
    }
    WorkerReport report;
    const ssize_t size = ::recv(worker->channel.get(), &report, sizeof report, 0);
    if (size < 0 && errno == EINTR) {
        return true;
    }
    if (size != static_cast<ssize_t>(sizeof report)) {
        if (size >= 0) {
            worker->ready.reset();  // closed: the process is about to end
        }
        return false;
    }
    events_.on_report(id, report);
    return true;
}

void WorkerPool::on_ready(WorkerId id, Interest ready) {
    Running* worker = find(id);
    if (ready != Interest::read && worker != nullptr && worker->limit) {
        const WorkerCommand limit = *worker->limit;
        worker->limit.reset();
        worker->ready->set(Interest::read);
        tell(id, limit);
    }
    if (ready != Interest::write) {
        (void)read_one(id);
    }
}

void WorkerPool::on_exit(WorkerId id, int wait_status) {
    while (read_one(id)) {  // what it said before its end comes before its end
    }
    const auto at = std::find_if(workers_.begin(), workers_.end(),
                                 [id](const std::unique_ptr<Running>& worker) { return worker->id == id; });
    if (at == workers_.end()) {
        return;
    }
    const std::unique_ptr<Running> worker = std::move(*at);
    workers_.erase(at);
    if (WIFSIGNALED(wait_status)) {
        // libxl's save helper was in the worker's process group; QEMU of a guest leads a session of its own.
        ::kill(-worker->pid, SIGKILL);
    }
    events_.on_gone(id, describe_end(wait_status));
}

}  // namespace ballast::agent
