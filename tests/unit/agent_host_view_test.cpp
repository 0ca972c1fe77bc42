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

TEST_F(AgentHostView, AReportThatCannotSayAllIsDegradedAndMadeAgain) {
    Arena counting;
    const CoreSettings settings{.host_name = "h1"};
    (void)Core{counting, settings};
    const auto memory = std::make_unique<std::byte[]>(counting.used_bytes());
    Arena arena{{memory.get(), counting.used_bytes()}};
    const Core core{arena, settings};
    const auto report = std::make_unique<wire::HostReport>();
    view_.report(core, *report);
    EXPECT_FALSE(report->degraded);
    EXPECT_FALSE(differs());
    std::filesystem::rename(directory_ + "/saved", directory_ + "/away");
    view_.report(core, *report);
    EXPECT_TRUE(report->degraded) << "else its saved guests would be taken for gone";
    (void)differs();  // the folder has changed
    EXPECT_TRUE(differs()) << "a report that says all is still owed";
    std::filesystem::rename(directory_ + "/away", directory_ + "/saved");
    view_.report(core, *report);
    EXPECT_FALSE(report->degraded);
    (void)differs();
    EXPECT_FALSE(differs());
}

}  // namespace
}  // namespace ballast::agent
