#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <optional>
#include <vector>

#include "cli/files.hpp"
#include "cli/json.hpp"
#include "cli/offline/image_actions.hpp"
#include "cli/times.hpp"
#include "image/index_build.hpp"

namespace ballast::cli {

namespace {

constexpr std::size_t changed_file_bytes_max = 64 * 1024 * 1024;
constexpr std::int64_t memory_mib_min = 24;
constexpr std::int64_t memory_mib_max = 4096;
constexpr std::size_t mib = 1024 * 1024;

struct IndexCommand {
    std::string image;
    std::string to;
    std::string block_size = "4096";
    std::string image_format = "auto";
    std::string changed;
    std::int64_t memory_mib = 64;
    bool two_level = false;
    bool refresh = false;
    bool anew = false;
    bool quiet = false;
};

image::ImageFormat format_named(const std::string& name) {
    if (name == "raw") {
        return image::ImageFormat::raw;
    }
    return name == "qcow2" ? image::ImageFormat::qcow2 : image::ImageFormat::by_name;
}

// "OFFSET LENGTH" a line, in bytes.
bool parse_changed(std::string_view text, std::vector<image::Extent>& out, std::string& why) {
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.empty()) {
            continue;
        }
        image::Extent extent;
        const char* const end = line.data() + line.size();
        const auto offset = std::from_chars(line.data(), end, extent.offset);
        if (offset.ec == std::errc{} && offset.ptr != end && *offset.ptr == ' ') {
            const auto length = std::from_chars(offset.ptr + 1, end, extent.length);
            if (length.ec == std::errc{} && length.ptr == end &&
                extent.length <= ~std::uint64_t{0} - extent.offset) {
                out.push_back(extent);
                continue;
            }
        }
        why = "line " + std::to_string(number) + ": expected OFFSET LENGTH in bytes";
        return false;
    }
    return true;
}

// A line on standard error that overwrites itself.
class ProgressLine {
  public:
    explicit ProgressLine(bool wanted) : wanted_{wanted && ::isatty(STDERR_FILENO) == 1} {}
    ~ProgressLine() {
        if (shown_) {
            std::fputs("\r\033[K", stderr);
        }
    }
    void show(std::uint64_t done, std::uint64_t total) {
        if (wanted_) {
            shown_ = true;
            std::fprintf(stderr, "\r\033[K%s of %s (%.0f %%)",
                         bytes_for_people(static_cast<double>(done)).c_str(),
                         bytes_for_people(static_cast<double>(total)).c_str(),
                         total == 0 ? 100.0 : 100.0 * static_cast<double>(done) / static_cast<double>(total));
        }
    }

  private:
    bool wanted_;
    bool shown_ = false;
};

std::string index_json(const IndexCommand& in, const std::string& path, const image::IndexResult& result) {
    JsonWriter out;
    out.object().key("image").text(in.image).key("index").text(path);
    out.key("image_bytes").integer(static_cast<std::int64_t>(result.header.image.size_bytes));
    out.key("scanned_bytes").integer(static_cast<std::int64_t>(result.scanned_bytes));
    out.key("resumed_at_bytes").integer(static_cast<std::int64_t>(result.resumed_at));
    out.key("changed_during_scan").flag(result.header.changed_during_scan);
    out.key("levels").array();
    for (const image::IndexLevel& level : result.header.levels) {
        out.object().key("block_bytes").integer(level.block_bytes);
        out.key("blocks").integer(static_cast<std::int64_t>(level.blocks));
        out.key("zero_blocks").integer(static_cast<std::int64_t>(level.zero_blocks()));
        out.key("distinct_blocks").integer(static_cast<std::int64_t>(level.distinct)).end_object();
    }
    return out.end_array().end_object().str() + "\n";
}

void report(Context& context, const IndexCommand& in, const std::string& path,
            const image::IndexResult& result) {
    if (context.format() == Format::json || context.format() == Format::ndjson) {
        context.print(index_json(in, path, result));
        return;
    }
    if (context.format() == Format::name) {
        context.print(path + "\n");
        return;
    }
    if (in.quiet) {
        return;
    }
    Table table{{{"BLOCK", true}, {"BLOCKS", true}, {"ZERO", true}, {"DATA", true}, {"DISTINCT", true}}};
    for (const image::IndexLevel& level : result.header.levels) {
        table.row({{std::to_string(level.block_bytes)},
                   {std::to_string(level.blocks)},
                   {std::to_string(level.zero_blocks())},
                   {std::to_string(level.entries)},
                   {std::to_string(level.distinct)}});
    }
    context.print(table.text(image_table_style(context)));
    if (result.resumed_at > 0) {
        context.print("went on at " + bytes_for_people(static_cast<double>(result.resumed_at)) + "\n");
    }
}

Exit make_index(Context& context, const IndexCommand& in) {
    const std::string path = in.to.empty() ? index_path_of(in.image) : in.to;
    ProgressLine line{!in.quiet};
    image::IndexOptions options;
    options.block_bytes = in.block_size == "512" ? image::sector_bytes : image::block_bytes_default;
    options.two_levels = in.two_level;
    options.format = format_named(in.image_format);
    options.resume = !in.anew;
    options.sort_bytes = static_cast<std::size_t>(in.memory_mib) * mib - image::memory_bytes_fixed;
    options.progress = [&line](std::uint64_t done, std::uint64_t total) {
        line.show(done, total);
        return true;
    };
    if (in.two_level && in.block_size == "512") {
        context.complain("--two-level is blocks of 4096 bytes and sectors of 512: leave --block-size out");
        return Exit::usage;
    }
    std::string why;
    std::vector<image::Extent> changed;
    if (!in.changed.empty()) {
        std::string text;
        if (!read_input(in.changed, changed_file_bytes_max, text, why).ok() ||
            !parse_changed(text, changed, why)) {
            context.complain("--changed: " + why);
            return Exit::usage;
        }
    }
    image::IndexResult result;
    const Status status = in.refresh || !in.changed.empty()
                              ? image::refresh_index(in.image, path, changed, options, result, why)
                              : image::build_index(in.image, path, options, result, why);
    if (!status.ok()) {
        context.complain(why);
        return exit_of(status.fault());
    }
    if (result.header.changed_during_scan) {
        context.complain(in.image + ": was written to meanwhile; the index holds what was read");
    }
    report(context, in, path, result);
    return Exit::ok;
}

}  // namespace

std::string index_path_of(const std::string& image) {
    return image + ".index";
}

Exit exit_of(Fault fault) noexcept {
    if (fault == Fault::not_found) {
        return Exit::not_found;
    }
    if (fault == Fault::invalid_argument) {
        return Exit::usage;
    }
    if (fault == Fault::state_conflict) {
        return Exit::conflict;
    }
    return fault == Fault::no_disk_space || fault == Fault::limit_reached ? Exit::no_capacity : Exit::failed;
}

Action declare_image_index(Options& options) {
    const auto in = std::make_shared<IndexCommand>();
    options.argument("IMAGE", &in->image, "raw file, block device or qcow2 file")
        .required()
        .completes(Completes::files);
    options.value("--to", &in->to, "FILE", "the index; IMAGE.index unless said").completes(Completes::files);
    options.value("--block-size", &in->block_size, "BYTES", "of a block; 4096 unless said")
        .one_of({"4096", "512"});
    options.flag("--two-level", in->two_level, "blocks of 4096 bytes, and sectors of 512 beside them");
    options
        .value("--image-format", &in->image_format, "FORMAT",
               "unless said, qcow2 when the name ends so, else raw; never guessed from the content")
        .one_of({"auto", "raw", "qcow2"});
    options
        .value("--changed", &in->changed, "FILE",
               "read only these stretches (lines of OFFSET LENGTH) and bring the index up to date")
        .completes(Completes::files);
    options.flag("--refresh", in->refresh, "bring the index up to date after the image has grown or shrunk");
    options.flag("--anew", in->anew, "do not go on with an interrupted run");
    options
        .value("--memory-mib", &in->memory_mib, "MIB",
               "memory to use, whatever the image's size; 64 unless said")
        .between(memory_mib_min, memory_mib_max);
    options.flag("-q,--quiet", in->quiet, "no progress and no summary");
    return [in](Context& context) { return make_index(context, *in); };
}

}  // namespace ballast::cli
