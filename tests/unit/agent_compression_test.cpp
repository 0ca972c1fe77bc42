#include "agent/compression.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/prng.hpp"

namespace ballast::agent {
namespace {

constexpr std::size_t chunk = chunk_plain_bytes_max;

std::vector<std::byte> noise(std::size_t size) {
    Prng random{7};
    std::vector<std::byte> data(size);
    for (std::byte& one : data) {
        one = static_cast<std::byte>(random.next());
    }
    return data;
}
std::vector<std::byte> prose(std::size_t size) {
    std::vector<std::byte> data(size);
    for (std::size_t i = 0; i < size; ++i) {
        data[i] = static_cast<std::byte>((i * i / 97) % 23);
    }
    return data;
}

constexpr Method all_methods[] = {{wire::Compression::none, 0},
                                  {wire::Compression::lz4, 0},
                                  {wire::Compression::zstd, -5},
                                  {wire::Compression::zstd, 1},
                                  {wire::Compression::zstd, 3}};

TEST(AgentCompression, GivesBackWhatWasPutIn) {
    Compressor compressor;
    Decompressor decompressor;
    for (const Method method : all_methods) {
        for (const auto& data : {prose(chunk), noise(chunk), prose(1), std::vector<std::byte>(5000)}) {
            wire::Compression used = wire::Compression::none;
            const auto packed = compressor.compress(method, data, used);
            EXPECT_LE(packed.size(), data.size());
            std::span<const std::byte> plain;
            ASSERT_TRUE(
                decompressor.decompress(used, packed, static_cast<std::uint32_t>(data.size()), plain).ok());
            ASSERT_EQ(plain.size(), data.size());
            EXPECT_EQ(std::memcmp(plain.data(), data.data(), data.size()), 0);
        }
    }
}

TEST(AgentCompression, SendsPlainWhatDoesNotGetSmaller) {
    Compressor compressor;
    const std::vector<std::byte> data = noise(chunk);
    for (const Method method : all_methods) {
        wire::Compression used = wire::Compression::zstd;
        EXPECT_EQ(compressor.compress(method, data, used).size(), data.size());
        EXPECT_EQ(used, wire::Compression::none);
    }
}

TEST(AgentCompression, RefusesWhatDoesNotYieldTheAnnouncedLength) {
    Compressor compressor;
    Decompressor decompressor;
    const std::vector<std::byte> data = prose(chunk);
    std::span<const std::byte> plain;
    for (const Method method : all_methods) {
        wire::Compression used = wire::Compression::none;
        const auto packed = compressor.compress(method, data, used);
        const auto size = static_cast<std::uint32_t>(data.size());
        EXPECT_FALSE(decompressor.decompress(used, packed, size - 1, plain).ok());
        EXPECT_FALSE(decompressor.decompress(used, packed, size + 1, plain).ok());
        EXPECT_FALSE(decompressor.decompress(used, packed, 0, plain).ok());
        EXPECT_FALSE(decompressor.decompress(used, packed.first(packed.size() / 2), size, plain).ok());
    }
    EXPECT_FALSE(decompressor.decompress(wire::Compression::zstd, noise(500), 400, plain).ok());
    EXPECT_FALSE(decompressor.decompress(wire::Compression::lz4, noise(500), 400, plain).ok());
}

// A pretended machine: ratio and speed of each method.
struct Machine {
    double link_bytes_per_second;
    static std::size_t packed_bytes(Method method) {
        const std::size_t divisor = method.compression == wire::Compression::none  ? 1
                                    : method.compression == wire::Compression::lz4 ? 4
                                    : method.level < 0                             ? 5
                                    : method.level == 1                            ? 8
                                                                                   : 9;
        return chunk / divisor;
    }
    static double compressor_bytes_per_second(Method method) {
        return method.compression == wire::Compression::lz4 ? 500e6
               : method.level < 0                           ? 350e6
               : method.level == 1                          ? 200e6
                                                            : 100e6;
    }
};

// Runs chunks until the image is through; the mean image bytes a second of the last half.
Method settle(CompressionChooser& chooser, const Machine& machine, std::size_t chunks) {
    Method method;
    for (std::size_t i = 0; i < chunks; ++i) {
        method = chooser.next();
        const bool none = method.compression == wire::Compression::none;
        const double took_ns =
            none ? 0 : static_cast<double>(chunk) * 1e9 / Machine::compressor_bytes_per_second(method);
        const std::size_t wire_bytes = Machine::packed_bytes(method);
        chooser.compressed(method, chunk, wire_bytes, static_cast<std::int64_t>(took_ns));
        const double link_ns = static_cast<double>(wire_bytes) * 1e9 / machine.link_bytes_per_second;
        const bool busy = link_ns > took_ns;
        chooser.delivered(wire_bytes, static_cast<std::int64_t>(busy ? link_ns : took_ns), busy);
    }
    return method;
}

TEST(AgentCompression, IsStrongOnASlowLink) {
    CompressionChooser chooser{CompressionSetting::automatic};
    const Method method = settle(chooser, {6.5e6}, 200);
    EXPECT_EQ(method.compression, wire::Compression::zstd);
    EXPECT_GE(method.level, 1);
    EXPECT_EQ(chooser.mostly(), wire::Compression::zstd);
}

TEST(AgentCompression, IsLightOnAMiddlingLink) {
    CompressionChooser chooser{CompressionSetting::automatic};
    EXPECT_EQ(settle(chooser, {118e6}, 200).compression, wire::Compression::lz4);
}

TEST(AgentCompression, IsOffOnALinkThatIsFasterThanAnyCompressor) {
    CompressionChooser chooser{CompressionSetting::automatic};
    EXPECT_EQ(settle(chooser, {5e9}, 200).compression, wire::Compression::none);
    EXPECT_EQ(chooser.mostly(), wire::Compression::none);
}

TEST(AgentCompression, FollowsALinkThatBecomesSlow) {
    CompressionChooser chooser{CompressionSetting::automatic};
    ASSERT_EQ(settle(chooser, {5e9}, 100).compression, wire::Compression::none);
    EXPECT_EQ(settle(chooser, {5e6}, 60).compression, wire::Compression::zstd);
}

TEST(AgentCompression, KeepsToWhatTheSettingsSay) {
    for (const auto& [setting, compression] :
         {std::pair{CompressionSetting::none, wire::Compression::none},
          std::pair{CompressionSetting::lz4, wire::Compression::lz4},
          std::pair{CompressionSetting::zstd, wire::Compression::zstd}}) {
        for (const double speed : {1e6, 1e8, 1e10}) {
            CompressionChooser chooser{setting};
            EXPECT_EQ(settle(chooser, {speed}, 300).compression, compression);
        }
    }
}

}  // namespace
}  // namespace ballast::agent
