// What all lists share: filters, pages, and the three forms of an answer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/http/json_out.hpp"
#include "controller/http/message.hpp"
#include "controller/http/problem.hpp"
#include "controller/http/text_table.hpp"

namespace ballast::controller::http {

inline constexpr std::size_t page_items_default = 500;
inline constexpr std::size_t page_items_max = 1000;

// `?limit=` and `?page_token=`. A token is the place of the last item of the page before, in hexadecimal.
struct Page {
    std::size_t limit = page_items_default;
    std::string after;
};
std::optional<Problem> read_page(const Request& request, Page& page);

// A filter by equality or set: "state=paused,saved". Without the parameter everything passes.
class SetFilter {
  public:
    SetFilter(const Request& request, std::string_view parameter);
    bool passes(std::string_view value) const noexcept;
    // The members of the set.
    std::vector<std::string_view> words() const;

  private:
    const std::string* text_;
};

// One item of a list: where it belongs in the order (unique), and which row it is. Refers to the names in the
// core's tables: made and used up within one request.
class ListItem {
  public:
    static ListItem named(std::string_view name, std::uint32_t row) noexcept;
    // Names need not be unique: the uuid makes the order total.
    static ListItem named(std::string_view name, const Uuid& uuid, std::uint32_t row) noexcept;
    static ListItem newest_first(std::uint64_t number, std::uint32_t row) noexcept;

    std::uint32_t row() const noexcept { return row_; }
    // What a page token holds; `after` of the next page.
    std::string key() const;
    // Compared with such a key of another item of the same list.
    bool is_after(std::string_view key) const;
    bool operator<(const ListItem& other) const noexcept;

  private:
    bool numbered() const noexcept;

    // The first bytes of the name as a number that sorts as they do, or what stands for the number: most
    // comparisons end there.
    std::uint64_t first_ = 0;
    std::string_view name_{};
    const Uuid* uuid_ = nullptr;
    std::uint32_t row_ = 0;
};

// How a list is written.
struct ListForm {
    std::string_view name;  // of the JSON member: "vms"
    std::vector<std::string_view> headings;
    std::function<void(JsonOut&, std::uint32_t row)> json;
    std::function<void(TextTable&, std::uint32_t row)> text;
};

// The page of `items` (in any order; sorted by key here) in the form that the caller wants to read.
Reply list_reply(const Request& request, const Page& page, std::vector<ListItem> items, const ListForm& form);

// One object: JSON (also for ndjson), or as a table of one row.
Reply object_reply(const Request& request, const ListForm& form, std::uint32_t row, unsigned status = 200);

}  // namespace ballast::controller::http
