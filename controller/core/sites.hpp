// Sites: hosts of one local network, and the links between such networks. Between sites there is no shared
// storage; how long a guest's images take from one to another is a matter of the link.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fixed_vector.hpp"
#include "base/vocabulary.hpp"

namespace ballast::controller {

inline constexpr std::size_t sites_max = 32;
inline constexpr std::size_t site_hosts_max = 128;  // entries of all sites
inline constexpr std::size_t site_links_max = 128;
inline constexpr std::size_t site_name_bytes_max = 31;
inline constexpr std::uint32_t no_site = UINT32_MAX;

using SiteName = FixedString<site_name_bytes_max>;

struct SiteHosts {
    HostName pattern;  // a host's name, or the beginning of names with a * behind it
    std::uint32_t site = no_site;
};

struct SiteLink {
    std::uint32_t a = no_site;
    std::uint32_t b = no_site;
    std::uint32_t bandwidth_mbps = 0;
    std::uint32_t latency_ms = 0;  // of a round trip
};

struct SiteMap {
    FixedVector<SiteName, sites_max> names;
    FixedVector<SiteHosts, site_hosts_max> hosts;
    FixedVector<SiteLink, site_links_max> links;
};

// The site whose entry fits the host best: its whole name, else the longest beginning. `no_site`: none does.
std::uint32_t site_of(const SiteMap& sites, std::string_view host) noexcept;
// Empty for no_site.
std::string_view site_name(const SiteMap& sites, std::uint32_t site) noexcept;

// The way between two sites, in either direction; none when the configuration has no link of them. Within a
// site, and between hosts of no site, it is the local network: no limit (0) and no latency.
std::optional<SiteLink> link_between(const SiteMap& sites, std::uint32_t a, std::uint32_t b) noexcept;

}  // namespace ballast::controller
