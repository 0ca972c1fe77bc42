// The kinds of objects that the controller lists, as data: where they are, how they are called, which columns
// people see.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/json.hpp"
#include "cli/options.hpp"
#include "cli/table.hpp"

namespace ballast::cli {

// How a value becomes a cell.
enum class Show : std::uint8_t {
    text,
    count,
    whole,  // number without a fraction
    one_decimal,
    two_decimals,
    three_decimals,
    percent,  // a share of 1
    load,     // as percent, coloured by how high it is
    state,    // coloured by what it means
    age,      // time since then
    length,   // of an array
    job,      // {"kind", "percent"}
};

struct Column {
    std::string_view heading;
    std::string_view path;  // inside the object; see Json::at
    Show show;
};

struct Kind {
    std::string_view plural;    // "vms": the word on the command line and in the list's JSON
    std::string_view singular;  // "vm"
    std::string_view path;      // "/v1/vms"
    std::string_view name_key;  // the member that names an object: "name" or "id"
    std::string_view filters;   // that its list takes, separated by blanks
    bool single;                // GET PATH/NAME exists
    Completes completes;
    std::span<const Column> columns;
};

std::span<const Kind> kinds() noexcept;
// By its plural or singular; null when there is none.
const Kind* find_kind(std::string_view word) noexcept;
std::vector<std::string> kind_words();

Table empty_table(const Kind& kind);
// `now_ms` is the wall clock, for ages.
std::vector<Cell> cells_of(const Kind& kind, Json object, std::int64_t now_ms);
// The object's name, or its number as text.
std::string name_of(const Kind& kind, Json object);

Cell cell_of(Show show, Json value, std::int64_t now_ms);
Tone tone_of_state(std::string_view state) noexcept;
Tone tone_of_load(double share) noexcept;

}  // namespace ballast::cli
