#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "base/arena.hpp"
#include "base/fixed_string.hpp"
#include "base/fixed_vector.hpp"
#include "base/prng.hpp"
#include "base/ring.hpp"
#include "base/table.hpp"

namespace ballast {
namespace {

TEST(BaseFixedString, RefusesOrCutsWhatDoesNotFit) {
    FixedString<4> text;
    EXPECT_TRUE(text.try_assign("four"));
    EXPECT_FALSE(text.try_assign("fives"));
    EXPECT_EQ(text.view(), "four") << "a refused text changes nothing";
    text.assign_cut("fives");
    EXPECT_EQ(text.view(), "five");
    text.clear();
    text.append_cut("ab");
    text.append_cut("cdef");
    EXPECT_EQ(text.view(), "abcd");
    EXPECT_TRUE((FixedString<4>{"a"} < FixedString<4>{"b"}));
    EXPECT_TRUE((FixedString<4>{}.empty()));
}

// After every operation the container must equal the standard library's.
TEST(BaseFixedVector, BehavesLikeAStandardVectorThatRefusesToGrow) {
    Prng prng{1};
    FixedVector<int, 8> ours;
    std::vector<int> theirs;
    for (int step = 0; step < 5000; ++step) {
        const int value = static_cast<int>(prng.below(1000));
        const std::size_t at = theirs.empty() ? 0 : prng.below(theirs.size());
        switch (prng.below(5)) {
            case 0:
            case 1:
                ASSERT_EQ(ours.try_push(value), theirs.size() < 8);
                if (theirs.size() < 8) {
                    theirs.push_back(value);
                }
                break;
            case 2:
                if (!theirs.empty()) {
                    ours.remove_ordered(at);
                    theirs.erase(theirs.begin() + static_cast<std::ptrdiff_t>(at));
                }
                break;
            case 3:
                if (!theirs.empty()) {
                    ours.remove_unordered(at);
                    theirs[at] = theirs.back();
                    theirs.pop_back();
                }
                break;
            default:
                ours.resize_down(at);
                theirs.resize(at);
                break;
        }
        ASSERT_TRUE(std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end()));
        ASSERT_EQ(ours.full(), theirs.size() == 8);
        ASSERT_EQ(ours.empty(), theirs.empty());
    }
}

TEST(BaseFixedVector, ComparesByContent) {
    FixedVector<int, 4> a;
    FixedVector<int, 4> b;
    a.push(1);
    EXPECT_FALSE(a == b);
    b.push(1);
    EXPECT_TRUE(a == b);
    b.push(7);
    b.resize_down(1);
    EXPECT_TRUE(a == b) << "what was there before does not count";
}

TEST(BaseFixedVectorDeathTest, StopsTheProgramWhenAProvenBoundIsBroken) {
    FixedVector<int, 1> full;
    full.push(1);
    EXPECT_DEATH(full.push(2), "assertion failed: size_ < capacity_count");
    EXPECT_DEATH(static_cast<void>(full[1]), "assertion failed: index < size_");
}

TEST(BaseFixedRing, KeepsTheLastOnes) {
    FixedRing<int, 3> ours;
    std::deque<int> theirs;
    for (int value = 0; value < 20; ++value) {
        ours.push(value);
        theirs.push_back(value);
        if (theirs.size() > 3) {
            theirs.pop_front();
        }
        ASSERT_EQ(ours.size(), theirs.size());
        for (std::size_t i = 0; i < theirs.size(); ++i) {
            ASSERT_EQ(ours[i], theirs[i]);
            ASSERT_EQ(ours.newest(i), theirs[theirs.size() - 1 - i]);
        }
    }
    ours.clear();
    EXPECT_TRUE(ours.empty());
    EXPECT_DEATH(static_cast<void>(ours.newest()), "age < size_");
}

struct Row {
    bool in_use = false;
    int value = 0;
};

TEST(BaseArena, CountsWithoutMemoryExactlyWhatItUsesWithMemory) {
    const auto plan = [](Arena& arena) {
        const auto bytes = arena.make_array<char>(3);
        const auto numbers = arena.make_array<std::uint64_t>(5);
        const auto rows = arena.make_array<Row>(7);
        return bytes.size() + numbers.size() + rows.size();
    };
    Arena counting;
    EXPECT_EQ(plan(counting), 0U);
    alignas(16) std::array<std::byte, 256> block{};
    Arena real{std::span{block}};
    EXPECT_EQ(plan(real), 15U);
    EXPECT_EQ(real.used_bytes(), counting.used_bytes());
    EXPECT_EQ(real.used_bytes(), 8 + 5 * 8 + 7 * sizeof(Row));
}

TEST(BaseArenaDeathTest, StopsTheProgramWhenTheBudgetWasWrong) {
    std::array<std::byte, 8> block{};
    Arena arena{std::span{block}};
    EXPECT_DEATH(arena.make_array<char>(9), "used_bytes_ <= block_.size()");
}

TEST(BaseTable, GivesOutTheLowestFreeRowAndRefusesWhenFull) {
    alignas(16) std::array<std::byte, 256> block{};
    Arena arena{std::span{block}};
    Table<Row> table{arena, 3};
    EXPECT_EQ(table.add(), 0U);
    EXPECT_EQ(table.add(), 1U);
    EXPECT_EQ(table.add(), 2U);
    EXPECT_EQ(table.add(), Table<Row>::none);
    EXPECT_EQ(table.refused(), 1U);
    table[1].value = 42;
    EXPECT_EQ(table.find([](const Row& row) { return row.value == 42; }), 1U);
    table.remove(1);
    EXPECT_EQ(table.used(), 2U);
    EXPECT_EQ(table.find([](const Row& row) { return row.value == 42; }), Table<Row>::none);
    EXPECT_EQ(table.add(), 1U);
    EXPECT_EQ(table[1].value, 0) << "a row given out again is fresh";
    EXPECT_EQ(table.limit(), 3U);
    EXPECT_DEATH(table.remove(3), "index < rows_.size()");
}

TEST(BasePrng, GivesTheSameOnEveryMachine) {
    // The first outputs of SplitMix64 for seed 1234567, as published with the algorithm.
    Prng prng{1234567};
    for (const std::uint64_t expected :
         {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL, 4593380528125082431ULL,
          16408922859458223821ULL}) {
        EXPECT_EQ(prng.next(), expected);
    }
    for (int i = 0; i < 1000; ++i) {
        EXPECT_LT(prng.below(7), 7U);
        const double unit = prng.unit();
        EXPECT_GE(unit, 0);
        EXPECT_LT(unit, 1);
    }
}

}  // namespace
}  // namespace ballast
