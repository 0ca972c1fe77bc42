#include "controller/core/sites.hpp"

#include <gtest/gtest.h>

#include "controller/config_sites.hpp"

namespace ballast::controller {
namespace {

SiteMap read(std::string_view text, std::vector<std::string>& errors) {
    const auto file = Config::from_text(text, "c.toml");
    SiteMap sites;
    read_sites(*file, sites);
    file->finish();
    errors = file->errors();
    return sites;
}

constexpr std::string_view two_sites =
    "[[sites]]\nname = 'berlin'\nhosts = ['b-*', 'h9']\n"
    "[[sites]]\nname = 'paris'\nhosts = ['b-p*', 'h*']\n";

TEST(ControllerSites, AHostBelongsToTheEntryThatFitsItBest) {
    std::vector<std::string> errors;
    const SiteMap sites = read(two_sites, errors);
    ASSERT_EQ(errors, std::vector<std::string>{});
    const auto site = [&](std::string_view host) { return site_name(sites, site_of(sites, host)); };
    EXPECT_EQ(site("b-1"), "berlin");
    EXPECT_EQ(site("b-p1"), "paris");
    EXPECT_EQ(site("h9"), "berlin");
    EXPECT_EQ(site("h91"), "paris");
    EXPECT_EQ(site("x"), "");
    EXPECT_EQ(site("b"), "");
}

TEST(ControllerSites, ALinkGoesBothWaysAndTheLocalNetworkHasNoLimit) {
    std::vector<std::string> errors;
    const SiteMap sites =
        read(std::string{two_sites} +
                 "[[sites]]\nname = 'oslo'\nhosts = ['o']\n"
                 "[[links]]\nbetween = ['paris', 'berlin']\nbandwidth_mbps = 50\nlatency_ms = 40\n",
             errors);
    ASSERT_EQ(errors, std::vector<std::string>{});
    ASSERT_TRUE(link_between(sites, 0, 1).has_value());
    EXPECT_EQ(link_between(sites, 0, 1)->bandwidth_mbps, 50U);
    EXPECT_EQ(link_between(sites, 1, 0)->latency_ms, 40U);
    EXPECT_EQ(link_between(sites, 1, 1)->bandwidth_mbps, 0U);
    EXPECT_EQ(link_between(sites, no_site, no_site)->latency_ms, 0U);
    EXPECT_FALSE(link_between(sites, 0, 2).has_value());
    EXPECT_FALSE(link_between(sites, 0, no_site).has_value());
}

TEST(ControllerSites, MistakesAreToldWithLineKeyAndWhatWasExpected) {
    const struct {
        std::string text;
        std::string error;
    } rows[]{
        {"[[sites]]\nhosts = ['a']", "c.toml: sites[0].name: expected a name of letters, digits and ._-"},
        {"[[sites]]\nname = 'a'",
         "c.toml: sites[0].hosts: expected names of hosts, or beginnings of names with a * behind them: "
         "[\"paris-*\"], found nothing"},
        {"[[sites]]\nname = 'a'\nhosts = 'b'",
         "c.toml:3: sites[0].hosts: expected an array of at most 128 texts, found \"b\""},
        {"[[sites]]\nname = 'a'\nhosts = ['b*c']",
         "c.toml:3: sites[0].hosts: expected names of hosts, or beginnings of names with a * behind them, "
         "not "
         "\"b*c\""},
        {"[[sites]]\nname = 'a'\nhosts = ['h']\n[[sites]]\nname = 'a'\nhosts = ['i']",
         "c.toml:5: sites[1].name: expected a name that no other site has"},
        {"[[sites]]\nname = 'a'\nhosts = ['h']\n[[sites]]\nname = 'b'\nhosts = ['h']",
         "c.toml:6: sites[1].hosts: expected no entry of another site: \"h\" is in a"},
        {std::string{two_sites} + "[[links]]\nbetween = ['berlin']\nbandwidth_mbps = 5",
         "c.toml:8: links[0].between: expected the names of two sites"},
        {std::string{two_sites} + "[[links]]\nbetween = ['berlin', 'rome']\nbandwidth_mbps = 5",
         "c.toml:8: links[0].between: expected names of [[sites]]; there is no \"rome\""},
        {std::string{two_sites} + "[[links]]\nbetween = ['berlin', 'paris']",
         "c.toml: links[0].bandwidth_mbps: expected what the link carries"},
        {std::string{two_sites} + "[[links]]\nbetween = ['berlin', 'paris']\nbandwidth_mbps = 0",
         "c.toml:9: links[0].bandwidth_mbps: expected an integer from 1 to 1000000 megabit per second, found "
         "0"},
        {std::string{two_sites} + "[[links]]\nbetween = ['berlin', 'paris']\nbandwidth_mbps = 5\n"
                                  "[[links]]\nbetween = ['paris', 'berlin']\nbandwidth_mbps = 5",
         "c.toml:11: links[1].between: expected two sites that no link before has"},
    };
    for (const auto& row : rows) {
        std::vector<std::string> errors;
        read(row.text, errors);
        ASSERT_EQ(errors.size(), 1U) << row.text;
        EXPECT_EQ(errors[0].substr(0, row.error.size()), row.error) << row.text;
    }
}

}  // namespace
}  // namespace ballast::controller
