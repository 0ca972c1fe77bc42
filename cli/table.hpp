// Columns for people: aligned, coloured where that is wanted, cut to the screen. What comes from elsewhere
// (names of guests, reasons) may hold anything; nothing of it reaches the terminal as a control sequence.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ballast::cli {

enum class Tone : unsigned char { plain, good, warning, bad, faint, strong };

struct Cell {
    std::string text;
    Tone tone = Tone::plain;
};

struct TableStyle {
    bool colour = false;
    bool headings = true;
    std::size_t width_max = 0;  // columns of the screen; 0: do not cut
};

class Table {
  public:
    struct Column {
        std::string heading;
        bool right = false;  // numbers are right-aligned
    };

    explicit Table(std::vector<Column> columns) : columns_{std::move(columns)} {}

    // As many cells as columns.
    void row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
    std::size_t rows() const noexcept { return rows_.size(); }

    std::vector<std::string> lines(const TableStyle& style) const;
    // The lines, each with its line feed.
    std::string text(const TableStyle& style) const;

  private:
    std::vector<std::size_t> widths(bool headings) const;

    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

// Control characters and broken UTF-8 replaced by "?".
std::string printable(std::string_view text);

// Columns on a terminal, a code point each.
std::size_t display_width(std::string_view text) noexcept;

// At most `columns` wide; what is cut ends in "~".
std::string cut_to(std::string_view text, std::size_t columns);

// With the escape sequences of the tone around it, or as it is.
std::string painted(std::string_view text, Tone tone, bool colour);

// Of standard output; 80 when it is no terminal.
std::size_t terminal_columns() noexcept;

}  // namespace ballast::cli
