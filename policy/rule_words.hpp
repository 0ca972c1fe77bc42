// What each rule that kept a guest or host as it is says to people. Programs read the rule's word
// (to_string).
#pragma once

#include <optional>
#include <string_view>

#include "base/fixed_string.hpp"
#include "policy/plan.hpp"

namespace ballast::policy {

// Of whom a sentence speaks: of a guest where it is, of one that would go to some destination, of a host.
enum class Subject : std::uint8_t { guest, travelling_guest, host };
constexpr Subject subject_of(bool names_guest, bool names_destination) noexcept {
    return !names_guest ? Subject::host : names_destination ? Subject::travelling_guest : Subject::guest;
}

// Without figures, for lists of rules: "the destination would have too little memory".
std::string_view rule_phrase(Constraint rule) noexcept;

// "the destination would hold 5120 MiB of guests, and may hold 4096". `have` and `limit` are the rule's
// (plan.hpp says of what).
using RuleSentence = FixedString<200>;
RuleSentence rule_sentence(Constraint rule, double have, double limit,
                           Subject subject = Subject::guest) noexcept;

// The rule with this word; nothing when there is none.
std::optional<Constraint> rule_of_word(std::string_view word) noexcept;

}  // namespace ballast::policy
