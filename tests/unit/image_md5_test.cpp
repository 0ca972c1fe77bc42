#include "image/core/md5.hpp"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/prng.hpp"
#include "image/core/md5_ops_avx512.hpp"

namespace ballast::image {
namespace {

Md5Digest reference(std::span<const std::byte> bytes) {
    Md5Digest digest{};
    EXPECT_EQ(gnutls_hash_fast(GNUTLS_DIG_MD5, bytes.data(), bytes.size(), digest.data()), GNUTLS_E_SUCCESS);
    return digest;
}

std::vector<std::byte> random_content(std::size_t bytes, std::uint64_t seed) {
    Prng prng{seed};
    std::vector<std::byte> content(bytes);
    for (std::byte& byte : content) {
        byte = static_cast<std::byte>(prng.next());
    }
    return content;
}

class Md5KernelTest : public testing::TestWithParam<Md5Kernel> {
  protected:
    void SetUp() override {
        if (!can_run(GetParam())) {
            GTEST_SKIP() << "THIS PROCESSOR CANNOT RUN THE " << to_string(GetParam())
                         << " KERNEL: it is not tested here";
        }
    }
};

// Every count up to twice the lanes: full calls, remainders, both together. Blocks start at odd addresses.
TEST_P(Md5KernelTest, AgreesWithGnutlsForEveryCountAndBothBlockSizes) {
    for (const std::size_t block_bytes : {std::size_t{64}, std::size_t{512}, std::size_t{4096}}) {
        const auto content = random_content(2 * md5_lanes_max * block_bytes + 1, block_bytes);
        std::vector<const std::byte*> blocks;
        std::vector<Md5Digest> expected;
        for (std::size_t i = 0; i < 2 * md5_lanes_max; ++i) {
            blocks.push_back(content.data() + 1 + i * block_bytes);
            expected.push_back(reference({blocks.back(), block_bytes}));
        }
        for (std::size_t count = 0; count <= blocks.size(); ++count) {
            std::vector<Md5Digest> digests(count);
            md5_blocks(GetParam(), std::span{blocks}.first(count), block_bytes, digests);
            ASSERT_TRUE(std::equal(digests.begin(), digests.end(), expected.begin()))
                << count << " of " << block_bytes;
        }
    }
}

TEST_P(Md5KernelTest, KeepsTheOrderOfBlocksThatLieAnywhere) {
    const auto content = random_content(64 * 512, 7);
    std::vector<const std::byte*> blocks;
    Prng prng{8};
    for (std::size_t i = 0; i < 200; ++i) {
        blocks.push_back(content.data() + prng.below(63 * 512));
    }
    std::vector<Md5Digest> digests(blocks.size());
    md5_blocks(GetParam(), blocks, 512, digests);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        ASSERT_EQ(digests[i], reference({blocks[i], 512})) << i;
    }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Md5KernelTest, testing::ValuesIn(md5_kernels),
                         [](const auto& kernel) { return std::string{to_string(kernel.param)}; });

TEST(Md5, TheBestKernelCanRunHere) {
    EXPECT_TRUE(can_run(best_md5_kernel()));
    EXPECT_TRUE(can_run(Md5Kernel::sse2));
}

// What the instructions of the AVX-512 kernel do, word by word (Intel's manual, volume 2).
struct PortableIsa {
    struct Word {
        std::array<std::uint32_t, 16> w;
    };
    static Word load(const std::byte* from) noexcept {
        Word word;
        std::memcpy(word.w.data(), from, 64);
        return word;
    }
    static Word broadcast(std::uint32_t value) noexcept {
        Word word;
        word.w.fill(value);
        return word;
    }
    template <class Function>
    static Word each(Function function) noexcept {
        Word word;
        for (std::size_t i = 0; i < 16; ++i) {
            word.w[i] = function(i);
        }
        return word;
    }
    static Word add(Word a, Word b) noexcept {
        return each([&](std::size_t i) { return a.w[i] + b.w[i]; });
    }
    template <int bits>
    static Word rotate_left(Word a) noexcept {
        return each([&](std::size_t i) { return (a.w[i] << bits) | (a.w[i] >> (32 - bits)); });
    }
    template <int table>
    static Word ternary(Word a, Word b, Word c) noexcept {
        return each([&](std::size_t i) {
            std::uint32_t result = 0;
            for (unsigned bit = 0; bit < 32; ++bit) {
                const unsigned row =
                    (a.w[i] >> bit & 1) << 2 | (b.w[i] >> bit & 1) << 1 | (c.w[i] >> bit & 1);
                result |= (static_cast<unsigned>(table) >> row & 1) << bit;
            }
            return result;
        });
    }
    // Of each 128-bit quarter, words first and first + 1 of a and b in turn.
    static Word unpack_32(Word a, Word b, std::size_t first) noexcept {
        return each([&](std::size_t i) {
            const std::size_t word = i / 4 * 4 + first + i % 4 / 2;
            return i % 2 == 0 ? a.w[word] : b.w[word];
        });
    }
    static Word unpack_64(Word a, Word b, std::size_t first) noexcept {
        return each([&](std::size_t i) {
            const std::size_t word = i / 4 * 4 + first + i % 2;
            return i % 4 < 2 ? a.w[word] : b.w[word];
        });
    }
    static Word unpack_low_32(Word a, Word b) noexcept { return unpack_32(a, b, 0); }
    static Word unpack_high_32(Word a, Word b) noexcept { return unpack_32(a, b, 2); }
    static Word unpack_low_64(Word a, Word b) noexcept { return unpack_64(a, b, 0); }
    static Word unpack_high_64(Word a, Word b) noexcept { return unpack_64(a, b, 2); }
    template <int selection>
    static Word quarters(Word a, Word b) noexcept {
        return each([&](std::size_t i) {
            const std::size_t from = static_cast<std::size_t>(selection) >> (i / 4 * 2) & 3;
            return (i < 8 ? a : b).w[from * 4 + i % 4];
        });
    }
};

TEST(Md5, TheAvx512OperationsAreRightWhateverTheProcessor) {
    using Kernel = Md5Lanes<Avx512Ops<PortableIsa>, 2>;
    const auto content = random_content(Kernel::lanes * 512, 9);
    std::array<const std::byte*, Kernel::lanes> blocks;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        blocks[i] = content.data() + i * 512;
    }
    std::array<Md5Digest, Kernel::lanes> digests;
    Kernel::hash(blocks.data(), 512, digests.data());
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        EXPECT_EQ(digests[i], reference({blocks[i], 512})) << "lane " << i;
    }
}

}  // namespace
}  // namespace ballast::image
