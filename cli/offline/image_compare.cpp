#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "cli/json.hpp"
#include "cli/offline/image_actions.hpp"
#include "image/core/bloom.hpp"
#include "image/core/similarity.hpp"

namespace ballast::cli {

namespace {

struct CompareCommand {
    std::string a;
    std::string b;
    std::string method = "exact";
};

struct RankCommand {
    std::string image;
    std::vector<std::string> candidates;
    std::string method = "sketch";
};

// The levels of both that have the same block size; the larger blocks when there are two such pairs.
bool common_level(const image::IndexFile& a, const image::IndexFile& b, std::size_t& in_a,
                  std::size_t& in_b) {
    for (in_a = 0; in_a < a.header().levels.size(); ++in_a) {
        for (in_b = 0; in_b < b.header().levels.size(); ++in_b) {
            if (a.header().levels[in_a].block_bytes == b.header().levels[in_b].block_bytes) {
                return true;
            }
        }
    }
    return false;
}

// What was found, and how exact it is.
struct Found {
    image::Overlap overlap;
    double false_hit_rate = 0;  // of a Bloom filter
};

struct Sketch {
    std::vector<std::uint64_t> keys;
    std::uint64_t distinct = 0;
    image::SketchView view() const { return {keys, distinct}; }
};

Status sketch_of(const image::IndexFile& index, std::size_t level, Sketch& out, std::string& why) {
    out.keys.resize(image::sketch_keys_max);
    out.distinct = index.header().levels[level].distinct;
    image::IndexCursor cursor{index, level};
    const auto count = image::take_sketch(cursor, out.keys);
    if (!count.ok()) {
        why = cursor.why();
        return Err{count.fault()};
    }
    out.keys.resize(count.value());
    return {};
}

Status exactly(const image::IndexFile& a, std::size_t level_a, const image::IndexFile& b, std::size_t level_b,
               Found& found, std::string& why) {
    image::IndexCursor keys_a{a, level_a};
    image::IndexCursor keys_b{b, level_b};
    const auto overlap = image::overlap(keys_a, keys_b);
    if (!overlap.ok()) {
        why = keys_a.why().empty() ? keys_b.why() : keys_a.why();
        return Err{overlap.fault()};
    }
    found.overlap = overlap.value();
    return {};
}

Status by_sketch(const image::IndexFile& a, std::size_t level_a, const image::IndexFile& b,
                 std::size_t level_b, Found& found, std::string& why) {
    Sketch sketch_a;
    Sketch sketch_b;
    BALLAST_CHECK(sketch_of(a, level_a, sketch_a, why));
    BALLAST_CHECK(sketch_of(b, level_b, sketch_b, why));
    const double share = image::estimate_share(sketch_a.view(), sketch_b.view());
    const image::IndexLevel& level = a.header().levels[level_a];
    found.overlap = {
        .blocks = level.entries,
        .distinct = level.distinct,
        .same_blocks = static_cast<std::uint64_t>(share * static_cast<double>(level.entries)),
        .same_distinct = static_cast<std::uint64_t>(share * static_cast<double>(level.distinct))};
    return {};
}

// Every key of a cursor; false when it fails.
template <class Visit>
Status each_key(image::IndexCursor& cursor, std::string& why, Visit visit) {
    while (true) {
        const auto keys = cursor.next_keys();
        if (!keys.ok()) {
            why = cursor.why();
            return Err{keys.fault()};
        }
        if (keys.value().empty()) {
            return {};
        }
        for (const std::uint64_t key : keys.value()) {
            visit(key);
        }
    }
}

Status by_bloom(const image::IndexFile& a, std::size_t level_a, const image::IndexFile& b,
                std::size_t level_b, Found& found, std::string& why) {
    std::vector<image::BloomBlock> memory(image::bloom_blocks_for(b.header().levels[level_b].distinct));
    image::BloomFilter filter{memory};
    image::IndexCursor keys_b{b, level_b};
    BALLAST_CHECK(each_key(keys_b, why, [&](std::uint64_t key) { filter.add(key); }));
    image::IndexCursor keys_a{a, level_a};
    std::uint64_t previous = 0;
    bool hit = false;
    BALLAST_CHECK(each_key(keys_a, why, [&](std::uint64_t key) {
        if (found.overlap.blocks == 0 || key != previous) {
            hit = filter.may_contain(key);
            ++found.overlap.distinct;
            found.overlap.same_distinct += hit ? 1 : 0;
        }
        previous = key;
        ++found.overlap.blocks;
        found.overlap.same_blocks += hit ? 1 : 0;
    }));
    found.false_hit_rate = filter.false_hit_rate();
    return {};
}

Status compare_by(const std::string& method, const image::IndexFile& a, std::size_t level_a,
                  const image::IndexFile& b, std::size_t level_b, Found& found, std::string& why) {
    if (method == "sketch") {
        return by_sketch(a, level_a, b, level_b, found, why);
    }
    return method == "bloom" ? by_bloom(a, level_a, b, level_b, found, why)
                             : exactly(a, level_a, b, level_b, found, why);
}

std::string table_of(Context& context, const image::SimilarityTable& table, const image::Overlap& data) {
    const auto row = [](std::string what, std::uint64_t count, std::uint64_t of) {
        const double share = of == 0 ? 0 : static_cast<double>(count) / static_cast<double>(of);
        return std::vector<Cell>{{std::move(what)}, {std::to_string(count)}, {percent(share)}};
    };
    Table out{{{"BLOCKS OF A"}, {"COUNT", true}, {"RATE", true}}};
    out.row(row("all", table.blocks, table.blocks));
    out.row(row("same in B, duplicates counted", table.same_blocks, table.blocks));
    out.row(row("  left to send", table.blocks - table.same_blocks, table.blocks));
    out.row(row("same in B, each once", table.same_distinct, table.blocks));
    out.row(row("  left to send", table.blocks - table.same_distinct, table.blocks));
    out.row(row("duplicates within A", table.blocks - table.distinct, table.blocks));
    out.row(row("without zeros", data.blocks, table.blocks));
    out.row(row("  same in B", data.same_blocks, data.blocks));
    out.row(row("  to send, each once", data.distinct - data.same_distinct, data.blocks));
    return out.text(image_table_style(context));
}

std::string json_of(const CompareCommand& in, std::uint32_t block_bytes, const image::SimilarityTable& table,
                    const Found& found) {
    JsonWriter out;
    const auto count = [&out](std::string_view name, std::uint64_t value) {
        out.key(name).integer(static_cast<std::int64_t>(value));
    };
    out.object().key("method").text(in.method).key("block_bytes").integer(block_bytes);
    count("blocks", table.blocks);
    count("distinct_blocks", table.distinct);
    count("same_blocks", table.same_blocks);
    count("same_distinct_blocks", table.same_distinct);
    out.key("same_rate").number(table.same_rate());
    out.key("same_distinct_rate").number(table.same_distinct_rate());
    out.key("duplicate_rate").number(table.duplicate_rate());
    count("data_blocks", found.overlap.blocks);
    count("data_distinct_blocks", found.overlap.distinct);
    count("data_same_blocks", found.overlap.same_blocks);
    count("data_same_distinct_blocks", found.overlap.same_distinct);
    out.key("false_hit_rate").number(found.false_hit_rate);
    return out.end_object().str() + "\n";
}

Exit show_comparison(Context& context, const CompareCommand& in) {
    const auto a = open_index(context, in.a);
    const auto b = a ? open_index(context, in.b) : nullptr;
    if (!b) {
        return Exit::failed;
    }
    std::size_t level_a = 0;
    std::size_t level_b = 0;
    if (!common_level(*a, *b, level_a, level_b)) {
        context.complain(in.a + " and " + in.b + " have no block size in common");
        return Exit::usage;
    }
    Found found;
    std::string why;
    if (!compare_by(in.method, *a, level_a, *b, level_b, found, why).ok()) {
        context.complain(why);
        return Exit::failed;
    }
    const image::IndexLevel& row = a->header().levels[level_a];
    const image::SimilarityTable table =
        image::similarity_table(found.overlap, row.zero_blocks(), b->header().levels[level_b].zero_blocks());
    if (context.format() == Format::json || context.format() == Format::ndjson) {
        context.print(json_of(in, row.block_bytes, table, found));
        return Exit::ok;
    }
    context.print(table_of(context, table, found.overlap));
    if (found.false_hit_rate > 0) {
        std::array<char, 64> rate{};
        std::snprintf(rate.data(), rate.size(), "%.3f %%", 100 * found.false_hit_rate);
        context.print("of keys that B does not have, the filter takes " + std::string{rate.data()} +
                      " for B's\n");
    }
    return Exit::ok;
}

struct Ranked {
    std::string name;
    double share = 0;                 // of the image's distinct data blocks
    std::uint64_t missing_bytes = 0;  // of distinct data, before compression
};

Exit show_ranking(Context& context, const RankCommand& in) {
    const auto index = open_index(context, in.image);
    if (!index) {
        return Exit::failed;
    }
    std::vector<Ranked> ranking;
    for (const std::string& name : in.candidates) {
        const auto candidate = open_index(context, name);
        std::size_t level = 0;
        std::size_t other = 0;
        if (!candidate || !common_level(*index, *candidate, level, other)) {
            context.complain(name + ": left out");
            continue;
        }
        Found found;
        std::string why;
        if (!compare_by(in.method, *index, level, *candidate, other, found, why).ok()) {
            context.complain(why);
            return Exit::failed;
        }
        const image::Overlap& data = found.overlap;
        ranking.push_back({.name = name,
                           .share = data.distinct == 0 ? 0
                                                       : static_cast<double>(data.same_distinct) /
                                                             static_cast<double>(data.distinct),
                           .missing_bytes = (data.distinct - data.same_distinct) *
                                            index->header().levels[level].block_bytes});
    }
    std::sort(ranking.begin(), ranking.end(), [](const Ranked& a, const Ranked& b) {
        return a.missing_bytes != b.missing_bytes ? a.missing_bytes < b.missing_bytes : a.name < b.name;
    });
    JsonWriter json;
    json.array();
    Table table{{{"INDEX"}, {"HOLDS", true}, {"MISSING_MIB", true}}};
    for (const Ranked& row : ranking) {
        json.object().key("index").text(row.name).key("share").number(row.share);
        json.key("missing_bytes").integer(static_cast<std::int64_t>(row.missing_bytes)).end_object();
        table.row({{row.name}, {percent(row.share)}, {std::to_string(row.missing_bytes >> 20)}});
    }
    const bool as_json = context.format() == Format::json || context.format() == Format::ndjson;
    context.print(as_json ? json.end_array().str() + "\n" : table.text(image_table_style(context)));
    return ranking.size() == in.candidates.size() ? Exit::ok : Exit::failed;
}

}  // namespace

std::string percent(double share) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f %%", 100 * share);
    return text.data();
}

Action declare_image_compare(Options& options) {
    const auto in = std::make_shared<CompareCommand>();
    options.argument("A", &in->a, "index of the image that would travel")
        .required()
        .completes(Completes::files);
    options.argument("B", &in->b, "index of the image that is there").required().completes(Completes::files);
    options
        .value("--method", &in->method, "METHOD",
               "exact; or estimated from 8192 keys of each (sketch), or with a Bloom filter of B's keys")
        .one_of({"exact", "sketch", "bloom"});
    return [in](Context& context) { return show_comparison(context, *in); };
}

Action declare_image_rank(Options& options) {
    const auto in = std::make_shared<RankCommand>();
    options.argument("IMAGE", &in->image, "index of the image that would travel")
        .required()
        .completes(Completes::files);
    options.argument("CANDIDATE", &in->candidates, "indexes of images elsewhere")
        .required()
        .completes(Completes::files);
    options.value("--method", &in->method, "METHOD", "sketch unless said")
        .one_of({"sketch", "exact", "bloom"});
    return [in](Context& context) { return show_ranking(context, *in); };
}

}  // namespace ballast::cli
