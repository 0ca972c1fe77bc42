#include "image/core/similarity.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "base/prng.hpp"
#include "image/core/bloom.hpp"

namespace ballast::image {
namespace {

// Hands out keys in pieces of a given size.
class KeysInPieces final : public KeySource {
  public:
    KeysInPieces(std::vector<std::uint64_t> keys, std::size_t piece) : keys_{std::move(keys)}, piece_{piece} {
        std::sort(keys_.begin(), keys_.end());
    }
    Result<std::span<const std::uint64_t>> next_keys() noexcept override {
        const std::size_t count = std::min(piece_, keys_.size() - at_);
        const std::span<const std::uint64_t> keys = std::span{keys_}.subspan(at_, count);
        at_ += count;
        return keys;
    }

  private:
    std::vector<std::uint64_t> keys_;
    std::size_t piece_;
    std::size_t at_ = 0;
};

Overlap overlap_of(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b,
                   std::size_t piece_a, std::size_t piece_b) {
    KeysInPieces keys_a{a, piece_a};
    KeysInPieces keys_b{b, piece_b};
    return overlap(keys_a, keys_b).value();
}

// The definition, word for word.
Overlap by_definition(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
    const std::set<std::uint64_t> set_a{a.begin(), a.end()};
    const std::set<std::uint64_t> set_b{b.begin(), b.end()};
    Overlap found{.blocks = a.size(), .distinct = set_a.size()};
    for (const std::uint64_t key : a) {
        found.same_blocks += set_b.contains(key) ? 1 : 0;
    }
    for (const std::uint64_t key : set_a) {
        found.same_distinct += set_b.contains(key) ? 1 : 0;
    }
    return found;
}

TEST(ImageSimilarity, ThePapersExampleIsSeventyAndFortyPercent) {
    const Overlap found = overlap_of({0, 1, 2, 1, 0, 4, 4, 4, 3, 5}, {1, 2, 3, 4}, 3, 2);
    const SimilarityTable table = similarity_table(found, 0, 0);
    EXPECT_EQ(table.blocks, 10U);
    EXPECT_EQ(table.same_blocks, 7U);
    EXPECT_EQ(table.same_distinct, 4U);
    EXPECT_DOUBLE_EQ(table.same_rate(), 0.7);
    EXPECT_DOUBLE_EQ(table.same_distinct_rate(), 0.4);
}

TEST(ImageSimilarity, ThePapersExampleHoldsAlsoWhenBlockZeroIsAllZeros) {
    const Overlap found = overlap_of({1, 2, 1, 4, 4, 4, 3, 5}, {1, 2, 3, 4}, 8, 8);
    const SimilarityTable table = similarity_table(found, 2, 0);
    EXPECT_DOUBLE_EQ(table.same_rate(), 0.7);
    EXPECT_DOUBLE_EQ(table.same_distinct_rate(), 0.4);
    EXPECT_EQ(table.distinct, 6U);
}

TEST(ImageSimilarity, ZerosAreTheSameOnlyWhenBothImagesHaveThem) {
    EXPECT_EQ(similarity_table({}, 5, 1).same_blocks, 5U);
    EXPECT_EQ(similarity_table({}, 5, 1).same_distinct, 1U);
    EXPECT_EQ(similarity_table({}, 5, 0).same_blocks, 0U);
    EXPECT_EQ(similarity_table({}, 0, 5).same_blocks, 0U);
    EXPECT_EQ(similarity_table({}, 0, 5).same_rate(), 0);
}

TEST(ImageSimilarity, TheMergeIsTheDefinitionWhereverPiecesEnd) {
    Prng prng{11};
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::uint64_t> a(prng.below(30));
        std::vector<std::uint64_t> b(prng.below(30));
        const std::uint64_t kinds = 1 + prng.below(20);
        for (auto* keys : {&a, &b}) {
            for (std::uint64_t& key : *keys) {
                key = prng.below(kinds) * (prng.chance(0.1) ? ~std::uint64_t{0} / kinds : 1);
            }
        }
        const Overlap found = overlap_of(a, b, 1 + prng.below(8), 1 + prng.below(8));
        ASSERT_EQ(found, by_definition(a, b)) << "round " << round;
    }
}

struct Sampled {
    std::vector<std::uint64_t> keys = std::vector<std::uint64_t>(sketch_keys_max);
    std::uint64_t distinct = 0;
    SketchView view() const { return {keys, distinct}; }
};

Sampled sample(const std::vector<std::uint64_t>& keys) {
    Sampled sampled;
    KeysInPieces source{keys, 1000};
    sampled.keys.resize(take_sketch(source, sampled.keys).value());
    std::vector<std::uint64_t> sorted = keys;
    std::sort(sorted.begin(), sorted.end());
    sampled.distinct = static_cast<std::uint64_t>(std::unique(sorted.begin(), sorted.end()) - sorted.begin());
    return sampled;
}

std::vector<std::uint64_t> random_keys(Prng& prng, std::size_t count) {
    std::vector<std::uint64_t> keys(count);
    for (std::uint64_t& key : keys) {
        key = prng.next();
    }
    return keys;
}

TEST(ImageSimilarity, ASketchOfASmallImageIsExact) {
    Prng prng{12};
    const auto a = random_keys(prng, 1000);
    std::vector<std::uint64_t> b{a.begin(), a.begin() + 250};
    EXPECT_TRUE(sample(a).view().whole());
    EXPECT_DOUBLE_EQ(estimate_share(sample(a).view(), sample(b).view()), 0.25);
    EXPECT_DOUBLE_EQ(estimate_share(sample(b).view(), sample(a).view()), 1.0);
    EXPECT_DOUBLE_EQ(estimate_share(sample({}).view(), sample(a).view()), 0.0);
}

TEST(ImageSimilarity, NineteenOfTwentySketchesAreWithinOneAndAHalfPoints) {
    Prng prng{13};
    std::vector<double> errors;
    for (int round = 0; round < 40; ++round) {
        const std::size_t common = 100 + prng.below(12'000);
        auto a = random_keys(prng, common);
        std::vector<std::uint64_t> b = a;
        const auto only_a = random_keys(prng, 5'000 + prng.below(7'000));
        const auto only_b = random_keys(prng, 5'000 + prng.below(12'000));
        a.insert(a.end(), only_a.begin(), only_a.end());
        b.insert(b.end(), only_b.begin(), only_b.end());
        const double truth = static_cast<double>(common) / static_cast<double>(a.size());
        const Sampled sampled_a = sample(a);
        const Sampled sampled_b = sample(b);
        errors.push_back(std::abs(estimate_share(sampled_a.view(), sampled_b.view()) - truth));
    }
    std::sort(errors.begin(), errors.end());
    EXPECT_LE(errors[37], 0.015);
}

TEST(ImageSimilarity, TheUnionOfSketchesIsTheSketchOfTheUnion) {
    Prng prng{14};
    for (const std::size_t size : {std::size_t{100}, std::size_t{20'000}}) {
        const auto a = random_keys(prng, size);
        auto b = random_keys(prng, size * 2);
        b.insert(b.end(), a.begin(), a.begin() + static_cast<std::ptrdiff_t>(size / 2));
        std::vector<std::uint64_t> both = a;
        both.insert(both.end(), b.begin(), b.end());
        Sampled joined;
        joined.keys.resize(join_sketches(sample(a).view(), sample(b).view(), joined.keys, joined.distinct));
        const Sampled expected = sample(both);
        ASSERT_LE(joined.keys.size(), expected.keys.size());
        EXPECT_TRUE(std::equal(joined.keys.begin(), joined.keys.end(), expected.keys.begin()));
        EXPECT_NEAR(static_cast<double>(joined.distinct), static_cast<double>(expected.distinct),
                    0.05 * static_cast<double>(expected.distinct));
    }
}

TEST(ImageSimilarity, ABloomFilterHoldsWhatWasAddedAndLittleElse) {
    Prng prng{15};
    const auto keys = random_keys(prng, 20'000);
    std::vector<BloomBlock> memory(bloom_blocks_for(keys.size()));
    BloomFilter filter{memory};
    for (const std::uint64_t key : keys) {
        filter.add(key);
    }
    for (const std::uint64_t key : keys) {
        ASSERT_TRUE(filter.may_contain(key));
    }
    std::size_t false_hits = 0;
    constexpr std::size_t questions = 50'000;
    for (std::size_t i = 0; i < questions; ++i) {
        false_hits += filter.may_contain(prng.next()) ? 1 : 0;
    }
    const double measured = static_cast<double>(false_hits) / questions;
    EXPECT_LT(measured, 0.01);
    EXPECT_NEAR(measured, filter.false_hit_rate(), 0.004);
}

}  // namespace
}  // namespace ballast::image
