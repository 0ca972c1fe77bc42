#include "controller/http/text_table.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "base/assert.hpp"

namespace ballast::controller::http {

namespace {

bool numeric(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || c == '.' || c == '%' || c == '-' || c == '+';
    });
}

// Columns on the terminal: continuation bytes of UTF-8 take none.
std::size_t width(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

TextTable::TextTable(std::vector<std::string_view> headings) : columns_{headings.size()} {
    for (const std::string_view heading : headings) {
        cell(heading);
    }
}

void TextTable::cell(std::string_view text) {
    std::string safe{text.empty() ? "-" : text};
    for (char& c : safe) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            c = '?';
        }
    }
    cells_.push_back(std::move(safe));
}

void TextTable::cell(double value, int decimals) {
    std::array<char, 64> text{};
    const int length = std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
    cell(std::string_view{text.data(), std::min(static_cast<std::size_t>(length), text.size() - 1)});
}

void TextTable::cell(std::uint64_t value) {
    cell(std::string_view{std::to_string(value)});
}

std::string TextTable::text() const {
    BALLAST_ASSERT(cells_.size() % columns_ == 0);
    std::vector<std::size_t> widths(columns_, 0);
    std::vector<bool> right(columns_, cells_.size() > columns_);
    for (std::size_t i = 0; i < cells_.size(); ++i) {
        const std::size_t column = i % columns_;
        widths[column] = std::max(widths[column], width(cells_[i]));
        if (i >= columns_ && !numeric(cells_[i])) {
            right[column] = false;
        }
    }
    std::string out;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
        const std::size_t column = i % columns_;
        const std::size_t padding = widths[column] - width(cells_[i]);
        const bool last = column + 1 == columns_;
        if (right[column]) {
            out.append(padding, ' ');
        }
        out += cells_[i];
        if (!right[column] && !last) {
            out.append(padding, ' ');
        }
        out += last ? "\n" : "  ";
    }
    return out;
}

}  // namespace ballast::controller::http
