#include "image/compressor.hpp"

#include <zstd.h>

#include <utility>

#include "base/assert.hpp"

namespace ballast::image {
namespace {

// Every block of the format has a head, and so has each flush.
constexpr std::size_t flush_bytes_max = 64;

void feed(ZSTD_CCtx* context, ZSTD_outBuffer& output, std::span<const std::byte> part,
          ZSTD_EndDirective directive) {
    ZSTD_inBuffer input{part.data(), part.size(), 0};
    while (true) {
        const std::size_t left = ZSTD_compressStream2(context, &output, &input, directive);
        BALLAST_ASSERT(ZSTD_isError(left) == 0);
        if (input.pos == input.size && (left == 0 || directive == ZSTD_e_continue)) {
            return;
        }
        BALLAST_ASSERT(output.pos < output.size);
    }
}

}  // namespace

StreamCompressor::StreamCompressor(int level) : context_{ZSTD_createCCtx()} {
    BALLAST_ASSERT(context_ != nullptr);
    set_level(level);
}

void StreamCompressor::set_level(int level) {
    BALLAST_ASSERT(level >= 1 && level <= zstd_level_max);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, zstd_window_log);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_enableLongDistanceMatching, 1);
    // 0: as the level has it.
    ZSTD_CCtx_setParameter(context_, ZSTD_c_hashLog, level == zstd_level_default ? zstd_hash_log_default : 0);
}

void StreamCompressor::change_level(int level) {
    next_level_ = level;
}

StreamCompressor::~StreamCompressor() {
    ZSTD_freeCCtx(context_);
}

std::size_t StreamCompressor::compress(Part first, std::span<const Part> others, std::span<std::byte> out) {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    if (next_level_ != 0) {
        // A level is a frame's: this one ends, in three bytes, and the next begins. To the other side they
        // are one stream.
        feed(context_, output, {}, ZSTD_e_end);
        set_level(std::exchange(next_level_, 0));
    }
    feed(context_, output, first, ZSTD_e_continue);
    for (const Part& part : others) {
        feed(context_, output, part, ZSTD_e_continue);
    }
    feed(context_, output, {}, ZSTD_e_flush);
    return output.pos;
}

std::size_t StreamCompressor::bound(std::size_t plain_bytes) noexcept {
    return ZSTD_compressBound(plain_bytes) + flush_bytes_max;
}

StreamDecompressor::StreamDecompressor() : context_{ZSTD_createDCtx()} {
    BALLAST_ASSERT(context_ != nullptr);
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, zstd_window_log);
}

StreamDecompressor::~StreamDecompressor() {
    ZSTD_freeDCtx(context_);
}

Status StreamDecompressor::fill(std::span<std::byte> out) {
    ZSTD_inBuffer input{left_.data(), left_.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    while (output.pos < output.size) {
        const std::size_t in_before = input.pos;
        const std::size_t out_before = output.pos;
        const std::size_t left = ZSTD_decompressStream(context_, &output, &input);
        if (ZSTD_isError(left) != 0 || (input.pos == in_before && output.pos == out_before)) {
            return Err{Fault::protocol_violation};
        }
    }
    left_ = left_.subspan(input.pos);
    return {};
}

// What a flush, or the end of a frame, has left behind makes no more bytes.
bool StreamDecompressor::at_end() {
    std::byte beyond{};
    ZSTD_inBuffer input{left_.data(), left_.size(), 0};
    ZSTD_outBuffer output{&beyond, 1, 0};
    while (output.pos == 0) {
        const std::size_t before = input.pos;
        const std::size_t left = ZSTD_decompressStream(context_, &output, &input);
        if (ZSTD_isError(left) != 0) {
            return false;
        }
        if (input.pos == before) {
            break;  // it can go no further
        }
    }
    return input.pos == input.size && output.pos == 0;
}

}  // namespace ballast::image
