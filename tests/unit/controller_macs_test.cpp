// Addresses of network cards: no two guests have the same. Desktops' are made of their uuids, of which many
// would share one.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mac.hpp"
#include "controller/core/desktop/parts.hpp"
#include "tests/unit/controller_core_world.hpp"

namespace ballast::controller::test {
namespace {

// The controller's tables with one pool, whose desktops have one network card.
struct OnePool {
    explicit OnePool(std::uint32_t desktops_max) {
        settings.limits.desktops = desktops_max;
        Arena counting;
        { const Tables counted{settings, counting}; }
        memory.resize(counting.used_bytes() + 64);
        arena = Arena{memory};
        tables = std::make_unique<Tables>(settings, arena);
        tables->identity.store_id.bytes.fill(3);
        pool = tables->desktop_pools.add();
        tables->desktop_pools[pool].record.guest.vifs.push({});
    }

    Settings settings = World::default_settings();
    std::vector<std::byte> memory;
    Arena arena;
    std::unique_ptr<Tables> tables;
    std::uint32_t pool = 0;
};

TEST(DesktopMacs, NoTwoOfThousandsOfDesktopsShareOne) {
    constexpr std::uint32_t desktops = 9000;  // of 2^23 addresses: by chance some of them meet
    OnePool book{desktops};
    Tables& tables = *book.tables;
    const std::uint32_t pool = book.pool;
    std::set<std::string> macs;
    std::uint32_t others = 0;
    wire::GuestSpec spec;
    for (std::uint32_t i = 0; i < desktops; ++i) {
        const std::string name = "desktop-" + std::to_string(i);
        const std::uint32_t row = tables.desktops.add();
        DesktopRow& desktop = tables.desktops[row];
        desktop.record.name = name.c_str();
        desktop.pool = pool;
        desktop.record.uuid = new_desktop_uuid(tables, pool, name, i);
        others += desktop.record.uuid == derived_uuid(tables.identity, name, i) ? 0 : 1;
        fill_desktop_spec(tables, desktop, spec);
        EXPECT_TRUE(spec.vifs[0].mac.view().starts_with("00:16:3e:")) << spec.vifs[0].mac.view();
        EXPECT_TRUE(macs.emplace(spec.vifs[0].mac.view()).second) << name << " " << spec.vifs[0].mac.view();
    }
    // Leases hang on the addresses: for this uuid they are these, whatever version made the desktop.
    DesktopRow& first = tables.desktops[0];
    tables.desktop_pools[pool].record.guest.vifs.push({});
    first.record.uuid.bytes.fill(7);
    fill_desktop_spec(tables, first, spec);
    EXPECT_EQ(spec.vifs[0].mac, "00:16:3e:48:65:5b");
    EXPECT_EQ(spec.vifs[1].mac, "00:16:3e:25:f6:58");
    for (const wire::Vif& vif : spec.vifs) {
        const std::optional<std::uint64_t> mac = parse_mac(vif.mac.view());
        ASSERT_TRUE(mac);
        EXPECT_EQ(who_has_mac(tables, *mac), first.record.name);
        EXPECT_EQ(who_has_mac(tables, *mac ^ std::uint64_t{1} << 40), "");
    }
    EXPECT_GE(others, 1U) << "no two met, and this tested nothing";
}

TEST(DesktopMacs, ANewDesktopTakesNoneOfAnotherGuest) {
    OnePool book{1};
    Tables& tables = *book.tables;
    const std::uint32_t pool = book.pool;
    const Uuid first = new_desktop_uuid(tables, pool, "desktop", 0);
    const std::uint32_t row = tables.desktops.add();
    tables.desktops[row].pool = pool;
    tables.desktops[row].record.uuid = first;
    wire::GuestSpec spec;
    fill_desktop_spec(tables, tables.desktops[row], spec);
    spec.name = "other";
    tables.desktops.remove(row);
    tables.definitions[tables.definitions.add()].spec = spec;  // an operator's guest
    EXPECT_FALSE(new_desktop_uuid(tables, pool, "desktop", 0) == first);
}

TEST(ControllerMacs, AnAddressOfANetworkCardIsOneGuestsAlone) {
    World world;
    world.add_host("h1");
    world.connect_all();
    const auto create = [&world](const wire::GuestSpec& guest) {
        Command command;
        command.kind = CommandKind::vm_create;
        command.spec = &guest;
        return world.command(command);
    };
    wire::GuestSpec first;
    first.name = "first";
    first.uuid = uuid_of(1);
    first.memory_mib = 256;
    wire::GuestSpec second = first;
    second.name = "second";
    second.uuid = uuid_of(2);
    first.vifs.push({.mac = "00:16:3e:00:00:aa", .bridge = "xenbr0"});
    first.vifs.push({.mac = "00:16:3e:00:00:01", .bridge = "xenbr0"});
    ASSERT_EQ(create(first).kind, OutcomeKind::accepted);
    second.vifs.push({.mac = "00:16:3e:00:00:02", .bridge = "xenbr0"});
    second.vifs.push({.mac = "00:16:3E:00:00:AA", .bridge = "elsewhere"});
    const auto refused = [&](Slug slug, Fault fault, std::string_view says) {
        const Outcome outcome = create(second);
        EXPECT_EQ(outcome.kind, OutcomeKind::problem);
        EXPECT_EQ(outcome.slug, slug);
        EXPECT_EQ(outcome.fault, fault);
        EXPECT_NE(outcome.detail.view().find(says), std::string_view::npos) << outcome.detail.view();
    };
    refused(Slug::state_conflict, Fault::already_exists, "first");
    world.seconds(2);
    ASSERT_EQ(world.vm(CommandKind::vm_destroy, "first").kind, OutcomeKind::accepted);
    world.seconds(2);
    refused(Slug::state_conflict, Fault::already_exists, "first");  // it can be started again
    ASSERT_NE(world.vm(CommandKind::vm_forget, "first").kind, OutcomeKind::problem);
    second.vifs[0].mac = "ff:ff:ff:ff:ff:ff";
    refused(Slug::validation_failed, Fault::invalid_argument, "ff:ff");
    second.vifs[0].mac = "00:16:3e:00:00:02";
    EXPECT_EQ(create(second).kind, OutcomeKind::accepted);
}

}  // namespace
}  // namespace ballast::controller::test
