// Every rule has words for people, whatever its figures.
#include "policy/rule_words.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace ballast::policy {
namespace {

TEST(PolicyRuleWords, EveryRuleSaysWhyInASentenceAndInAPhrase) {
    for (std::size_t i = 0; i < constraint_count; ++i) {
        const auto rule = static_cast<Constraint>(i);
        const std::string_view word = to_string(rule);
        EXPECT_EQ(rule_of_word(word), rule);
        const std::string phrase{rule_phrase(rule)};
        EXPECT_NE(phrase.find(' '), std::string::npos) << word;
        EXPECT_EQ(phrase.find_first_of("{}_"), std::string::npos) << phrase;
        for (const Subject subject : {Subject::guest, Subject::travelling_guest, Subject::host}) {
            for (const double figure : {0.0, 1.0, 0.8123, 1e9, -1.0, double{INFINITY}}) {
                const std::string sentence{rule_sentence(rule, figure, figure, subject).view()};
                EXPECT_NE(sentence.find(' '), std::string::npos) << word;
                EXPECT_EQ(sentence.find_first_of("{}_"), std::string::npos) << sentence;
                EXPECT_LT(sentence.size(), RuleSentence::capacity()) << sentence << " may be cut";
            }
        }
    }
    EXPECT_EQ(rule_of_word("being_created"), std::nullopt);
}

TEST(PolicyRuleWords, FiguresAreInTheSentenceAsPeopleWriteThem) {
    EXPECT_EQ(rule_sentence(Constraint::destination_memory, 5120, 4096),
              "the destination would hold 5120 MiB of guests, and may hold 4096");
    EXPECT_EQ(rule_sentence(Constraint::destination_cpu, 0.8123, 0.8),
              "the destination's CPU would be at 81.2%, and may be at 80.0%");
    EXPECT_EQ(rule_sentence(Constraint::gain_too_small, NAN, 0.25),
              "no move of it was found that pays; one would cost 0.250");
}

TEST(PolicyRuleWords, AHostIsNotSaidToHaveAHost) {
    EXPECT_EQ(rule_sentence(Constraint::too_few_samples, 2, 5), "its host has too few samples yet: 2 of 5");
    EXPECT_EQ(rule_sentence(Constraint::too_few_samples, 2, 5, Subject::host),
              "it has too few samples yet: 2 of 5");
    EXPECT_EQ(rule_sentence(Constraint::host_state, 0, 1, subject_of(true, true)),
              "the destination is not up");
    EXPECT_EQ(rule_sentence(Constraint::no_relief, 0.9, 0.8, subject_of(true, true)),
              "its host would still be at 90.0% of at most 80.0%");
}

}  // namespace
}  // namespace ballast::policy
