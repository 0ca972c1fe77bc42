// The four resources that policies weigh, and amounts of each: one shape for capacities, means and peaks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ballast::policy {

// In the order of reports. Frozen numbers: only append.
enum class Resource : std::uint8_t { cpu = 0, net = 1, memory = 2, disk = 3 };
inline constexpr std::size_t resource_count = 4;
inline constexpr std::array<Resource, resource_count> all_resources{Resource::cpu, Resource::net,
                                                                    Resource::memory, Resource::disk};
std::string_view to_string(Resource) noexcept;  // "cpu"

// One value for each resource. As an amount: cores, Mb/s, MiB, MB/s. As a utilisation: 0..1 of a capacity.
template <class T>
struct PerResource {
    std::array<T, resource_count> values{};

    constexpr T& operator[](Resource resource) noexcept { return values[static_cast<std::size_t>(resource)]; }
    constexpr const T& operator[](Resource resource) const noexcept {
        return values[static_cast<std::size_t>(resource)];
    }
    friend constexpr bool operator==(const PerResource&, const PerResource&) noexcept = default;
};
using Amounts = PerResource<double>;

// Utilisation; 0 where the capacity is unknown.
constexpr double share(double used, double capacity) noexcept {
    return capacity > 0 ? used / capacity : 0;
}

}  // namespace ballast::policy
