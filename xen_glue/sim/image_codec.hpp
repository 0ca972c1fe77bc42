// How a simulated guest is written into an image, and read back without trusting a byte of it. Format:
// docs/simulated_host.md. Integers are little-endian; texts are a 16-bit length and bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "xen_glue/hypervisor.hpp"
#include "xen_glue/sim/sim_state.hpp"

namespace ballast::sim {

inline constexpr std::string_view image_magic = "BallastSimImage\n";
inline constexpr std::uint32_t image_version = 1;

enum class RecordType : std::uint32_t { config = 1, pages = 2, suspended = 3, end = 4 };
// Larger records are refused before they are read.
inline constexpr std::uint32_t record_bytes_max = 1024 * 1024;
inline constexpr std::size_t record_header_bytes = 8;

// What a guest takes along besides its memory, from the moment when it was suspended.
struct CarriedState {
    Workload workload;
    std::int64_t executed_ns = 0;
};
struct PagesHead {
    std::uint32_t round = 0;
    std::uint32_t pages = 0;
};
inline constexpr std::size_t pages_head_bytes = 8;
struct EndRecord {
    std::uint64_t pages = 0;     // in all rounds
    std::uint64_t checksum = 0;  // XXH64 of every byte before this record
};
struct RecordHead {
    RecordType type{};
    std::uint32_t length = 0;
};

void append_u32(std::string& out, std::uint32_t value);
void append_u64(std::string& out, std::uint64_t value);
// All decoders: nothing when the bytes are too few, too many, or say something that cannot be.
std::optional<std::uint32_t> decode_u32(std::string_view bytes);
void append_record_head(std::string& out, RecordType type, std::uint32_t length);
std::optional<RecordHead> decode_record_head(std::string_view bytes);

// What a guest is, as its host's toolstack keeps it.
struct ImageConfig {
    DomainSpec spec;
    bool ours = false;  // Domain::ours
};
void append_config(std::string& out, const ImageConfig& config);
// Only well-formed; whether it makes sense is what `validate` says.
std::optional<ImageConfig> decode_config(std::string_view bytes);

void append_carried(std::string& out, const CarriedState& state);
std::optional<CarriedState> decode_carried(std::string_view bytes);

void append_pages_head(std::string& out, const PagesHead& head);
std::optional<PagesHead> decode_pages_head(std::string_view bytes);  // of the record's first bytes

void append_end(std::string& out, const EndRecord& end);
std::optional<EndRecord> decode_end(std::string_view bytes);

}  // namespace ballast::sim
