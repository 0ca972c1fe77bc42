#include "image/digest.hpp"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/prng.hpp"
#include "image/core/sha256_lanes.hpp"

namespace ballast::image {
namespace {

using Bytes = std::vector<std::byte>;

Bytes digest_noise(std::size_t bytes, std::uint64_t seed) {
    Prng prng{seed};
    Bytes content(bytes);
    std::ranges::generate(content, [&] { return static_cast<std::byte>(prng.next()); });
    return content;
}

Digest library_sha256(const Bytes& bytes) {
    Digest digest{};
    EXPECT_EQ(gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes.data(), bytes.size(), digest.data()),
              GNUTLS_E_SUCCESS);
    return digest;
}

Digest library_hmac(const TransferKey& key, const Bytes& bytes) {
    Digest digest{};
    EXPECT_EQ(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.data(), key.size(), bytes.data(), bytes.size(),
                               digest.data()),
              GNUTLS_E_SUCCESS);
    return digest;
}

void append(Bytes& to, std::span<const std::byte> what) {
    to.insert(to.end(), what.begin(), what.end());
}

void append_number(Bytes& to, std::uint64_t number, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
        to.push_back(static_cast<std::byte>(number >> (8 * i)));
    }
}

// Word by word as digest.hpp says it, with the library's functions.
Digest as_described(const TransferKey& key, std::uint64_t number, Bytes content) {
    Bytes head{std::byte{5}};
    append_number(head, number, 8);
    append_number(head, content.size(), 4);
    Bytes of_leaf_key{std::byte{6}};
    append_number(of_leaf_key, 0, 8);
    const Digest leaf_key = library_hmac(key, of_leaf_key);
    content.resize((content.size() + leaf_turn_bytes - 1) / leaf_turn_bytes * leaf_turn_bytes);
    for (std::size_t lane = 0; lane < 16; ++lane) {
        Bytes leaf;
        append(leaf, leaf_key);
        leaf.resize(64);
        for (std::size_t at = lane * 1024; at < content.size(); at += leaf_turn_bytes) {
            append(leaf, std::span{content}.subspan(at, 1024));
        }
        append(head, library_sha256(leaf));
    }
    return library_hmac(key, head);
}

class DigestKernelTest : public testing::TestWithParam<Sha256Kernel> {
  protected:
    void SetUp() override {
        if (!can_run(GetParam())) {
            GTEST_SKIP() << "THIS PROCESSOR CANNOT RUN THE " << to_string(GetParam())
                         << " KERNEL: it is not tested here";
        }
    }
};

TEST_P(DigestKernelTest, IsWhatTheDescriptionSays) {
    TransferKey key{};
    std::ranges::copy(digest_noise(key.size(), 1), key.begin());
    Digester digester{key, GetParam()};
    for (const std::size_t bytes :
         {1UL, 63UL, 64UL, 1024UL, 1025UL, 16384UL, 16385UL, 100'000UL, 1UL << 20}) {
        const Bytes content = digest_noise(bytes, bytes);
        ASSERT_EQ(digester.of_segment(7, content), as_described(key, 7, content)) << bytes;
        // Where it lies plays no part.
        Bytes moved(bytes + 3);
        std::ranges::copy(content, moved.begin() + 3);
        ASSERT_EQ(digester.of_segment(7, std::span{moved}.subspan(3)), as_described(key, 7, content))
            << bytes;
    }
}

TEST_P(DigestKernelTest, DependsOnEveryByteTheLengthTheNumberAndTheKey) {
    Digester digester{TransferKey{}, GetParam()};
    Bytes content = digest_noise(40'000, 2);
    const Digest digest = digester.of_segment(1, content);
    for (std::size_t at = 0; at < content.size(); at += 997) {
        content[at] ^= std::byte{1};
        EXPECT_NE(digester.of_segment(1, content), digest) << at;
        content[at] ^= std::byte{1};
    }
    EXPECT_NE(digester.of_segment(2, content), digest);
    content.push_back(std::byte{0});
    EXPECT_NE(digester.of_segment(1, content), digest);
    content.pop_back();
    EXPECT_EQ(digester.of_segment(1, content), digest);
    Digester other{TransferKey{std::byte{1}}, GetParam()};
    EXPECT_NE(other.of_segment(1, content), digest);
}

INSTANTIATE_TEST_SUITE_P(Kernels, DigestKernelTest, testing::ValuesIn(sha256_kernels),
                         [](const auto& kernel) { return std::string{to_string(kernel.param)}; });

TEST(Digester, ZerosNeedNotBeLookedAt) {
    Digester digester{TransferKey{}};
    EXPECT_EQ(digester.of_segment(3, Bytes(50'000)), digester.of_zeros(3, 50'000));
    EXPECT_NE(digester.of_zeros(3, 50'000), digester.of_zeros(3, 50'001));
}

}  // namespace
}  // namespace ballast::image
