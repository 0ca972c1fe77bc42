#include <algorithm>
#include <limits>

#include "agent/compression.hpp"

namespace ballast::agent {
namespace {

// A chunk's weight fades to a third after so many further ones.
constexpr double memory_chunks = 24;
// Less than this is no trial: an image's head, or what a stream had brought when it paused.
constexpr std::size_t trial_bytes_min = chunk_plain_bytes_max / 2;
// Another method must promise this much more before it is taken: measurements are noisy.
constexpr double better_by = 1.1;
// A new busy measurement of the link counts this much.
constexpr double link_weight = 0.5;

constexpr std::array<Method, CompressionChooser::methods_count> methods{
    Method{wire::Compression::none, 0}, Method{wire::Compression::lz4, 0},
    Method{wire::Compression::zstd, -5}, Method{wire::Compression::zstd, 1},
    Method{wire::Compression::zstd, 3}};

bool permitted(CompressionSetting setting, wire::Compression compression) noexcept {
    switch (setting) {
        case CompressionSetting::automatic: return true;
        case CompressionSetting::none: return compression == wire::Compression::none;
        case CompressionSetting::lz4: return compression == wire::Compression::lz4;
        case CompressionSetting::zstd: return compression == wire::Compression::zstd;
    }
    return false;
}

}  // namespace

CompressionChooser::CompressionChooser(CompressionSetting setting) noexcept {
    for (std::size_t i = methods_count; i-- > 0;) {
        candidates_[i].method = methods[i];
        candidates_[i].allowed = permitted(setting, methods[i].compression);
        chosen_ = candidates_[i].allowed ? i : chosen_;
    }
    begin_trials();
}

void CompressionChooser::begin_trials() noexcept {
    since_trials_ = 0;
    const auto allowed = std::count_if(candidates_.begin(), candidates_.end(),
                                       [](const Candidate& candidate) { return candidate.allowed; });
    for (Candidate& candidate : candidates_) {
        candidate.trials_left = candidate.allowed && allowed > 1 ? trial_chunks : 0;
    }
}

Method CompressionChooser::next() const noexcept {
    // In turns, so that all methods are tried on the same kind of memory.
    const Candidate* most = &candidates_[0];
    for (const Candidate& candidate : candidates_) {
        most = candidate.trials_left > most->trials_left ? &candidate : most;
    }
    return most->trials_left > 0 ? most->method : candidates_[chosen_].method;
}

void CompressionChooser::compressed(Method method, std::size_t plain_bytes, std::size_t wire_bytes,
                                    std::int64_t took_ns) noexcept {
    for (Candidate& candidate : candidates_) {
        if (candidate.method == method) {
            const double keep = 1.0 - 1.0 / memory_chunks;
            candidate.plain_bytes = candidate.plain_bytes * keep + static_cast<double>(plain_bytes);
            candidate.wire_bytes = candidate.wire_bytes * keep + static_cast<double>(wire_bytes);
            candidate.took_ns = candidate.took_ns * keep + static_cast<double>(took_ns);
            candidate.carried_bytes += plain_bytes;
            candidate.trials_left -= candidate.trials_left > 0 && plain_bytes >= trial_bytes_min ? 1 : 0;
        }
    }
    since_trials_ += plain_bytes;
    if (since_trials_ >= retry_bytes) {
        begin_trials();
    }
    choose();
}

void CompressionChooser::delivered(std::uint64_t wire_bytes, std::int64_t took_ns, bool busy) noexcept {
    if (took_ns <= 0) {
        return;
    }
    const double speed = static_cast<double>(wire_bytes) * 1e9 / static_cast<double>(took_ns);
    if (!busy) {
        link_bytes_per_second_ = std::max(link_bytes_per_second_, speed);
    } else if (link_bytes_per_second_ == 0) {
        link_bytes_per_second_ = speed;
    } else {
        link_bytes_per_second_ += link_weight * (speed - link_bytes_per_second_);
    }
    choose();
}

double CompressionChooser::speed(const Candidate& candidate) const noexcept {
    if (!candidate.allowed || candidate.plain_bytes == 0) {
        return 0;
    }
    constexpr double unlimited = std::numeric_limits<double>::max();
    const bool works = candidate.method.compression != wire::Compression::none && candidate.took_ns > 0;
    const double compressor = works ? candidate.plain_bytes * 1e9 / candidate.took_ns : unlimited;
    const double link = link_bytes_per_second_ > 0 && candidate.wire_bytes > 0
                            ? link_bytes_per_second_ * candidate.plain_bytes / candidate.wire_bytes
                            : unlimited;
    return std::min(compressor, link);
}

void CompressionChooser::choose() noexcept {
    std::size_t best = chosen_;
    for (std::size_t i = 0; i < methods_count; ++i) {
        if (speed(candidates_[i]) > speed(candidates_[best]) * (best == chosen_ ? better_by : 1.0)) {
            best = i;
        }
    }
    chosen_ = best;
}

wire::Compression CompressionChooser::mostly() const noexcept {
    std::array<std::uint64_t, 3> carried{};
    for (const Candidate& candidate : candidates_) {
        carried[static_cast<std::size_t>(candidate.method.compression)] += candidate.carried_bytes;
    }
    return static_cast<wire::Compression>(std::max_element(carried.begin(), carried.end()) - carried.begin());
}

}  // namespace ballast::agent
