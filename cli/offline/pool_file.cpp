#include "cli/offline/pool_file.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/arena.hpp"
#include "base/assert.hpp"
#include "cli/offline/pool_handler.hpp"

namespace ballast::cli::offline {

namespace {

// Iterative: the nesting of a hostile file must not become our stack depth. NaN and Infinity are not JSON,
// but what monitoring tools write: in a series they have a rule.
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                                 rapidjson::kParseFullPrecisionFlag | rapidjson::kParseNanAndInfFlag;

std::string line_and_column(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    return "line " + std::to_string(line) + ", column " + std::to_string(before.size() - line_start + 1);
}

// Checks and counts everything, keeps nothing.
bool check(std::string_view text, PoolHandler& handler, PoolError& error) {
    rapidjson::MemoryStream stream{text.data(), text.size()};
    rapidjson::Reader reader;
    const rapidjson::ParseResult result = reader.Parse<parse_flags>(stream, handler);
    if (result.IsError()) {
        const std::string syntax = "expected JSON at " + line_and_column(text, result.Offset()) + ": " +
                                   rapidjson::GetParseError_En(result.Code());
        error = handler.error().value_or(PoolError{handler.pointer(), syntax});
        return false;
    }
    return true;
}

// Positions of the names in their order; nothing, with the later of two equal ones in `error`.
template <class Row>
std::optional<std::vector<std::uint32_t>> order_of_names(std::span<const Row> rows, std::string_view list,
                                                         PoolError& error) {
    std::vector<std::uint32_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return rows[a].name != rows[b].name ? rows[a].name < rows[b].name : a < b;
    });
    for (std::size_t i = 1; i < order.size(); ++i) {
        if (rows[order[i]].name == rows[order[i - 1]].name) {
            error = {std::string{list} + '/' + std::to_string(order[i]) + "/name",
                     "expected a name of its own, found \"" + std::string{rows[order[i]].name} + "\" as in " +
                         std::string{list} + '/' + std::to_string(order[i - 1])};
            return std::nullopt;
        }
    }
    return order;
}

policy::HostIndex find_host(std::span<const policy::Host> hosts, const std::vector<std::uint32_t>& by_name,
                            std::string_view name) {
    const auto found =
        std::lower_bound(by_name.begin(), by_name.end(), name,
                         [&](std::uint32_t h, std::string_view wanted) { return hosts[h].name < wanted; });
    return found == by_name.end() || hosts[*found].name != name ? policy::no_index : *found;
}

bool resolve_hosts(const PoolRoom& room, PoolError& error) {
    const std::span<const policy::Host> hosts = room.hosts;
    const auto order = order_of_names(hosts, "/hosts", error);
    if (!order || !order_of_names(std::span<const policy::Vm>{room.vms}, "/vms", error)) {
        return false;
    }
    for (std::size_t v = 0; v < room.vms.size(); ++v) {
        room.vms[v].host = find_host(hosts, *order, room.vm_hosts[v]);
        room.vms[v].came_from = find_host(hosts, *order, room.vm_origins[v]);  // it may have left the pool
        if (room.vms[v].host == policy::no_index) {
            error = {
                "/vms/" + std::to_string(v) + "/host",
                "expected the name of a host of this file, found \"" + std::string{room.vm_hosts[v]} + '"'};
            return false;
        }
    }
    for (std::size_t h = 0; h < hosts.size(); ++h) {
        if (hosts[h].state == HostState::up && !(hosts[h].cpu_cores > 0)) {
            error = {"/hosts/" + std::to_string(h) + "/cpu_cores",
                     "expected more than 0 cores of a host that is up, found 0"};
            return false;
        }
    }
    return true;
}

// Equal names are equal numbers.
void number_sites(const PoolRoom& room) {
    std::map<std::string_view, std::uint32_t> numbers;
    for (std::size_t h = 0; h < room.hosts.size(); ++h) {
        if (!room.host_sites[h].empty()) {
            const auto next = static_cast<std::uint32_t>(numbers.size());
            room.hosts[h].site = numbers.try_emplace(room.host_sites[h], next).first->second;
        }
    }
}

PoolRoom make_room(Arena& arena, const PoolCounts& counts) {
    PoolRoom room;
    room.hosts = arena.make_array<policy::Host>(counts.hosts);
    room.vms = arena.make_array<policy::Vm>(counts.vms);
    room.host_sites = arena.make_array<std::string_view>(counts.hosts);
    room.vm_hosts = arena.make_array<std::string_view>(counts.vms);
    room.vm_origins = arena.make_array<std::string_view>(counts.vms);
    room.samples =
        arena.make_array<double>(counts.samples + 1);  // a series without samples is not a missing one
    return room;
}

}  // namespace

std::string PoolError::sentence() const {
    return (pointer.empty() ? "the document" : pointer) + ": " + expected;
}

std::optional<PoolFile> parse_pool(std::string_view text, PoolError& error) {
    if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
        error = {"", "expected JSON, found a zero byte at " + line_and_column(text, zero)};
        return std::nullopt;  // it would end the document for the parser, whatever follows
    }
    PoolHandler counter{PoolRoom{}};
    if (!check(text, counter, error)) {
        return std::nullopt;
    }
    Arena counting;
    (void)make_room(counting, counter.counts());
    PoolFile file;
    file.block_ = std::make_unique<std::byte[]>(counting.used_bytes());
    Arena arena{{file.block_.get(), counting.used_bytes()}};
    const PoolRoom room = make_room(arena, counter.counts());

    file.text_.assign(text.begin(), text.end());
    file.text_.push_back('\0');
    PoolHandler keeper{room};
    rapidjson::InsituStringStream stream{file.text_.data()};
    rapidjson::Reader reader;
    const rapidjson::ParseResult result =
        reader.Parse<parse_flags | rapidjson::kParseInsituFlag>(stream, keeper);
    BALLAST_ASSERT(!result.IsError());  // the same text has passed already
    if (!resolve_hosts(room, error)) {
        return std::nullopt;
    }
    number_sites(room);
    file.pool_ = {room.hosts, room.vms, keeper.minute_of_day()};
    file.pool_.loads_given = policy::longest_series(room.vms) <= 1;
    file.sample_interval_seconds_ = keeper.sample_interval_seconds();
    if (file.sample_interval_seconds_ > 0) {
        file.pool_.sample_interval_seconds = file.sample_interval_seconds_;
    }
    return file;
}

}  // namespace ballast::cli::offline
