// Faults to order: "the second create fails with no_memory", "the process dies when half of the image is
// sent". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fault.hpp"
#include "base/fixed_vector.hpp"

namespace ballast::sim {

// The calls of the door that can be made to fail.
enum class Call : std::uint8_t {
    list = 0,  // also host_facts, find and sample
    pause = 1,
    unpause = 2,
    resume = 3,
    rename = 4,
    guest_area = 5,  // guest_read and guest_write
    create = 6,
    shutdown = 7,
    destroy = 8,
    send = 9,
    receive = 10,
    suspend = 11,   // strikes when a sender has asked its guest to suspend itself
    withdraw = 12,  // short
};

enum class FaultAction : std::uint8_t {
    fail = 0,   // the call fails with the rule's fault (LONG calls: when `at_permille` of their work is done)
    die = 1,    // LONG calls: the calling process is killed at that point, as by kill -9
    stall = 2,  // LONG calls: no progress beyond that point, until the peer or somebody ends it
};

struct FaultRule {
    Call call = Call::list;
    FaultAction action = FaultAction::fail;
    Fault fault = Fault::hypervisor_failed;
    std::uint32_t skip = 0;         // calls to let pass first
    std::uint32_t times = 1;        // then this many are hit; 0: all
    std::uint32_t at_permille = 0;  // of the work of a LONG call; 0: before anything is done
};
// Short calls only fail, and as a whole; `at_permille` is at most 1000.
bool valid(const FaultRule& rule) noexcept;
using FaultRules = FixedVector<FaultRule, 16>;

// The rule that hits this call, with its counts brought up to date; a rule that is used up is removed.
std::optional<FaultRule> take_fault(FaultRules& rules, Call call) noexcept;

std::string_view to_string(Call call) noexcept;
std::optional<Call> parse_call(std::string_view text) noexcept;

}  // namespace ballast::sim
