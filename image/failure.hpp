// Sentences about what failed in files: path, what was tried, the system's reason.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ballast::image {

// Fills `why` with "PATH: cannot ACTION: REASON" from `error` (an errno) and says which fault that is.
Err<Fault> system_failure(std::string_view path, std::string_view action, int error, std::string& why);

// Fills `why` with "PATH: WHAT".
Err<Fault> content_failure(std::string_view path, std::string_view what, Fault fault, std::string& why);

}  // namespace ballast::image
