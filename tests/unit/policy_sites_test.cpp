// Guests whose disks lie at one site stay there, whatever policy decides.
#include "policy/policy.hpp"

#include <gtest/gtest.h>

#include "policy/placement.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

// h1 is overloaded; `near` and `far` are the sites of an idle host beside it and of an idler one.
std::string moves_by(std::string_view policy, std::uint32_t near, std::uint32_t far) {
    PoolBook book;
    book.host("h1").site = 0;
    book.host("h2").site = near;
    book.host("h3", 20).site = far;
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        book.vm(name, 0, 1.9);
    }
    return book.moves(policy);
}

TEST(PolicySites, NoPolicyMovesAGuestToAnotherSite) {
    std::size_t movers = 0;
    for (const Policy& policy : policies()) {
        SCOPED_TRACE(policy.name);
        const std::string anywhere = moves_by(policy.name, 0, 0);
        const std::string here = moves_by(policy.name, 0, 1);
        EXPECT_EQ(here.find("h3"), std::string::npos) << here;
        EXPECT_EQ(here.empty(), anywhere.empty()) << here << " / " << anywhere;
        EXPECT_EQ(moves_by(policy.name, 1, 2), "");
        movers += here.empty() ? 0 : 1;
    }
    EXPECT_GE(movers, 8U);
}

TEST(PolicySites, PlacementStaysAtTheSiteUnlessTheDisksGoAlong) {
    PoolBook book;
    book.host("h1").site = 0;
    book.host("h2").site = 1;
    book.vm("a", 0, 1.0);
    std::array<Rejection, 4> room;
    BoundedList<Rejection> refused{room};
    const Pool pool = book.pool();
    PlacementRequest request{.from = 0, .memory_mib = 100, .vm = 0};
    EXPECT_EQ(place(pool, request, book.parameters, book.workspace, refused), no_index);
    ASSERT_EQ(refused.items().size(), 1U);
    EXPECT_EQ(refused.items()[0].constraint, Constraint::other_site);
    request.with_disks = true;
    EXPECT_EQ(place(pool, request, book.parameters, book.workspace, refused), 1U);
    // A guest that is on no host yet has its disks where it is made.
    EXPECT_NE(place(pool, {.memory_mib = 100}, book.parameters, book.workspace, refused), no_index);
}

}  // namespace
}  // namespace ballast::policy::test
