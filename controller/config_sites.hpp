// [[sites]] and [[links]] of the controller's configuration.
#pragma once

#include "controller/core/sites.hpp"
#include "shell/config.hpp"

namespace ballast::controller {

void read_sites(Config& file, SiteMap& out);

}  // namespace ballast::controller
