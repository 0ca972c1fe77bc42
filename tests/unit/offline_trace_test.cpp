#include "cli/offline/trace_files.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace ballast::cli::offline {
namespace {

// A folder of traces; files that are not compressed are read as they are.
class TraceFilesTest : public ::testing::Test {
  protected:
    TraceFilesTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "ballast-traces-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
    }
    ~TraceFilesTest() override { std::filesystem::remove_all(folder_); }

    void file(const std::string& name, const std::string& text) {
        std::ofstream{folder_ + "/" + name} << text;
    }
    void bitbrains(const std::string& what, const std::string& text) {
        file("bitbrains-x-" + what + ".csv.gz", text);
    }
    void whole_bitbrains() {
        bitbrains("meta", "vm,cores,cpu_cap_mhz,mem_cap_mb,slots\n1,2,5200,8192,2\n2,4,10400,4096,2\n");
        bitbrains("cpu_mhz", "2600,1300\n0,5200\n");
        bitbrains("mem_mb", "100,200\n300,400\n");
        bitbrains("disk_r_kbps", "1000,0\n0,0\n");
        bitbrains("disk_w_kbps", "500,0\n0,0\n");
        bitbrains("net_rx_kbps", "1000,0\n0,0\n");
        bitbrains("net_tx_kbps", "250,0\n0,0\n");
    }
    TraceFile load(const std::string& name) {
        std::string why;
        std::optional<TraceFile> trace = load_trace(folder_, name, why);
        EXPECT_TRUE(trace.has_value()) << why;
        return std::move(*trace);
    }
    std::string error(const std::string& name) {
        std::string why;
        EXPECT_FALSE(load_trace(folder_, name, why).has_value());
        return why.substr(why.find_last_of('/') + 1);
    }

    std::string folder_;
};

TEST_F(TraceFilesTest, PlanetLabsGuestsAreOfFourTypesInFourEqualRuns) {
    file("planetlab-1.csv.gz", "100,50\n100,50\n100,50\n100,50\n");
    const TraceFile trace = load("planetlab-1");
    const experiments::Trace view = trace.on_hosts(2, 0);
    ASSERT_EQ(view.vms.size(), 4U);
    EXPECT_EQ(view.slots, 2U);
    EXPECT_DOUBLE_EQ(view.vms[0].cpu_cores[0], 1.0);
    EXPECT_DOUBLE_EQ(view.vms[1].cpu_cores[0], 0.8);
    EXPECT_DOUBLE_EQ(view.vms[2].cpu_cores[0], 0.4);
    EXPECT_DOUBLE_EQ(view.vms[3].cpu_cores[1], 0.1);
    EXPECT_EQ(view.vms[0].memory_mib, 870U);
    EXPECT_EQ(view.vms[3].memory_mib, 613U);
    // 2.4 cores, then 1.2: 1.8 on average, on two hosts at 60 %
    EXPECT_DOUBLE_EQ(view.host.cpu_cores, 1.8 / 2 / 0.6);
    EXPECT_DOUBLE_EQ(trace.on_hosts(3, 0.5).host.cpu_cores, 1.8 / 3 / 0.5);
}

TEST_F(TraceFilesTest, GuestsThatUseNothingStillHaveHosts) {
    file("planetlab-1.csv.gz", "0,0\n0,0\n");
    const TraceFile trace = load("planetlab-1");
    EXPECT_DOUBLE_EQ(trace.on_hosts(2, 0).host.cpu_cores, 1);
    EXPECT_DOUBLE_EQ(trace.on_hosts(2, 0.5).host.cpu_cores, 1);
}

TEST_F(TraceFilesTest, BitbrainsComesInCoresMegabitsAndMegabytes) {
    whole_bitbrains();
    const TraceFile trace = load("bitbrains-x");
    const experiments::Trace view = trace.on_hosts(16, 0);
    ASSERT_EQ(view.vms.size(), 2U);
    EXPECT_EQ(view.host.cpu_cores, 32);
    EXPECT_DOUBLE_EQ(view.vms[0].cpu_cores[0], 1);
    EXPECT_DOUBLE_EQ(view.vms[1].cpu_cores[1], 2);
    EXPECT_DOUBLE_EQ(view.vms[0].net_mbps[0], 10);
    EXPECT_DOUBLE_EQ(view.vms[0].disk_mbps[0], 1.5);
    EXPECT_DOUBLE_EQ(view.vms[1].memory_used_mib[1], 400);
    EXPECT_EQ(view.vms[0].memory_mib, 8192U);
    EXPECT_EQ(view.vms[1].vcpus, 4U);
}

TEST_F(TraceFilesTest, AFolderIsSearchedForBothKinds) {
    whole_bitbrains();
    file("planetlab-2.csv.gz", "1\n");
    file("planetlab-1.csv.gz", "1\n");
    file("notes.txt", "");
    std::string why;
    EXPECT_EQ(traces_in(folder_, why),
              (std::vector<std::string>{"bitbrains-x", "planetlab-1", "planetlab-2"}));
    EXPECT_TRUE(traces_in(folder_ + "/nowhere", why).empty());
    EXPECT_NE(why.find("nowhere"), std::string::npos);
}

TEST_F(TraceFilesTest, ForeignFilesAreRefusedByFileAndLine) {
    EXPECT_EQ(error("planetlab-9"), "planetlab-9.csv.gz: No such file or directory");
    EXPECT_EQ(error("nonsense-1"), "no trace is called nonsense-1: expected planetlab-DAY or bitbrains-SET");
    for (const char* text : {"1,2\n3\n", "1,2\n3,4,5\n"}) {
        file("planetlab-1.csv.gz", text);
        EXPECT_TRUE(error("planetlab-1").starts_with("planetlab-1.csv.gz, line 2: expected 2 values"))
            << text;
    }
    for (const char* text :
         {"1,x\n", "1,\n", ",1\n", "1 2\n", "-1\n", "nan\n", "inf\n", "1e16\n", "1\n\n", "\x1f\x8b"}) {
        file("planetlab-1.csv.gz", text);
        EXPECT_NE(error("planetlab-1"), "") << text;
    }
    file("planetlab-1.csv.gz", "");
    EXPECT_EQ(error("planetlab-1"), "planetlab-1.csv.gz: no guests");
}

TEST_F(TraceFilesTest, FilesOfOneTraceMustAgree) {
    whole_bitbrains();
    bitbrains("mem_mb", "100,200\n");
    EXPECT_NE(error("bitbrains-x").find("do not have the same guests and slots"), std::string::npos);
    whole_bitbrains();
    bitbrains("net_tx_kbps", "1\n2\n");
    EXPECT_NE(error("bitbrains-x").find("expected as many guests and slots"), std::string::npos);
    whole_bitbrains();
    bitbrains("meta", "vm,cores,cpu_cap_mhz,mem_cap_mb\n1,2,x,4\n");
    EXPECT_NE(error("bitbrains-x").find("line 2: expected vm,cores,cpu_cap_mhz,mem_cap_mb"),
              std::string::npos);
}

}  // namespace
}  // namespace ballast::cli::offline
