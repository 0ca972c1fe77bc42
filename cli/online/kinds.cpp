#include "cli/online/kinds.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/times.hpp"

namespace ballast::cli {

namespace {

constexpr std::array host_columns{
    Column{"NAME", "name", Show::text},
    Column{"STATE", "state", Show::state},
    Column{"CORES", "cpu_cores", Show::count},
    Column{"CPU%", "cpu", Show::load},
    Column{"MEM%", "memory", Show::load},
    Column{"MEM_MIB", "memory_mib", Show::count},
    Column{"FREE_MIB", "memory_free_mib", Show::count},
    Column{"VMS", "vms", Show::count},
    Column{"IN", "migrations_in", Show::count},
    Column{"OUT", "migrations_out", Show::count},
    Column{"REASON", "state_reason", Show::text},
};

constexpr std::array vm_columns{
    Column{"NAME", "name", Show::text},
    Column{"HOST", "host", Show::text},
    Column{"STATE", "state", Show::state},
    Column{"TYPE", "type", Show::text},
    Column{"MEM_MIB", "memory_mib", Show::count},
    Column{"VCPUS", "vcpus", Show::count},
    Column{"CPU_CORES", "cpu_cores", Show::two_decimals},
    Column{"NET_MBPS", "net_mbps", Show::one_decimal},
    Column{"DISK_MBPS", "disk_mbps", Show::one_decimal},
    Column{"MOVABLE", "movable", Show::text},
    Column{"JOB", "job", Show::job},
};

constexpr std::array job_columns{
    Column{"ID", "id", Show::count},          Column{"KIND", "kind", Show::text},
    Column{"STATE", "state", Show::state},    Column{"%", "percent", Show::count},
    Column{"VM", "vm", Show::text},           Column{"HOST", "host", Show::text},
    Column{"TO", "migration.to", Show::text}, Column{"ORIGIN", "origin", Show::text},
    Column{"STEP", "step", Show::text},       Column{"AGE", "created_at", Show::age},
    Column{"DETAIL", "detail", Show::text},
};

constexpr std::array plan_columns{
    Column{"ID", "id", Show::count},
    Column{"STATE", "state", Show::state},
    Column{"POLICY", "policy", Show::text},
    Column{"ORIGIN", "origin", Show::text},
    Column{"SOURCE", "source", Show::text},
    Column{"MOVES", "moves", Show::length},
    Column{"REJECTED", "rejected", Show::length},
    Column{"STDDEV_BEFORE", "before.cpu_stddev", Show::three_decimals},
    Column{"STDDEV_AFTER", "after.cpu_stddev", Show::three_decimals},
    Column{"MEASURED", "prediction.measured.cpu_stddev", Show::three_decimals},
    Column{"AGE", "created_at", Show::age},
};

constexpr std::array decision_columns{
    Column{"ID", "id", Show::count},          Column{"AGE", "at", Show::age},
    Column{"KIND", "kind", Show::text},       Column{"REPEATED", "repeated", Show::count},
    Column{"POLICY", "policy", Show::text},   Column{"SOURCE", "source", Show::text},
    Column{"CPU%", "source_cpu", Show::load}, Column{"VM", "vm", Show::text},
    Column{"TO", "chosen", Show::text},       Column{"PLAN", "plan", Show::text},
    Column{"WHY", "why", Show::text},
};

constexpr std::array limit_columns{
    Column{"NAME", "name", Show::text},
    Column{"LIMIT", "limit", Show::count},
    Column{"USED", "used", Show::count},
    Column{"REFUSED", "refused", Show::count},
};

constexpr std::array pool_columns{
    Column{"NAME", "name", Show::text},
    Column{"KIND", "kind", Show::text},
    Column{"ENABLED", "enabled", Show::text},
    Column{"READY", "desktops.ready", Show::count},
    Column{"RUNNING", "desktops.running", Show::count},
    Column{"PAUSED", "desktops.paused", Show::count},
    Column{"SAVED", "desktops.saved", Show::count},
    Column{"ALL", "desktops.all", Show::count},
    Column{"MAX", "targets.max", Show::count},
    Column{"GRANTS", "grants", Show::count},
    Column{"DENIALS", "denials", Show::count},
};

constexpr std::array session_columns{
    Column{"ID", "id", Show::count},
    Column{"USER", "user", Show::text},
    Column{"POOL", "pool", Show::text},
    Column{"VM", "vm", Show::text},
    Column{"STATE", "state", Show::state},
    Column{"HOST", "endpoint.host", Show::text},
    Column{"PORT", "endpoint.port", Show::count},
    Column{"AGE", "requested_at", Show::age},
    Column{"ENDED_BY", "ended_by", Show::text},
};

constexpr std::array private_columns{
    Column{"USER", "user", Show::text},    Column{"POOL", "pool", Show::text}, Column{"VM", "vm", Show::text},
    Column{"STATE", "state", Show::state}, Column{"HOST", "host", Show::text},
};

constexpr std::array token_columns{
    Column{"ID", "id", Show::count},
    Column{"NAME", "name", Show::text},
    Column{"ROLE", "role", Show::text},
    Column{"USER", "user", Show::text},
    Column{"STATE", "state", Show::state},
    Column{"CREATED_BY", "created_by", Show::text},
    Column{"AGE", "created_at", Show::age},
    Column{"EXPIRES", "expires_at", Show::text},
    Column{"LAST_USED", "last_used_at", Show::age},
};

constexpr std::array kinds_table{
    Kind{"hosts", "host", "/v1/hosts", "name", "state", true, Completes::hosts, host_columns},
    Kind{"vms", "vm", "/v1/vms", "name", "state host kind", true, Completes::vms, vm_columns},
    Kind{"jobs", "job", "/v1/jobs", "id", "state host kind", true, Completes::jobs, job_columns},
    Kind{"plans", "plan", "/v1/plans", "id", "state", true, Completes::plans, plan_columns},
    Kind{"decisions", "decision", "/v1/decisions", "id", "", true, Completes::nothing, decision_columns},
    Kind{"pools", "pool", "/v1/pools", "name", "", true, Completes::nothing, pool_columns},
    Kind{"sessions", "session", "/v1/sessions", "id", "state pool user", true, Completes::nothing,
         session_columns},
    Kind{"private_desktops", "private_desktop", "/v1/private-desktops", "user", "state pool", true,
         Completes::nothing, private_columns},
    Kind{"tokens", "token", "/v1/tokens", "id", "", true, Completes::nothing, token_columns},
    Kind{"limits", "limit", "/v1/limits", "name", "", false, Completes::nothing, limit_columns},
};

std::string fixed(double value, int decimals) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
    return text.data();
}

bool is_number(Show show) noexcept {
    return show != Show::text && show != Show::state && show != Show::job;
}

constexpr std::array good_states{std::string_view{"up"},        std::string_view{"running"},
                                 std::string_view{"succeeded"}, std::string_view{"done"},
                                 std::string_view{"open"},      std::string_view{"ready"},
                                 std::string_view{"live"}};
constexpr std::array bad_states{std::string_view{"down"}, std::string_view{"failed"},
                                std::string_view{"crashed"}, std::string_view{"lost"},
                                std::string_view{"conflict"}};
constexpr std::array faint_states{std::string_view{"inactive"},  std::string_view{"saved"},
                                  std::string_view{"cancelled"}, std::string_view{"closed"},
                                  std::string_view{"paused"},    std::string_view{"expired"},
                                  std::string_view{"revoked"}};

}  // namespace

std::span<const Kind> kinds() noexcept {
    return kinds_table;
}

const Kind* find_kind(std::string_view word) noexcept {
    const auto found = std::ranges::find_if(
        kinds_table, [&](const Kind& kind) { return kind.plural == word || kind.singular == word; });
    return found == kinds_table.end() ? nullptr : &*found;
}

std::vector<std::string> kind_words() {
    std::vector<std::string> words;
    for (const Kind& kind : kinds_table) {
        words.emplace_back(kind.plural);
    }
    return words;
}

Table empty_table(const Kind& kind) {
    std::vector<Table::Column> columns;
    for (const Column& column : kind.columns) {
        columns.push_back({std::string{column.heading}, is_number(column.show)});
    }
    return Table{std::move(columns)};
}

std::vector<Cell> cells_of(const Kind& kind, Json object, std::int64_t now_ms) {
    std::vector<Cell> cells;
    for (const Column& column : kind.columns) {
        cells.push_back(cell_of(column.show, object.at(column.path), now_ms));
    }
    return cells;
}

std::string name_of(const Kind& kind, Json object) {
    return object.at(kind.name_key).plain();
}

Cell cell_of(Show show, Json value, std::int64_t now_ms) {
    if (value.is_null()) {
        return {"-", Tone::faint};
    }
    switch (show) {
        case Show::text:
        case Show::count: return {value.plain()};
        case Show::whole: return {fixed(value.number(), 0)};
        case Show::one_decimal: return {fixed(value.number(), 1)};
        case Show::two_decimals: return {fixed(value.number(), 2)};
        case Show::three_decimals: return {fixed(value.number(), 3)};
        case Show::percent: return {fixed(value.number() * 100, 0)};
        case Show::load: return {fixed(value.number() * 100, 0), tone_of_load(value.number())};
        case Show::state: return {value.plain(), tone_of_state(value.text())};
        case Show::length: return {std::to_string(value.size())};
        case Show::age: {
            const std::optional<std::int64_t> then = parse_time(value.text());
            return {then.has_value() ? duration_for_people(now_ms - *then) : "-"};
        }
        case Show::job:
            return {value.at("kind").plain() + " " + value.at("percent").plain() + "%", Tone::warning};
    }
    return {"-"};
}

Tone tone_of_state(std::string_view state) noexcept {
    const auto is_one_of = [&](const auto& words) { return std::ranges::find(words, state) != words.end(); };
    if (is_one_of(good_states)) {
        return Tone::good;
    }
    if (is_one_of(bad_states)) {
        return Tone::bad;
    }
    return is_one_of(faint_states) ? Tone::faint : Tone::warning;  // whatever is on its way
}

Tone tone_of_load(double share) noexcept {
    constexpr double high = 0.8;
    constexpr double considerable = 0.6;
    return share >= high ? Tone::bad : share >= considerable ? Tone::warning : Tone::plain;
}

}  // namespace ballast::cli
