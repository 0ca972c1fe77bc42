#include "agent/host_view.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim_fixture.hpp"

namespace ballast::agent {
namespace {

class AgentHostView : public sim::SimFixture {
  protected:
    AgentHostView() {
        std::filesystem::create_directory(directory_ + "/saved");
        EXPECT_TRUE(differs() == false) << "the first sample has nothing to differ from";
    }
    bool differs() {
        EXPECT_TRUE(view_.sample(report_));
        return view_.inventory_differs();
    }

    std::unique_ptr<Hypervisor> host_ = open_host("h1");
    SaveFiles files_{directory_ + "/saved"};
    StoreState store_;
    HostView view_{*host_, files_, store_, 1000};
    wire::SampleReport report_;
};

TEST_F(AgentHostView, SamplesOfAHostAtRestDoNotDiffer) {
    EXPECT_FALSE(differs());
    EXPECT_FALSE(differs());
}

TEST_F(AgentHostView, ARenameByAnotherToolShowsAtTheNextSampleAndOnce) {
    ASSERT_TRUE(host_->rename(domain_named(*host_, "h1-01"), "other").ok());
    EXPECT_TRUE(differs());
    EXPECT_FALSE(differs());
}

TEST_F(AgentHostView, APauseByAnotherToolShowsAtTheNextSample) {
    ASSERT_TRUE(host_->pause(domain_named(*host_, "h1-02")).ok());
    EXPECT_TRUE(differs());
    EXPECT_FALSE(differs());
}

TEST_F(AgentHostView, ASaveFileThatComesOrGoesShowsAtTheNextSample) {
    const std::string path = directory_ + "/saved/x.save";
    std::ofstream{path} << "image";
    EXPECT_TRUE(differs());
    std::filesystem::remove(path);
    EXPECT_TRUE(differs());
    EXPECT_FALSE(differs());
}

}  // namespace
}  // namespace ballast::agent
