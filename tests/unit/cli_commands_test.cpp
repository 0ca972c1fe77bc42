#include "cli/commands.hpp"

#include <gtest/gtest.h>

#include <set>

#include "cli/completion.hpp"
#include "cli/help.hpp"
#include "cli/man.hpp"
#include "cli/parse.hpp"

namespace ballast::cli {
namespace {

TEST(CliCommands, EveryCommandIsDocumentedInOneLineAndInFull) {
    std::set<std::string_view> paths;
    for (const Command* command : all_commands()) {
        EXPECT_TRUE(paths.insert(command->path).second) << command->path << " is there twice";
        EXPECT_FALSE(command->summary.empty()) << command->path;
        EXPECT_FALSE(command->summary.ends_with('.')) << command->path;
        const std::string help = help_for(*command);
        EXPECT_EQ(help.find("usage: ballast " + std::string{command->path}), 0U);
        EXPECT_NE(help.find(command->summary), std::string::npos);
    }
    EXPECT_GE(paths.size(), 5U);
}

TEST(CliCommands, EveryCommandHasAPageOfTheManual) {
    std::string all;
    for (const ManPage& page : man_pages()) {
        all += page.text;
    }
    for (const Command* command : all_commands()) {
        std::string path{command->path};  // as roff has it
        for (std::size_t at = path.find('-'); at != std::string::npos; at = path.find('-', at + 2)) {
            path.insert(at, 1, '\\');
        }
        EXPECT_NE(all.find(".SS \"ballast " + path), std::string::npos) << command->path;
    }
}

TEST(CliCommands, AWrongWordIsNamedWithItsNearestNeighbour) {
    Context context;
    const Parsed parsed = parse({"versoin"}, context);
    EXPECT_EQ(parsed.what, Parsed::What::wrong);
    EXPECT_EQ(parsed.error, "no command versoin; did you mean: ballast version");
}

TEST(CliCommands, WordsOutsideTheAllowedOnesAreWrong) {
    Context context;
    EXPECT_EQ(parse({"completion", "bash"}, context).what, Parsed::What::run);
    const Parsed parsed = parse({"completion", "ksh"}, context);
    EXPECT_EQ(parsed.what, Parsed::What::wrong);
    EXPECT_NE(parsed.error.find("ksh"), std::string::npos) << parsed.error;
}

TEST(CliCommands, AnObjectMayHaveTheNameOfACommand) {
    Context context;
    const Parsed parsed = parse({"vm", "pause", "status", "vm"}, context);
    ASSERT_EQ(parsed.what, Parsed::What::run) << parsed.error;
    EXPECT_EQ(parsed.command->path, "vm pause");
    EXPECT_EQ(parse({"help", "help"}, context).words, "help");
}

TEST(CliCommands, ACommandBelowAnotherNeedsNothingOfWhatThatOneNeeds) {
    Context context;
    const Parsed show = parse({"plan", "show", "1"}, context);
    ASSERT_EQ(show.what, Parsed::What::run) << show.error;
    EXPECT_EQ(show.command->path, "plan show");
    const Parsed plan = parse({"plan"}, context);
    EXPECT_EQ(plan.what, Parsed::What::wrong);
    EXPECT_EQ(plan.error, "--pool is required");
    EXPECT_EQ(parse({"plan", "--pool", "pool.json"}, context).what, Parsed::What::run);
}

TEST(CliCommands, SharedOptionsGoBeforeAndAfterTheCommand) {
    for (const std::vector<std::string>& line : {std::vector<std::string>{"-o", "json", "version"},
                                                 std::vector<std::string>{"version", "-o", "json"}}) {
        Context context;
        EXPECT_EQ(parse(line, context).what, Parsed::What::run);
        EXPECT_EQ(context.output.format, "json");
    }
}

TEST(CliCompletion, OffersCommandsValuesAndOptions) {
    const auto words = [](std::vector<std::string> typed) { return complete(typed).words; };
    EXPECT_EQ(words({"compl"}), (std::vector<std::string>{"completion", "complete"}));
    EXPECT_EQ(words({"completion", ""}), std::vector<std::string>{"bash"});
    EXPECT_EQ(words({"version", "--no-h"}), std::vector<std::string>{"--no-headers"});
    EXPECT_EQ(words({"version", "-o", "nd"}), std::vector<std::string>{"ndjson"});
    EXPECT_EQ(complete(std::vector<std::string>{"man", ""}).objects, Completes::folders);
}

}  // namespace
}  // namespace ballast::cli
