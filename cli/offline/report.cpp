#include "cli/offline/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"

namespace ballast::cli::offline {

namespace {

std::string csv_cell(const std::string& cell) {
    if (cell.find_first_of(",\"\n") == std::string::npos) {
        return cell;
    }
    std::string quoted = "\"";
    for (const char c : cell) {
        quoted += c == '"' ? "\"\"" : std::string(1, c);
    }
    return quoted + '"';
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

// What the terminal shows as one column each: bytes that do not continue a UTF-8 sequence.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

std::string padded(const std::string& cell, std::size_t width, bool left) {
    const std::string blanks(width - std::min(width, width_of(cell)), ' ');
    return left ? cell + blanks : blanks + cell;
}

}  // namespace

Report::Report(std::vector<std::string> headings) : headings_{std::move(headings)} {
    for (std::string& heading : headings_) {
        words_.push_back(heading.starts_with('<'));
        heading.erase(0, words_.back() ? 1 : 0);
    }
}

void Report::row(std::vector<std::string> cells) {
    BALLAST_ASSERT(cells.size() == headings_.size());
    rows_.push_back(std::move(cells));
}

std::string Report::text(bool headings) const {
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < headings_.size(); ++c) {
        widths.push_back(headings ? width_of(headings_[c]) : 0);
        for (const std::vector<std::string>& cells : rows_) {
            widths.back() = std::max({widths.back(), width_of(cells[c]), std::size_t{1}});
        }
    }
    std::string out;
    const auto line = [&](const std::vector<std::string>& cells) {
        std::string text;
        for (std::size_t c = 0; c < cells.size(); ++c) {
            text += (c == 0 ? "" : "  ") + padded(cells[c].empty() ? "-" : cells[c], widths[c], words_[c]);
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out += text + '\n';
    };
    if (headings) {
        line(headings_);
    }
    for (const std::vector<std::string>& cells : rows_) {
        line(cells);
    }
    return out;
}

std::string Report::markdown() const {
    std::string out = "|";
    for (const std::string& heading : headings_) {
        out += ' ' + heading + " |";
    }
    out += "\n|";
    for (const bool words : words_) {
        out += words ? "---|" : "--:|";
    }
    out += '\n';
    for (const std::vector<std::string>& cells : rows_) {
        out += '|';
        for (const std::string& cell : cells) {
            out += ' ' + (cell.empty() ? std::string{"–"} : cell) + " |";
        }
        out += '\n';
    }
    return out;
}

std::string Report::csv() const {
    std::string out;
    const auto line = [&](const std::vector<std::string>& cells) {
        for (std::size_t c = 0; c < cells.size(); ++c) {
            out += (c == 0 ? "" : ",") + csv_cell(cells[c]);
        }
        out += '\n';
    };
    line(headings_);
    for (const std::vector<std::string>& cells : rows_) {
        line(cells);
    }
    return out;
}

std::string Report::object(const std::vector<std::string>& cells) const {
    std::string out = "{";
    for (std::size_t c = 0; c < cells.size(); ++c) {
        const std::string value = cells[c].empty() ? "null" : (words_[c] ? json_string(cells[c]) : cells[c]);
        out += (c == 0 ? "" : ",") + json_string(headings_[c]) + ':' + value;
    }
    return out + '}';
}

std::string Report::json() const {
    std::string out = "[";
    for (const std::vector<std::string>& cells : rows_) {
        out += (out.size() == 1 ? "" : ",\n ") + object(cells);
    }
    return out + "]\n";
}

std::string Report::ndjson() const {
    std::string out;
    for (const std::vector<std::string>& cells : rows_) {
        out += object(cells) + '\n';
    }
    return out;
}

std::string decimals(double value, int places) {
    const double unit = std::pow(10, places);
    const double rounded = std::round(value * unit) / unit;
    return fmt::format("{:.{}f}", rounded == 0 ? 0.0 : rounded, places);
}

}  // namespace ballast::cli::offline
