// The messages of proto/ballast.proto that serve desktops, as plain structs: disks and golden files, relays
// to consoles, what guests say, and the proof of a shared store. Included by proto/messages.hpp.
#pragma once

#include <cstdint>

#include "base/fault.hpp"
#include "base/uuid.hpp"
#include "base/vocabulary.hpp"

namespace ballast::wire {

// Where a new disk's content comes from. Lies in journals and on the wire: only append.
enum class VolumeSource : std::uint8_t {
    overlay = 0,  // qcow2 that takes what it does not hold itself from a template (raw or qcow2)
    copy = 1,     // all of a template, byte for byte, holes kept
    blank = 2,    // raw, all zeroes, takes space as it is written
};

struct Volume {
    Path path;
    VolumeSource source = VolumeSource::overlay;
    Path template_path;
    std::uint64_t size_bytes = 0;
    friend bool operator==(const Volume&, const Volume&) = default;
};

enum class RelayState : std::uint8_t {
    listening = 0,  // nobody is connected
    connected = 1,  // a client has given the password
    closed = 2,     // gone for good
};

// What VNC's password authentication looks at.
using VncPassword = FixedString<8>;

struct RelayOpen {
    std::uint64_t session_id = 0;
    Uuid uuid;
    VncPassword password;
    FixedString<63> client_address;
    std::uint32_t report_every_ms = 0;
    friend bool operator==(const RelayOpen&, const RelayOpen&) = default;
};
struct RelayClose {
    std::uint64_t session_id = 0;
    friend bool operator==(const RelayClose&, const RelayClose&) = default;
};
struct RelayStatus {
    std::uint64_t session_id = 0;
    Uuid uuid;
    RelayState state = RelayState::listening;
    FixedString<63> address;
    std::uint16_t port = 0;
    FixedString<63> client;
    std::uint32_t idle_seconds = 0;
    Fault fault = Fault::none;
    Detail detail;
    std::uint64_t to_client_bytes = 0;
    std::uint64_t from_client_bytes = 0;
    friend bool operator==(const RelayStatus&, const RelayStatus&) = default;
};

// What a guest's host is to see before it takes the guest for alive.
enum class LifeSigns : std::uint8_t {
    none = 0,       // nothing: the guest is asked
    processor = 1,  // it uses its virtual CPUs
    console = 2,    // and its VNC console, where it has one, greets
};

struct GuestNote {
    Uuid uuid;
    Uuid nonce;
    FixedString<255> data_share;
    FixedString<255> notice;
    LifeSigns watch = LifeSigns::none;
    std::uint32_t wait_ms = 0;
    friend bool operator==(const GuestNote&, const GuestNote&) = default;
};
struct GuestSignal {
    Uuid uuid;
    std::uint32_t domid = 0;
    Uuid nonce;
    FixedString<63> address;
    bool ready = false;
    Fault fault = Fault::none;
    Detail detail;
    friend bool operator==(const GuestSignal&, const GuestSignal&) = default;
};

enum class StoreStep : std::uint8_t {
    write = 0,  // put the secret into a new file
    check = 1,  // read that file: the same secret proves the store
    erase = 2,  // delete it
};

struct StoreProbe {
    std::uint64_t probe_id = 0;
    StoreStep step = StoreStep::write;
    Uuid secret;
    friend bool operator==(const StoreProbe&, const StoreProbe&) = default;
};
struct StoreAnswer {
    std::uint64_t probe_id = 0;
    StoreStep step = StoreStep::write;
    Fault fault = Fault::none;
    Detail detail;
    friend bool operator==(const StoreAnswer&, const StoreAnswer&) = default;
};

}  // namespace ballast::wire
