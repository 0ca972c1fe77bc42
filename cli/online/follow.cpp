#include "cli/online/follow.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "cli/online/events.hpp"
#include "cli/online/patience.hpp"
#include "cli/online/progress.hpp"
#include "cli/table.hpp"
#include "cli/times.hpp"

namespace ballast::cli {

namespace {

// Between two looks at something that moves on a screen.
constexpr std::int64_t repaint_ms = 300;
// Where nobody looks, the controller is asked to answer at the end, or after this.
constexpr std::int64_t wait_seconds_max = 30;

std::int64_t deadline_of(const Stay& stay) {
    return stay.timeout_seconds == 0 ? Patience::no_end : steady_now_ms() + stay.timeout_seconds * 1000;
}

Patience patience_of(Online& online, const Stay& stay, std::int64_t deadline) {
    return {online, {.away_ms = stay.patience_seconds * 1000, .until_ms = deadline, .silent = stay.silent}};
}

std::string wait_until(std::int64_t deadline) {
    return "wait=" +
           std::to_string(std::clamp<std::int64_t>((deadline - steady_now_ms()) / 1000, 1, wait_seconds_max));
}

// None when the next request should not wait, because there is a screen to paint.
std::string wait_query(bool live, std::int64_t deadline) {
    return live ? std::string{} : "?" + wait_until(deadline);
}

void pause_between_looks() {
    std::this_thread::sleep_for(std::chrono::milliseconds(repaint_ms));
}

// Until something changes on some host after the event `since`, which becomes the last that is known, or
// for as long as one request waits.
void await_hosts(Online& online, std::string& since, std::int64_t deadline) {
    if (!since.empty()) {
        const HttpResponse response =
            online.get("/v1/events?kind=host&limit=1000&since=" + since + "&" + wait_until(deadline));
        if (response.ok()) {
            since = JsonText{response.body}.root().at("revision").plain();
            return;
        }
    }
    // Events were lost, or too many others wait for them.
    since = newest_revision(online);
    pause_between_looks();
}

struct Followed {
    std::uint64_t id = 0;
    JobProgress progress;
    std::string text;
    bool ended = false;
};

// " 12 13"
std::string open_numbers(const std::vector<Followed>& jobs) {
    std::string numbers;
    for (const Followed& job : jobs) {
        numbers += job.ended ? std::string{} : " " + std::to_string(job.id);
    }
    return numbers;
}

void say_outcome(Online& online, const std::string& text) {
    const JsonText job{text};
    Context& context = online.context();
    if (context.format() != Format::table) {
        context.print(text);
    } else if (exit_for_job(job.root()) == Exit::ok) {
        context.print(outcome_line(job.root()) + "\n");
    } else {
        context.complain(outcome_line(job.root()));
    }
}

std::string moves_line(Json plan, std::size_t& ended) {
    std::size_t all = 0;
    ended = 0;
    plan.at("moves").each_item([&](Json move) {
        const std::string_view state = move.at("state").text();
        ++all;
        ended += state != "pending" && state != "running" ? 1 : 0;
    });
    return "plan " + plan.at("id").plain() + ": " + std::to_string(ended) + " of " + std::to_string(all) +
           " moves done";
}

Exit plan_exit(Json plan) {
    bool failed = plan.at("state").text() != "done";
    plan.at("moves").each_item([&](Json move) {
        const std::string_view state = move.at("state").text();
        failed = failed || state == "failed" || state == "cancelled";
    });
    return failed ? Exit::failed : Exit::ok;
}

// Lines of the moves that are under way.
void show_plan(Online& online, Json plan, std::map<std::uint64_t, JobProgress>& jobs, std::int64_t started_ms,
               LiveLines& live) {
    std::size_t ended = 0;
    std::vector<std::string> lines{moves_line(plan, ended)};
    const std::size_t all = std::max<std::size_t>(plan.at("moves").size(), 1);
    const std::string left = time_left(ended * 100 / all, steady_now_ms() - started_ms);
    lines.front() += left.empty() ? "" : ", " + left;
    plan.at("moves").each_item([&](Json move) {
        const std::uint64_t id = move.at("job").count();
        if (move.at("state").text() != "running" || id == 0) {
            return;
        }
        const HttpResponse response = online.get("/v1/jobs/" + std::to_string(id));
        if (response.ok()) {
            const JsonText job{response.body};
            jobs[id].look(job.root(), steady_now_ms());
            lines.push_back("  " + jobs[id].line());
        }
    });
    live.show(lines);
}

std::string not_known(const std::string& jobs) {
    return "whether these have ended is not known: job" + jobs + "; later: ballast job wait" + jobs;
}

// Whether the host says itself how many guests it has. Just after the controller's start it has none that
// anybody knows of.
bool speaks(Json host) {
    const std::string_view state = host.at("state").text();
    return state != "down" && state != "suspect";
}

}  // namespace

Exit follow_jobs(Online& online, const std::vector<std::uint64_t>& jobs, const Stay& stay) {
    LiveLines live;
    std::vector<Followed> all;
    for (const std::uint64_t id : jobs) {
        all.push_back({.id = id});
    }
    const std::int64_t deadline = deadline_of(stay);
    Patience patience = patience_of(online, stay, deadline);
    Exit worst = Exit::ok;
    for (std::size_t open = all.size(); open > 0;) {
        std::vector<std::string> lines;
        for (Followed& job : all) {
            if (job.ended) {
                continue;
            }
            const HttpResponse response =
                online.get("/v1/jobs/" + std::to_string(job.id) + wait_query(live.on(), deadline));
            if (!response.ok()) {
                live.show({});
                if (patience.bears(response)) {
                    break;
                }
                return std::max(worst, patience.gives_up(response, not_known(open_numbers(all))));
            }
            (void)patience.answered();
            job.text = response.body;
            const JsonText text{job.text};
            job.progress.look(text.root(), steady_now_ms());
            lines.push_back(job.progress.line());
            if (job_ended(text.root())) {
                job.ended = true;
                --open;
                live.show({});
                say_outcome(online, job.text);
                worst = std::max(worst, exit_for_job(text.root()));
                lines.pop_back();
            }
        }
        live.show(lines);
        if (open > 0 && !patience.away() && steady_now_ms() >= deadline) {
            live.show({});
            online.context().complain("not ended in time; it goes on: ballast job wait" + open_numbers(all));
            return Exit::timeout;
        }
        if (open > 0 && live.on()) {
            pause_between_looks();
        }
    }
    return worst;
}

Exit follow_plan(Online& online, std::uint64_t id, const Stay& stay, std::string& plan) {
    LiveLines live;
    std::map<std::uint64_t, JobProgress> jobs;
    const std::int64_t started = steady_now_ms();
    const std::int64_t deadline = deadline_of(stay);
    Patience patience = patience_of(online, stay, deadline);
    const std::string later = "; later: ballast plan show " + std::to_string(id);
    for (;;) {
        const HttpResponse response =
            online.get("/v1/plans/" + std::to_string(id) + wait_query(live.on(), deadline));
        if (!response.ok()) {
            live.show({});
            if (patience.bears(response)) {
                continue;
            }
            return patience.gives_up(response,
                                     "whether plan " + std::to_string(id) + " is done is not known" + later);
        }
        (void)patience.answered();
        plan = response.body;
        const JsonText text{plan};
        const std::string_view state = text.root().at("state").text();
        if (state == "done" || state == "cancelled") {
            return plan_exit(text.root());
        }
        if (steady_now_ms() >= deadline) {
            live.show({});
            online.context().complain("plan " + std::to_string(id) + " is not done in time; it goes on" +
                                      later);
            return Exit::timeout;
        }
        if (live.on()) {
            show_plan(online, text.root(), jobs, started, live);
            pause_between_looks();
        }
    }
}

Exit follow_drain(Online& online, const std::string& host, const Stay& stay) {
    LiveLines live;
    const std::int64_t started = steady_now_ms();
    const std::int64_t deadline = deadline_of(stay);
    Patience patience = patience_of(online, stay, deadline);
    std::int64_t known_ms = started;  // when it last answered for its guests
    std::uint64_t at_first = 0;
    // Asked for before the host is looked at: what changes afterwards is a newer event.
    std::string since = newest_revision(online);
    for (;;) {
        const HttpResponse response = online.get("/v1/hosts/" + url_escape(host));
        if (!response.ok()) {
            live.show({});
            if (patience.bears(response)) {
                continue;
            }
            return patience.gives_up(response, "how far the drain of " + printable(host) +
                                                   " has come is not known; later: ballast get hosts");
        }
        (void)patience.answered();
        const JsonText text{response.body};
        const std::uint64_t left = text.root().at("vms").count();
        at_first = std::max(at_first, left);
        if (left > 0 || speaks(text.root())) {
            known_ms = steady_now_ms();
        }
        if (left == 0 && speaks(text.root())) {
            live.show({});
            online.context().print(online.context().format() == Format::table
                                       ? printable(host) + ": no guest is left\n"
                                       : response.body);
            return Exit::ok;
        }
        if (!text.root().at("draining").flag()) {
            live.show({});
            online.context().complain(printable(host) +
                                      " is not draining any more; guests left: " + std::to_string(left));
            return Exit::conflict;
        }
        if (left == 0) {
            live.show({});
            if (steady_now_ms() < std::min(deadline, known_ms + stay.patience_seconds * 1000)) {
                await_hosts(online, since, deadline);
                continue;
            }
            online.context().complain("whether guests are left on " + printable(host) +
                                      " is not known: " + text.root().at("state_reason").plain());
            return steady_now_ms() < deadline ? Exit::unreachable : Exit::timeout;
        }
        const std::uint64_t percent = (at_first - left) * 100 / at_first;
        const std::string estimate = time_left(percent, steady_now_ms() - started);
        live.show({"draining " + printable(host) + ": " + std::to_string(left) + " of " +
                   std::to_string(at_first) + " guests left, " + std::to_string(percent) + "%" +
                   (estimate.empty() ? "" : ", " + estimate)});
        if (steady_now_ms() >= deadline) {
            live.show({});
            online.context().complain("guests left on " + printable(host) + ": " + std::to_string(left) +
                                      "; why: ballast explain host " + printable(host));
            return Exit::timeout;
        }
        await_hosts(online, since, deadline);
    }
}

}  // namespace ballast::cli
