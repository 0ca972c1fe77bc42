#include "controller/access/gate.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "controller/access/login_limiter.hpp"
#include "controller/access/tokens.hpp"
#include "shell/durable_file.hpp"
#include "tests/unit/controller_directory.hpp"

namespace ballast::controller {
namespace {

constexpr WallTime noon{1'795'000'000'000};

WallTime after(std::int64_t seconds_later) {
    return {noon.unix_ms + seconds_later * 1000};
}

class TokensTest : public ::testing::Test {
  protected:
    void SetUp() override { reopen(4); }
    // As a restart of the controller does.
    void reopen(std::uint32_t count_max) {
        tokens_.reset();
        store_.reset();
        store_ = Store::open(directory_.path() + "/controller.db", noon, why_);
        ASSERT_NE(store_, nullptr) << why_;
        tokens_ = std::make_unique<Tokens>(*store_, count_max);
        ASSERT_TRUE(tokens_->load(why_)) << why_;
    }
    std::string make(std::string_view name, Role role, WallTime expires = {}, std::string_view user = {}) {
        std::string secret;
        EXPECT_EQ(tokens_->create({name, role, user, expires, "test"}, noon, secret, id_),
                  TokenRefusal::none);
        return secret;
    }
    Gate gate(GateSettings settings = {}) { return Gate{std::move(settings), *tokens_}; }
    static Now at(std::int64_t seconds_later) {
        return {Instant{1000 * seconds_later}, after(seconds_later)};
    }

    TestDirectory directory_;
    std::string why_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Tokens> tokens_;
    std::uint64_t id_ = 0;
};

TEST_F(TokensTest, TheFirstIsMadeOnceForTheAdministratorAndOnlyItsHashIsKept) {
    ASSERT_TRUE(tokens_->make_first(directory_.path(), noon, why_)) << why_;
    std::string secret;
    const std::string path = directory_.path() + "/admin.token";
    ASSERT_TRUE(read_bounded(path, 1000, secret, why_).ok()) << why_;
    struct stat facts {};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600U);
    secret.pop_back();
    const TokenRecord* token = tokens_->find(secret);
    ASSERT_NE(token, nullptr);
    EXPECT_EQ(token->role, Role::admin);
    EXPECT_EQ(token->hash, sha256(secret));
    ASSERT_TRUE(remove_durable(path, why_).ok());
    reopen(4);
    ASSERT_TRUE(tokens_->make_first(directory_.path(), noon, why_)) << why_;
    EXPECT_NE(::stat(path.c_str(), &facts), 0) << "it was made a second time";
    EXPECT_NE(tokens_->find(secret), nullptr);
    EXPECT_EQ(tokens_->find(secret + "0"), nullptr);
    EXPECT_EQ(tokens_->find(""), nullptr);
    EXPECT_EQ(tokens_->find(std::string(5000, 'a')), nullptr);
}

TEST_F(TokensTest, KeepRoleUserExpiryRevocationAndLastUseOverARestart) {
    const std::string secret = make("ann", Role::user, after(60), "ann@example");
    tokens_->used(id_, after(5));
    tokens_->save_uses();
    ASSERT_TRUE(store_->commit());
    ASSERT_TRUE(tokens_->revoke(id_, after(9)));
    reopen(4);
    const TokenRecord* token = tokens_->find(secret);
    ASSERT_NE(token, nullptr);
    EXPECT_EQ(token->role, Role::user);
    EXPECT_EQ(token->user, "ann@example");
    EXPECT_EQ(token->created_by, "test");
    EXPECT_EQ(token->expires, after(60));
    EXPECT_EQ(token->last_used, after(5));
    EXPECT_EQ(token->revoked, after(9));
    EXPECT_EQ(state_of(*token, after(10)), TokenState::revoked);
}

TEST_F(TokensTest, HaveNamesOfTheirOwnAsLongAsTheyLive) {
    make("ci", Role::operator_, after(60));
    const NewToken again{"ci", Role::viewer, {}, {}, "test"};
    EXPECT_EQ(tokens_->check(again, noon), TokenRefusal::name_taken);
    EXPECT_EQ(tokens_->check(again, after(60)), TokenRefusal::none);
    ASSERT_TRUE(tokens_->revoke(id_, noon));
    EXPECT_EQ(tokens_->check(again, noon), TokenRefusal::none);
}

TEST_F(TokensTest, MakeRoomForNewOnesByTheLongestDeadOnly) {
    reopen(3);
    ASSERT_TRUE(tokens_->make_first(directory_.path(), noon, why_));
    ASSERT_TRUE(tokens_->revoke(1, noon));
    make("a", Role::viewer);
    const std::uint64_t a = id_;
    make("b", Role::viewer);
    EXPECT_EQ(tokens_->check({"c", Role::viewer, {}, {}, ""}, noon), TokenRefusal::full)
        << "the first stays: it tells that the first start has been";
    ASSERT_TRUE(tokens_->revoke(a, noon));
    make("c", Role::viewer);
    EXPECT_EQ(tokens_->find(a), nullptr);
    reopen(3);
    EXPECT_EQ(tokens_->all().size(), 3U);
}

TEST_F(TokensTest, GiveTheirRoleUntilTheyEnd) {
    const std::string secret = make("ops", Role::operator_, after(60));
    Gate door = gate();
    const Caller caller = door.judge({.token = secret, .address = "192.0.2.1"}, at(0));
    EXPECT_EQ(caller.role, Role::operator_);
    EXPECT_EQ(caller.proof, Proof::token);
    EXPECT_EQ(caller.name, "ops");
    EXPECT_EQ(tokens_->find(id_)->last_used, noon);
    const Caller late = door.judge({.token = secret, .address = "192.0.2.1"}, at(60));
    EXPECT_EQ(late.role, Role::none);
    EXPECT_NE(late.refusal.find("expired"), std::string::npos) << late.refusal;
    EXPECT_EQ(door.judge({.address = "192.0.2.1"}, at(0)).role, Role::none);
    EXPECT_EQ(door.counters().logins_failed, 1U);
}

TEST_F(TokensTest, AreNotLookedAtAfterTooManyWrongOnesFromOneAddress) {
    const std::string secret = make("ops", Role::operator_);
    Gate door = gate({.failed_logins_per_minute = 3});
    int records = 0;
    door.on_failed_login([&](const Credentials&, const Caller&) { ++records; });
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(door.judge({.token = "wrong", .address = "192.0.2.1"}, at(0)).retry_after_seconds, 0U);
    }
    const Caller limited = door.judge({.token = secret, .address = "192.0.2.1"}, at(0));
    EXPECT_EQ(limited.role, Role::none);
    EXPECT_EQ(limited.retry_after_seconds, 21U);
    EXPECT_EQ(records, 2) << "the first, and the one that began the wait";
    EXPECT_EQ(door.judge({.token = secret, .address = "192.0.2.2"}, at(0)).role, Role::operator_);
    EXPECT_EQ(door.judge({.token = secret, .address = "192.0.2.1"}, at(21)).role, Role::operator_);
    EXPECT_EQ(door.counters().logins_limited, 1U);
}

TEST_F(TokensTest, AreNotNeededOverTheUnixSocketOrWithACertificateOfAKnownName) {
    GateSettings settings;
    settings.certificates = {{"monitoring", Role::viewer}, {"ann", Role::user}};
    Gate door = gate(settings);
    EXPECT_EQ(door.judge({.local = true}, at(0)).role, Role::admin);
    EXPECT_EQ(door.judge({.certificate = "monitoring", .address = "192.0.2.1"}, at(0)).role, Role::viewer);
    const Caller ann = door.judge({.certificate = "ann", .address = "192.0.2.1"}, at(0));
    EXPECT_EQ(ann.role, Role::user);
    EXPECT_EQ(ann.user, "ann");
    EXPECT_TRUE(ann.may_see("ann"));
    EXPECT_FALSE(ann.may_see("bob"));
    const Caller stranger = door.judge({.certificate = "bob", .address = "192.0.2.1"}, at(0));
    EXPECT_EQ(stranger.role, Role::none);
    EXPECT_FALSE(stranger.refusal.empty());
}

TEST(LoginLimiter, TakesAnIpv6NetworkForOneAddress) {
    LoginLimiter limiter{1};
    (void)limiter.failed("2001:db8::1", Instant{0});
    EXPECT_GT(limiter.wait_seconds("2001:db8::ffff:2", Instant{0}), 0U);
    EXPECT_EQ(limiter.wait_seconds("2001:db8:0:1::1", Instant{0}), 0U);
}

TEST(LoginLimiter, RemembersABoundedNumberOfAddresses) {
    LoginLimiter limiter{1};
    for (std::size_t i = 0; i < LoginLimiter::addresses_max + 100; ++i) {
        const std::string address = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
        (void)limiter.failed(address, Instant{static_cast<std::int64_t>(i)});
    }
    EXPECT_EQ(limiter.addresses(), LoginLimiter::addresses_max);
    EXPECT_EQ(limiter.wait_seconds("10.0.0.0", Instant{0}), 0U) << "the oldest was forgotten";
}

TEST(Roles, AreReadByTheirWords) {
    for (const Role role : roles) {
        EXPECT_EQ(parse_role(to_string(role)), role);
    }
    EXPECT_FALSE(parse_role("none").has_value());
    EXPECT_FALSE(parse_role("Admin").has_value());
}

}  // namespace
}  // namespace ballast::controller
