#include "cli/offline/pool_handler.hpp"

#include <cmath>
#include <limits>

namespace ballast::cli::offline {

namespace {

constexpr std::size_t found_bytes_max = 40;

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

}  // namespace

std::string quoted(std::string_view text) {
    return '"' + std::string{text.substr(0, found_bytes_max)} +
           (text.size() > found_bytes_max ? "…\"" : "\"");
}

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

}  // namespace ballast::cli::offline
