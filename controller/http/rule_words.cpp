#include "controller/http/rule_words.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace ballast::controller::http {

using policy::Constraint;

namespace {

struct RuleText {
    Constraint rule;
    std::string_view text;  // {0}: have, {1}: limit
    double factor = 1;      // of both: 100 for shares, which are shown in percent
};

constexpr std::array rule_texts{
    RuleText{Constraint::destination_memory,
             "the destination would hold {0:.0f} MiB of guests, and may hold {1:.0f}"},
    RuleText{Constraint::destination_cpu,
             "the destination's CPU would be at {0:.1f}%, and may be at {1:.1f}%", 100},
    RuleText{Constraint::destination_in_flight,
             "{0:.0f} guests would move to the destination at once, and {1:.0f} may"},
    RuleText{Constraint::source_in_flight,
             "{0:.0f} guests would move from its host at once, and {1:.0f} may"},
    RuleText{Constraint::cool_down, "it moved {0:.0f} s ago, and is left alone for {1:.0f} s"},
    RuleText{Constraint::no_destination, "no other host is up"},
    RuleText{Constraint::moves_max, "it would be move {0:.0f}, and {1:.0f} were asked for"},
    RuleText{Constraint::host_state, "its host is not up"},
    RuleText{Constraint::vm_state, "it is not running, or has an operation under way"},
    RuleText{Constraint::capability, "the destination cannot run guests of its type"},
    RuleText{Constraint::too_few_samples, "its host has {0:.0f} samples, and {1:.0f} are needed"},
    RuleText{Constraint::not_overloaded, "its host is not overloaded: {0:.1f}% of at most {1:.1f}%", 100},
    RuleText{Constraint::not_selected, "others were taken first"},
    RuleText{Constraint::not_movable, "its operator, or the configuration, keeps it where it is"},
    RuleText{Constraint::destination_net,
             "the destination's network would be at {0:.1f}%, and may be at {1:.1f}%", 100},
    RuleText{Constraint::destination_memory_used,
             "the destination's memory in use would be at {0:.1f}%, and may be at {1:.1f}%", 100},
    RuleText{Constraint::destination_disk,
             "the destination's disk would be at {0:.1f}%, and may be at {1:.1f}%", 100},
    RuleText{Constraint::destination_busier,
             "the destination would be busier ({0:.3f}) than its host is now ({1:.3f})"},
    RuleText{Constraint::no_relief, "its host would still be at {0:.1f}% of at most {1:.1f}%", 100},
    RuleText{Constraint::not_sustained,
             "{0:.0f} of the last samples are above the threshold, and it takes {1:.0f}"},
    RuleText{Constraint::not_predicted, "{0:.1f}% is predicted, below the threshold of {1:.1f}%", 100},
    RuleText{Constraint::no_swap, "neither a move nor a swap helps; {0:.0f} guests were tried"},
    RuleText{Constraint::moved_already, "it moves once in a plan"},
    RuleText{Constraint::anti_affinity, "a guest of its anti-affinity group runs on the destination"},
    RuleText{Constraint::ping_pong,
             "it came from there {0:.0f} s ago, and does not go back within {1:.0f} s"},
    RuleText{Constraint::gain_too_small, "the best move would save {0:.3f} and cost {1:.3f}"},
    RuleText{Constraint::spare_host, "{0:.0f} guests of the largest host would find no room if that failed"},
    RuleText{Constraint::outside_window, "guests are not moved at this time of the day"},
    RuleText{
        Constraint::no_way,
        "a place was found, but no order of moves in which memory suffices: it takes {0:.0f} MiB, and no "
        "host has "
        "more than {1:.0f} free"},
    RuleText{Constraint::site_link, "no link is configured between its site and the guest's"},
    RuleText{Constraint::takes_no_images, "it has no directory for disk images"},
    RuleText{Constraint::slower, "the guest would be there in {0:.1f} s, and elsewhere in {1:.1f} s"},
    RuleText{Constraint::other_site,
             "its disks are not to be had on the destination, which is of another site"},
};

// Row n is that of the rule with the number n.
constexpr bool rule_texts_in_order() noexcept {
    for (std::size_t i = 0; i < rule_texts.size(); ++i) {
        if (static_cast<std::size_t>(rule_texts[i].rule) != i) {
            return false;
        }
    }
    return rule_texts.size() == policy::constraint_count;
}
static_assert(rule_texts_in_order());

}  // namespace

std::string rule_sentence(Constraint rule, double have, double limit) {
    if (std::isnan(have)) {
        return fmt::format("no move of it was found that pays; one would cost {:.3f}", limit);
    }
    const RuleText& words = rule_texts[static_cast<std::size_t>(rule)];
    return fmt::format(fmt::runtime(words.text), have * words.factor, limit * words.factor);
}

}  // namespace ballast::controller::http
