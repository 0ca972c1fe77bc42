#include "agent/worker_lock.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include <fmt/core.h>

#include "shell/durable_file.hpp"

namespace ballast::agent {
namespace {

constexpr std::string_view helper_comm = "libxl-save-help";  // the kernel keeps 15 characters
constexpr timespec poll_pause{.tv_sec = 0, .tv_nsec = 10'000'000};
constexpr int polls_max = 500;  // 5 s: a killed process that is not gone by then hangs in the kernel

constexpr std::string_view lock_suffix = ".lock";
// Far more than guests that were worked on between two sweeps.
constexpr std::size_t locks_max = 65536;

// "PID (COMM) STATE PPID PGRP ...": the process group of a save helper, 0 of anything else. COMM may hold
// anything.
int group_of_helper(std::string_view stat) {
    const std::size_t open = stat.find('(');
    const std::size_t close = stat.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open ||
        stat.substr(open + 1, close - open - 1) != helper_comm) {
        return 0;
    }
    int parent = 0;
    int group = 0;
    char state = 0;
    const std::string rest{stat.substr(close + 1)};
    // NOLINTNEXTLINE: three numbers of the kernel's
    return std::sscanf(rest.c_str(), " %c %d %d", &state, &parent, &group) == 3 && state != 'Z' ? group : 0;
}

// All save helpers that run.
void each_helper(const std::function<void(int pid, int group)>& what) {
    const std::unique_ptr<DIR, int (*)(DIR*)> processes{::opendir("/proc"), ::closedir};
    while (const dirent* entry = processes ? ::readdir(processes.get()) : nullptr) {
        const std::string_view name{entry->d_name};
        int pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) {
            continue;
        }
        const UniqueFd stat{::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC)};
        std::array<char, 512> text{};
        const ssize_t size = stat ? ::read(stat.get(), text.data(), text.size()) : -1;
        const int group = size > 0 ? group_of_helper({text.data(), static_cast<std::size_t>(size)}) : 0;
        if (group != 0) {
            what(pid, group);
        }
    }
}

// Kills the save helpers of a process group; how many there were.
int kill_helpers(int group) {
    int found = 0;
    each_helper([&](int pid, int its_group) {
        if (its_group == group) {
            ++found;
            ::kill(pid, SIGKILL);
        }
    });
    return found;
}

// The process group of whoever held the lock last; 0: nobody did.
int last_group(int lock) {
    std::array<char, 16> text{};
    const ssize_t size = ::pread(lock, text.data(), text.size(), 0);
    int group = 0;
    return size > 0 && std::from_chars(text.data(), text.data() + size, group).ec == std::errc{} ? group : 0;
}

// A file that was deleted while it was waited for is nobody else's lock any more.
bool still_has_name(int lock, const std::string& path) {
    struct stat held {};
    struct stat named {};
    return ::fstat(lock, &held) == 0 && ::lstat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

// The file of that name, locked.
Status open_locked(const std::string& path, UniqueFd& fd, std::string& why) {
    do {
        fd.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
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
    } while (!still_has_name(fd.get(), path));
    return {};
}

}  // namespace

Status lock_guest(const std::string& run_dir, const Uuid& uuid, UniqueFd& lock, std::string& why) {
    const std::string path = fmt::format("{}/{}{}", run_dir, to_text(uuid).view(), lock_suffix);
    UniqueFd fd;
    BALLAST_CHECK(open_locked(path, fd, why));
    const int last = last_group(fd.get());
    if (last > 1 && last != ::getpgrp()) {
        for (int polls = 0; polls < polls_max && kill_helpers(last) > 0; ++polls) {
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

void sweep_locks(const std::string& run_dir) {
    std::vector<std::string> names;
    std::string ignored;
    (void)list_directory(run_dir, lock_suffix, locks_max, names, ignored);  // what does not fit, next time
    std::erase_if(names, [](const std::string& name) {
        return !parse_uuid(std::string_view{name}.substr(0, name.size() - lock_suffix.size()));
    });
    if (names.empty()) {
        return;
    }
    std::vector<int> groups;
    each_helper([&groups](int, int group) { groups.push_back(group); });
    for (const std::string& name : names) {
        const std::string path = run_dir + "/" + name;
        const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
        if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && still_has_name(fd.get(), path) &&
            std::find(groups.begin(), groups.end(), last_group(fd.get())) == groups.end()) {
            (void)::unlink(path.c_str());
        }
    }
}

}  // namespace ballast::agent
