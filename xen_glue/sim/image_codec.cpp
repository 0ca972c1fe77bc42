#include "xen_glue/sim/image_codec.hpp"

#include <algorithm>
#include <concepts>
#include <type_traits>

namespace ballast::sim {
namespace {

constexpr std::uint32_t rate_max = 10'000;  // of a workload, in Mbit/s or MiB/s

template <std::unsigned_integral T>
void put(std::string& out, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff));
    }
}
void put(std::string& out, bool value) {
    put(out, static_cast<std::uint8_t>(value));
}
void put_text(std::string& out, std::string_view text) {
    put(out, static_cast<std::uint16_t>(text.size()));
    out.append(text);
}
template <class Enum>
void put_enum(std::string& out, Enum value) {
    put(out, static_cast<std::uint8_t>(value));
}

// Reads fields in order; after the first that is not there or not allowed, all fail.
class Fields {
  public:
    explicit Fields(std::string_view bytes) : rest_{bytes} {}

    template <std::unsigned_integral T>
    void get(T& value) {
        const std::string_view bytes = take(sizeof(T));
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            sum |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
        }
        value = static_cast<T>(sum);
    }
    void get(bool& value) {
        std::uint8_t byte = 0;
        get(byte);
        require(byte <= 1);
        value = byte == 1;
    }
    template <class Enum>
    void get_enum(Enum& value, Enum last) {
        std::uint8_t byte = 0;
        get(byte);
        require(byte <= static_cast<std::uint8_t>(last));
        value = static_cast<Enum>(byte);
    }
    template <std::size_t capacity>
    void get_text(FixedString<capacity>& text) {
        std::uint16_t length = 0;
        get(length);
        require(text.try_assign(take(length)));
    }
    template <class T, std::size_t capacity, class Read>
    void get_list(FixedVector<T, capacity>& list, Read read) {
        std::uint8_t count = 0;
        get(count);
        require(count <= capacity);
        for (std::size_t i = 0; ok_ && i < count; ++i) {
            T item;
            read(item);
            list.push(item);
        }
    }
    std::string_view take(std::size_t count) {
        require(count <= rest_.size());
        if (!ok_) {
            return {};
        }
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    void require(bool condition) { ok_ = ok_ && condition; }
    bool complete() const { return ok_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

void put_load(std::string& out, const LoadGenerator& load) {
    const LoadProfile& profile = load.profile;
    put_enum(out, profile.kind);
    put(out, profile.mean_permille);
    put(out, profile.spread_permille);
    put(out, profile.period_s);
    put(out, static_cast<std::uint8_t>(profile.schedule.size()));
    for (const SchedulePoint& point : profile.schedule) {
        put(out, point.at_s);
        put(out, point.load_permille);
    }
    put(out, load.random_state);
    put(out, load.age_ms);
    put(out, load.burst_left_ms);
    put(out, load.own_permille);
    put(out, load.load_permille);
    put(out, load.overridden);
    put(out, load.override_permille);
}

void get_load(Fields& in, LoadGenerator& load) {
    LoadProfile& profile = load.profile;
    in.get_enum(profile.kind, LoadKind::schedule);
    in.get(profile.mean_permille);
    in.get(profile.spread_permille);
    in.get(profile.period_s);
    in.get_list(profile.schedule, [&in](SchedulePoint& point) {
        in.get(point.at_s);
        in.get(point.load_permille);
    });
    in.get(load.random_state);
    in.get(load.age_ms);
    in.get(load.burst_left_ms);
    in.get(load.own_permille);
    in.get(load.load_permille);
    in.get(load.overridden);
    in.get(load.override_permille);
    in.require(valid(profile) && load.own_permille <= load_full_permille &&
               load.load_permille <= load_full_permille && load.override_permille <= load_full_permille);
}

}  // namespace

void append_u32(std::string& out, std::uint32_t value) {
    put(out, value);
}
void append_u64(std::string& out, std::uint64_t value) {
    put(out, value);
}

std::optional<std::uint32_t> decode_u32(std::string_view bytes) {
    Fields in{bytes};
    std::uint32_t value = 0;
    in.get(value);
    return in.complete() ? std::optional{value} : std::nullopt;
}

void append_record_head(std::string& out, RecordType type, std::uint32_t length) {
    put(out, static_cast<std::uint32_t>(type));
    put(out, length);
}

std::optional<RecordHead> decode_record_head(std::string_view bytes) {
    Fields in{bytes};
    std::uint32_t type = 0;
    RecordHead head;
    in.get(type);
    in.get(head.length);
    in.require(type >= static_cast<std::uint32_t>(RecordType::config) &&
               type <= static_cast<std::uint32_t>(RecordType::end) && head.length <= record_bytes_max);
    head.type = static_cast<RecordType>(type);
    return in.complete() ? std::optional{head} : std::nullopt;
}

void append_config(std::string& out, const ImageConfig& config) {
    const DomainSpec& spec = config.spec;
    put(out, config.ours);
    put_text(out, spec.name);
    for (const std::uint8_t byte : spec.uuid.bytes) {
        put(out, byte);
    }
    put_enum(out, spec.type);
    put(out, spec.memory_mib);
    put(out, spec.vcpus);
    put_text(out, spec.kernel);
    put_text(out, spec.ramdisk);
    put_text(out, spec.cmdline);
    put_text(out, spec.bootloader);
    put_text(out, spec.boot_order);
    put(out, static_cast<std::uint8_t>(spec.disks.size()));
    for (const DiskSpec& disk : spec.disks) {
        put_enum(out, disk.format);
        put_text(out, disk.target);
        put_text(out, disk.device);
        put(out, disk.writable);
    }
    put(out, static_cast<std::uint8_t>(spec.vifs.size()));
    for (const VifSpec& vif : spec.vifs) {
        put_text(out, vif.mac);
        put_text(out, vif.bridge);
    }
    put(out, spec.vnc.enabled);
    put_text(out, spec.vnc.listen);
    put_text(out, spec.vnc.password);
    put(out, spec.cpu_weight);
    put(out, spec.cpu_cap_percent);
}

std::optional<ImageConfig> decode_config(std::string_view bytes) {
    Fields in{bytes};
    ImageConfig config;
    DomainSpec& spec = config.spec;
    in.get(config.ours);
    in.get_text(spec.name);
    for (std::uint8_t& byte : spec.uuid.bytes) {
        in.get(byte);
    }
    in.get_enum(spec.type, GuestType::hvm);
    in.get(spec.memory_mib);
    in.get(spec.vcpus);
    in.get_text(spec.kernel);
    in.get_text(spec.ramdisk);
    in.get_text(spec.cmdline);
    in.get_text(spec.bootloader);
    in.get_text(spec.boot_order);
    in.get_list(spec.disks, [&in](DiskSpec& disk) {
        in.get_enum(disk.format, DiskSpec::Format::phy);
        in.get_text(disk.target);
        in.get_text(disk.device);
        in.get(disk.writable);
    });
    in.get_list(spec.vifs, [&in](VifSpec& vif) {
        in.get_text(vif.mac);
        in.get_text(vif.bridge);
    });
    in.get(spec.vnc.enabled);
    in.get_text(spec.vnc.listen);
    in.get_text(spec.vnc.password);
    in.get(spec.cpu_weight);
    in.get(spec.cpu_cap_percent);
    return in.complete() ? std::optional{config} : std::nullopt;
}

void append_carried(std::string& out, const CarriedState& state) {
    const Workload& work = state.workload;
    put_load(out, work.load);
    put(out, work.net_mbps);
    put(out, work.disk_mbps);
    put(out, work.dirty_mib_per_s);
    put(out, work.unresponsive);
    put(out, static_cast<std::uint32_t>(work.signals));
    put(out, static_cast<std::uint64_t>(state.executed_ns));
}

std::optional<CarriedState> decode_carried(std::string_view bytes) {
    Fields in{bytes};
    CarriedState state;
    Workload& work = state.workload;
    std::uint64_t executed_ns = 0;
    std::uint32_t signals = 0;
    get_load(in, work.load);
    in.get(work.net_mbps);
    in.get(work.disk_mbps);
    in.get(work.dirty_mib_per_s);
    in.get(work.unresponsive);
    in.get(signals);
    in.get(executed_ns);
    // Half of the range leaves the clock room to go on.
    in.require(work.net_mbps <= rate_max && work.disk_mbps <= rate_max && work.dirty_mib_per_s <= rate_max &&
               signals <= static_cast<std::uint32_t>(Signals::huge) && executed_ns <= INT64_MAX / 2);
    work.signals = static_cast<Signals>(signals);
    state.executed_ns = static_cast<std::int64_t>(executed_ns);
    return in.complete() ? std::optional{state} : std::nullopt;
}

void append_pages_head(std::string& out, const PagesHead& head) {
    put(out, head.round);
    put(out, head.pages);
}

std::optional<PagesHead> decode_pages_head(std::string_view bytes) {
    Fields in{bytes};
    PagesHead head;
    in.get(head.round);
    in.get(head.pages);
    return in.complete() ? std::optional{head} : std::nullopt;
}

void append_end(std::string& out, const EndRecord& end) {
    put(out, end.pages);
    put(out, end.checksum);
}

std::optional<EndRecord> decode_end(std::string_view bytes) {
    Fields in{bytes};
    EndRecord end;
    in.get(end.pages);
    in.get(end.checksum);
    return in.complete() ? std::optional{end} : std::nullopt;
}

}  // namespace ballast::sim
