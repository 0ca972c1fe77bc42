#include "controller/http/feed/event_stream.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "controller/http/feed/event_ring.hpp"
#include "controller/http/feed/load_history.hpp"

namespace ballast::controller::http {
namespace {

struct Ring {
    explicit Ring(std::uint32_t events, std::uint32_t bytes, std::uint64_t base = 100) {
        Arena counting;
        EventRing{counting, events, bytes, base};
        memory.resize(counting.used_bytes() + 64);
        arena = Arena{memory};
        ring = std::make_unique<EventRing>(arena, events, bytes, base);
    }
    std::uint64_t add(std::string_view text, EventKind kind = EventKind::vm) {
        EventHead head;
        head.kind = kind;
        return ring->add(head, text);
    }
    std::vector<std::byte> memory;
    Arena arena;
    std::unique_ptr<EventRing> ring;
};

TEST(EventRing, IsEmptyAboveItsBase) {
    const Ring ring{4, 64};
    EXPECT_EQ(ring.ring->newest(), 100U);
    EXPECT_EQ(ring.ring->oldest(), 101U);
    EXPECT_TRUE(ring.ring->reaches(100));
    EXPECT_FALSE(ring.ring->reaches(99));
    EXPECT_FALSE(ring.ring->reaches(101));
}

TEST(EventRing, ForgetsTheOldestWhenThereAreTooMany) {
    Ring ring{4, 1024};
    for (int i = 0; i < 6; ++i) {
        ring.add(std::to_string(i));
    }
    EXPECT_EQ(ring.ring->newest(), 106U);
    EXPECT_EQ(ring.ring->oldest(), 103U);
    EXPECT_EQ(ring.ring->text(ring.ring->head(103)), "2");
    EXPECT_TRUE(ring.ring->reaches(102));
    EXPECT_FALSE(ring.ring->reaches(101));
}

// Whatever the lengths, what is kept is what was added, in order.
TEST(EventRing, KeepsTextsOfAllLengthsWhole) {
    Ring ring{32, 256};
    std::vector<std::string> added;
    std::uint32_t random = 1;
    for (std::size_t i = 0; i < 5000; ++i) {
        random = random * 1664525U + 1013904223U;
        const std::size_t length = 1 + (random >> 16) % ring.ring->text_bytes_max();
        added.emplace_back(length, static_cast<char>('a' + i % 26));
        ring.add(added.back());
        ASSERT_GE(ring.ring->count(), 1U);
        ASSERT_LE(ring.ring->count(), 32U);
        for (std::uint64_t at = ring.ring->oldest(); at <= ring.ring->newest(); ++at) {
            ASSERT_EQ(ring.ring->text(ring.ring->head(at)), added[at - 101]) << "after " << i;
        }
    }
}

struct History {
    History() {
        Arena counting;
        LoadHistory{counting, 2};
        memory.resize(counting.used_bytes() + 64);
        arena = Arena{memory};
        history = std::make_unique<LoadHistory>(arena, 2);
    }
    LoadCell at(std::int64_t unix_second, const Uuid& uuid = first, std::uint32_t host = 0) const {
        return history->cell(0, host, uuid, unix_second / 15);
    }
    static constexpr Uuid first{{1}};
    static constexpr Uuid second{{2}};
    std::vector<std::byte> memory;
    Arena arena;
    std::unique_ptr<LoadHistory> history;
};

TEST(LoadHistory, ShowsTheMeanOfAStep) {
    History history;
    history.history->add(0, History::first, 0.2, 0.5, WallTime{15'000'000});
    history.history->add(0, History::first, 0.4, 0.5, WallTime{15'005'000});
    EXPECT_EQ(history.at(15000).cpu, 30);
    EXPECT_EQ(history.at(15000).memory, 50);
    EXPECT_EQ(history.at(14985).cpu, LoadCell::none);
}

TEST(LoadHistory, LeavesStepsWithoutASampleEmptyAndForgetsTheOldest) {
    History history;
    history.history->add(0, History::first, 0.2, 0.5, WallTime{15'000'000});
    history.history->add(0, History::first, 0.4, 0.5, WallTime{15'060'000});
    EXPECT_EQ(history.at(15000).cpu, 20);
    EXPECT_EQ(history.at(15030).cpu, LoadCell::none);
    EXPECT_EQ(history.at(15060).cpu, 40);
    history.history->advance(WallTime{15'000'000 + 240 * 15'000});
    EXPECT_EQ(history.at(15000).cpu, LoadCell::none);
    EXPECT_EQ(history.at(15060).cpu, 40);
    history.history->advance(WallTime{99'000'000});
    EXPECT_EQ(history.at(99000).cpu, LoadCell::none);
    EXPECT_EQ(history.history->cell(1, 0, History::first, 15'000 / 360).cpu, 30) << "the day is kept longer";
}

TEST(LoadHistory, DoesNotShowAHostThePastOfAnother) {
    History history;
    history.history->add(0, History::first, 0.2, 0.5, WallTime{15'000'000});
    EXPECT_EQ(history.at(15000, History::second).cpu, LoadCell::none);
    history.history->add(0, History::second, 0.9, 0.5, WallTime{15'015'000});
    EXPECT_EQ(history.at(15000, History::second).cpu, LoadCell::none);
    EXPECT_EQ(history.at(15015, History::second).cpu, 90);
}

TEST(LoadHistory, GoesOnInTheNewestStepWhenTheClockIsSetBack) {
    History history;
    history.history->add(0, History::first, 0.2, 0.5, WallTime{15'000'000});
    history.history->add(0, History::first, 0.4, 0.5, WallTime{14'000'000});
    EXPECT_EQ(history.at(15000).cpu, 30);
}

}  // namespace
}  // namespace ballast::controller::http
