// Lines of a log of which each carries the hash of the one before, so that none can be changed, left out or
// put in between without all that follow showing it. A line is a JSON object:
//   {"seq":12,"prev":"64 hex digits", ... ,"hash":"64 hex digits"}
// `hash` is SHA-256 of the line up to its last comma, that is without `,"hash":"..."}`. `prev` is the hash of
// the line before; of the very first line it is all zeros.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shell/sha256.hpp"

namespace ballast {

struct ChainLink {
    std::uint64_t seq = 0;  // 0: before the first line
    Sha256 prev{};
    Sha256 hash{};
};

// The beginning of the line that follows `last`: `{"seq":13,"prev":"…"`; members are added as
// `,"name":value`.
std::string begin_link(const ChainLink& last);
// Completes `line` (without a line feed), and returns its link. REQUIRES: begun by begin_link.
ChainLink end_link(std::string& line);
// Reads a line without its line feed. Nothing when it has not this form, or its hash is not its own.
std::optional<ChainLink> read_link(std::string_view line) noexcept;

}  // namespace ballast
