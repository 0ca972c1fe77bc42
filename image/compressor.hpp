// One zstd stream for a connection: each message continues what the ones before it have taught, so small
// messages compress as well as large ones.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace ballast::image {

// Looks back so far on both sides, for long matches by a table of their own: beside looking back 4 MiB
// without it, a tenth fewer bytes in a tenth more time. Twice as far would be 1 % fewer, and 16 MiB more of
// memory.
inline constexpr int zstd_window_log = 24;
// Level 2 with the table of matches of level 3: 2 % more bytes than level 3, in two thirds of its time, which
// is most of the time of a transfer on a fast link.
inline constexpr int zstd_level_default = 2;
inline constexpr int zstd_hash_log_default = 17;
// For links that leave time: a seventh fewer bytes in 3.5 times the time, and 5 MiB more of memory. The
// levels between are hardly smaller than 2, those above hardly smaller than this.
inline constexpr int zstd_level_strong = 7;
inline constexpr int zstd_level_max = 9;

class StreamCompressor {
  public:
    // REQUIRES: 1 <= level <= zstd_level_max.
    explicit StreamCompressor(int level);
    ~StreamCompressor();
    StreamCompressor(const StreamCompressor&) = delete;
    StreamCompressor& operator=(const StreamCompressor&) = delete;

    using Part = std::span<const std::byte>;
    // The parts one after the other; returns the bytes used of `out`, which the other side can decompress at
    // once. REQUIRES: out.size() >= bound(bytes of all parts).
    std::size_t compress(Part first, std::span<const Part> others, std::span<std::byte> out);
    // From the next message on. What was sent before teaches nothing from there.
    void change_level(int level);
    static std::size_t bound(std::size_t plain_bytes) noexcept;

  private:
    void set_level(int level);

    ZSTD_CCtx_s* context_;
    int next_level_ = 0;  // 0: no change
};

class StreamDecompressor {
  public:
    StreamDecompressor();
    ~StreamDecompressor();
    StreamDecompressor(const StreamDecompressor&) = delete;
    StreamDecompressor& operator=(const StreamDecompressor&) = delete;

    // What begin() is given makes what fill() asks for, part by part, and then at_end() says whether nothing
    // is left of it. `protocol_violation` when it holds less, or is no continuation of the stream.
    void begin(std::span<const std::byte> bytes) noexcept { left_ = bytes; }
    Status fill(std::span<std::byte> out);
    bool at_end();

  private:
    ZSTD_DCtx_s* context_;
    std::span<const std::byte> left_;
};

}  // namespace ballast::image
