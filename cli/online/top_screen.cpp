#include "cli/online/top_screen.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

#include "cli/online/kinds.hpp"
#include "cli/table.hpp"

namespace ballast::cli {

namespace {

constexpr std::size_t bar_cells_max = 24;
constexpr std::size_t bar_cells_min = 5;
constexpr std::size_t moves_shown_max = 4;
// Rows below the headline that are never given to hosts: a blank, headings, three VMs, keys.
constexpr std::size_t rows_kept = 6;
constexpr std::string_view keys =
    " q quit  sort: c CPU m memory n net d disk a name h host  r reverse  / filter";

struct Heading {
    TopSort sort;
    std::string_view text;
};
constexpr std::array headings{
    Heading{TopSort::name, "VM"},        Heading{TopSort::host, "HOST"},
    Heading{TopSort::name, "STATE"},     Heading{TopSort::cpu, "CPU_CORES"},
    Heading{TopSort::memory, "MEM_MIB"}, Heading{TopSort::net, "NET_MBPS"},
    Heading{TopSort::disk, "DISK_MBPS"}, Heading{TopSort::name, "JOB"},
};

std::string fixed(const char* form, double value) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), form, value);
    return text.data();
}

std::string bar(double share, std::size_t cells, bool colour) {
    const double bounded = std::clamp(share, 0.0, 1.0);
    const auto filled = static_cast<std::size_t>(bounded * static_cast<double>(cells) + 0.5);
    return "[" + painted(std::string(filled, '|'), tone_of_load(share), colour) +
           std::string(cells - filled, ' ') + "]" + fixed("%4.0f%%", share * 100);
}

std::string padded(std::string_view text, std::size_t width) {
    std::string out = cut_to(text, width);
    out.append(width - display_width(out), ' ');
    return out;
}

bool passes(const TopView& view, std::string_view name) {
    return view.filter.empty() || name.find(view.filter) != std::string_view::npos;
}

std::string host_line_of(const TopHost& host, const TopView& view, bool colour) {
    constexpr std::size_t name_width = 10;
    constexpr std::size_t state_width = 9;
    constexpr std::size_t around_bars =
        name_width + state_width + 2 * 12 + 20;  // labels, brackets, percents, counts
    const std::size_t room = view.columns > around_bars ? (view.columns - around_bars) / 2 : 0;
    const std::size_t cells = std::clamp(room, bar_cells_min, bar_cells_max);
    const std::string state = padded(host.state, state_width);
    std::string line = padded(host.name, name_width) + painted(state, tone_of_state(host.state), colour);
    line += "CPU " + bar(host.cpu, cells, colour) + "  MEM " + bar(host.memory, cells, colour);
    line += fixed("%5.0f vms", static_cast<double>(host.vms));
    if (host.moves_in + host.moves_out > 0) {
        line += "  in " + std::to_string(host.moves_in) + " out " + std::to_string(host.moves_out);
    }
    return line;
}

// A screen too narrow for even the shortest bars loses the colours and the end of the line.
std::string host_line(const TopHost& host, const TopView& view) {
    const std::string plain = host_line_of(host, view, false);
    return display_width(plain) > view.columns ? cut_to(plain, view.columns)
                                               : host_line_of(host, view, view.colour);
}

bool before(const TopVm& a, const TopVm& b, TopSort sort) {
    const auto by_name = [&] { return a.name < b.name; };
    const auto by = [&](double x, double y) { return x != y ? x > y : by_name(); };
    switch (sort) {
        case TopSort::cpu: return by(a.cpu_cores, b.cpu_cores);
        case TopSort::memory: return by(a.memory_mib, b.memory_mib);
        case TopSort::net: return by(a.net_mbps, b.net_mbps);
        case TopSort::disk: return by(a.disk_mbps, b.disk_mbps);
        case TopSort::host: return a.host != b.host ? a.host < b.host : by_name();
        case TopSort::name: break;
    }
    return by_name();
}

std::vector<const TopVm*> sorted(const TopData& data, const TopView& view) {
    std::vector<const TopVm*> vms;
    for (const TopVm& vm : data.vms) {
        if (passes(view, vm.name) || passes(view, vm.host)) {
            vms.push_back(&vm);
        }
    }
    std::ranges::sort(vms, [&](const TopVm* a, const TopVm* b) { return before(*a, *b, view.sort); });
    if (view.reversed) {
        std::ranges::reverse(vms);
    }
    return vms;
}

std::string heading_text(const Heading& heading, const TopView& view) {
    const bool chosen = heading.sort == view.sort && (view.sort != TopSort::name || heading.text == "VM");
    return std::string{heading.text} + (!chosen ? "" : view.reversed ? "^" : "v");
}

// The table of VMs with its headings, in exactly `rows` lines.
void add_vms(std::vector<std::string>& lines, const TopData& data, TopView& view, std::size_t rows) {
    const std::vector<const TopVm*> vms = sorted(data, view);
    const std::size_t shown = rows > 0 ? rows - 1 : 0;
    view.scroll = std::min(view.scroll, vms.size() > shown ? vms.size() - shown : 0);
    std::vector<Table::Column> columns;
    for (std::size_t i = 0; i < headings.size(); ++i) {
        columns.push_back({heading_text(headings.at(i), view), i >= 3 && i <= 6});
    }
    Table table{std::move(columns)};
    for (std::size_t i = view.scroll; i < vms.size() && i < view.scroll + shown; ++i) {
        const TopVm& vm = *vms[i];
        table.row({{vm.name},
                   {vm.host},
                   {vm.state, tone_of_state(vm.state)},
                   {fixed("%.2f", vm.cpu_cores)},
                   {fixed("%.0f", vm.memory_mib)},
                   {fixed("%.1f", vm.net_mbps)},
                   {fixed("%.1f", vm.disk_mbps)},
                   {vm.job, Tone::warning}});
    }
    for (std::string& line : table.lines({view.colour, true, view.columns})) {
        lines.push_back(std::move(line));
    }
}

void add_hosts(std::vector<std::string>& lines, const TopData& data, const TopView& view) {
    const std::size_t kept = lines.size() + rows_kept;
    const std::size_t room = view.rows > kept ? std::min(view.rows - kept, view.rows / 2) : 1;
    std::vector<const TopHost*> hosts;
    for (const TopHost& host : data.hosts) {
        hosts.push_back(&host);
    }
    // The busiest are seen where there is no room for all.
    const bool all = hosts.size() <= room;
    if (!all) {
        std::ranges::stable_sort(hosts, [](const TopHost* a, const TopHost* b) { return a->cpu > b->cpu; });
        hosts.resize(room - 1);
    }
    for (const TopHost* host : hosts) {
        lines.push_back(host_line(*host, view));
    }
    if (!all) {
        lines.push_back(cut_to("and " + std::to_string(data.hosts.size() - hosts.size()) + " less busy hosts",
                               view.columns));
    }
}

// The text in lines of the screen's width, broken at blanks; what is beyond `lines_max` is cut.
std::vector<std::string> folded(std::string_view text, std::size_t columns, std::size_t lines_max) {
    std::vector<std::string> lines;
    while (lines.size() + 1 < lines_max && display_width(text) > columns) {
        std::size_t end = 0;  // of the last word that fits
        for (std::size_t at = text.find(' '); at != std::string_view::npos; at = text.find(' ', at + 1)) {
            if (display_width(text.substr(0, at)) > columns) {
                break;
            }
            end = at;
        }
        if (end == 0) {
            break;  // one word that is wider than the screen
        }
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    lines.push_back(cut_to(text, columns));
    return lines;
}

// The pool on one line, what balancing decided on the next one or two where there is room for them: a small
// screen has the pool first.
std::vector<std::string> headline(const TopData& data, const TopView& view) {
    constexpr std::size_t rows_for_more = 16;
    const std::string first = "ballast top  " + data.clock + "  ";
    std::vector<std::string> lines;
    if (!data.failure.empty()) {
        lines = folded(printable(first + data.failure), view.columns, view.rows < rows_for_more ? 1 : 2);
    } else if (view.rows < rows_for_more) {
        lines.push_back(cut_to(printable(first + data.pool + ", " + data.balance), view.columns));
    } else {
        lines.push_back(cut_to(printable(first + data.pool), view.columns));
        if (!data.balance.empty()) {
            std::ranges::move(folded(printable(data.balance), view.columns, 2), std::back_inserter(lines));
        }
    }
    for (std::string& line : lines) {
        const Tone tone = !data.failure.empty()     ? Tone::bad
                          : &line == &lines.front() ? Tone::strong
                                                    : Tone::plain;
        line = painted(line, tone, view.colour);
    }
    return lines;
}

}  // namespace

std::vector<std::string> draw_top(const TopData& data, TopView& view) {
    std::vector<std::string> lines = headline(data, view);
    add_hosts(lines, data, view);
    for (std::size_t i = 0; i < data.moves.size() && i < moves_shown_max && lines.size() + 5 < view.rows;
         ++i) {
        lines.push_back(painted(cut_to("  " + data.moves[i], view.columns), Tone::warning, view.colour));
    }
    lines.emplace_back();
    const std::size_t taken = lines.size() + 1;
    add_vms(lines, data, view, view.rows > taken ? view.rows - taken : 0);
    lines.resize(view.rows > 0 ? view.rows - 1 : 0);
    const bool filtering = view.typing || !view.filter.empty();
    const std::string last =
        filtering
            ? " / " + view.filter + (view.typing ? "_  (Enter keeps it, Esc drops it)" : "  (Esc drops it)")
            : std::string{keys};
    lines.push_back(painted(cut_to(last, view.columns), Tone::faint, view.colour));
    return lines;
}

bool press_top(TopView& view, char key, bool special) {
    constexpr char escape = '\x1b';
    constexpr char backspace = '\x7f';
    if (special) {
        const std::size_t step = key == 'P' || key == 'N' ? view.rows / 2 : 1;
        const bool up = key == 'U' || key == 'P';
        view.scroll = up ? view.scroll - std::min(view.scroll, step) : view.scroll + step;
        return true;
    }
    if (key == escape) {
        view.filter.clear();
        view.typing = false;
        return true;
    }
    if (view.typing) {
        if (key == '\n' || key == '\r') {
            view.typing = false;
        } else if (key == backspace || key == '\b') {
            view.filter.resize(view.filter.size() - (view.filter.empty() ? 0 : 1));
        } else if (key > ' ' && key < backspace && view.filter.size() < view.columns / 2) {
            view.filter += key;
        }
        return true;
    }
    const auto sort_by = [&](TopSort sort) {
        view.sort = sort;
        view.scroll = 0;
    };
    switch (key) {
        case 'q': return false;
        case 'c': sort_by(TopSort::cpu); break;
        case 'm': sort_by(TopSort::memory); break;
        case 'n': sort_by(TopSort::net); break;
        case 'd': sort_by(TopSort::disk); break;
        case 'a': sort_by(TopSort::name); break;
        case 'h': sort_by(TopSort::host); break;
        case 'r': view.reversed = !view.reversed; break;
        case '/': view.typing = true; break;
        default: break;
    }
    return true;
}

TopHost top_host(Json host) {
    return {printable(host.at("name").plain()),
            printable(host.at("state").plain()),
            host.at("cpu").number(),
            host.at("memory").number(),
            host.at("vms").count(),
            host.at("migrations_in").count(),
            host.at("migrations_out").count()};
}

TopVm top_vm(Json vm) {
    return {printable(vm.at("name").plain()),
            printable(vm.at("host").plain()),
            printable(vm.at("state").plain()),
            vm.at("cpu_cores").number(),
            vm.at("memory_mib").number(),
            vm.at("net_mbps").number(),
            vm.at("disk_mbps").number(),
            vm.at("job").is_null() ? "" : printable(cell_of(Show::job, vm.at("job"), 0).text)};
}

}  // namespace ballast::cli
