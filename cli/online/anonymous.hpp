// Names taken out of what the endpoint says, for a file that goes to strangers.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "cli/json.hpp"

namespace ballast::cli {

// Names of hosts, guests, sites, desktop pools, anti-affinity groups and users, each with what it is called
// instead: "host1", "vm1".
class Anonymous {
  public:
    // Takes down every name in the value. `of_name`: what objects in it call their `name`; empty: nothing.
    void learn(Json value, std::string_view of_name = {});

    // Every text of the value with the names in it replaced, also inside sentences; uuids and addresses are
    // dropped.
    void write(JsonWriter& out, Json value) const;

  private:
    void add(std::string_view name, std::string_view word);
    std::string replaced(std::string_view text) const;

    std::map<std::string, std::string, std::less<>> aliases_;
    std::map<std::string, unsigned, std::less<>> counts_;  // of each word
};

}  // namespace ballast::cli
