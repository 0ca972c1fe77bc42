#include "shell/footprint.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>

namespace ballast {
namespace {

// Only what cannot be written: a page that was written has no file to come back from.
int release_object(dl_phdr_info* object, std::size_t, void*) noexcept {
    const auto page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    for (std::size_t i = 0; i < object->dlpi_phnum; ++i) {
        const ElfW(Phdr)& segment = object->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) {
            continue;
        }
        const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
        const std::uintptr_t first = (begin + page_bytes - 1) / page_bytes * page_bytes;
        const std::uintptr_t end = (begin + segment.p_memsz) / page_bytes * page_bytes;
        if (first < end) {
            (void)madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
        }
    }
    return 0;
}

}  // namespace

std::uint64_t resident_bytes() noexcept {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen("/proc/self/statm", "re"),
                                                               &std::fclose};
    unsigned long long pages = 0;
    if (file == nullptr || std::fscanf(file.get(), "%*u %llu", &pages) != 1) {
        return 0;
    }
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t cpu_ms() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1000 +
           static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000;
}

// Not inlined: the stack is to be given back, and kept by the process.
[[gnu::noinline]] void reserve_stack() noexcept {
    constexpr std::size_t page_bytes = 4096;
    constexpr std::size_t stack_bytes = 256 * 1024;  // measured: 200 KiB in an agent that carries out jobs
    std::array<volatile std::byte, stack_bytes> stack;
    for (std::size_t at = 0; at < stack.size(); at += page_bytes) {
        stack[at] = std::byte{0};
    }
}

void release_start_pages() noexcept {
    (void)dl_iterate_phdr(&release_object, nullptr);
    (void)malloc_trim(0);
}

}  // namespace ballast
