#include "shell/config.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace ballast {
namespace {

using Lines = std::vector<std::string>;

// What is wrong with a file when it is read as an agent's would be.
Lines errors_of(std::string_view text) {
    const auto config = Config::from_text(text, "agent.toml");
    config->integer("controller.port", 8500, 1, 65535);
    config->text("controller.address", "", 20);
    config->number("load.critical", 0.8, 0.5, 1);
    config->integer("sample_interval", 5, 1, 60, "seconds");
    config->flag("verbose", false);
    config->choice("mode", {"live", "stop_and_copy", "automatic"}, 2);
    config->texts("images.directories", 2, 10);
    config->finish();
    EXPECT_EQ(config->ok(), config->errors().empty());
    return config->errors();
}

TEST(ShellConfig, ReadsEveryKindOfValue) {
    const auto config = Config::from_text(
        "sample_interval = 10\nverbose = true\nmode = 'live'\n"
        "[controller]\nport = 9000\naddress = \"10.0.0.1\"\n"
        "[load]\ncritical = 0.75\nwhole = 1\n"
        "[images]\ndirectories = ['/a', '/b']\n",
        "x");
    EXPECT_EQ(config->integer("sample_interval", 5, 1, 60), 10);
    EXPECT_TRUE(config->flag("verbose", false));
    EXPECT_EQ(config->choice("mode", {"live", "automatic"}, 1), 0U);
    EXPECT_EQ(config->integer("controller.port", 1, 1, 65535), 9000);
    EXPECT_EQ(config->text("controller.address", ""), "10.0.0.1");
    EXPECT_DOUBLE_EQ(config->number("load.critical", 0, 0, 1), 0.75);
    EXPECT_DOUBLE_EQ(config->number("load.whole", 0, 0, 1), 1);
    EXPECT_EQ(config->texts("images.directories", 8), (Lines{"/a", "/b"}));
    EXPECT_TRUE(config->has("load"));
    EXPECT_FALSE(config->has("load.minimum"));
    config->finish();
    EXPECT_TRUE(config->ok()) << config->errors().front();
}

TEST(ShellConfig, FallsBackWhereTheFileSaysNothing) {
    const auto config = Config::from_text("", "x");
    EXPECT_EQ(config->integer("a.b", 5, 1, 60), 5);
    EXPECT_EQ(config->choice("c", {"live", "automatic"}, 1), 1U);
    EXPECT_EQ(config->text("d", "default"), "default");
    EXPECT_TRUE(config->flag("e", true));
    EXPECT_DOUBLE_EQ(config->number("f", 0.5, 0, 1), 0.5);
    EXPECT_TRUE(config->texts("g", 8).empty());
    config->finish();
    EXPECT_TRUE(config->ok());
}

TEST(ShellConfig, SaysWhereWhatAndWhatWasExpected) {
    const struct {
        std::string_view text;
        Lines expected;
    } rows[]{
        {"[controller]\n\nport = \"x\"",
         {"agent.toml:3: controller.port: expected an integer from 1 to 65535, found \"x\""}},
        {"[controller]\nport = 0",
         {"agent.toml:2: controller.port: expected an integer from 1 to 65535, found 0"}},
        {"[controller]\nport = 65536",
         {"agent.toml:2: controller.port: expected an integer from 1 to 65535, found 65536"}},
        {"controller.port = 1.5",
         {"agent.toml:1: controller.port: expected an integer from 1 to 65535, found 1.5"}},
        {"sample_interval = 61",
         {"agent.toml:1: sample_interval: expected an integer from 1 to 60 seconds, found 61"}},
        {"[load]\ncritical = 1.01",
         {"agent.toml:2: load.critical: expected a number from 0.5 to 1, found 1.01"}},
        {"[load]\ncritical = nan",
         {"agent.toml:2: load.critical: expected a number from 0.5 to 1, found nan"}},
        {"verbose = 'yes'", {"agent.toml:1: verbose: expected true or false, found \"yes\""}},
        {"mode = 'dead'",
         {"agent.toml:1: mode: expected \"live\", \"stop_and_copy\" or \"automatic\", found \"dead\""}},
        {"mode = 3", {"agent.toml:1: mode: expected \"live\", \"stop_and_copy\" or \"automatic\", found 3"}},
        {"[controller]\naddress = 'a name of more than 20 bytes'",
         {"agent.toml:2: controller.address: expected text of at most 20 bytes on one line, found "
          "\"a name of more than 20 bytes\""}},
        {"[controller]\naddress = \"a\\nb\"",
         {"agent.toml:2: controller.address: expected text of at most 20 bytes on one line, found "
          "\"a\\x0ab\""}},
        {"[controller]\naddress = 2026-11-21",
         {"agent.toml:2: controller.address: expected text of at most 20 bytes on one line, found a date or "
          "time"}},
        {"[images]\ndirectories = '/a'",
         {"agent.toml:2: images.directories: expected an array of at most 2 texts, found \"/a\""}},
        {"[images]\ndirectories = ['/a', '/b', '/c']",
         {"agent.toml:2: images.directories: expected an array of at most 2 texts, found an array"}},
        {"[images]\ndirectories = ['/a',\n7]",
         {"agent.toml:3: images.directories: expected each to be text of at most 10 bytes on one line, found "
          "7"}},
        {"controller = 'box'", {"agent.toml:1: controller: expected a table, found \"box\""}},
        {"[verbose]\nx = 1", {"agent.toml:1: verbose: expected true or false, found a table"}},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(errors_of(row.text), row.expected) << row.text;
    }
}

TEST(ShellConfig, ReadsArraysOfTables) {
    const auto config = Config::from_text(
        "[[sites]]\nname = 'a'\n[[sites]]\nname = 7\nnmae = 'b'\n[links]\nx = 1\n[[more]]\n[[more]]\n",
        "c.toml");
    ASSERT_EQ(config->tables("sites", 4), 2U);
    EXPECT_EQ(config->text("sites[0].name", ""), "a");
    EXPECT_TRUE(config->has("sites[1].nmae"));
    EXPECT_FALSE(config->has("sites[2].name"));
    EXPECT_EQ(config->text("sites[1].name", "none"), "none");
    EXPECT_EQ(config->tables("links", 4), 0U);
    EXPECT_EQ(config->tables("more", 1), 0U);
    EXPECT_EQ(config->tables("absent", 4), 0U);
    config->finish();
    EXPECT_EQ(
        config->errors(),
        (Lines{"c.toml:4: sites[1].name: expected text of at most 255 bytes on one line, found 7",
               "c.toml:5: sites[1].nmae: unknown key, did you mean \"sites[1].name\"?",
               "c.toml:6: links: expected at most 4 tables, each below a line [[links]], found a table",
               "c.toml:8: more: expected at most 1 tables, each below a line [[more]], found an array"}));
}

TEST(ShellConfig, RefusesWhatItDoesNotKnowAndGuessesWhatWasMeant) {
    const struct {
        std::string_view text;
        Lines expected;
    } rows[]{
        {"[controller]\nprot = 1",
         {"agent.toml:2: controller.prot: unknown key, did you mean \"controller.port\"?"}},
        {"port = 1", {"agent.toml:1: port: unknown key, did you mean \"controller.port\"?"}},
        {"sample_intervall = 5",
         {"agent.toml:1: sample_intervall: unknown key, did you mean \"sample_interval\"?"}},
        {"quantum_flux = 5", {"agent.toml:1: quantum_flux: unknown key"}},
        {"[controler]\nport = 1", {"agent.toml:1: controler: unknown table, did you mean \"controller\"?"}},
        {"[[pools]]\nname = 'x'", {"agent.toml:1: pools: unknown key"}},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(errors_of(row.text), row.expected) << row.text;
    }
}

TEST(ShellConfig, ShowsAllErrorsAtOnceInTheOrderOfTheFile) {
    EXPECT_EQ(errors_of("verbose = 1\nwrong = 2\nmode = 3\n[controller]\nport = 4.5\n").size(), 4U);
    const Lines errors = errors_of("verbose = 1\nwrong = 2\nmode = 3\n");
    ASSERT_EQ(errors.size(), 3U);
    EXPECT_EQ(errors[0].substr(0, 13), "agent.toml:1:");
    EXPECT_EQ(errors[1].substr(0, 13), "agent.toml:2:");
    EXPECT_EQ(errors[2].substr(0, 13), "agent.toml:3:");
}

TEST(ShellConfig, SaysWhereTheSyntaxIsWrongAndNothingElse) {
    const Lines errors = errors_of("verbose = true\nwrong = \n");
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].substr(0, 13), "agent.toml:2:") << errors[0];
}

// The parser's own assumptions about what begins a key do not hold.
TEST(ShellConfig, SurvivesAnythingWhereAKeyShouldBegin) {
    EXPECT_TRUE(errors_of("# gr\xc3\xb6\xc3\x9f"
                          "e\nverbose = true\n")
                    .empty());
    EXPECT_EQ(errors_of("\xcc\xb4").size(), 1U);
    EXPECT_EQ(errors_of("[:[").size(), 1U);
    EXPECT_EQ(errors_of("verbose = true\xc3\xbc").size(), 1U);
}

TEST(ShellConfig, TakesRulesBetweenKeys) {
    const auto config = Config::from_text("low = 5\nhigh = 3\n", "x.toml");
    const auto low = config->integer("low", 0, 0, 10);
    if (config->integer("high", 0, 0, 10) <= low) {
        config->reject("high", "more than low");
    }
    config->reject("missing", "a file name");
    config->finish();
    EXPECT_EQ(config->errors(), (Lines{"x.toml: missing: expected a file name, found nothing",
                                       "x.toml:2: high: expected more than low, found 3"}));
}

TEST(ShellConfig, ReadsAFileAndSaysWhenItCannot) {
    const auto missing = Config::from_file("/nowhere/agent.toml");
    missing->finish();
    EXPECT_EQ(missing->errors(), (Lines{"/nowhere/agent.toml: cannot open: No such file or directory"}));
    EXPECT_EQ(missing->integer("a", 3, 1, 5), 3);

    const std::string path =
        std::filesystem::temp_directory_path() / ("config-test-" + std::to_string(::getpid()));
    std::ofstream{path} << "a = 4\n";
    const auto config = Config::from_file(path);
    std::filesystem::remove(path);
    EXPECT_EQ(config->integer("a", 3, 1, 5), 4);
    EXPECT_TRUE(config->ok());
}

}  // namespace
}  // namespace ballast
