// What a turn of the loop has to say waits in the link until the turn's changes are on disk.
#include "shell/link.hpp"

#include <gtest/gtest.h>

#include "tests/unit/shell_link_ends.hpp"

namespace ballast {
namespace {

class ShellLinkHeld : public ShellLinkBothWays {};

INSTANTIATE_TEST_SUITE_P(PlainAndTls, ShellLinkHeld, ::testing::Bool(),
                         [](const auto& row) { return row.param ? "tls" : "plain"; });

TEST_P(ShellLinkHeld, MessagesWaitUntilTheyAreReleased) {
    both_up();
    ASSERT_TRUE(server.link->hold(wire::Message{wire::JobAck{1}}));
    ASSERT_TRUE(server.link->send(wire::Message{wire::JobAck{2}}));  // waits behind it
    client.link->send(wire::Message{wire::JobCancel{3}});
    run_until([this] { return !server.messages.empty(); });
    EXPECT_TRUE(client.messages.empty());
    server.link->seal();
    server.link->release();
    run_until([this] { return client.messages.size() == 2; });
    EXPECT_EQ(client.messages[0], wire::Message{wire::JobAck{1}});
    EXPECT_EQ(client.messages[1], wire::Message{wire::JobAck{2}});
}

TEST_P(ShellLinkHeld, MessagesAfterTheSealWaitForTheNextRelease) {
    both_up();
    ASSERT_TRUE(server.link->hold(wire::Message{wire::JobAck{1}}));
    server.link->seal();
    ASSERT_TRUE(server.link->send(wire::Message{wire::JobAck{2}}));  // goes with what is sealed
    ASSERT_TRUE(server.link->hold(wire::Message{wire::JobAck{3}}));
    ASSERT_TRUE(server.link->send(wire::Message{wire::JobAck{4}}));
    server.link->release();
    client.link->send(wire::Message{wire::JobCancel{5}});
    run_until([this] { return !server.messages.empty() && client.messages.size() == 2; });
    EXPECT_EQ(client.messages[1], wire::Message{wire::JobAck{2}});
    server.link->seal();
    server.link->release();
    run_until([this] { return client.messages.size() == 4; });
    EXPECT_EQ(client.messages[2], wire::Message{wire::JobAck{3}});
    EXPECT_EQ(client.messages[3], wire::Message{wire::JobAck{4}});
}

TEST_P(ShellLinkHeld, MessagesAreNeverSentWhenItIsClosed) {
    both_up();
    ASSERT_TRUE(server.link->hold(wire::Message{wire::JobAck{1}}));
    server.link->close();
    run_until([this] { return client.down.has_value(); });
    EXPECT_TRUE(client.messages.empty());
}

}  // namespace
}  // namespace ballast
