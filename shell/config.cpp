#include "shell/config.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "shell/durable_file.hpp"

// Everything that only this file needs: parsing, without exceptions and without printing.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#include <toml++/toml.h>

namespace ballast {
namespace {

constexpr std::size_t file_bytes_max = 1024 * 1024;
constexpr std::size_t shown_bytes_max = 40;  // of a wrong value

struct Problem {
    std::size_t line = 0;  // 0: the file as a whole
    std::string text;
};

// How many letters must be put in, left out or replaced to make one word of the other (Wagner and Fischer
// 1974).
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

std::string_view last_part(std::string_view key) noexcept {
    const std::size_t dot = key.rfind('.');
    return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

bool is_inside(std::string_view key, std::string_view table) noexcept {
    return key.size() > table.size() && key.starts_with(table) && key[table.size()] == '.';
}

std::string quoted(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string shown = "\"";
    for (const char c : text.substr(0, shown_bytes_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            shown.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        } else {
            shown.push_back(c);
        }
    }
    return shown + (text.size() > shown_bytes_max ? "...\"" : "\"");
}

std::string number_text(double value) {
    std::string text = std::to_string(value);
    const std::size_t last = text.find_last_not_of('0');
    return text.substr(0, text[last] == '.' ? last : last + 1);
}

std::string shown(const toml::node* node) {
    if (node == nullptr) {
        return "nothing";
    }
    switch (node->type()) {
        case toml::node_type::string: return quoted(**node->as_string());
        case toml::node_type::integer: return std::to_string(**node->as_integer());
        case toml::node_type::floating_point: return number_text(**node->as_floating_point());
        case toml::node_type::boolean: return **node->as_boolean() ? "true" : "false";
        case toml::node_type::array: return "an array";
        case toml::node_type::table: return "a table";
        case toml::node_type::date:
        case toml::node_type::time:
        case toml::node_type::date_time: return "a date or time";
        case toml::node_type::none: break;
    }
    return "nothing";
}

std::string with_unit(std::string text, std::string_view unit) {
    return unit.empty() ? text : text.append(" ").append(unit);
}

bool printable(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= 0x20; });
}

}  // namespace

struct Config::Impl {
    std::string name;
    toml::table root;
    std::vector<std::string> known;
    std::vector<Problem> problems;
    std::vector<std::string> errors;
    bool unreadable = false;  // nothing else is worth saying then

    // The node at a dotted key, or null.
    const toml::node* find(std::string_view key) const {
        const toml::node* node = &root;
        while (node != nullptr && !key.empty()) {
            const std::size_t dot = key.find('.');
            const toml::table* table = node->as_table();
            node = table == nullptr ? nullptr : table->get(key.substr(0, dot));
            key = dot == std::string_view::npos ? std::string_view{} : key.substr(dot + 1);
        }
        return node;
    }
    const toml::node* declare(std::string_view key) {
        known.emplace_back(key);
        return find(key);
    }

    void add(std::size_t line, const std::string& text) {
        const std::string where = line == 0 ? name : name + ":" + std::to_string(line);
        problems.push_back({line, where + ": " + text});
        errors.push_back(problems.back().text);
    }
    void expected(std::string_view key, const toml::node* node, std::string_view what) {
        add(node == nullptr ? 0 : node->source().begin.line,
            std::string{key} + ": expected " + std::string{what} + ", found " + shown(node));
    }

    std::string suggestion(std::string_view wrong, const std::vector<std::string>& words) const;
    void check_table(const toml::table& table, const std::string& prefix);
};

// ", did you mean X?" when a known word is near enough to be a slip of the fingers, or is the same in another
// table.
std::string Config::Impl::suggestion(std::string_view wrong, const std::vector<std::string>& words) const {
    const std::size_t near_enough = std::max<std::size_t>(1, wrong.size() / 3);
    std::size_t best_distance = near_enough + 1;
    std::string_view best;
    for (const std::string& word : words) {
        const bool elsewhere = last_part(word) == last_part(wrong);
        const std::size_t distance = elsewhere ? 1 : edit_distance(wrong, word);
        if (distance < best_distance) {
            best_distance = distance;
            best = word;
        }
    }
    return best.empty() ? std::string{} : ", did you mean \"" + std::string{best} + "\"?";
}

void Config::Impl::check_table(const toml::table& table, const std::string& prefix) {
    for (const auto& [name_of_key, node] : table) {
        const std::string key = prefix + std::string{name_of_key.str()};
        const auto is_known = [&key](const std::string& each) { return each == key; };
        const auto is_in_it = [&key](const std::string& each) { return is_inside(each, key); };
        if (std::any_of(known.begin(), known.end(), is_known)) {
            continue;
        }
        const std::size_t line = node.source().begin.line;
        const bool table_known = std::any_of(known.begin(), known.end(), is_in_it);
        if (table_known && node.is_table()) {
            check_table(*node.as_table(), key + ".");
        } else if (table_known) {
            add(line, key + ": expected a table, found " + shown(&node));
        } else if (node.is_table()) {
            std::vector<std::string> tables;
            for (const std::string& each : known) {
                if (const std::size_t dot = each.rfind('.'); dot != std::string::npos) {
                    tables.push_back(each.substr(0, dot));
                }
            }
            add(line, key + ": unknown table" + suggestion(key, tables));
        } else {
            add(line, key + ": unknown key" + suggestion(key, known));
        }
    }
}

Config::Config() : impl_{std::make_unique<Impl>()} {}
Config::~Config() = default;

std::unique_ptr<Config> Config::from_file(const std::string& path) {
    std::string content;
    std::string why;
    if (read_bounded(path, file_bytes_max, content, why).ok()) {
        return from_text(content, path);
    }
    std::unique_ptr<Config> config{new Config};
    config->impl_->unreadable = true;
    config->impl_->errors.push_back(why);
    return config;
}

std::unique_ptr<Config> Config::from_text(std::string_view text, const std::string& name_for_errors) {
    std::unique_ptr<Config> config{new Config};
    Impl& impl = *config->impl_;
    impl.name = name_for_errors;
    toml::parse_result result = toml::parse(text, name_for_errors);
    if (result) {
        impl.root = std::move(result).table();
    } else {
        impl.unreadable = true;
        impl.add(result.error().source().begin.line, std::string{result.error().description()});
    }
    return config;
}

std::int64_t Config::integer(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max,
                             std::string_view unit) {
    const toml::node* node = impl_->declare(key);
    if (node == nullptr) {
        return fallback;
    }
    const auto* value = node->as_integer();
    if (value == nullptr || **value < min || **value > max) {
        impl_->expected(
            key, node,
            with_unit("an integer from " + std::to_string(min) + " to " + std::to_string(max), unit));
        return fallback;
    }
    return **value;
}

double Config::number(std::string_view key, double fallback, double min, double max, std::string_view unit) {
    const toml::node* node = impl_->declare(key);
    if (node == nullptr) {
        return fallback;
    }
    double value = std::numeric_limits<double>::quiet_NaN();
    if (const auto* real = node->as_floating_point()) {
        value = **real;
    } else if (const auto* whole = node->as_integer()) {
        value = static_cast<double>(**whole);
    }
    // Also false for what is not a number.
    if (!(value >= min && value <= max)) {
        impl_->expected(key, node,
                        with_unit("a number from " + number_text(min) + " to " + number_text(max), unit));
        return fallback;
    }
    return value;
}

bool Config::flag(std::string_view key, bool fallback) {
    const toml::node* node = impl_->declare(key);
    if (node == nullptr) {
        return fallback;
    }
    if (!node->is_boolean()) {
        impl_->expected(key, node, "true or false");
        return fallback;
    }
    return **node->as_boolean();
}

std::string Config::text(std::string_view key, std::string_view fallback, std::size_t bytes_max) {
    const toml::node* node = impl_->declare(key);
    if (node == nullptr) {
        return std::string{fallback};
    }
    const auto* value = node->as_string();
    if (value == nullptr || (*value)->size() > bytes_max || !printable(**value)) {
        impl_->expected(key, node, "text of at most " + std::to_string(bytes_max) + " bytes on one line");
        return std::string{fallback};
    }
    return **value;
}

std::size_t Config::choice(std::string_view key, const std::vector<std::string_view>& words,
                           std::size_t fallback) {
    const toml::node* node = impl_->declare(key);
    if (node == nullptr) {
        return fallback;
    }
    std::string all;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (const auto* value = node->as_string(); value != nullptr && **value == words[i]) {
            return i;
        }
        all.append(i == 0 ? "\"" : i + 1 == words.size() ? " or \"" : ", \"").append(words[i]).append("\"");
    }
    impl_->expected(key, node, all);
    return fallback;
}

std::vector<std::string> Config::texts(std::string_view key, std::size_t count_max, std::size_t bytes_max) {
    const toml::node* node = impl_->declare(key);
    if (node == nullptr) {
        return {};
    }
    const toml::array* array = node->as_array();
    if (array == nullptr || array->size() > count_max) {
        impl_->expected(key, node, "an array of at most " + std::to_string(count_max) + " texts");
        return {};
    }
    std::vector<std::string> result;
    for (const toml::node& item : *array) {
        const auto* value = item.as_string();
        if (value == nullptr || (*value)->size() > bytes_max || !printable(**value)) {
            impl_->expected(key, &item,
                            "each to be text of at most " + std::to_string(bytes_max) + " bytes on one line");
        } else {
            result.push_back(**value);
        }
    }
    return result;
}

bool Config::has(std::string_view key) const {
    return impl_->find(key) != nullptr;
}

void Config::reject(std::string_view key, std::string_view expected) {
    impl_->expected(key, impl_->find(key), expected);
}

void Config::finish() {
    if (impl_->unreadable) {
        return;
    }
    impl_->check_table(impl_->root, "");
    // In the order of the file, as the operator will go through it.
    std::stable_sort(impl_->problems.begin(), impl_->problems.end(),
                     [](const Problem& a, const Problem& b) { return a.line < b.line; });
    impl_->errors.clear();
    for (const Problem& problem : impl_->problems) {
        impl_->errors.push_back(problem.text);
    }
}

bool Config::ok() const noexcept {
    return impl_->errors.empty();
}
const std::vector<std::string>& Config::errors() const noexcept {
    return impl_->errors;
}

}  // namespace ballast
