// What a command takes, as data: rows that the parser, `--help`, the man pages and the completion all read. A
// command declares them once, each bound to the variable that receives its value.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ballast::cli {

// What the shell may complete a value with. Names of objects are asked of the controller.
enum class Completes : std::uint8_t { nothing, files, folders, hosts, vms, jobs, plans };

// Where a value goes. An optional stays empty when the option is not given. The target must outlive the
// parse; commands keep it in the object that their action owns.
using Target = std::variant<bool*, std::string*, std::optional<std::string>*, std::vector<std::string>*,
                            std::int64_t*, std::optional<std::int64_t>*, double*, std::optional<double>*>;

struct OptionRow {
    std::string names;        // "-o,--output", or for a positional argument its word: "NAME"
    std::string placeholder;  // of the value: "FILE"; empty for flags and positionals
    std::string help;         // half a sentence, no full stop
    Target target;
    bool positional = false;
    bool is_required = false;
    double min_value = std::numeric_limits<double>::lowest();  // of numbers
    double max_value = std::numeric_limits<double>::max();
    std::vector<std::string> words;  // when not empty: the only values allowed
    Completes completion = Completes::nothing;
    std::string excluded;  // the long name of an option that cannot be given together with this one

    OptionRow& required() {
        is_required = true;
        return *this;
    }
    OptionRow& between(double min, double max) {
        min_value = min;
        max_value = max;
        return *this;
    }
    OptionRow& one_of(std::vector<std::string> allowed) {
        words = std::move(allowed);
        return *this;
    }
    OptionRow& completes(Completes kind) {
        completion = kind;
        return *this;
    }
    // `other` must have been declared before.
    OptionRow& excludes(std::string_view other) {
        excluded = other;
        return *this;
    }
    // "--output": the longest of the names.
    std::string long_name() const;
    bool takes_value() const { return !std::holds_alternative<bool*>(target); }
    // Whether it may be given more than once.
    bool repeats() const { return std::holds_alternative<std::vector<std::string>*>(target); }
};

class Options {
  public:
    // `--help` shows options in the order of their declaration. The row returned is for the refinements
    // above, at once: the next declaration may move it.
    OptionRow& flag(std::string_view names, bool& into, std::string_view help);
    OptionRow& value(std::string_view names, Target into, std::string_view placeholder,
                     std::string_view help);
    // A positional argument; a vector takes all that remain.
    OptionRow& argument(std::string_view word, Target into, std::string_view help);

    const std::vector<OptionRow>& rows() const noexcept { return rows_; }

  private:
    std::vector<OptionRow> rows_;
};

}  // namespace ballast::cli
