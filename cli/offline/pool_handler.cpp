#include "cli/offline/pool_handler.hpp"

#include <cmath>
#include <limits>

namespace ballast::cli::offline {

namespace {

constexpr std::string_view format_name = "ballast-pool/1";

const FieldInfo* find_field(std::span<const FieldInfo> table, std::string_view name) {
    for (const FieldInfo& info : table) {
        if (info.name == name) {
            return &info;
        }
    }
    return nullptr;
}

std::string number_text(double value) {
    std::string text = std::to_string(value);
    if (text.find('.') != std::string::npos) {
        text.erase(text.find_last_not_of('0') + 1);
        text.erase(text.back() == '.' ? text.size() - 1 : text.size());
    }
    return text;
}

std::string wanted(const FieldInfo& info) {
    switch (info.kind) {
        case FieldKind::text: return "a string";
        case FieldKind::whole: return "a whole number from 0 to " + number_text(info.max);
        case FieldKind::number: return "a number from 0 to " + number_text(info.max);
        case FieldKind::flag: return "true or false";
        case FieldKind::series: return "a list of numbers, oldest first";
        case FieldKind::host_state: return "one of up, suspect, down, draining, cordoned";
        case FieldKind::vm_state: return "a state of a guest: running, paused, saved, inactive, …";
        case FieldKind::list: return "a list of objects";
    }
    return "another value";
}

// The minute in "2026-11-21T08:05:00Z".
std::optional<std::uint32_t> minute_in(std::string_view time) {
    constexpr std::size_t hour_at = 11;
    constexpr std::size_t minute_at = 14;
    const auto digit = [&](std::size_t at) { return static_cast<std::uint32_t>(time[at] - '0'); };
    if (time.size() < 17 || time[10] != 'T' || time[13] != ':' || time.back() != 'Z') {
        return std::nullopt;
    }
    for (const std::size_t at : {hour_at, hour_at + 1, minute_at, minute_at + 1}) {
        if (digit(at) > 9) {
            return std::nullopt;
        }
    }
    const std::uint32_t hour = digit(hour_at) * 10 + digit(hour_at + 1);
    const std::uint32_t minute = digit(minute_at) * 10 + digit(minute_at + 1);
    return hour < 24 && minute < 60 ? std::optional{hour * 60 + minute} : std::nullopt;
}

constexpr std::size_t found_bytes_max = 40;

std::string quoted(std::string_view text) {
    return '"' + std::string{text.substr(0, found_bytes_max)} +
           (text.size() > found_bytes_max ? "…\"" : "\"");
}

}  // namespace

std::string escaped_token(std::string_view name) {
    std::string out;
    for (const char c : name) {
        out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    }
    return out;
}

std::string PoolHandler::pointer() const {
    const Place place = place_ == Place::series ? series_in_ : place_;
    std::string out;
    if (place == Place::hosts || place == Place::host) {
        out = "/hosts";
    } else if (place == Place::vms || place == Place::vm) {
        out = "/vms";
    }
    const bool inside = place == Place::host || place == Place::vm;
    if (inside) {
        out += '/' + std::to_string((place == Place::host ? counts_.hosts : counts_.vms) - 1);
    } else if (place == Place::hosts || place == Place::vms) {
        return out + '/' + std::to_string(place == Place::hosts ? counts_.hosts : counts_.vms);
    }
    if (field_ != nullptr) {
        out += '/' + std::string{field_->name};
    } else if (!unknown_key_.empty()) {
        out += '/' + escaped_token(unknown_key_);
    }
    return place_ == Place::series ? out + '/' + std::to_string(counts_.samples - series_begins_) : out;
}

bool PoolHandler::fail(std::string pointer, std::string expected) {
    if (!error_) {
        error_ = PoolError{std::move(pointer), std::move(expected)};
    }
    return false;
}

bool PoolHandler::unexpected(std::string_view found) {
    std::string what = "an object";
    if (place_ == Place::series) {
        what = "a number or null";
    } else if (place_ != Place::start && place_ != Place::hosts && place_ != Place::vms &&
               field_ != nullptr) {
        what = wanted(*field_);
    }
    return fail(pointer(), "expected " + what + ", found " + std::string{found});
}

std::span<const FieldInfo> PoolHandler::fields() const {
    return place_ == Place::host ? std::span<const FieldInfo>{host_field::table}
           : place_ == Place::vm ? std::span<const FieldInfo>{vm_field::table}
                                 : std::span<const FieldInfo>{pool_field::table};
}

bool PoolHandler::Key(const char* text, std::size_t length, bool) {
    if (ignored_depth_ > 0) {
        return true;
    }
    const std::string_view name{text, length};
    field_ = find_field(fields(), name);
    unknown_key_.clear();
    if (field_ == nullptr) {
        unknown_key_.assign(name.substr(0, found_bytes_max));
        return true;
    }
    std::uint64_t& seen = place_ == Place::root ? root_seen_ : record_seen_;
    const std::uint64_t bit = std::uint64_t{1} << field_->id;
    if ((seen & bit) != 0) {
        return fail(pointer(), "expected this key once, found it twice");
    }
    seen |= bit;
    return true;
}

bool PoolHandler::Null() {
    if (ignored_depth_ > 0) {
        return true;
    }
    if (place_ == Place::series) {
        return keep_sample(std::numeric_limits<double>::quiet_NaN());
    }
    if (place_ == Place::start || place_ == Place::hosts || place_ == Place::vms) {
        return unexpected("null");
    }
    if (field_ != nullptr) {  // as if the key were not there
        std::uint64_t& seen = place_ == Place::root ? root_seen_ : record_seen_;
        seen &= ~(std::uint64_t{1} << field_->id);
    }
    return true;
}

bool PoolHandler::Bool(bool value) {
    if (ignored_depth_ > 0 ||
        (field_ == nullptr && place_ != Place::start && place_ != Place::hosts && place_ != Place::vms)) {
        return true;
    }
    const bool record = place_ == Place::host || place_ == Place::vm;
    if (!record || field_->kind != FieldKind::flag) {
        return unexpected(value ? "true" : "false");
    }
    return keep_flag(value);
}

bool PoolHandler::number(double value) {
    if (ignored_depth_ > 0) {
        return true;
    }
    switch (place_) {
        case Place::series: return keep_sample(value);
        case Place::start:
        case Place::hosts:
        case Place::vms: return unexpected("a number");
        case Place::root:
        case Place::host:
        case Place::vm:
        case Place::end: break;
    }
    if (field_ == nullptr) {
        return true;
    }
    if (field_->kind != FieldKind::whole && field_->kind != FieldKind::number) {
        return unexpected("a number");
    }
    const bool whole = field_->kind == FieldKind::number || value == std::floor(value);
    if (!(value >= 0 && value <= field_->max) || !whole) {
        return unexpected(number_text(value));
    }
    return keep_number(value);
}

bool PoolHandler::String(const char* text, std::size_t length, bool) {
    if (ignored_depth_ > 0) {
        return true;
    }
    const std::string_view value{text, length};
    if (place_ == Place::series || place_ == Place::start || place_ == Place::hosts || place_ == Place::vms) {
        return unexpected("the string " + quoted(value));
    }
    return field_ == nullptr || keep_text(value);
}

bool PoolHandler::StartObject() {
    if (ignored_depth_ > 0 ||
        ((place_ == Place::root || place_ == Place::host || place_ == Place::vm) && field_ == nullptr)) {
        return ++ignored_depth_ <= limits::pool_depth_max || fail(pointer(), "expected less nesting");
    }
    switch (place_) {
        case Place::start: place_ = Place::root; return true;
        case Place::hosts: return begin_record(Place::host);
        case Place::vms: return begin_record(Place::vm);
        case Place::root:
        case Place::host:
        case Place::vm:
        case Place::series:
        case Place::end: break;
    }
    return unexpected("an object");
}

bool PoolHandler::begin_record(Place place) {
    std::size_t& count = place == Place::host ? counts_.hosts : counts_.vms;
    const std::size_t count_max = place == Place::host ? limits::pool_hosts_max : limits::pool_vms_max;
    if (count == count_max) {
        return fail(pointer(), "expected at most " + std::to_string(count_max) + " of them");
    }
    ++count;
    place_ = place;
    record_seen_ = 0;
    field_ = nullptr;
    unknown_key_.clear();
    if (keeps_ && place == Place::host) {
        room_.hosts[counts_.hosts - 1].state = HostState::up;
    } else if (keeps_) {
        room_.vms[counts_.vms - 1].state = VmState::running;
        room_.vms[counts_.vms - 1].movable = true;
    }
    return true;
}

bool PoolHandler::EndObject(std::size_t) {
    if (ignored_depth_ > 0) {
        --ignored_depth_;
        return true;
    }
    return end_record();
}

bool PoolHandler::end_record() {
    const std::uint64_t seen = place_ == Place::root ? root_seen_ : record_seen_;
    field_ = nullptr;
    unknown_key_.clear();
    for (const FieldInfo& info : fields()) {
        if (info.required && (seen & (std::uint64_t{1} << info.id)) == 0) {
            return fail(pointer() + '/' + std::string{info.name},
                        "expected " + wanted(info) + ", found nothing");
        }
    }
    place_ = place_ == Place::host ? Place::hosts : place_ == Place::vm ? Place::vms : Place::end;
    return true;
}

bool PoolHandler::StartArray() {
    if (ignored_depth_ > 0 ||
        ((place_ == Place::root || place_ == Place::host || place_ == Place::vm) && field_ == nullptr)) {
        return ++ignored_depth_ <= limits::pool_depth_max || fail(pointer(), "expected less nesting");
    }
    if (place_ == Place::root && field_->kind == FieldKind::list) {
        place_ = field_->id == pool_field::hosts ? Place::hosts : Place::vms;
        return true;
    }
    if ((place_ == Place::host || place_ == Place::vm) && field_->kind == FieldKind::series) {
        series_in_ = place_;
        place_ = Place::series;
        series_begins_ = counts_.samples;
        return true;
    }
    return unexpected("a list");
}

bool PoolHandler::EndArray(std::size_t) {
    if (ignored_depth_ > 0) {
        --ignored_depth_;
        return true;
    }
    if (place_ == Place::series) {
        place_ = series_in_;
        end_series();
        return true;
    }
    place_ = Place::root;
    return true;
}

bool PoolHandler::keep_sample(double value) {
    if (counts_.samples == limits::pool_samples_max) {
        return fail(pointer(),
                    "expected at most " + std::to_string(limits::pool_samples_max) + " samples in all");
    }
    if (keeps_) {
        room_.samples[counts_.samples] = value;
    }
    ++counts_.samples;
    return true;
}

policy::Series* PoolHandler::series_of_field() {
    if (place_ == Place::host) {
        return &room_.hosts[counts_.hosts - 1].dom0_cpu_cores;
    }
    policy::Vm& vm = room_.vms[counts_.vms - 1];
    return field_->id == vm_field::cpu_cores   ? &vm.cpu_cores
           : field_->id == vm_field::net_mbps  ? &vm.net_mbps
           : field_->id == vm_field::disk_mbps ? &vm.disk_mbps
                                               : &vm.memory_used_mib;
}

void PoolHandler::end_series() {
    if (keeps_) {
        *series_of_field() = room_.samples.subspan(series_begins_, counts_.samples - series_begins_);
    }
}

bool PoolHandler::keep_number(double value) {
    if (place_ == Place::root) {
        sample_interval_seconds_ = value;
    } else if (keeps_ && place_ == Place::host) {
        host_number(room_.hosts[counts_.hosts - 1], value);
    } else if (keeps_) {
        vm_number(room_.vms[counts_.vms - 1], value);
    }
    return true;
}

void PoolHandler::host_number(policy::Host& host, double value) const {
    const auto whole = static_cast<std::uint64_t>(value);
    switch (field_->id) {
        case host_field::cpu_cores: host.cpu_cores = value; break;
        case host_field::memory_mib: host.memory_mib = whole; break;
        case host_field::memory_reserved_mib: host.memory_reserved_mib = whole; break;
        case host_field::net_mbps: host.net_mbps = value; break;
        case host_field::disk_mbps: host.disk_mbps = value; break;
        default: break;
    }
}

void PoolHandler::vm_number(policy::Vm& vm, double value) const {
    switch (field_->id) {
        case vm_field::memory_mib: vm.memory_mib = static_cast<std::uint64_t>(value); break;
        case vm_field::vcpus: vm.vcpus = static_cast<std::uint32_t>(value); break;
        case vm_field::last_moved_seconds_ago:
            vm.last_moved_seconds_ago = static_cast<std::int64_t>(value);
            break;
        case vm_field::started_seconds_ago: vm.started_seconds_ago = static_cast<std::int64_t>(value); break;
        case vm_field::dirty_mib_per_second: vm.dirty_mib_per_second = value; break;
        default: break;
    }
}

bool PoolHandler::keep_flag(bool value) {
    if (keeps_) {
        policy::Vm& vm = room_.vms[counts_.vms - 1];
        (field_->id == vm_field::movable ? vm.movable : vm.session_active) = value;
    }
    return true;
}

bool PoolHandler::keep_text(std::string_view text) {
    if (field_->kind == FieldKind::host_state || field_->kind == FieldKind::vm_state) {
        return keep_state(text);
    }
    if (field_->kind != FieldKind::text) {
        return unexpected("the string " + quoted(text));
    }
    if (place_ == Place::root) {
        return keep_root_text(text);
    }
    const std::size_t name =
        place_ == Place::host ? std::size_t{host_field::name} : std::size_t{vm_field::name};
    if (field_->id == name && text.empty()) {
        return fail(pointer(), "expected a name, found an empty string");
    }
    if (keeps_) {
        keep_name(text);
    }
    return true;
}

bool PoolHandler::keep_state(std::string_view text) {
    const bool host = place_ == Place::host;
    const auto host_state = parse_host_state(text);
    const auto vm_state = parse_vm_state(text);
    if (host ? !host_state.has_value() : !vm_state.has_value()) {
        return unexpected(quoted(text));
    }
    if (keeps_ && host) {
        room_.hosts[counts_.hosts - 1].state = *host_state;
    } else if (keeps_) {
        room_.vms[counts_.vms - 1].state = *vm_state;
    }
    return true;
}

bool PoolHandler::keep_root_text(std::string_view text) {
    if (field_->id == pool_field::taken_at) {
        minute_of_day_ = minute_in(text);
        return true;
    }
    return text == format_name || fail(pointer(), "expected \"ballast-pool/1\", found " + quoted(text));
}

void PoolHandler::keep_name(std::string_view text) {
    if (place_ == Place::host) {
        const std::size_t h = counts_.hosts - 1;
        (field_->id == host_field::name ? room_.hosts[h].name : room_.host_sites[h]) = text;
        return;
    }
    const std::size_t v = counts_.vms - 1;
    switch (field_->id) {
        case vm_field::name: room_.vms[v].name = text; break;
        case vm_field::host: room_.vm_hosts[v] = text; break;
        case vm_field::came_from: room_.vm_origins[v] = text; break;
        case vm_field::anti_affinity: room_.vms[v].anti_affinity = text; break;
        default: break;
    }
}

}  // namespace ballast::cli::offline
