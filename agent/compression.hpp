// How a migration's stream is made smaller, and whether that pays. The decision is pure; the compressors are
// those of liblz4 and libzstd, used in worker processes only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "proto/messages.hpp"

namespace ballast::agent {

enum class CompressionSetting : std::uint8_t { automatic = 0, none = 1, lz4 = 2, zstd = 3 };

// One way to compress: none, LZ4, or zstd at a level (negative ones are its fast levels).
struct Method {
    wire::Compression compression = wire::Compression::none;
    int level = 0;
    friend constexpr bool operator==(const Method&, const Method&) noexcept = default;
};

// Bytes of the image in one MigrationChunk.
inline constexpr std::size_t chunk_plain_bytes_max = 128 * 1024;

// Compresses chunks one by one: each can be decompressed alone. One thread at a time.
class Compressor {
  public:
    Compressor();
    ~Compressor();
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;

    // The compressed chunk; `plain` itself when the method is none or when it would not get smaller (`used`
    // says which). Valid until the next call. REQUIRES: plain.size() <= chunk_plain_bytes_max.
    std::span<const std::byte> compress(Method method, std::span<const std::byte> plain,
                                        wire::Compression& used);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

class Decompressor {
  public:
    Decompressor();
    ~Decompressor();
    Decompressor(const Decompressor&) = delete;
    Decompressor& operator=(const Decompressor&) = delete;

    // `plain_bytes` as announced by the sender. `protocol_violation` when that is above chunk_plain_bytes_max
    // or when the data do not yield exactly so many bytes. `plain` is valid until the next call.
    Status decompress(wire::Compression compression, std::span<const std::byte> data,
                      std::uint32_t plain_bytes, std::span<const std::byte>& plain);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Chooses the method that moves the most image bytes a second. A pipeline of compressing and sending is as
// fast as its slower half: min(compressor's bytes/s, link's bytes/s x ratio). It begins with trials of every
// method on real chunks (which are sent as they come out), and tries again every `retry_bytes`, because an
// image begins with page tables, goes on with programs and ends with zeros. Pure: it is told what was
// measured.
class CompressionChooser {
  public:
    explicit CompressionChooser(CompressionSetting setting) noexcept;

    // What to use for the next chunk.
    Method next() const noexcept;
    // What became of a chunk.
    void compressed(Method method, std::size_t plain_bytes, std::size_t wire_bytes,
                    std::int64_t took_ns) noexcept;
    // What the link took away within a time. `busy`: there was always more to take, so this is the link's
    // speed; otherwise it is at least that fast.
    void delivered(std::uint64_t wire_bytes, std::int64_t took_ns, bool busy) noexcept;

    // 0 as long as it is not known.
    double link_bytes_per_second() const noexcept { return link_bytes_per_second_; }
    // The compression that carried most of the image so far.
    wire::Compression mostly() const noexcept;

    static constexpr std::size_t methods_count = 5;
    static constexpr std::size_t trial_chunks = 3;
    static constexpr std::uint64_t retry_bytes = 32ull * 1024 * 1024;

  private:
    struct Candidate {
        Method method;
        bool allowed = false;
        std::size_t trials_left = 0;
        // Sums that forget: the last couple of dozen chunks.
        double plain_bytes = 0;
        double wire_bytes = 0;
        double took_ns = 0;
        std::uint64_t carried_bytes = 0;
    };
    void begin_trials() noexcept;
    void choose() noexcept;
    double speed(const Candidate& candidate) const noexcept;

    std::array<Candidate, methods_count> candidates_{};
    std::size_t chosen_ = 0;
    double link_bytes_per_second_ = 0;
    std::uint64_t since_trials_ = 0;
};

}  // namespace ballast::agent
