#include "cli/online/change.hpp"

#include <algorithm>
#include <charconv>
#include <span>

#include "cli/online/destinations_table.hpp"
#include "cli/online/follow.hpp"
#include "cli/online/progress.hpp"
#include "cli/table.hpp"

namespace ballast::cli {

namespace {

// What the answer says, in one line: a dry run's decision, a job, or the object as it is now.
std::string answer_line(const Change& change, Json answer) {
    const std::string& what = change.what;
    if (answer.at("dry_run").flag()) {
        const std::string detail =
            answer.at("detail").text().empty() ? "" : ": " + answer.at("detail").plain();
        const std::string host =
            answer.at("host").text().empty() ? "" : " (" + answer.at("host").plain() + ")";
        const bool already = answer.at("decision").text() == "already_so";
        return what + (already ? ": nothing would be done" : ": would be " + answer.at("decision").plain()) +
               host + detail;
    }
    if (answer.at("kind").is_text() && answer.at("percent").is_number()) {
        return job_ended(answer)
                   ? outcome_line(answer)
                   : what + ": job " + answer.at("id").plain() + " is " + answer.at("state").plain();
    }
    if (answer.at("state").is_text()) {
        const std::string state = answer.at("state").plain();
        switch (change.already) {
            case Already::unsaid: return what + ": it is " + state;
            case Already::state: return what + ": it is " + state + " already";
            case Already::beside: return what + ": done";
            case Already::place:
                return what + ": it is on " + answer.at("host").plain() + " already, and " + state;
        }
    }
    return what + ": done";
}

bool is_open_job(Json answer) {
    return answer.at("percent").is_number() && answer.at("kind").is_text() && !job_ended(answer);
}

void say_not_asked(Context& context, std::span<const Change> changes) {
    std::string list;
    for (const Change& change : changes) {
        list += (list.empty() ? "" : ", ") + printable(change.what);
    }
    if (!list.empty()) {
        context.complain("not asked for: " + list);
    }
}

}  // namespace

Exit change_all(Online& online, const std::vector<Change>& changes, const ActOptions& options) {
    Context& context = online.context();
    if (!options.idempotency_key.empty() && changes.size() != 1) {
        context.complain("--idempotency-key is for one object only");
        return Exit::usage;
    }
    Exit worst = Exit::ok;
    std::vector<std::uint64_t> jobs;
    for (const Change& change : changes) {
        const HttpResponse response = send_change(online, change.method, change.path, change.body, options);
        if (!response.ok()) {
            worst = std::max(worst, online.refuse(response));
            if (response.status == 0) {
                // Nobody would answer for the others either.
                say_not_asked(context, std::span{changes}.subspan(
                                           static_cast<std::size_t>(&change - changes.data()) + 1));
                break;
            }
            continue;
        }
        const JsonText text{response.body};
        if (options.waits(context) && !options.dry_run && is_open_job(text.root())) {
            jobs.push_back(text.root().at("id").count());
        } else if (context.format() == Format::table) {
            context.print(printable(answer_line(change, text.root())) + "\n");
            if (const Json ranked = text.root().at("destinations"); ranked.size() > 0) {
                context.print("\n" +
                              destinations_table(ranked).text(
                                  {context.colour(), true, context.terminal() ? terminal_columns() : 0}));
            }
        } else {
            context.print(response.body);
        }
    }
    return jobs.empty() ? worst : std::max(worst, follow_jobs(online, jobs, options.stay));
}

std::optional<std::uint64_t> parse_id(const std::string& text) noexcept {
    std::uint64_t id = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, id);
    return error == std::errc{} && stopped == end ? std::optional{id} : std::nullopt;
}

}  // namespace ballast::cli
