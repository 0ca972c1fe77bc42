// Whose address of a network card is whose: two guests with one address take each other's packets.
#include <algorithm>

#include "base/mac.hpp"
#include "controller/core/desktop/parts.hpp"
#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

bool has_mac(const wire::GuestSpec& spec, std::uint64_t mac) noexcept {
    return std::any_of(spec.vifs.begin(), spec.vifs.end(),
                       [mac](const wire::Vif& vif) { return parse_mac(vif.mac.view()) == mac; });
}

}  // namespace

Name who_has_mac(const Tables& t, std::uint64_t mac) noexcept {
    for (const DefinitionRow& row : t.definitions.rows()) {
        if (row.in_use && has_mac(row.spec, mac)) {
            return row.spec.name;
        }
    }
    for (const DesktopRow& desktop : t.desktops.rows()) {
        if (desktop.in_use && desktop_has_mac(t, desktop, mac)) {
            return desktop.record.name;
        }
    }
    return {};
}

}  // namespace ballast::controller
