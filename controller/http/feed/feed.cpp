#include "controller/http/feed/feed.hpp"

#include <algorithm>
#include <chrono>

#include "base/compose.hpp"
#include "controller/http/feed/render_event.hpp"

namespace ballast::controller::http {

namespace {

// Steps come in bursts (a plan's jobs, a report of many guests): one look sees them all.
constexpr Duration look_after = milliseconds(10);
constexpr std::uint32_t vms_per_load_event = 128;
// A look compares every row: of a large pool it is taken more rarely, so that it costs at most one part in so
// many of the time.
constexpr std::int64_t looks_share = 25;

// Revisions grow over restarts: more than one event a millisecond would have to come all the time for a new
// process to begin below the end of the one before.
std::uint64_t first_revision() noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(wall_now().unix_ms, 0));
}

}  // namespace

Budget Feed::budget(const FeedConfig& limits, const Limits& tables) noexcept {
    Budget budget;
    const auto measure = [&budget](std::string_view name, std::uint64_t count, const auto& make) {
        Arena counting;
        make(counting);
        budget.push({name, count, counting.used_bytes() / count, counting.used_bytes()});
    };
    measure("events", limits.events, [&](Arena& arena) { EventRing{arena, limits.events, 0, 0}; });
    measure("event_bytes", limits.event_bytes,
            [&](Arena& arena) { arena.make_array<char>(limits.event_bytes); });
    measure("load_history", tables.hosts, [&](Arena& arena) { LoadHistory{arena, tables.hosts}; });
    measure("change_watch", 1, [&](Arena& arena) { ChangeWatch{arena, tables}; });
    return budget;
}

std::size_t Feed::bytes_needed(const FeedConfig& limits, const Limits& tables) noexcept {
    Arena counting;
    EventRing{counting, limits.events, limits.event_bytes, 0};
    LoadHistory{counting, tables.hosts};
    ChangeWatch{counting, tables};
    return counting.used_bytes();
}

Feed::Feed(Loop& loop, const FeedConfig& limits, const Limits& tables, std::span<std::byte> memory,
           std::function<const Core&()> core)
    : limits_{limits},
      core_{std::move(core)},
      arena_{memory},
      ring_{arena_, limits.events, limits.event_bytes, first_revision()},
      history_{arena_, tables.hosts},
      watch_{arena_, tables},
      soon_{loop, [this] { look(); }} {
    text_.reserve(ring_.text_bytes_max());
    look();
}

void Feed::on_step(std::span<const Action> actions) {
    for (const Action& action : actions) {
        if (const auto* report = std::get_if<Report>(&action)) {
            add_report(*report);
        }
    }
    if (!soon_.active()) {
        soon_.start_once(rest_);
    }
}

void Feed::catch_up() {
    if (soon_.active()) {
        soon_.stop();
        look();
    }
}

void Feed::look() {
    const std::uint64_t before = ring_.newest();
    const auto began = std::chrono::steady_clock::now();
    ++looks_total_;
    watch_.look(core_(), [this](const Changed& changed) { add_change(changed); });
    const auto spent = std::chrono::steady_clock::now() - began;
    const auto spent_us = std::chrono::duration_cast<std::chrono::microseconds>(spent).count();
    rest_ = milliseconds(std::max(look_after.ms, spent_us * looks_share / 1000));
    if (ring_.newest() != before && news_) {
        news_();
    }
}

void Feed::keep(EventHead head, const std::function<void(JsonOut&)>& object) {
    head.at = wall_now();
    const auto render = [&](bool whole) {
        text_.clear();
        JsonOut json{text_, ring_.text_bytes_max()};
        json.object();
        json.member("revision", ring_.newest() + 1);
        json.member("at", head.at);
        json.member("kind", to_string(head.kind));
        json.member("change", to_string(head.change));
        json.member("name", head.name.view());
        if (!head.summary.empty()) {
            json.member("summary", head.summary.view());
        }
        if (whole && object) {
            json.key("object");
            object(json);
        } else if (!whole) {
            json.member("object_left_out", true);
        }
        json.end_object();
        return !json.overflowed();
    };
    if (!render(true)) {
        (void)render(false);  // whoever needs it asks for the object
    }
    ring_.add(head, text_);
    ++events_total_;
}

void Feed::add_report(const Report& report) {
    EventHead head;
    head.kind = EventKind::notice;
    head.role = report.subject == Subject::session ? Role::helpdesk : Role::viewer;
    head.name = report.name;
    head.summary = compose<95>(report.what, ": ", report.detail.view());
    keep(head, [&](JsonOut& json) { render_notice(json, report); });
}

void Feed::add_load(const Changed& changed) {
    const Core& core = core_();
    const HostRow& host = core.host(changed.row);
    const policy::HostLoad load = core.host_load(changed.row);
    history_.add(changed.row, host.record.uuid, load.cpu, load.memory, wall_now());
    std::uint32_t next = host.first_guest;
    do {
        EventHead head;
        head.kind = EventKind::load;
        head.name = changed.name;
        head.summary = load_summary(load);
        keep(head,
             [&](JsonOut& json) { next = render_load(json, core, changed.row, next, vms_per_load_event); });
    } while (next != no_row);
}

void Feed::add_change(const Changed& changed) {
    if (changed.kind == EventKind::load) {
        add_load(changed);
        return;
    }
    EventHead head;
    head.kind = changed.kind;
    head.change = changed.change;
    head.role = changed.kind == EventKind::session ? Role::helpdesk : Role::viewer;
    head.name = changed.name;
    if (changed.change == Change::removed) {
        keep(head, nullptr);
        return;
    }
    const Core& core = core_();
    head.summary = summary_of(core, changed);
    keep(head, [&](JsonOut& json) { render_changed(json, core, changed); });
}

std::uint64_t Feed::next_match(std::uint64_t revision, const EventFilter& filter) const noexcept {
    for (; revision <= ring_.newest(); ++revision) {
        const EventHead& head = ring_.head(revision);
        if ((filter.kinds & bit(head.kind)) != 0 && filter.role >= head.role) {
            break;
        }
    }
    return revision;
}

}  // namespace ballast::controller::http
