// What operators order of pools and private desktops.
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::int64_t furnish_after_ns = 2 * second;
constexpr std::int64_t assign_after_ns = 4 * second;
constexpr std::uint64_t volume_bytes = 1 << 30;

}  // namespace

bool Operators::is_desktop(std::string_view guest) noexcept {
    return guest.starts_with(common_pool) || guest.starts_with(private_pool);
}

controller::DesktopPoolRecord Operators::pool_of(std::string_view name) const {
    const DesktopShape& shape = world_.scenario.pool.desktops;
    controller::DesktopPoolRecord pool;
    pool.name = Name{name};
    pool.guest.memory_mib = shape.memory_mib;
    pool.guest.kernel = "/boot/guest";
    pool.guest.vnc = true;
    if (name == common_pool) {
        pool.targets = shape.targets;
        pool.rules = shape.common;
        return pool;
    }
    pool.kind = VmKind::personal;
    pool.rules = shape.personal;
    for (std::uint32_t volume = 0; volume < shape.volumes; ++volume) {
        wire::Disk disk;
        disk.target = Path{fmt::format("{}/disks/{{user}}-{}.img", store_directory, volume)};
        disk.device = FixedString<15>{fmt::format("xvd{}", static_cast<char>('a' + volume))};
        pool.guest.disks.push(disk);
        controller::VolumeRule rule;
        rule.disk = static_cast<std::uint8_t>(volume);
        rule.source = wire::VolumeSource::blank;
        rule.size_bytes = volume_bytes;
        pool.volumes.push(rule);
    }
    return pool;
}

void Operators::furnish() {
    if (world_.scenario.pool.desktops.users == 0) {
        return;
    }
    common_ = pool_of(common_pool);
    personal_ = pool_of(private_pool);
    for (const controller::DesktopPoolRecord* pool : {&common_, &personal_}) {
        make(controller::CommandKind::pool_create).command.pool = pool;
        send(static_cast<std::uint32_t>(requests_.size() - 1), furnish_after_ns);
    }
    assign_private_desktops(assign_after_ns);
}

void Operators::assign_private_desktops(std::int64_t delay_ns) {
    for (std::uint32_t user = 0; user < world_.scenario.pool.desktops.private_users; ++user) {
        controller::Command& command = make(controller::CommandKind::private_put).command;
        command.user = controller::UserName{fmt::format("u{}", user)};
        command.target = FixedString<63>{private_pool};
        send(static_cast<std::uint32_t>(requests_.size() - 1), delay_ns);
    }
}

void Operators::address_desktops(const Incident& incident, controller::Command& command) {
    using controller::CommandKind;
    const DesktopShape& shape = world_.scenario.pool.desktops;
    const bool personal =
        incident.command == CommandKind::private_put || incident.command == CommandKind::private_delete;
    command.user = controller::UserName{fmt::format("u{}", incident.guest)};
    command.target = FixedString<63>{personal ? private_pool : common_pool};
    // Further targets within the same bound; sometimes none at all.
    const auto draw = static_cast<std::uint32_t>(incident.amount);
    command.targets = {draw % 3, draw / 3 % 3, draw / 9 % 2, shape.targets.max};
    if (incident.command == CommandKind::pool_create) {
        command.pool = &common_;
    }
}

void Operators::ask_for(std::uint32_t visit, const controller::Command& command) {
    Request& request = make(command.kind);
    const controller::Command made = request.command;
    request.command = command;
    request.command.command_id = made.command_id;
    request.command.idempotency_key = made.idempotency_key;
    request.command.idempotency_body = made.idempotency_body;
    request.visit = visit;
    request.repeat = request.random.chance(0.1);
    send(static_cast<std::uint32_t>(requests_.size() - 1), 0);
}

}  // namespace ballast::simulator
