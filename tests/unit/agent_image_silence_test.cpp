// How long an image process may hear nothing from the other side.
#include <gtest/gtest.h>

#include "agent/image_conversation.hpp"

namespace ballast::agent {
namespace {

constexpr std::uint64_t gib = 1024ull * 1024 * 1024;

TEST(AgentImageSilence, IsShortWhileTheGuestStandsStillAndLongEnoughToReadTheImage) {
    EXPECT_EQ(silence_allowed(true, 0), seconds(60));
    EXPECT_EQ(silence_allowed(true, 10 * gib), seconds(60 + 320));
    EXPECT_EQ(silence_allowed(true, 1'000'000 * gib), seconds(3600));
    EXPECT_EQ(silence_allowed(false, 0), seconds(3600));
}

}  // namespace
}  // namespace ballast::agent
