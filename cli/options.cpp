#include "cli/options.hpp"

#include <utility>

namespace ballast::cli {

std::string OptionRow::long_name() const {
    const std::size_t at = names.find("--");
    return at == std::string::npos ? names : names.substr(at);
}

OptionRow& Options::flag(std::string_view names, bool& into, std::string_view help) {
    rows_.push_back({.names = std::string{names}, .help = std::string{help}, .target = &into});
    return rows_.back();
}

OptionRow& Options::value(std::string_view names, Target into, std::string_view placeholder,
                          std::string_view help) {
    rows_.push_back({.names = std::string{names},
                     .placeholder = std::string{placeholder},
                     .help = std::string{help},
                     .target = into});
    return rows_.back();
}

OptionRow& Options::argument(std::string_view word, Target into, std::string_view help) {
    rows_.push_back(
        {.names = std::string{word}, .help = std::string{help}, .target = into, .positional = true});
    return rows_.back();
}

}  // namespace ballast::cli
