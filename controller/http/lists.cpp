#include "controller/http/lists.hpp"

#include <charconv>
#include <span>

namespace ballast::controller::http {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::size_t token_bytes_max = 400;

std::string to_token(std::string_view key) {
    std::string token;
    for (const char c : key) {
        const auto byte = static_cast<unsigned char>(c);
        token += hex_digits[byte >> 4];
        token += hex_digits[byte & 15U];
    }
    return token;
}

std::optional<std::string> from_token(std::string_view token) {
    if (token.size() % 2 != 0 || token.size() > token_bytes_max) {
        return std::nullopt;
    }
    std::string key;
    for (std::size_t i = 0; i < token.size(); i += 2) {
        const std::size_t high = hex_digits.find(token[i]);
        const std::size_t low = hex_digits.find(token[i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) {
            return std::nullopt;
        }
        key += static_cast<char>(high * 16 + low);
    }
    return key;
}

void write_page(JsonOut& json, std::span<const ListItem> items, const ListForm& form, std::string_view next) {
    json.object();
    json.key(form.name);
    json.array();
    for (const ListItem& item : items) {
        form.json(json, item.row());
    }
    json.end_array();
    if (!next.empty()) {
        json.member("next_page_token", next);
    }
    json.end_object();
}

// The first eight bytes, the first of them the most significant.
std::uint64_t first_bytes(std::string_view text) noexcept {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i) {
        number = number << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
    }
    return number;
}

}  // namespace

// ---- items ----

ListItem ListItem::named(std::string_view name, std::uint32_t row) noexcept {
    ListItem item;
    item.first_ = first_bytes(name);
    item.name_ = name;
    item.row_ = row;
    return item;
}

ListItem ListItem::named(std::string_view name, const Uuid& uuid, std::uint32_t row) noexcept {
    ListItem item = named(name, row);
    item.uuid_ = &uuid;
    return item;
}

ListItem ListItem::newest_first(std::uint64_t number, std::uint32_t row) noexcept {
    ListItem item;
    item.first_ = ~number;
    item.row_ = row;
    return item;
}

bool ListItem::operator<(const ListItem& other) const noexcept {
    if (first_ != other.first_) {
        return first_ < other.first_;
    }
    const int order = name_.compare(other.name_);
    return order != 0 ? order < 0 : uuid_ != nullptr && other.uuid_ != nullptr && *uuid_ < *other.uuid_;
}

bool ListItem::numbered() const noexcept {
    return name_.empty() && uuid_ == nullptr;
}

std::string ListItem::key() const {
    if (numbered()) {
        return std::to_string(~first_);
    }
    // A blank, which no name has, stands before the uuid.
    return std::string{name_} + (uuid_ != nullptr ? ' ' + std::string{to_text(*uuid_).view()} : "");
}

bool ListItem::is_after(std::string_view key) const {
    if (numbered()) {
        std::uint64_t number = 0;
        std::from_chars(key.data(), key.data() + key.size(), number);
        return ~first_ < number;
    }
    const std::size_t blank = uuid_ != nullptr ? std::min(key.find(' '), key.size()) : key.size();
    const std::optional<Uuid> uuid = parse_uuid(key.substr(std::min(blank + 1, key.size())));
    const ListItem other = uuid.has_value() ? named(key.substr(0, blank), *uuid, 0) : named(key, 0);
    return other < *this;
}

// ---- pages ----

std::optional<Problem> read_page(const Request& request, Page& page) {
    if (const std::string* text = request.parameter("limit"); text != nullptr) {
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), page.limit);
        if (error != std::errc{} || end != text->data() + text->size() || page.limit == 0 ||
            page.limit > page_items_max) {
            return Problem{
                .slug = Slug::invalid_request,
                .detail = "limit: expected an integer from 1 to " + std::to_string(page_items_max)};
        }
    }
    if (const std::string* token = request.parameter("page_token"); token != nullptr) {
        const std::optional<std::string> key = from_token(*token);
        if (!key.has_value() || key->empty()) {
            return Problem{.slug = Slug::invalid_request,
                           .detail = "page_token: expected a token that a list gave"};
        }
        page.after = *key;
    }
    return std::nullopt;
}

SetFilter::SetFilter(const Request& request, std::string_view parameter)
    : text_{request.parameter(parameter)} {}

std::vector<std::string_view> SetFilter::words() const {
    std::vector<std::string_view> result;
    std::string_view rest = text_ != nullptr ? std::string_view{*text_} : std::string_view{};
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        result.push_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return result;
}

bool SetFilter::passes(std::string_view value) const noexcept {
    if (text_ == nullptr) {
        return true;
    }
    std::string_view rest = *text_;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        if (rest.substr(0, end) == value) {
            return true;
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

Reply list_reply(const Request& request, const Page& page, std::vector<ListItem> items,
                 const ListForm& form) {
    if (!page.after.empty()) {
        std::erase_if(items, [&](const ListItem& item) { return !item.is_after(page.after); });
    }
    const std::size_t count = std::min(items.size(), page.limit);
    const auto end_shown = items.begin() + static_cast<std::ptrdiff_t>(count);
    if (end_shown != items.end()) {
        std::nth_element(items.begin(), end_shown, items.end());
    }
    std::sort(items.begin(), end_shown);
    const std::span<const ListItem> shown = std::span{items}.first(count);
    const std::string next = items.size() > count ? to_token(shown.back().key()) : std::string{};

    Reply reply;
    if (!next.empty()) {
        reply.headers.emplace_back("X-Next-Page-Token", next);
    }
    if (request.format == Format::text) {
        TextTable table{form.headings};
        for (const ListItem& item : shown) {
            form.text(table, item.row());
        }
        reply.content_type = "text/plain; charset=utf-8";
        reply.body = table.text();
        return reply;
    }
    JsonOut json{reply.body, reply_bytes_max};
    if (request.format == Format::ndjson) {
        reply.content_type = "application/x-ndjson";
        for (const ListItem& item : shown) {
            form.json(json, item.row());
            json.next_document();
        }
    } else {
        write_page(json, shown, form, next);
        json.next_document();
    }
    if (json.overflowed()) {
        return to_reply({.slug = Slug::limit_reached,
                         .detail = "the answer is too large: ask for fewer with limit=",
                         .limit = "reply_bytes"},
                        request.id);
    }
    return reply;
}

Reply object_reply(const Request& request, const ListForm& form, std::uint32_t row, unsigned status) {
    Reply reply;
    reply.status = status;
    if (request.format == Format::text) {
        TextTable table{form.headings};
        form.text(table, row);
        reply.content_type = "text/plain; charset=utf-8";
        reply.body = table.text();
    } else {
        JsonOut json{reply.body, reply_bytes_max};
        form.json(json, row);
        json.next_document();
    }
    return reply;
}

}  // namespace ballast::controller::http
