#include "agent/core/store_paths.hpp"

#include <algorithm>

namespace ballast::agent {
namespace {

constexpr std::size_t path_bytes_max = 180;

bool path_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"._-+"}.find(c) != std::string_view::npos;
}

bool plain_parts(std::string_view path) noexcept {
    while (true) {
        const std::size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        if (part.empty() || part.front() == '.' || !std::all_of(part.begin(), part.end(), path_letter)) {
            return false;
        }
        if (slash == std::string_view::npos) {
            return true;
        }
        path.remove_prefix(slash + 1);
    }
}

}  // namespace

bool valid_store_path(std::string_view path) noexcept {
    return path.size() <= path_bytes_max && plain_parts(path);
}

bool valid_template_path(std::string_view path) noexcept {
    if (path.starts_with('/')) {
        path.remove_prefix(1);
    }
    return path.size() <= path_bytes_max && plain_parts(path);
}

}  // namespace ballast::agent
