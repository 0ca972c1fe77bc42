#include "policy/hotspot.hpp"

#include <algorithm>
#include <array>

#include "policy/judge.hpp"

namespace ballast::policy {

bool HotspotSignal::hot() const noexcept {
    return sustained() && predicted > limit + load_tolerance;
}

std::uint32_t hotspot_instants(const Parameters& parameters) noexcept {
    return std::max(parameters.window, parameters.hot_window);
}

HotspotSignal hotspot_signal(const HostHistory& history, HostIndex h, Resource resource,
                             const Parameters& parameters) noexcept {
    const std::span<const Amounts> instants = history.of(h);
    HotspotSignal out;
    out.resource = resource;
    out.limit = threshold(parameters, resource);
    out.of = static_cast<std::uint32_t>(std::min<std::size_t>(instants.size(), parameters.hot_window));
    out.needed = std::min(parameters.hot_samples, out.of);
    for (const Amounts& instant : instants.last(out.of)) {
        out.above += instant[resource] > out.limit + load_tolerance ? 1 : 0;
    }
    if (out.above > 0) {
        std::array<double, limits::window_samples_max> values{};
        std::transform(instants.begin(), instants.end(), values.begin(),
                       [resource](const Amounts& instant) { return instant[resource]; });
        out.predicted = predict_next(std::span<const double>{values}.first(instants.size()));
    }
    return out;
}

}  // namespace ballast::policy
