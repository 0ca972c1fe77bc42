#include "xen_glue/measured_hypervisor.hpp"

#include "tests/unit/sim_fixture.hpp"

namespace ballast::sim {
namespace {

class MeasuredHypervisorTest : public SimFixture {};

const CallCount& of(const MeasuredHypervisor& host, HypervisorCall call) {
    return host.calls()[static_cast<std::size_t>(call)];
}

TEST_F(MeasuredHypervisorTest, CountsCallsAndErrorsByKindAndAnswersAsTheOneBehindIt) {
    MeasuredHypervisor host{open_host("a")};
    DomainList domains;
    ASSERT_TRUE(host.list(domains).ok());
    Domain found;
    EXPECT_TRUE(host.find(domains[1].uuid, found).ok());
    EXPECT_EQ(found.name, domains[1].name);
    EXPECT_EQ(host.find(Uuid{}, found).fault(), Fault::not_found);
    EXPECT_TRUE(host.pause(domains[1]).ok());
    EXPECT_EQ(domain_named(*open_host("a"), "a-01").state, DomainState::paused);

    EXPECT_EQ(of(host, HypervisorCall::list).count, 1U);
    EXPECT_EQ(of(host, HypervisorCall::list).errors, 0U);
    EXPECT_EQ(of(host, HypervisorCall::find).count, 2U);
    EXPECT_EQ(of(host, HypervisorCall::find).errors, 1U);
    EXPECT_EQ(of(host, HypervisorCall::pause).count, 1U);
    EXPECT_EQ(of(host, HypervisorCall::sample).count, 0U);
}

}  // namespace
}  // namespace ballast::sim
