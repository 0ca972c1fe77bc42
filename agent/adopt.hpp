// Taking over a guest that `xl save` wrote: `ballast-agent --adopt FILE`.
#pragma once

#include <string>

#include "agent/config.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace ballast::agent {

// Checks that `path` is the whole image of a guest that has no domain here and no other save file, seals it
// and moves it into the folder of save files, from where the running agent reports it at its next sample.
// The file is moved and not copied: of two images of one guest an operator could restore both.
// Until the move, which is atomic, the file stays what `xl restore` reads. Errors have a sentence in `why`:
// `image_corrupt`, `already_exists`, `state_conflict` (it has a domain here), `io_failed`.
Status adopt_saved(const AgentConfig& config, const std::string& path, wire::SavedGuest& guest,
                   std::string& why);

}  // namespace ballast::agent
