#include "controller/core/sites.hpp"

namespace ballast::controller {

std::uint32_t site_of(const SiteMap& sites, std::string_view host) noexcept {
    std::uint32_t best = no_site;
    std::size_t best_bytes = 0;  // of the longest beginning that fits, and one more
    for (const SiteHosts& entry : sites.hosts) {
        const std::string_view pattern = entry.pattern;
        if (pattern == host) {
            return entry.site;
        }
        const bool open = pattern.ends_with('*');
        if (open && host.starts_with(pattern.substr(0, pattern.size() - 1)) && pattern.size() > best_bytes) {
            best = entry.site;
            best_bytes = pattern.size();
        }
    }
    return best;
}

std::string_view site_name(const SiteMap& sites, std::uint32_t site) noexcept {
    return site == no_site ? std::string_view{} : sites.names[site].view();
}

std::optional<SiteLink> link_between(const SiteMap& sites, std::uint32_t a, std::uint32_t b) noexcept {
    if (a == b) {
        return SiteLink{a, b, 0, 0};
    }
    for (const SiteLink& link : sites.links) {
        if ((link.a == a && link.b == b) || (link.a == b && link.b == a)) {
            return link;
        }
    }
    return std::nullopt;
}

}  // namespace ballast::controller
