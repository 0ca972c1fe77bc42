#include "cli/offline/audit.hpp"

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "cli/files.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"
#include "shell/durable_file.hpp"
#include "shell/hash_chain.hpp"

namespace ballast::cli::offline {

namespace {

constexpr std::string_view folder_by_default = "/var/lib/ballast-controller/audit";
constexpr std::size_t files_max = 4096;
constexpr std::size_t file_bytes_max = std::size_t{1100}
                                       << 20;  // the largest audit.file_mib, and its last line

struct AuditOptions {
    std::string folder{folder_by_default};
    std::string head;
    std::int64_t count = 20;
};

// Calls `each` with every line of all files, oldest first, until it says false.
template <class Each>
bool each_line(Context& context, const std::string& folder, Each each) {
    std::vector<std::string> names;
    std::string why;
    if (!list_directory(folder, ".log", files_max, names, why).ok()) {
        context.complain(why);
        return false;
    }
    if (names.empty()) {
        context.complain(folder + ": no audit log is there");
        return false;
    }
    for (const std::string& name : names) {
        std::string text;
        if (!read_input(folder + "/" + name, file_bytes_max, text, why).ok()) {
            context.complain(why);
            return false;
        }
        std::size_t number = 0;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            const std::string_view line = std::string_view{text}.substr(at, end - at);
            if (!each(name + ":" + std::to_string(++number), line, end < text.size())) {
                return true;
            }
            at = end + 1;
        }
    }
    return true;
}

// One walk along the chain.
struct Walk {
    std::string head;  // "SEQ:HASH" that must be passed; empty: none
    std::uint64_t entries = 0;
    std::uint64_t first = 0;
    ChainLink last;
    std::string broken;  // where and how; empty: not
    bool head_passed = false;

    bool step(const std::string& where, std::string_view line, bool whole) {
        const std::optional<ChainLink> link = whole ? read_link(line) : std::nullopt;
        if (!link.has_value()) {
            broken = where + (whole ? ": the line was changed, or is none of the log's"
                                    : ": the line is not complete (the controller may just be writing it)");
        } else if (entries != 0 && link->seq != last.seq + 1) {
            broken =
                where + ": entry " + std::to_string(link->seq) + " follows entry " + std::to_string(last.seq);
        } else if (entries != 0 ? link->prev != last.hash : link->seq == 1 && link->prev != Sha256{}) {
            broken = where + ": entry " + std::to_string(link->seq) + " does not follow the one before it";
        }
        if (!broken.empty()) {
            return false;
        }
        first = entries == 0 ? link->seq : first;
        ++entries;
        last = *link;
        head_passed |= head == std::to_string(last.seq) + ":" + to_hex(last.hash);
        return true;
    }
};

void print_whole(Context& context, const Walk& walk) {
    const std::string head = std::to_string(walk.last.seq) + ":" + to_hex(walk.last.hash);
    const std::string first = std::to_string(walk.first);
    const std::string last = std::to_string(walk.last.seq);
    if (context.format() == Format::table) {
        context.print("whole: entries " + first + " to " + last +
                      (walk.first > 1 ? " (older ones were rotated away)" : "") + "\nhead " + head + "\n");
        return;
    }
    JsonWriter json;
    json.object().key("whole").raw("true").key("first").raw(first).key("last").raw(last);
    context.print(json.key("head").text(head).end_object().str() + "\n");
}

Exit verify(Context& context, const AuditOptions& in) {
    Walk walk{.head = in.head};
    const auto step = [&walk](const std::string& where, std::string_view line, bool whole) {
        return walk.step(where, line, whole);
    };
    if (!each_line(context, in.folder, step)) {
        return Exit::usage;
    }
    if (walk.broken.empty() && !in.head.empty() && !walk.head_passed) {
        walk.broken = "entry " + in.head.substr(0, in.head.find(':')) + " with that hash is not in the log";
    }
    if (!walk.broken.empty()) {
        context.complain("the audit log is not whole: " + walk.broken);
        return Exit::failed;
    }
    print_whole(context, walk);
    return Exit::ok;
}

// `lines` end with the newest.
void print_lines(Context& context, std::span<const std::string> lines) {
    Table table{
        {{"SEQ", true}, {"AT"}, {"CALLER"}, {"ROLE"}, {"ADDRESS"}, {"STATUS", true}, {"WHAT"}, {"ABOUT"}}};
    for (const std::string& line : lines) {
        if (context.format() != Format::table) {
            context.print(line + "\n");
            continue;
        }
        const JsonText text{line};
        const Json entry = text.root();
        const auto cell = [&](std::string_view name) { return Cell{entry.at(name).plain()}; };
        table.row({cell("seq"), cell("at"), cell("caller"), cell("role"), cell("address"), cell("status"),
                   Cell{entry.at("method").plain() + " " + entry.at("path").plain()}, cell("about")});
    }
    if (context.format() == Format::table) {
        context.print(table.text({context.colour(), !context.output.no_headers, 0}));
    }
}

Exit tail(Context& context, const AuditOptions& in) {
    std::vector<std::string> lines;
    const auto wanted = static_cast<std::size_t>(in.count);
    const auto keep = [&](const std::string&, std::string_view line, bool whole) {
        if (whole) {
            lines.emplace_back(line);
        }
        if (lines.size() > 2 * wanted) {
            lines.erase(lines.begin(), lines.end() - in.count);
        }
        return true;
    };
    if (!each_line(context, in.folder, keep)) {
        return Exit::usage;
    }
    print_lines(context, std::span{lines}.last(std::min(lines.size(), wanted)));
    return Exit::ok;
}

Action declare_verify(Options& options) {
    const auto in = std::make_shared<AuditOptions>();
    options.argument("FOLDER", &in->folder, "where the log lies (default /var/lib/ballast-controller/audit)")
        .completes(Completes::folders);
    options.value("--head", &in->head, "SEQ:HASH",
                  "an end of the log seen before, which must still be in it");
    return [in](Context& context) { return verify(context, *in); };
}

Action declare_tail(Options& options) {
    const auto in = std::make_shared<AuditOptions>();
    options.argument("FOLDER", &in->folder, "where the log lies (default /var/lib/ballast-controller/audit)")
        .completes(Completes::folders);
    options.value("-n,--lines", &in->count, "N", "how many of the newest (default 20)").between(1, 100000);
    return [in](Context& context) { return tail(context, *in); };
}

constexpr std::array audit_table{
    Command{"audit tail", "Shows the newest entries of the controller's audit log",
            "Who changed what from where, and who was refused. Reads the files: run it where the controller "
            "runs.\n\n  ballast audit tail -n 50",
            "", "", &declare_tail},
    Command{
        "audit verify", "Checks that nobody has changed the controller's audit log",
        "Every entry carries the hash of the one before. What a chain cannot show, that its end was cut off, "
        "shows an end that was written down elsewhere: the controller's journal has one at each start and "
        "each new file.\n\n  ballast audit verify --head 4711:0f3a...",
        "0 it is whole\n1 it is not: where is told", "", &declare_verify},
};

}  // namespace

std::span<const Command> audit_commands() {
    return audit_table;
}

}  // namespace ballast::cli::offline
