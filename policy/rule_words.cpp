#include "policy/rule_words.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/compose.hpp"

namespace ballast::policy {

namespace {

struct RuleText {
    Constraint rule;
    std::string_view phrase;
    std::string_view sentence;  // with {have}, {limit}, {host}: of the guest, {place}: that is spoken of;
                                // empty: the phrase
    int places = 0;             // decimals of the figures
    double factor = 1;          // of both: 100 for shares, which are shown in percent
};

constexpr std::array rule_texts{
    RuleText{Constraint::destination_memory, "the destination has too little memory",
             "the destination would hold {have} MiB of guests, and may hold {limit}"},
    RuleText{Constraint::destination_cpu, "the destination's CPU would be too busy",
             "the destination's CPU would be at {have}%, and may be at {limit}%", 1, 100},
    RuleText{Constraint::destination_in_flight, "too many guests would move to the destination at once",
             "{have} guests would move to the destination at once, and {limit} may"},
    RuleText{Constraint::source_in_flight, "too many guests would move from its host at once",
             "{have} guests would move from {host} at once, and {limit} may"},
    RuleText{Constraint::cool_down, "it has just moved or started",
             "it moved {have} s ago, and is left alone for {limit} s"},
    RuleText{Constraint::no_destination, "no other host is up", ""},
    RuleText{Constraint::moves_max, "the plan has as many moves as it may",
             "it would be move {have}, and {limit} were asked for"},
    RuleText{Constraint::host_state, "its host is not up", "{place} is not up"},
    RuleText{Constraint::vm_state, "it is not running, or has an operation under way", ""},
    RuleText{Constraint::capability, "the destination cannot run guests of its type", ""},
    RuleText{Constraint::too_few_samples, "its host has too few samples yet",
             "{place} has too few samples yet: {have} of {limit}"},
    RuleText{Constraint::not_overloaded, "its host is not overloaded",
             "{host} is not overloaded: {have}% of at most {limit}%", 1, 100},
    RuleText{Constraint::not_selected, "others were taken first", ""},
    RuleText{Constraint::not_movable, "its operator, or the configuration, keeps it where it is", ""},
    RuleText{Constraint::destination_net, "the destination's network would be too busy",
             "the destination's network would be at {have}%, and may be at {limit}%", 1, 100},
    RuleText{Constraint::destination_memory_used, "too much of the destination's memory would be in use",
             "the destination's memory in use would be at {have}%, and may be at {limit}%", 1, 100},
    RuleText{Constraint::destination_disk, "the destination's disk would be too busy",
             "the destination's disk would be at {have}%, and may be at {limit}%", 1, 100},
    RuleText{Constraint::destination_busier, "the destination would be busier than its host is now",
             "the destination would be busier ({have}) than its host is now ({limit})", 3},
    RuleText{Constraint::no_relief, "its host would still be overloaded",
             "{host} would still be at {have}% of at most {limit}%", 1, 100},
    RuleText{Constraint::not_sustained, "its host has not been overloaded for long",
             "{have} of the last samples are above the threshold, and it takes {limit}"},
    RuleText{Constraint::not_predicted, "its host is not expected to stay overloaded",
             "{have}% is predicted, below the threshold of {limit}%", 1, 100},
    RuleText{Constraint::no_swap, "neither a move nor a swap helps",
             "neither a move nor a swap helps; {have} guests were tried"},
    RuleText{Constraint::moved_already, "it moves once in a plan", ""},
    RuleText{Constraint::anti_affinity, "a guest of its anti-affinity group runs on the destination", ""},
    RuleText{Constraint::ping_pong, "it has come from there",
             "it came from there {have} s ago, and does not go back within {limit} s"},
    RuleText{Constraint::gain_too_small, "no move of it saves what it costs",
             "the best move would save {have} and cost {limit}", 3},
    RuleText{Constraint::spare_host, "guests of a host that fails would find no room",
             "{have} guests of the largest host would find no room if that failed"},
    RuleText{Constraint::outside_window, "guests are not moved at this time of the day", ""},
    RuleText{Constraint::no_way, "a place was found, but no order of moves in which memory suffices",
             "a place was found, but no order of moves in which memory suffices: it takes {have} MiB, and no "
             "host has more than {limit} free"},
    RuleText{Constraint::site_link, "no link is configured between its site and the guest's", ""},
    RuleText{Constraint::takes_no_images, "it has no directory for disk images", ""},
    RuleText{Constraint::slower, "the guest would be elsewhere sooner",
             "the guest would be there in {have} s, and elsewhere in {limit} s", 1},
    RuleText{Constraint::other_site,
             "its disks are not to be had on the destination, which is of another site", ""},
};

// Row n is that of the rule with the number n.
constexpr bool rule_texts_in_order() noexcept {
    for (std::size_t i = 0; i < rule_texts.size(); ++i) {
        if (static_cast<std::size_t>(rule_texts[i].rule) != i) {
            return false;
        }
    }
    return rule_texts.size() == constraint_count;
}
static_assert(rule_texts_in_order(), "a rule without words, or with those of another");

}  // namespace

std::string_view rule_phrase(Constraint rule) noexcept {
    return rule_texts[static_cast<std::size_t>(rule)].phrase;
}

RuleSentence rule_sentence(Constraint rule, double have, double limit, Subject subject) noexcept {
    if (std::isnan(have)) {
        return compose<RuleSentence::capacity()>("no move of it was found that pays; one would cost ",
                                                 Decimals{limit, 3});
    }
    const RuleText& words = rule_texts[static_cast<std::size_t>(rule)];
    std::string_view rest = words.sentence.empty() ? words.phrase : words.sentence;
    RuleSentence out;
    while (!rest.empty()) {
        const std::size_t begin = std::min(rest.find('{'), rest.size());
        out.append_cut(rest.substr(0, begin));
        rest.remove_prefix(begin);
        if (rest.empty()) {
            break;
        }
        const std::size_t end = rest.find('}');
        const std::string_view name = rest.substr(1, end - 1);
        if (name == "host" || name == "place") {
            out.append_cut(subject == Subject::host                                  ? "it"
                           : subject == Subject::travelling_guest && name == "place" ? "the destination"
                                                                                     : "its host");
        } else {
            const double figure = (name == "have" ? have : limit) * words.factor;
            out.append_cut(compose<48>(Decimals{figure, words.places}).view());
        }
        rest.remove_prefix(end + 1);
    }
    return out;
}

std::optional<Constraint> rule_of_word(std::string_view word) noexcept {
    for (const RuleText& words : rule_texts) {
        if (to_string(words.rule) == word) {
            return words.rule;
        }
    }
    return std::nullopt;
}

}  // namespace ballast::policy
