// A system call that fails as it does on a disk, or on a file system, that this machine does not have.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>

namespace ballast::test {

// Runs `what` in a thread for which the system call `number` fails with `error`. False when the system does
// not allow that.
inline bool with_failing_call(long number, int error, const std::function<void()>& what) {
    bool refused = false;
    std::thread{[&] {
        std::array<sock_filter, 4> filter{{
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        }};
        const sock_fprog program{.len = filter.size(), .filter = filter.data()};
        refused = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0;
        if (!refused) {
            what();
        }
    }}.join();
    return !refused;
}

}  // namespace ballast::test
