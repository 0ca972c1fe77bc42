#include "cli/offline/pool_file.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace ballast::cli::offline {
namespace {

// A pool of one host and one guest around the pieces of text that a case is about.
std::string pool_with(const std::string& host_extra, const std::string& vm_extra) {
    return R"({"format":"ballast-pool/1","hosts":[{"name":"h1","cpu_cores":8,"memory_mib":16384)" +
           host_extra + R"(}],"vms":[{"name":"vm1","host":"h1","memory_mib":2048)" + vm_extra + "}]}";
}

std::string pool_error_of(const std::string& text) {
    PoolError error;
    EXPECT_FALSE(parse_pool(text, error).has_value()) << text;
    return error.pointer + " | " + error.expected;
}

PoolFile pool_file_of(const std::string& text) {
    PoolError error;
    std::optional<PoolFile> file = parse_pool(text, error);
    EXPECT_TRUE(file.has_value()) << error.sentence();
    return std::move(*file);
}

TEST(PoolFile, SingleNumbersAreLoadsThatSomebodyKnows) {
    EXPECT_TRUE(pool_file_of(pool_with("", R"(,"cpu_cores":[2])")).pool().loads_given);
    EXPECT_FALSE(pool_file_of(pool_with("", R"(,"cpu_cores":[2,2])")).pool().loads_given);
}

TEST(PoolFile, TheExampleOfTheFormatIsReadWhole) {
    const PoolFile file = pool_file_of(R"({"format":"ballast-pool/1","taken_at":"2026-11-21T08:05:00Z",
 "sample_interval_seconds":5,
 "hosts":[{"name":"h1","state":"up","cpu_cores":8,"memory_mib":16384,"memory_reserved_mib":256,"net_mbps":1000,
           "disk_mbps":500,"dom0_cpu_cores":[0.2,0.3],"labels":{"rack":"a"}}],
 "vms":[{"name":"vm1","host":"h1","state":"running","memory_mib":2048,"vcpus":2,"cpu_cores":[0.8,1.1],
         "net_mbps":[3.0,2.5],"disk_mbps":[1.5,0.2],"memory_used_mib":[900,910],"movable":true,
         "anti_affinity":"web","last_moved_seconds_ago":86400}]})");
    const policy::Pool pool = file.pool();
    EXPECT_FALSE(pool.loads_given);
    ASSERT_EQ(pool.hosts.size(), 1U);
    ASSERT_EQ(pool.vms.size(), 1U);
    const policy::Host& host = pool.hosts[0];
    EXPECT_EQ(host.name, "h1");
    EXPECT_EQ(host.state, HostState::up);
    EXPECT_EQ(host.cpu_cores, 8);
    EXPECT_EQ(host.memory_mib, 16384U);
    EXPECT_EQ(host.memory_reserved_mib, 256U);
    EXPECT_EQ(host.net_mbps, 1000);
    EXPECT_EQ(host.disk_mbps, 500);
    ASSERT_EQ(host.dom0_cpu_cores.size(), 2U);
    EXPECT_EQ(host.dom0_cpu_cores[1], 0.3);
    const policy::Vm& vm = pool.vms[0];
    EXPECT_EQ(vm.name, "vm1");
    EXPECT_EQ(vm.host, 0U);
    EXPECT_EQ(vm.state, VmState::running);
    EXPECT_EQ(vm.memory_mib, 2048U);
    EXPECT_EQ(vm.vcpus, 2U);
    EXPECT_EQ(vm.cpu_cores[1], 1.1);
    EXPECT_EQ(vm.net_mbps[1], 2.5);
    EXPECT_EQ(vm.disk_mbps[1], 0.2);
    EXPECT_EQ(vm.memory_used_mib[1], 910);
    EXPECT_TRUE(vm.movable);
    EXPECT_EQ(vm.anti_affinity, "web");
    EXPECT_EQ(vm.last_moved_seconds_ago, 86400);
    EXPECT_EQ(file.sample_interval_seconds(), 5);
    EXPECT_EQ(pool.minute_of_day, 8U * 60 + 5);
}

TEST(PoolFile, GuestsMayStandBeforeTheHostsThatTheyName) {
    const PoolFile file = pool_file_of(
        R"({"vms":[{"name":"a","host":"h2","memory_mib":1}],
            "hosts":[{"name":"h2","cpu_cores":1,"memory_mib":1},{"name":"h1","cpu_cores":1,"memory_mib":1}],
            "format":"ballast-pool/1"})");
    EXPECT_EQ(file.pool().vms[0].host, 0U);
}

TEST(PoolFile, AbsentIsUpRunningMovableAndWithoutSeries) {
    const PoolFile file = pool_file_of(pool_with("", ""));
    EXPECT_EQ(file.pool().hosts[0].state, HostState::up);
    EXPECT_EQ(file.pool().vms[0].state, VmState::running);
    EXPECT_TRUE(file.pool().vms[0].movable);
    EXPECT_TRUE(file.pool().vms[0].cpu_cores.missing());
    EXPECT_FALSE(file.pool().vms[0].last_moved_seconds_ago.has_value());
    EXPECT_FALSE(file.pool().minute_of_day.has_value());
}

TEST(PoolFile, HostsOfOneSiteHaveItInCommon) {
    const PoolFile file = pool_file_of(
        R"({"format":"ballast-pool/1","vms":[],
            "hosts":[{"name":"h1","cpu_cores":1,"memory_mib":1,"site":"paris"},
                     {"name":"h2","cpu_cores":1,"memory_mib":1,"site":"berlin"},
                     {"name":"h3","cpu_cores":1,"memory_mib":1,"site":"paris"},
                     {"name":"h4","cpu_cores":1,"memory_mib":1,"site":""},
                     {"name":"h5","cpu_cores":1,"memory_mib":1}]})");
    const auto hosts = file.pool().hosts;
    EXPECT_EQ(hosts[0].site, hosts[2].site);
    EXPECT_NE(hosts[0].site, hosts[1].site);
    EXPECT_EQ(hosts[3].site, policy::no_index);
    EXPECT_EQ(hosts[4].site, policy::no_index);
}

TEST(PoolFile, NullIsAsIfTheKeyWereNotThere) {
    const PoolFile file =
        pool_file_of(pool_with(R"(,"net_mbps":null)", R"(,"cpu_cores":null,"movable":null)"));
    EXPECT_EQ(file.pool().hosts[0].net_mbps, 0);
    EXPECT_TRUE(file.pool().vms[0].cpu_cores.missing());
    EXPECT_TRUE(file.pool().vms[0].movable);
}

TEST(PoolFile, ASeriesOfNoLengthIsNotAMissingOne) {
    const PoolFile file = pool_file_of(pool_with("", R"(,"cpu_cores":[])"));
    EXPECT_FALSE(file.pool().vms[0].cpu_cores.missing());
    EXPECT_TRUE(file.pool().vms[0].cpu_cores.empty());
}

TEST(PoolFile, WhatNoMachineMeasuresIsKeptForThePoliciesToJudge) {
    const PoolFile file = pool_file_of(pool_with("", R"(,"cpu_cores":[null,NaN,-1,Infinity,2])"));
    const policy::Series series = file.pool().vms[0].cpu_cores;
    ASSERT_EQ(series.size(), 5U);
    EXPECT_TRUE(std::isnan(series[0]));
    EXPECT_TRUE(std::isnan(series[1]));
    EXPECT_EQ(series[2], -1);
    EXPECT_TRUE(std::isinf(series[3]));
    EXPECT_EQ(series[4], 2);
}

TEST(PoolFile, UnknownKeysAreIgnoredWithAllThatIsInThem) {
    const PoolFile file = pool_file_of(pool_with(R"(,"labels":{"a":[{"b":1},[2]]},"x":[1,"y",null,true])",
                                                 R"(,"z":{"cpu_cores":"no"},"w":3)"));
    EXPECT_EQ(file.pool().vms.size(), 1U);
}

TEST(PoolFile, NamesKeepTheirEscapes) {
    const PoolFile file = pool_file_of(
        R"({"format":"ballast-pool/1","hosts":[{"name":"h\u00e4\"1","cpu_cores":1,"memory_mib":1}],"vms":[]})");
    EXPECT_EQ(file.pool().hosts[0].name, "h\xc3\xa4\"1");
}

struct BadPool {
    const char* name;
    std::string text;
    const char* error;  // pointer | what was expected, its beginning
};

class MalformedPool : public ::testing::TestWithParam<BadPool> {};

TEST_P(MalformedPool, IsRefusedWithThePlaceAndWhatWasExpected) {
    const std::string error = pool_error_of(GetParam().text);
    EXPECT_TRUE(error.starts_with(GetParam().error)) << error;
}

const std::string deep(100, '[');

INSTANTIATE_TEST_SUITE_P(
    Table, MalformedPool,
    ::testing::Values(
        BadPool{"Empty", "", " | expected JSON at line 1, column 1"},
        BadPool{"Cut", R"({"format":"ballast-pool/1","hosts":[{"name")",
                "/hosts/0/name | expected JSON at line 1"},
        BadPool{"NotAnObject", "[]", " | expected an object, found a list"},
        BadPool{"OtherFormat", R"({"format":"ballast-pool/2","hosts":[],"vms":[]})",
                "/format | expected \"ballast-pool/1\", found \"ballast-pool/2\""},
        BadPool{"NoFormat", R"({"hosts":[],"vms":[]})", "/format | expected a string, found nothing"},
        BadPool{"NoHosts", R"({"format":"ballast-pool/1","vms":[]})", "/hosts | expected a list of objects"},
        BadPool{"HostsAnObject", R"({"format":"ballast-pool/1","hosts":{},"vms":[]})",
                "/hosts | expected a list of objects, found an object"},
        BadPool{"HostANumber", R"({"format":"ballast-pool/1","hosts":[7],"vms":[]})",
                "/hosts/0 | expected an object, found a number"},
        BadPool{
            "SecondHostAList",
            R"({"format":"ballast-pool/1","hosts":[{"name":"a","cpu_cores":1,"memory_mib":1},[]],"vms":[]})",
            "/hosts/1 | expected an object, found a list"},
        BadPool{"CoresAString", pool_with(R"(,"cpu_cores":"8")", ""),
                "/hosts/0/cpu_cores | expected this key once"},
        BadPool{"NetAString", pool_with(R"(,"net_mbps":"fast")", ""),
                "/hosts/0/net_mbps | expected a number from 0 to 1000000000, found the string \"fast\""},
        BadPool{"MemoryNegative", pool_with(R"(,"memory_reserved_mib":-1)", ""),
                "/hosts/0/memory_reserved_mib | expected a whole number from 0 to"},
        BadPool{"MemoryBroken", pool_with(R"(,"memory_reserved_mib":0.5)", ""),
                "/hosts/0/memory_reserved_mib | expected a whole number from 0 to 1073741824, found 0.5"},
        BadPool{"CapacityNaN", pool_with(R"(,"disk_mbps":NaN)", ""),
                "/hosts/0/disk_mbps | expected a number from 0"},
        BadPool{"StateOfNoHost", pool_with(R"(,"state":"asleep")", ""),
                "/hosts/0/state | expected one of up, suspect, down, draining, cordoned, found \"asleep\""},
        BadPool{"SeriesANumber", pool_with("", R"(,"cpu_cores":1)"),
                "/vms/0/cpu_cores | expected a list of numbers, oldest first, found a number"},
        BadPool{"SampleAString", pool_with("", R"(,"cpu_cores":[1,2,"3"])"),
                "/vms/0/cpu_cores/2 | expected a number or null, found the string \"3\""},
        BadPool{"SampleAList", pool_with(R"(,"dom0_cpu_cores":[[1]])", ""),
                "/hosts/0/dom0_cpu_cores/0 | expected a number or null, found a list"},
        BadPool{"MovableANumber", pool_with("", R"(,"movable":1)"),
                "/vms/0/movable | expected true or false"},
        BadPool{"NameTrue", R"({"format":"ballast-pool/1","hosts":[{"name":true}],"vms":[]})",
                "/hosts/0/name | expected a string, found true"},
        BadPool{"NameEmpty", R"({"format":"ballast-pool/1","hosts":[{"name":""}],"vms":[]})",
                "/hosts/0/name | expected a name"},
        BadPool{"NoMemory", R"({"format":"ballast-pool/1","hosts":[{"name":"a","cpu_cores":1}],"vms":[]})",
                "/hosts/0/memory_mib | expected a whole number"},
        BadPool{"UnknownHost",
                R"({"format":"ballast-pool/1","hosts":[],"vms":[{"name":"a","host":"h9","memory_mib":1}]})",
                "/vms/0/host | expected the name of a host of this file, found \"h9\""},
        BadPool{"HostTwice",
                R"({"format":"ballast-pool/1","hosts":[{"name":"a","cpu_cores":1,"memory_mib":1},)"
                R"({"name":"a","cpu_cores":1,"memory_mib":1}],"vms":[]})",
                "/hosts/1/name | expected a name of its own"},
        BadPool{"UpWithoutCores",
                R"({"format":"ballast-pool/1","hosts":[{"name":"a","cpu_cores":0,"memory_mib":1}],"vms":[]})",
                "/hosts/0/cpu_cores | expected more than 0 cores"},
        BadPool{"NestedTooDeeply", R"({"format":"ballast-pool/1","x":)" + deep, "/x | expected less nesting"},
        BadPool{"SlashInAKey", R"({"a/b~c":nope})", "/a~1b~0c | expected JSON"},
        BadPool{"NotUtf8", "{\"format\":\"\xff\"}", "/format | expected JSON"},
        BadPool{"ZeroByte", std::string{"{\"format\":\"ballast-pool/1\",\"hosts\":[],\"vms\":[]}\0x", 49},
                " | expected JSON, found a zero byte"},
        BadPool{"TwoDocuments", R"({"format":"ballast-pool/1","hosts":[],"vms":[]}{})",
                " | expected JSON at line 1"}),
    [](const auto& bad) { return std::string{bad.param.name}; });

}  // namespace
}  // namespace ballast::cli::offline
