#include "agent/companions.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

namespace ballast::agent {

std::string beside_own_program(std::string_view name) {
    std::array<char, 4096> self{};
    const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size());
    const std::string_view path{self.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
    return fmt::format("{}/{}", path.substr(0, path.rfind('/')), name);
}

}  // namespace ballast::agent
