// Where the values of a ballast-pool/1 document go.
#include "cli/offline/pool_handler.hpp"

namespace ballast::cli::offline {

namespace {

constexpr std::string_view format_name = "ballast-pool/1";

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

}  // namespace

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
