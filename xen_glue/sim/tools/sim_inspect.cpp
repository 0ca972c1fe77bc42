// sim-inspect FILE [what to do]: looks into a simulated host, and makes it misbehave. Exit codes: 0 done, 1
// refused (or an overlap found), 2 usage.
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "xen_glue/sim/executions.hpp"
#include "xen_glue/sim/inspect.hpp"
#include "xen_glue/sim/sim_host.hpp"

namespace ballast::sim {
namespace {

constexpr int done = 0;
constexpr int refused = 1;
constexpr int wrong_usage = 2;

constexpr const char* usage_text =
    "usage: sim-inspect FILE                      the host, its domains and its executions as JSON lines\n"
    "       sim-inspect FILE overlap OTHER...     whether a guest executed on two of these hosts at once\n"
    "       sim-inspect FILE load NAME WORD       burn | idle | auto | percent\n"
    "       sim-inspect FILE crash|reboot|poweroff|pause|deafen NAME\n"
    "       sim-inspect FILE signals NAME WORD    normal | never | garbage | huge: what it tells of itself\n"
    "       sim-inspect FILE link MBPS            the speed of its link from now on\n"
    "       sim-inspect FILE suspend-late MS      how long its guests take to suspend themselves\n"
    "       sim-inspect FILE unavailable MS       the hypervisor does not answer for so long\n"
    "       sim-inspect FILE fault CALL fail|die|stall [fault=NAME] [skip=N] [times=N] [at=PERMILLE]\n";

using Words = std::vector<std::string_view>;

int usage() {
    std::fputs(usage_text, stderr);
    return wrong_usage;
}

int complain(const std::string& why) {
    std::fprintf(stderr, "sim-inspect: %s\n", why.c_str());
    return refused;
}

bool number(std::string_view text, std::uint32_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
}

bool parse_fault(std::string_view text, Fault& out) {
    for (int code = 1; code <= UINT8_MAX; ++code) {
        out = static_cast<Fault>(code);
        if (to_string(out) == text) {
            return true;
        }
    }
    return false;
}

bool parse_action(std::string_view text, FaultAction& out) {
    constexpr std::string_view words[] = {"fail", "die", "stall"};
    for (std::uint8_t i = 0; i < 3; ++i) {
        if (words[i] == text) {
            out = static_cast<FaultAction>(i);
            return true;
        }
    }
    return false;
}

bool parse_signals(std::string_view text, Signals& out) {
    constexpr std::string_view words[] = {"normal", "never", "garbage", "huge"};
    for (std::uint8_t i = 0; i < 4; ++i) {
        if (words[i] == text) {
            out = static_cast<Signals>(i);
            return true;
        }
    }
    return false;
}

bool parse_rule(const Words& words, FaultRule& rule) {
    const std::optional<Call> call = words.size() < 2 ? std::nullopt : parse_call(words[0]);
    if (!call || !parse_action(words[1], rule.action)) {
        return false;
    }
    rule.call = *call;
    for (std::size_t i = 2; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        if (equals == std::string_view::npos) {
            return false;
        }
        const std::string_view key = words[i].substr(0, equals);
        const std::string_view value = words[i].substr(equals + 1);
        const bool known = (key == "fault" && parse_fault(value, rule.fault)) ||
                           (key == "skip" && number(value, rule.skip)) ||
                           (key == "times" && number(value, rule.times)) ||
                           (key == "at" && number(value, rule.at_permille));
        if (!known) {
            return false;
        }
    }
    return valid(rule);
}

int show(const std::string& file) {
    std::string why;
    const auto host = inspect(file, why);
    if (host == nullptr) {
        return complain(why);
    }
    std::fputs(to_json_lines(*host).c_str(), stdout);
    return done;
}

int compare(const std::string& first, const Words& others) {
    std::vector<std::unique_ptr<SimHost>> hosts;
    std::string why;
    hosts.push_back(inspect(first, why));
    for (const std::string_view other : others) {
        hosts.push_back(inspect(std::string{other}, why));
    }
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        for (std::size_t other = 0; other < i; ++other) {
            if (hosts[i] == nullptr || hosts[other] == nullptr) {
                return complain(why);
            }
            if (const auto overlap = find_overlap(*hosts[other], *hosts[i])) {
                return complain("guest " + std::string{to_text(overlap->uuid).view()} +
                                " executed on two hosts at once");
            }
        }
    }
    std::puts("no guest executed on two hosts");
    return done;
}

// What `words` ask for, done to one guest; false when they ask for nothing known.
bool meddle_with_guest(SimHost& host, Guest& guest, const Words& words) {
    const std::string_view what = words[0];
    if (what == "load") {
        host.grants_stale = true;
        return words.size() == 3 && override_load(guest.workload.load, words[2]);
    }
    if (what == "signals") {
        ++host.change_count;
        return words.size() == 3 && parse_signals(words[2], guest.workload.signals);
    }
    if (what == "crash") {
        crash(host, guest);
    } else if (what == "reboot") {
        reboot(host, guest);
    } else if (what == "poweroff") {
        power_off(host, guest);
    } else if (what == "pause") {
        pause_counted(host, guest);
    } else if (what == "deafen") {
        guest.workload.unresponsive = true;
    } else {
        return false;
    }
    return words.size() == 2;
}

int change_host(SimHost& host, const Words& words) {
    std::uint32_t value = 0;
    if (words[0] == "fault") {
        FaultRule rule;
        if (!parse_rule({words.begin() + 1, words.end()}, rule)) {
            return wrong_usage;
        }
        return host.fault_rules.try_push(rule) ? done : refused;
    }
    if (words[0] == "link" || words[0] == "unavailable" || words[0] == "suspend-late") {
        if (words.size() != 2 || !number(words[1], value) || value == 0) {
            return wrong_usage;
        }
        if (words[0] == "link") {
            host.config.link_mbps = value;
        } else if (words[0] == "suspend-late") {
            host.config.suspend_late_ms = value;
        } else {
            host.unavailable_until_ns = host.now_ns + std::int64_t{value} * 1'000'000;
        }
        return done;
    }
    const Guest* found = words.size() < 2 ? nullptr : find_name(host, words[1]);
    Guest* guest = found == nullptr ? nullptr : find_domid(host, found->domid);
    if (guest == nullptr) {
        return words.size() < 2 ? wrong_usage : refused;
    }
    return meddle_with_guest(host, *guest, words) ? done : wrong_usage;
}

int change(const std::string& file, const Words& words) {
    int result = done;
    std::string why;
    if (!meddle(
            file, [&](SimHost& host) { result = change_host(host, words); }, why)) {
        return complain(why);
    }
    if (result == refused) {
        return complain("there is no such guest, or there are too many fault rules");
    }
    return result == wrong_usage ? usage() : done;
}

int run(int argc, char** argv) {
    if (argc < 2) {
        return usage();
    }
    const std::string file = argv[1];
    const Words words{argv + 2, argv + argc};
    if (words.empty()) {
        return show(file);
    }
    if (words[0] == "overlap" && words.size() > 1) {
        return compare(file, {words.begin() + 1, words.end()});
    }
    return change(file, words);
}

}  // namespace
}  // namespace ballast::sim

int main(int argc, char** argv) {
    return ballast::sim::run(argc, argv);
}
