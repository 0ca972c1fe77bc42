#include "cli/table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/assert.hpp"

namespace ballast::cli {

namespace {

constexpr std::size_t gap = 2;  // blanks between columns

// Bytes of the UTF-8 sequence at the beginning of `text`; 0 when it is broken.
std::size_t sequence_bytes(std::string_view text) noexcept {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t bytes = lead < 0x80   ? 1
                              : lead < 0xc2 ? 0
                              : lead < 0xe0 ? 2
                              : lead < 0xf0 ? 3
                              : lead < 0xf5 ? 4
                                            : 0;
    if (bytes == 0 || bytes > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80U) {
            return 0;
        }
    }
    return bytes;
}

bool is_control(std::string_view sequence) noexcept {
    const auto lead = static_cast<unsigned char>(sequence.front());
    const bool c1 = lead == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;
    return lead < 0x20 || lead == 0x7f || c1;
}

std::string_view escape_of(Tone tone) noexcept {
    switch (tone) {
        case Tone::plain: return "";
        case Tone::good: return "\x1b[32m";
        case Tone::warning: return "\x1b[33m";
        case Tone::bad: return "\x1b[31m";
        case Tone::faint: return "\x1b[2m";
        case Tone::strong: return "\x1b[1m";
    }
    return "";
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t bytes = sequence_bytes(text);
        if (bytes == 0 || is_control(text)) {
            out += '?';
        } else {
            out += text.substr(0, bytes);
        }
        text.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
    return out;
}

std::size_t display_width(std::string_view text) noexcept {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string cut_to(std::string_view text, std::size_t columns) {
    if (display_width(text) <= columns) {
        return std::string{text};
    }
    if (columns == 0) {
        return {};
    }
    std::string out;
    for (std::size_t taken = 0; taken + 1 < columns; ++taken) {
        const std::size_t bytes = std::max<std::size_t>(sequence_bytes(text), 1);
        out += text.substr(0, bytes);
        text.remove_prefix(bytes);
    }
    return out + "~";
}

std::string painted(std::string_view text, Tone tone, bool colour) {
    if (!colour || tone == Tone::plain) {
        return std::string{text};
    }
    return std::string{escape_of(tone)} + std::string{text} + "\x1b[0m";
}

std::size_t terminal_columns() noexcept {
    winsize size{};
    const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

std::vector<std::size_t> Table::widths(bool headings) const {
    std::vector<std::size_t> widths;
    for (const Column& column : columns_) {
        widths.push_back(headings ? display_width(column.heading) : 0);
    }
    for (const std::vector<Cell>& row : rows_) {
        BALLAST_ASSERT(row.size() == columns_.size());
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], display_width(printable(row[i].text)));
        }
    }
    return widths;
}

std::vector<std::string> Table::lines(const TableStyle& style) const {
    const std::vector<std::size_t> width = widths(style.headings);
    const auto line_of = [&](const auto& cell_at) {
        std::string line;
        std::size_t column = 0;
        std::size_t pending = 0;  // blanks owed before the next text
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const Cell cell = cell_at(i);
            const std::size_t room = style.width_max == 0                 ? std::string::npos
                                     : style.width_max > column + pending ? style.width_max - column - pending
                                                                          : 0;
            const std::size_t natural = display_width(cell.text);
            const std::size_t before = columns_[i].right ? width[i] - natural : 0;
            const std::string text = cut_to(cell.text, room > before ? room - before : 0);
            if (!text.empty()) {
                line.append(pending + before, ' ');
                line += painted(text, cell.tone, style.colour);
                column += pending + before + display_width(text);
                pending = 0;
            } else {
                pending += before;
            }
            pending += (columns_[i].right ? 0 : width[i] - natural) + gap;
        }
        return line;
    };
    std::vector<std::string> out;
    if (style.headings) {
        out.push_back(line_of([&](std::size_t i) { return Cell{columns_[i].heading, Tone::strong}; }));
    }
    for (const std::vector<Cell>& row : rows_) {
        out.push_back(line_of([&](std::size_t i) { return Cell{printable(row[i].text), row[i].tone}; }));
    }
    return out;
}

std::string Table::text(const TableStyle& style) const {
    std::string out;
    for (const std::string& line : lines(style)) {
        out += line + "\n";
    }
    return out;
}

}  // namespace ballast::cli
