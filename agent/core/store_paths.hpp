// Which names an order may give to files of the store: they end up in paths that root opens.
#pragma once

#include <string_view>

namespace ballast::agent {

// Below the store's directory: parts of letters, digits and "._-+" with single slashes between them; none
// begins with a dot, so none leads out and none is hidden. At most 180 bytes, so that temporary names fit.
bool valid_store_path(std::string_view path) noexcept;

// The same, or such parts after a leading slash.
bool valid_template_path(std::string_view path) noexcept;

}  // namespace ballast::agent
