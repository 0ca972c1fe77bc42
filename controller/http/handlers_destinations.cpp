// Where a guest could go with its disk images, and how long each host would take to get it. Nothing changes.
#include <charconv>

#include "controller/http/api.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/render.hpp"
#include "policy/rule_words.hpp"

namespace ballast::controller::http {

namespace {

constexpr double mib_shown_bytes = 1024.0 * 1024.0;

void estimate_member(JsonOut& json, std::string_view name, bool known, double value) {
    json.key(name);
    known ? json.number(value) : json.null();
}

// Why a host is not the one that is chosen: what excludes it, or how much later the guest would be there.
std::string why_not(const Destination& each, const Destination& first) {
    if (!each.possible) {
        return std::string{
            policy::rule_sentence(each.constraint, each.have, each.limit, policy::Subject::travelling_guest)
                .view()};
    }
    return each.row == first.row
               ? std::string{}
               : std::string{
                     policy::rule_sentence(policy::Constraint::slower, each.seconds, first.seconds).view()};
}

void render_ranking(JsonOut& json, const Core& core, const Ranking& ranking) {
    const VmRow& vm = core.vm(ranking.vm);
    const std::string_view from = core.host(vm.host).record.name;
    const SiteMap& sites = core.settings().sites;
    const bool found = !ranking.destinations.empty() && ranking.destinations.front().possible;
    json.object();
    json.member("vm", vm.record.name.view());
    json.member("vm_uuid", vm.record.uuid);
    json.member("from", from);
    json.member("site", site_name(sites, site_of(sites, from)));
    json.key("images");
    render_ranked_images(json, ranking);
    json.key("chosen");
    found ? json.text(ranking.destinations.front().host.view()) : json.null();
    json.key("destinations");
    render_destinations(json, ranking.destinations);
    json.end_object();
    json.next_document();
}

// `?bandwidth_mbps=`; 0 without it. Nothing: it is no number that it may be.
std::optional<std::uint32_t> asked_limit(const Request& request) {
    const std::string* text = request.parameter("bandwidth_mbps");
    std::uint32_t limit = 0;
    if (text != nullptr) {
        const char* const end = text->data() + text->size();
        const auto [stopped, error] = std::from_chars(text->data(), end, limit);
        if (error != std::errc{} || stopped != end || limit > bandwidth_mbps_max) {
            return std::nullopt;
        }
    }
    return limit;
}

}  // namespace

std::string ranking_table(const Ranking& ranking) {
    TextTable table{
        {"HOST", "SITE", "MBPS", "LATENCY_MS", "SHARE%", "MISSING_MIB", "WIRE_MIB", "SECONDS", "WHY_NOT"}};
    const auto estimate_cell = [&](const Destination& each, double value, int decimals) {
        each.possible&& each.images_known ? table.cell(value, decimals) : table.cell("");
    };
    for (const Destination& each : ranking.destinations) {
        table.cell(each.host.view());
        table.cell(each.site.view());
        table.cell(std::uint64_t{each.bandwidth_mbps});
        table.cell(std::uint64_t{each.latency_ms});
        estimate_cell(each, each.share * 100, 1);
        estimate_cell(each, static_cast<double>(each.missing_bytes) / mib_shown_bytes, 1);
        estimate_cell(each, static_cast<double>(each.image_wire_bytes) / mib_shown_bytes, 1);
        each.possible ? table.cell(each.seconds, 1) : table.cell("");
        table.cell(why_not(each, ranking.destinations.front()));
    }
    return table.text();
}

void render_ranked_images(JsonOut& json, const Ranking& ranking) {
    json.object();
    json.member("indexed", ranking.images_known);
    json.member("indexed_at", ranking.indexed);
    json.member("bytes", ranking.image_bytes);
    json.member("distinct_blocks", ranking.distinct_blocks);
    estimate_member(json, "compressed", ranking.images_known, ranking.compressed);
    json.end_object();
}

void render_destinations(JsonOut& json, std::span<const Destination> destinations) {
    json.array();
    for (const Destination& each : destinations) {
        json.object();
        json.member("host", each.host.view());
        json.member("site", each.site.view());
        json.member("possible", each.possible);
        json.member("bandwidth_mbps", each.bandwidth_mbps);
        json.member("bandwidth_known", each.bandwidth_known);
        json.member("latency_ms", each.latency_ms);
        if (each.possible) {
            estimate_member(json, "share", each.images_known, each.share);
            estimate_member(json, "missing_bytes", each.images_known,
                            static_cast<double>(each.missing_bytes));
            estimate_member(json, "image_wire_bytes", each.images_known,
                            static_cast<double>(each.image_wire_bytes));
            estimate_member(json, "read_seconds", each.read_seconds > 0, each.read_seconds);
            estimate_member(json, "write_seconds", each.write_seconds > 0, each.write_seconds);
            estimate_member(json, "image_seconds", each.images_known, each.image_seconds);
            json.member("memory_bytes", each.memory_bytes);
            json.member("memory_seconds", each.memory_seconds);
            json.member("seconds", each.seconds);
            json.member("cpu", each.cpu);
        } else {
            json.member("constraint", policy::to_string(each.constraint));
            json.member("have", each.have);
            json.member("limit", each.limit);
        }
        if (const std::string why = why_not(each, destinations.front()); !why.empty()) {
            json.member("why", std::string_view{why});
        }
        json.end_object();
    }
    json.end_array();
}

Answer get_vm_destinations(Api& api, const Call& call) {
    const std::optional<std::uint32_t> limit = asked_limit(call.request);
    if (!limit.has_value()) {
        return api.refuse(call.request, {.slug = Slug::invalid_request,
                                         .detail = "bandwidth_mbps: expected an integer from 0 to " +
                                                   std::to_string(bandwidth_mbps_max)});
    }
    Command command;
    command.kind = CommandKind::vm_migrate;
    command.copy_storage = true;
    command.bandwidth_mbps = *limit;
    if (!command.target.try_assign(call.id)) {
        return api.not_found(call, "vm");
    }
    const Outcome* outcome = api.consider(command);
    const Ranking& ranking = api.core().last_ranking();
    if (outcome == nullptr || ranking.vm == no_row) {
        return api.refuse_outcome(call.request, outcome);
    }
    Reply reply;
    if (call.request.format == Format::text) {
        reply.content_type = "text/plain; charset=utf-8";
        reply.body = ranking_table(ranking);
        return reply;
    }
    JsonOut json{reply.body, reply_bytes_max};
    render_ranking(json, api.core(), ranking);
    return reply;
}

}  // namespace ballast::controller::http
