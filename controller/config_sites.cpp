#include "controller/config_sites.hpp"

#include <algorithm>
#include <string>

namespace ballast::controller {
namespace {

constexpr std::int64_t bandwidth_mbps_max = 1'000'000;
constexpr std::int64_t latency_ms_max = 10'000;

std::string entry(std::string_view array, std::size_t index, std::string_view key) {
    return std::string{array} + "[" + std::to_string(index) + "]." + std::string{key};
}

bool valid_pattern(std::string_view pattern) noexcept {
    const bool open = pattern.ends_with('*');
    return pattern == "*" || valid_name(open ? pattern.substr(0, pattern.size() - 1) : pattern);
}

// What has been complained of once need not be again.
bool well_formed(const Config& file, std::size_t errors_before) {
    return file.errors().size() == errors_before;
}

std::uint32_t find_site(const SiteMap& sites, std::string_view name) noexcept {
    const auto found = std::find(sites.names.begin(), sites.names.end(), name);
    return found == sites.names.end() ? no_site : static_cast<std::uint32_t>(found - sites.names.begin());
}

void read_hosts_of_site(Config& file, const std::string& key, std::uint32_t site, SiteMap& out) {
    const std::size_t errors_before = file.errors().size();
    const std::vector<std::string> patterns = file.texts(key, site_hosts_max, limits::name_bytes_max);
    if (patterns.empty() && well_formed(file, errors_before)) {
        file.reject(key, "names of hosts, or beginnings of names with a * behind them: [\"paris-*\"]");
    }
    for (const std::string& pattern : patterns) {
        const auto same = [&pattern](const SiteHosts& each) { return each.pattern == pattern; };
        const auto taken = std::find_if(out.hosts.begin(), out.hosts.end(), same);
        if (!valid_pattern(pattern)) {
            file.reject(
                key, "names of hosts, or beginnings of names with a * behind them, not \"" + pattern + '"');
        } else if (taken != out.hosts.end()) {
            file.reject(key, "no entry of another site: \"" + pattern + "\" is in " +
                                 std::string{out.names[taken->site].view()});
        } else if (!out.hosts.try_push({HostName{pattern}, site})) {
            file.reject(key, "at most " + std::to_string(site_hosts_max) + " entries in all sites");
            return;
        }
    }
}

void read_link(Config& file, std::size_t index, SiteMap& out) {
    const std::string between = entry("links", index, "between");
    const std::string bandwidth = entry("links", index, "bandwidth_mbps");
    const std::size_t errors_before = file.errors().size();
    const std::vector<std::string> names = file.texts(between, 2, site_name_bytes_max);
    const bool between_well_formed = well_formed(file, errors_before);
    SiteLink link;
    link.bandwidth_mbps =
        static_cast<std::uint32_t>(file.integer(bandwidth, 0, 1, bandwidth_mbps_max, "megabit per second"));
    link.latency_ms = static_cast<std::uint32_t>(
        file.integer(entry("links", index, "latency_ms"), 0, 0, latency_ms_max, "milliseconds"));
    if (!file.has(bandwidth)) {
        file.reject(bandwidth, "what the link carries, in megabit per second");
    }
    if (!between_well_formed) {
        return;
    }
    if (names.size() != 2 || names[0] == names[1]) {
        file.reject(between, "the names of two sites: [\"berlin\", \"paris\"]");
        return;
    }
    link.a = find_site(out, names[0]);
    link.b = find_site(out, names[1]);
    if (link.a == no_site || link.b == no_site) {
        file.reject(between, "names of [[sites]]; there is no \"" + names[link.a == no_site ? 0 : 1] + '"');
    } else if (link_between(out, link.a, link.b).has_value()) {
        file.reject(between, "two sites that no link before has");
    } else {
        out.links.push(link);
    }
}

}  // namespace

void read_sites(Config& file, SiteMap& out) {
    const std::size_t sites = file.tables("sites", sites_max);
    for (std::size_t index = 0; index < sites; ++index) {
        const std::string key = entry("sites", index, "name");
        const std::string name = file.text(key, "", site_name_bytes_max);
        if (!valid_name(name)) {
            file.reject(key, "a name of letters, digits and ._-");
        } else if (find_site(out, name) != no_site) {
            file.reject(key, "a name that no other site has");
        }
        out.names.push(SiteName{name});
        read_hosts_of_site(file, entry("sites", index, "hosts"), static_cast<std::uint32_t>(index), out);
    }
    const std::size_t links = file.tables("links", site_links_max);
    for (std::size_t index = 0; index < links; ++index) {
        read_link(file, index, out);
    }
}

}  // namespace ballast::controller
