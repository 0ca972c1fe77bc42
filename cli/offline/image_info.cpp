#include <unistd.h>

#include "cli/files.hpp"
#include "cli/json.hpp"
#include "cli/offline/image_actions.hpp"
#include "cli/times.hpp"
#include "image/index_build.hpp"

namespace ballast::cli {

namespace {

struct InfoCommand {
    std::string index;
    std::string image;
};

std::string_view word_for(image::Freshness freshness) {
    switch (freshness) {
        case image::Freshness::fresh: return "fresh";
        case image::Freshness::stale: return "stale";
        case image::Freshness::unknowable: return "unknowable";
    }
    return "unknown";
}

// Reads all of it: whether every piece is whole, in order and within its image.
bool check_pieces(Context& context, const image::IndexFile& index) {
    for (std::size_t level = 0; level < index.header().levels.size(); ++level) {
        image::IndexCursor cursor{index, level};
        std::span<const std::uint64_t> keys;
        std::span<const std::uint32_t> blocks;
        do {
            if (!cursor.next_entries(keys, blocks).ok()) {
                context.complain(cursor.why());
                return false;
            }
        } while (!keys.empty());
    }
    return true;
}

std::string info_json(const image::IndexFile& index, std::string_view state) {
    const image::IndexHeader& header = index.header();
    JsonWriter out;
    out.object().key("version").integer(image::index_version);
    out.key("kind").text(image::to_string(header.image.kind));
    out.key("image_bytes").integer(static_cast<std::int64_t>(header.image.size_bytes));
    out.key("index_bytes").integer(static_cast<std::int64_t>(index.file_bytes()));
    out.key("built_unix_ms").integer(header.built_unix_ms);
    out.key("freshness").text(state);
    out.key("grid_starts").array();
    for (const std::uint64_t start : header.starts) {
        out.integer(static_cast<std::int64_t>(start));
    }
    out.end_array().key("levels").array();
    for (const image::IndexLevel& level : header.levels) {
        out.object().key("block_bytes").integer(level.block_bytes);
        out.key("blocks").integer(static_cast<std::int64_t>(level.blocks));
        out.key("zero_blocks").integer(static_cast<std::int64_t>(level.zero_blocks()));
        out.key("data_blocks").integer(static_cast<std::int64_t>(level.entries));
        out.key("distinct_blocks").integer(static_cast<std::int64_t>(level.distinct)).end_object();
    }
    return out.end_array().end_object().str() + "\n";
}

std::string as_text(Context& context, const image::IndexFile& index, std::string_view state) {
    const image::IndexHeader& header = index.header();
    std::string out = "version     " + std::to_string(image::index_version) + "\nimage       " +
                      std::string{image::to_string(header.image.kind)} + ", " +
                      bytes_for_people(static_cast<double>(header.image.size_bytes)) + "\nindex       " +
                      bytes_for_people(static_cast<double>(index.file_bytes())) + "\nfreshness   " +
                      std::string{state} + "\ngrid at    ";
    for (const std::uint64_t start : header.starts) {
        out += " " + std::to_string(start);
    }
    out += "\n\n";
    Table table{{{"BLOCK", true}, {"BLOCKS", true}, {"ZERO", true}, {"DATA", true}, {"DISTINCT", true}}};
    for (const image::IndexLevel& level : header.levels) {
        table.row({{std::to_string(level.block_bytes)},
                   {std::to_string(level.blocks)},
                   {std::to_string(level.zero_blocks())},
                   {std::to_string(level.entries)},
                   {std::to_string(level.distinct)}});
    }
    return out + table.text(image_table_style(context));
}

Exit show_info(Context& context, const InfoCommand& in) {
    const auto index = open_index(context, in.index);
    if (!index) {
        return Exit::failed;
    }
    if (!check_pieces(context, *index)) {
        return Exit::failed;
    }
    std::string_view state = "not asked";
    bool stale = index->header().changed_during_scan;
    if (!in.image.empty()) {
        image::ImageIdentity now;
        std::string why;
        if (const Status status = image::file_identity(in.image, now, why); !status.ok()) {
            context.complain(why);
            return exit_of(status.fault());
        }
        const image::Freshness freshness = image::freshness(index->header(), now);
        state = word_for(freshness);
        stale = freshness == image::Freshness::stale;
    }
    context.print(context.format() == Format::json || context.format() == Format::ndjson
                      ? info_json(*index, state)
                      : as_text(context, *index, state));
    return stale ? Exit::conflict : Exit::ok;
}

}  // namespace

std::unique_ptr<image::IndexFile> open_index(const Context& context, const std::string& path) {
    const std::string beside = index_path_of(path);
    std::string why;
    auto index = image::IndexFile::open(::access(beside.c_str(), F_OK) == 0 ? beside : path, why);
    if (!index) {
        context.complain(why);
    }
    return index;
}

TableStyle image_table_style(const Context& context) {
    return {context.colour(), !context.output.no_headers, context.terminal() ? terminal_columns() : 0};
}

Action declare_image_info(Options& options) {
    const auto in = std::make_shared<InfoCommand>();
    options.argument("INDEX", &in->index, "an index, or an image with its index beside it")
        .required()
        .completes(Completes::files);
    options.value("--image", &in->image, "FILE", "say whether the index is still that of this image")
        .completes(Completes::files);
    return [in](Context& context) { return show_info(context, *in); };
}

}  // namespace ballast::cli
