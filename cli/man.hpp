// The table of commands as manual pages: ballast(1) and one page for each first word, ballast-vm(1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ballast::cli {

struct ManPage {
    std::string name;  // "ballast-vm.1"
    std::string text;  // roff, man(7)
};

std::vector<ManPage> man_pages();

}  // namespace ballast::cli
