// The loads of the time before, for whoever begins to look now.
#include <algorithm>

#include "controller/http/api.hpp"
#include "controller/http/feed/feed.hpp"
#include "controller/http/handlers.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

namespace {

constexpr auto columns = static_cast<std::int64_t>(history_columns);

// One value of a host over time: oldest first, aligned at the newest column; what lies before the first
// sample is left out, a step without a sample is null.
void render_series(JsonOut& json, const LoadHistory& history, std::size_t span, std::uint32_t row,
                   const Uuid& uuid, std::uint8_t LoadCell::*value) {
    const std::int64_t newest = history.newest_step(span);
    bool begun = false;
    json.array();
    for (std::int64_t step = newest - columns + 1; step <= newest; ++step) {
        const std::uint8_t percent = history.cell(span, row, uuid, step).*value;
        begun = begun || percent != LoadCell::none;
        if (percent != LoadCell::none) {
            json.integer(std::uint64_t{percent});
        } else if (begun) {
            json.null();
        }
    }
    json.end_array();
}

void render_host_history(JsonOut& json, const LoadHistory& history, std::size_t span, std::uint32_t row,
                         const HostRecord& host) {
    json.object();
    json.member("name", host.name.view());
    json.key("cpu_percent");
    render_series(json, history, span, row, host.uuid, &LoadCell::cpu);
    json.key("memory_percent");
    render_series(json, history, span, row, host.uuid, &LoadCell::memory);
    json.end_object();
}

}  // namespace

Answer get_load_history(Api& api, const Call& call) {
    const std::string* asked = call.request.parameter("span");
    const auto* found =
        std::find_if(history_spans.begin(), history_spans.end(),
                     [&](const HistorySpan& known) { return asked == nullptr || known.word == *asked; });
    if (found == history_spans.end()) {
        return api.refuse(call.request,
                          {.slug = Slug::invalid_request, .detail = "span: expected hour or day"});
    }
    Feed& feed = *api.surroundings().feed;
    feed.advance_history(wall_now());
    const LoadHistory& history = feed.history();
    const auto span = static_cast<std::size_t>(found - history_spans.begin());
    const Core& core = api.core();
    Reply reply;
    JsonOut json{reply.body, reply_bytes_max};
    json.object();
    json.member("span", found->word);
    json.member("step_seconds", found->step_seconds);
    json.member("columns", history_columns);
    json.member("until", WallTime{(history.newest_step(span) + 1) * found->step_seconds * 1000});
    json.key("hosts");
    json.array();
    for (std::uint32_t row = 0; row < core.hosts().size(); ++row) {
        if (core.host(row).in_use) {
            render_host_history(json, history, span, row, core.host(row).record);
        }
    }
    json.end_array();
    json.end_object();
    json.next_document();
    return reply;
}

}  // namespace ballast::controller::http
