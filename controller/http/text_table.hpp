// Aligned columns for people with curl (Accept: text/plain).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ballast::controller::http {

// Cells are made safe for a terminal (control bytes become '?') and padded to the widest of their column.
// Numbers, which start with a digit, '-' or '+', and have no letter after, are set to the right.
class TextTable {
  public:
    explicit TextTable(std::vector<std::string_view> headings);
    void cell(std::string_view text);  // "" is shown as "-"
    void cell(double value, int decimals);
    void cell(std::uint64_t value);
    // The whole table, one line a row, heading first.
    std::string text() const;

  private:
    std::size_t columns_;
    std::vector<std::string> cells_;  // headings first
};

}  // namespace ballast::controller::http
