#include "cli/online/anonymous.hpp"

#include <algorithm>
#include <array>

namespace ballast::cli {

namespace {

struct Named {
    std::string_view member;
    std::string_view word;
};

// Members whose text is a name.
constexpr std::array named_members{
    Named{"host", "host"},   Named{"from", "host"}, Named{"to", "host"},   Named{"came_from", "host"},
    Named{"source", "host"}, Named{"vm", "vm"},     Named{"with", "vm"},   Named{"chosen", "host"},
    Named{"site", "site"},   Named{"pool", "pool"}, Named{"user", "user"}, Named{"anti_affinity", "group"},
};
// Lists of things with a `name`.
constexpr std::array named_lists{Named{"hosts", "host"}, Named{"vms", "vm"}};

// Words of ours, also where somebody goes by one of them.
constexpr std::array our_words{"state",       "kind",    "format", "policy", "constraint",
                               "origin",      "mode",    "type",   "step",   "fault",
                               "compression", "storage", "end",    "change", "domain_state"};

// Users stand in sentences alone, and always in the same places.
std::string_view user_in(Json decision) {
    constexpr std::string_view owner = "the private desktop of ";
    const std::string_view kind = decision.at("kind").text();
    const std::string_view why = decision.at("why").text();
    if (kind == "session_denied") {
        return why.substr(0, std::min(why.find(": "), why.size()));
    }
    return kind == "session_granted" && why.starts_with(owner) ? why.substr(owner.size())
                                                               : std::string_view{};
}

template <class Rows>
std::string_view word_of(const Rows& rows, std::string_view member) {
    const auto row = std::ranges::find(rows, member, &Named::member);
    return row == rows.end() ? std::string_view{} : row->word;
}

bool traceable(std::string_view member) {
    return member == "uuid" || member.ends_with("_uuid") || member == "console" ||
           member == "migration_address" || member == "address" || member == "labels";
}

constexpr bool of_name(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '+' || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

}  // namespace

void Anonymous::add(std::string_view name, std::string_view word) {
    if (!name.empty() && !word.empty() && aliases_.find(name) == aliases_.end()) {
        const unsigned number = ++counts_[std::string{word}];
        aliases_.emplace(name, std::string{word} + std::to_string(number));
    }
}

void Anonymous::learn(Json value, std::string_view of_name_member) {
    if (value.is_array()) {
        value.each_item([&](Json item) { learn(item, of_name_member); });
    } else if (value.is_object()) {
        value.each_member([&](std::string_view member, Json inner) {
            if (inner.is_text()) {
                add(inner.text(), member == "name" ? of_name_member : word_of(named_members, member));
            } else if (!traceable(member)) {
                learn(inner, word_of(named_lists, member));
            }
        });
        add(user_in(value), "user");
    }
}

void Anonymous::write(JsonWriter& out, Json value) const {
    if (value.is_object()) {
        out.object();
        value.each_member([&](std::string_view name, Json member) {
            if (traceable(name)) {
                return;
            }
            out.key(name);
            if (std::ranges::find(our_words, name) != our_words.end()) {
                out.raw(member.dump());
            } else {
                write(out, member);
            }
        });
        out.end_object();
    } else if (value.is_array()) {
        out.array();
        value.each_item([&](Json item) { write(out, item); });
        out.end_array();
    } else if (value.is_text()) {
        out.text(replaced(value.text()));
    } else {
        out.raw(value.dump());
    }
}

// Whole words only: a guest that is called "a" must not eat the letters of sentences.
std::string Anonymous::replaced(std::string_view text) const {
    if (const auto whole = aliases_.find(text); whole != aliases_.end()) {
        return whole->second;
    }
    std::string out;
    while (!text.empty()) {
        const auto end = static_cast<std::size_t>(std::ranges::find_if_not(text, of_name) - text.begin());
        if (end == 0) {
            out += text.front();
            text.remove_prefix(1);
            continue;
        }
        std::string_view word = text.substr(0, end);
        if (word.size() > 1 && word.ends_with('.') && aliases_.find(word) == aliases_.end()) {
            word.remove_suffix(1);  // the end of a sentence
        }
        const auto alias = aliases_.find(word);
        out += alias != aliases_.end() ? alias->second : std::string{word};
        text.remove_prefix(word.size());
    }
    return out;
}

}  // namespace ballast::cli
