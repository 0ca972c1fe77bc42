#include "cli/online/top.hpp"

#include <unistd.h>

#include <array>
#include <map>
#include <memory>

#include "cli/online/describe.hpp"
#include "cli/online/full_screen.hpp"
#include "cli/online/online.hpp"
#include "cli/online/progress.hpp"
#include "cli/online/top_screen.hpp"
#include "cli/problem.hpp"
#include "cli/table.hpp"
#include "cli/times.hpp"

namespace ballast::cli {

namespace {

struct TopOptions {
    bool once = false;
    std::string sort = "cpu";
    std::int64_t every_seconds = 1;
};

constexpr std::array sort_words{std::pair{std::string_view{"cpu"}, TopSort::cpu},
                                std::pair{std::string_view{"memory"}, TopSort::memory},
                                std::pair{std::string_view{"net"}, TopSort::net},
                                std::pair{std::string_view{"disk"}, TopSort::disk},
                                std::pair{std::string_view{"name"}, TopSort::name},
                                std::pair{std::string_view{"host"}, TopSort::host}};

// Asks the controller for what is on the screen. What could not be had stays as it was, with the reason.
class Fetch {
  public:
    // Keys and signals wait while a request does.
    explicit Fetch(Online& online) : online_{online} { online.client().limit_seconds(3); }

    // The last answer that was none of the kind that was hoped for.
    const HttpResponse& refusal() const noexcept { return refusal_; }

    bool into(TopData& data) {
        data.clock = rfc3339(wall_now_ms()).substr(11, 8);
        std::vector<std::string> hosts;
        std::vector<std::string> vms;
        std::vector<std::string> jobs;
        const bool got =
            list("/v1/hosts", hosts) && list("/v1/vms", vms) && list("/v1/jobs?state=queued,running", jobs);
        const HttpResponse status = got ? online_.get("/v1/status") : HttpResponse{};
        if (!got || !status.ok()) {
            refusal_ = got ? status : refusal_;
            data.failure = explain_problem(refusal_);
            return false;
        }
        data.failure.clear();
        data.hosts.clear();
        for (const std::string& line : hosts) {
            const JsonText text{line};
            data.hosts.push_back(top_host(text.root()));
        }
        data.vms.clear();
        for (const std::string& line : vms) {
            const JsonText text{line};
            data.vms.push_back(top_vm(text.root()));
        }
        look_at_jobs(jobs, data);
        summarise(status.body, data);
        return true;
    }

  private:
    bool list(const std::string& path, std::vector<std::string>& lines) {
        HttpResponse response = online_.list(path, lines);
        if (!response.ok()) {
            refusal_ = std::move(response);
            return false;
        }
        return true;
    }

    void look_at_jobs(const std::vector<std::string>& jobs, TopData& data) {
        std::map<std::uint64_t, JobProgress> now;
        data.moves.clear();
        for (const std::string& line : jobs) {
            const JsonText text{line};
            const std::uint64_t id = text.root().at("id").count();
            JobProgress& progress = now[id] = progress_[id];
            progress.look(text.root(), steady_now_ms());
            data.moves.push_back(progress.line());
        }
        progress_ = std::move(now);
    }

    static void summarise(const std::string& body, TopData& data) {
        const JsonText text{body};
        const Json status = text.root();
        data.pool = status.at("hosts.all").plain() + " hosts, " + status.at("hosts_overloaded").plain() +
                    " overloaded, " + status.at("vms.all").plain() + " vms, " +
                    status.at("jobs_open").plain() + " jobs";
        const std::string waits = waits_for_samples(status);
        data.balance = (status.at("balance.enabled").flag() ? "balancing on: " : "balancing off: ") +
                       (waits.empty() ? status.at("balance.last_decision.why").plain() : waits);
    }

    Online& online_;
    HttpResponse refusal_;
    std::map<std::uint64_t, JobProgress> progress_;
};

Exit run_screen(Fetch& fetch, TopData& data, TopView& view, std::int64_t every_ms) {
    FullScreen screen;
    std::int64_t next = steady_now_ms() + every_ms;
    for (;;) {
        view.columns = screen.columns();
        view.rows = screen.rows();
        screen.show(draw_top(data, view));
        const FullScreen::Event event = screen.wait(next - steady_now_ms());
        if (event.ended) {
            return Exit::ok;
        }
        for (const FullScreen::Key& key : event.keys) {
            if (!press_top(view, key.byte, key.special)) {
                return Exit::ok;
            }
        }
        if (steady_now_ms() >= next) {
            (void)fetch.into(data);
            next = steady_now_ms() + every_ms;
        }
    }
}

Exit top(Online& online, const TopOptions& in) {
    Context& context = online.context();
    Fetch fetch{online};
    TopData data;
    if (!fetch.into(data)) {
        return online.refuse(fetch.refusal());
    }
    TopView view;
    for (const auto& [word, sort] : sort_words) {
        view.sort = word == in.sort ? sort : view.sort;
    }
    view.colour = context.colour();
    if (!in.once && context.terminal() && ::isatty(STDIN_FILENO) == 1) {
        return run_screen(fetch, data, view, in.every_seconds * 1000);
    }
    // All VMs fit: the headline, the hosts, moves, headings and the keys beside them.
    view.columns = context.terminal() ? terminal_columns() : 120;
    view.rows = 2 * data.hosts.size() + data.vms.size() + data.moves.size() + 16;
    std::vector<std::string> lines = draw_top(data, view);
    lines.pop_back();
    while (!lines.empty() && lines.back().empty()) {
        lines.pop_back();
    }
    for (const std::string& line : lines) {
        context.print(line + "\n");
    }
    return Exit::ok;
}

Action declare_top(Options& options) {
    const auto in = std::make_shared<TopOptions>();
    std::vector<std::string> words;
    for (const auto& [word, sort] : sort_words) {
        words.emplace_back(word);
    }
    options.value("--sort", &in->sort, "BY", "order of the VMs (default cpu)").one_of(words);
    options.value("--every", &in->every_seconds, "SECONDS", "how often to look (default 1)").between(1, 60);
    options.flag("--once", in->once, "write it once and end; where there is no terminal that is so anyway");
    return online([in](Online& connection) { return top(connection, *in); });
}

constexpr std::array top_table{
    Command{
        "top", "Shows the pool live: hosts as bars, guests sorted, moves as they happen",
        "Keys: c m n d sort by CPU, memory, network and disk, a by name, h by host; r reverses; / shows only "
        "guests whose name, or host's name, has what is typed; arrows and page keys scroll; q ends.",
        "", "listHosts listVms listJobs getStatus", &declare_top},
};

}  // namespace

std::span<const Command> top_commands() {
    return top_table;
}

}  // namespace ballast::cli
