// One pass of asking the destination where the source's blocks are.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "image/placements.hpp"
#include "image/replies.hpp"

namespace ballast::image {

struct MatchPass {
    MessageStream& messages;
    ReplyReader& replies;
    const Welcome& offers;
    const Grid& grid;  // of the entries' blocks
    KeyCode code;
    const std::atomic<bool>& cancelled;
};

// Asks for the keys of `ask` and gives each entry's placement to `place`, in the order of keys. `again` goes
// through the same entries a second time, as far behind as answers are. `found`: entries that the destination
// has, or that repeat another one. Faults of the streams.
Status run_match_pass(const MatchPass& pass, EntryStream& ask, EntryStream& again,
                      const std::function<Status(const Placement&, std::string&)>& place,
                      std::uint64_t& found, std::string& why);

}  // namespace ballast::image
