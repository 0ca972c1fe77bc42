// The events of a ballast-pool/1 document, in the shape of RapidJSON's SAX handlers. It runs twice over a
// text: the first time everything is checked and counted, the second time, with room for what was counted, it
// is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/offline/pool_fields.hpp"
#include "cli/offline/pool_file.hpp"
#include "policy/pool_model.hpp"

namespace ballast::cli::offline {

// How much of each there is.
struct PoolCounts {
    std::size_t hosts = 0;
    std::size_t vms = 0;
    std::size_t samples = 0;
};

// Room for a document with known counts. All empty while counting.
struct PoolRoom {
    std::span<policy::Host> hosts;
    std::span<policy::Vm> vms;
    std::span<std::string_view> host_sites;  // each host's site; empty: none
    std::span<std::string_view> vm_hosts;    // each guest's host, by name
    std::span<std::string_view> vm_origins;  // the host that it came from; empty: not known
    std::span<double> samples;
};

class PoolHandler {
  public:
    // `room`: empty, or for exactly what an earlier pass over the same text counted.
    explicit PoolHandler(const PoolRoom& room) : room_{room}, keeps_{!room.samples.empty()} {}

    bool Null();
    bool Bool(bool value);
    bool Int(int value) { return number(value); }
    bool Uint(unsigned value) { return number(value); }
    bool Int64(std::int64_t value) { return number(static_cast<double>(value)); }
    bool Uint64(std::uint64_t value) { return number(static_cast<double>(value)); }
    bool Double(double value) { return number(value); }
    bool RawNumber(const char*, std::size_t, bool) { return false; }
    bool String(const char* text, std::size_t length, bool copy);
    bool Key(const char* text, std::size_t length, bool copy);
    bool StartObject();
    bool EndObject(std::size_t members);
    bool StartArray();
    bool EndArray(std::size_t elements);

    const PoolCounts& counts() const { return counts_; }
    double sample_interval_seconds() const { return sample_interval_seconds_; }
    // Of taken_at, UTC; nothing when it is not there or no time that ends in Z.
    std::optional<std::uint32_t> minute_of_day() const { return minute_of_day_; }
    // Set by the first thing that the format does not allow.
    const std::optional<PoolError>& error() const { return error_; }
    // Where in the document the parser is.
    std::string pointer() const;

  private:
    enum class Place : std::uint8_t { start, root, hosts, host, vms, vm, series, end };

    bool number(double value);
    bool unexpected(std::string_view found);
    bool fail(std::string pointer, std::string expected);
    std::span<const FieldInfo> fields() const;
    bool begin_record(Place place);
    bool end_record();
    bool keep_sample(double value);
    void end_series();
    bool keep_number(double value);
    bool keep_text(std::string_view text);
    bool keep_state(std::string_view text);
    bool keep_root_text(std::string_view text);
    void keep_name(std::string_view text);
    bool keep_flag(bool value);
    void host_number(policy::Host& host, double value) const;
    void vm_number(policy::Vm& vm, double value) const;
    policy::Series* series_of_field();

    PoolRoom room_;
    bool keeps_;
    PoolCounts counts_;
    Place place_ = Place::start;
    Place series_in_ = Place::start;
    const FieldInfo* field_ = nullptr;  // whose value comes next; null: an ignored one
    std::string unknown_key_;           // of the ignored value
    std::size_t ignored_depth_ = 0;     // arrays and objects that have begun inside an ignored value
    std::uint64_t root_seen_ = 0;       // bit by field id
    std::uint64_t record_seen_ = 0;
    std::size_t series_begins_ = 0;  // index of its first sample
    double sample_interval_seconds_ = 0;
    std::optional<std::uint32_t> minute_of_day_;
    std::optional<PoolError> error_;
};

// What was found, for a message: in quotation marks, and not too much of it.
std::string quoted(std::string_view text);

// RFC 6901: "~" and "/" inside a name are escaped.
std::string escaped_token(std::string_view name);

}  // namespace ballast::cli::offline
