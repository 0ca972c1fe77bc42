#include "cli/online/destinations_table.hpp"

#include <fmt/format.h>

namespace ballast::cli {
namespace {

constexpr double mib_bytes = 1024.0 * 1024.0;

// "-" where nothing is estimated: the host is excluded, or the images were never indexed.
Cell estimate(Json value, double unit) {
    return {value.is_number() ? fmt::format("{:.1f}", value.number() / unit) : "-"};
}

}  // namespace

Table destinations_table(Json destinations) {
    Table table{{{"HOST"},
                 {"SITE"},
                 {"MBPS", true},
                 {"LATENCY_MS", true},
                 {"SHARE%", true},
                 {"MISSING_MIB", true},
                 {"WIRE_MIB", true},
                 {"SECONDS", true},
                 {"WHY_NOT"}}};
    destinations.each_item([&](Json each) {
        const std::string site = each.at("site").plain();
        const std::string why = each.at("why").plain();
        table.row({{each.at("host").plain()},
                   {site.empty() ? "-" : site},
                   {each.at("bandwidth_mbps").plain()},
                   {each.at("latency_ms").plain()},
                   estimate(each.at("share"), 0.01),
                   estimate(each.at("missing_bytes"), mib_bytes),
                   estimate(each.at("image_wire_bytes"), mib_bytes),
                   estimate(each.at("seconds"), 1),
                   {why.empty() ? "-" : why, each.at("possible").flag() ? Tone::plain : Tone::faint}});
    });
    return table;
}

}  // namespace ballast::cli
