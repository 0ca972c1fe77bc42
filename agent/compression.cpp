#include "agent/compression.hpp"

#include <lz4.h>
#include <zstd.h>

#include <array>

#include "base/assert.hpp"

namespace ballast::agent {
namespace {

constexpr std::size_t packed_bytes_max = std::max(ZSTD_COMPRESSBOUND(chunk_plain_bytes_max),
                                                  std::size_t{LZ4_COMPRESSBOUND(chunk_plain_bytes_max)});

}  // namespace

struct Compressor::Impl {
    std::array<std::byte, packed_bytes_max> packed;
    ZSTD_CCtx* zstd = nullptr;  // made when first needed: it takes a few MiB
};

Compressor::Compressor() : impl_{std::make_unique<Impl>()} {}
Compressor::~Compressor() {
    ZSTD_freeCCtx(impl_->zstd);
}

std::span<const std::byte> Compressor::compress(Method method, std::span<const std::byte> plain,
                                                wire::Compression& used) {
    BALLAST_ASSERT(plain.size() <= chunk_plain_bytes_max);
    std::size_t size = 0;
    if (method.compression == wire::Compression::zstd) {
        if (impl_->zstd == nullptr) {
            impl_->zstd = ZSTD_createCCtx();
            BALLAST_ASSERT(impl_->zstd != nullptr);
        }
        size = ZSTD_compressCCtx(impl_->zstd, impl_->packed.data(), impl_->packed.size(), plain.data(),
                                 plain.size(), method.level);
        size = ZSTD_isError(size) != 0 ? 0 : size;
    } else if (method.compression == wire::Compression::lz4) {
        size = static_cast<std::size_t>(LZ4_compress_default(
            reinterpret_cast<const char*>(plain.data()), reinterpret_cast<char*>(impl_->packed.data()),
            static_cast<int>(plain.size()), static_cast<int>(impl_->packed.size())));
    }
    if (size == 0 || size >= plain.size()) {
        used = wire::Compression::none;
        return plain;
    }
    used = method.compression;
    return {impl_->packed.data(), size};
}

struct Decompressor::Impl {
    std::array<std::byte, chunk_plain_bytes_max> plain;
    ZSTD_DCtx* zstd = nullptr;
};

Decompressor::Decompressor() : impl_{std::make_unique<Impl>()} {}
Decompressor::~Decompressor() {
    ZSTD_freeDCtx(impl_->zstd);
}

Status Decompressor::decompress(wire::Compression compression, std::span<const std::byte> data,
                                std::uint32_t plain_bytes, std::span<const std::byte>& plain) {
    if (plain_bytes == 0 || plain_bytes > chunk_plain_bytes_max) {
        return Err{Fault::protocol_violation};
    }
    std::size_t size = 0;
    switch (compression) {
        case wire::Compression::none:
            plain = data;
            return data.size() == plain_bytes ? Status{} : Status{Err{Fault::protocol_violation}};
        case wire::Compression::zstd:
            if (impl_->zstd == nullptr) {
                impl_->zstd = ZSTD_createDCtx();
                BALLAST_ASSERT(impl_->zstd != nullptr);
            }
            size =
                ZSTD_decompressDCtx(impl_->zstd, impl_->plain.data(), plain_bytes, data.data(), data.size());
            break;
        case wire::Compression::lz4:
            size = data.size() > packed_bytes_max
                       ? 0
                       : static_cast<std::size_t>(LZ4_decompress_safe(
                             reinterpret_cast<const char*>(data.data()),
                             reinterpret_cast<char*>(impl_->plain.data()), static_cast<int>(data.size()),
                             static_cast<int>(plain_bytes)));
            break;
    }
    // Errors of both libraries are values far above any size.
    if (size != plain_bytes) {
        return Err{Fault::protocol_violation};
    }
    plain = {impl_->plain.data(), size};
    return {};
}

}  // namespace ballast::agent
