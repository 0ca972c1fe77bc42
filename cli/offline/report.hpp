// A table of results, in the forms that people and tools read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ballast::cli::offline {

class Report {
  public:
    // A heading that begins with '<' is a column of words: left-aligned, and quoted in JSON. The others are
    // numbers.
    explicit Report(std::vector<std::string> headings);

    // As many cells as headings; an empty one is shown as "-" and is null in JSON.
    void row(std::vector<std::string> cells);
    bool empty() const { return rows_.empty(); }

    std::string text(bool headings = true) const;
    std::string markdown() const;
    std::string csv() const;
    std::string json() const;    // a list of objects
    std::string ndjson() const;  // one object a line

  private:
    std::string object(const std::vector<std::string>& cells) const;

    std::vector<std::string> headings_;
    std::vector<bool> words_;
    std::vector<std::vector<std::string>> rows_;
};

// With so many decimals; "-0.0" is never written.
std::string decimals(double value, int places);

}  // namespace ballast::cli::offline
