#include "agent/worker_lock.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <fmt/core.h>

#include "shell/durable_file.hpp"

namespace ballast::agent {
namespace {

constexpr std::string_view helper_comm = "libxl-save-help";  // the kernel keeps 15 characters
constexpr timespec poll_pause{.tv_sec = 0, .tv_nsec = 10'000'000};
constexpr int polls_max = 500;  // 5 s: a killed process that is not gone by then hangs in the kernel

// "PID (COMM) STATE PPID PGRP ...": whether it is a save helper of this process group. COMM may hold
// anything.
bool is_helper_of(std::string_view stat, int group) {
    const std::size_t open = stat.find('(');
    const std::size_t close = stat.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
        return false;
    }
    int parent = 0;
    int stat_group = 0;
    char state = 0;
    const std::string rest{stat.substr(close + 1)};
    // NOLINTNEXTLINE: three numbers of the kernel's
    return stat.substr(open + 1, close - open - 1) == helper_comm &&
           std::sscanf(rest.c_str(), " %c %d %d", &state, &parent, &stat_group) == 3 && stat_group == group &&
           state != 'Z';
}

// Kills the save helpers of a process group; how many there were.
int kill_helpers(int group) {
    const std::unique_ptr<DIR, int (*)(DIR*)> processes{::opendir("/proc"), ::closedir};
    int found = 0;
    while (const dirent* entry = processes ? ::readdir(processes.get()) : nullptr) {
        const std::string_view name{entry->d_name};
        int pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) {
            continue;
        }
        const UniqueFd stat{::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC)};
        std::array<char, 512> text{};
        const ssize_t size = stat ? ::read(stat.get(), text.data(), text.size()) : -1;
        if (size > 0 && is_helper_of({text.data(), static_cast<std::size_t>(size)}, group)) {
            ++found;
            ::kill(pid, SIGKILL);
        }
    }
    return found;
}

}  // namespace

Status lock_guest(const std::string& run_dir, const Uuid& uuid, UniqueFd& lock, std::string& why) {
    const std::string path = fmt::format("{}/{}.lock", run_dir, to_text(uuid).view());
    UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd) {
        why = fmt::format("cannot open {}: {}", path, std::strerror(errno));
        return Err{Fault::io_failed};
    }
    while (::flock(fd.get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            why = fmt::format("cannot lock {}: {}", path, std::strerror(errno));
            return Err{Fault::io_failed};
        }
    }
    std::array<char, 16> text{};
    const ssize_t size = ::pread(fd.get(), text.data(), text.size(), 0);
    int last_group = 0;
    if (size > 0 && std::from_chars(text.data(), text.data() + size, last_group).ec == std::errc{} &&
        last_group > 1 && last_group != ::getpgrp()) {
        for (int polls = 0; polls < polls_max && kill_helpers(last_group) > 0; ++polls) {
            ::nanosleep(&poll_pause, nullptr);
        }
    }
    const std::string group = fmt::format("{}\n", ::getpgrp());
    if (::ftruncate(fd.get(), 0) != 0 ||
        ::pwrite(fd.get(), group.data(), group.size(), 0) != static_cast<ssize_t>(group.size())) {
        why = fmt::format("cannot write {}: {}", path, std::strerror(errno));
        return Err{Fault::io_failed};
    }
    lock = std::move(fd);
    return {};
}

}  // namespace ballast::agent
