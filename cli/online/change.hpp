// Requests that change something, what their answers mean, and waiting for what they start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/online/online.hpp"

namespace ballast::cli {

// What an answer that is the object, and no job, means.
enum class Already : std::uint8_t {
    unsaid,  // that is how it is now, perhaps by this change
    state,   // it was in that state before, so that there was nothing to do
    place,   // it was on that host before
    beside,  // the state is beside the point
};

struct Change {
    std::string method;
    std::string path;
    std::string body;
    std::string what;  // "web1: pause", for messages
    Already already = Already::unsaid;
};

// Sends all of them, then waits for the jobs that they started as the options say. A refused one does not
// keep the others from being sent, a controller that is not there does; the worst end is the command's. With
// an idempotency key of the user's, there must be one change only.
Exit change_all(Online& online, const std::vector<Change>& changes, const ActOptions& options);

// The number of a job, plan or decision.
std::optional<std::uint64_t> parse_id(const std::string& text) noexcept;

}  // namespace ballast::cli
