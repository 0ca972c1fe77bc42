#include "cli/offline/planning.hpp"

#include <algorithm>
#include <ctime>

#include "base/assert.hpp"
#include "cli/files.hpp"

namespace ballast::cli::offline {

namespace {

// A guest moves once or, on a way through a third host, twice.
constexpr std::size_t moves_max = 20'000;
constexpr std::size_t rejected_max = 4096;

}  // namespace

std::uint64_t processor_ns() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(time.tv_nsec);
}

Planning::Planning(const policy::Pool& pool, const policy::Policy& policy,
                   const policy::Parameters& parameters)
    : pool_{pool}, policy_{policy}, parameters_{parameters} {
    const std::size_t moves = std::min(2 * pool.vms.size() + 1, moves_max);
    const auto lay_out = [&](Arena& arena) {
        workspace_ = policy::make_workspace(arena, pool.hosts.size(), pool.vms.size());
        plan_ = policy::make_plan(arena, pool.hosts.size(), moves, rejected_max, pool.vms.size());
    };
    Arena counting;
    lay_out(counting);
    memory_bytes_ = counting.used_bytes() + 1;  // never none: an arena without memory would only count
    memory_ = std::make_unique<std::byte[]>(memory_bytes_);
    Arena arena{{memory_.get(), memory_bytes_}};
    lay_out(arena);
    const std::uint64_t begun = processor_ns();
    const Status planned = policy::plan(policy_, pool_, parameters_, workspace_, plan_);
    seconds_ = static_cast<double>(processor_ns() - begun) * 1e-9;
    BALLAST_ASSERT(
        planned.ok());  // sized for this pool, which parse_pool has checked, as were the parameters
}

double Planning::gib_moved() const {
    constexpr double mib_per_gib = 1024;
    double mib = 0;
    for (const policy::Move& move : plan_.moves.items()) {
        mib += static_cast<double>(move.memory_mib);
    }
    return mib / mib_per_gib;
}

std::size_t Planning::guests_moved() const {
    std::size_t count = 0;
    for (const policy::Move& move : plan_.moves.items()) {
        count += policy::legs(move).span().size();
    }
    return count;
}

std::optional<PoolFile> read_pool(const std::string& path, std::string& why) {
    std::string text;
    if (!read_input(path, limits::pool_file_bytes_max, text, why).ok()) {
        return std::nullopt;
    }
    PoolError error;
    std::optional<PoolFile> file = parse_pool(text, error);
    if (!file) {
        why = (path == "-" ? "standard input" : path) + ": " + error.sentence();
    }
    return file;
}

}  // namespace ballast::cli::offline
