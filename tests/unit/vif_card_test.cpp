#include "xen_glue/vif_script/card.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ballast::vif {
namespace {

Call plain_call() {
    return {"online", "type_if=vif", "vif7.1", "backend/vif/7/1"};
}

TEST(VifCard, IsReadFromWhatLibxlHandsOver) {
    Card card;
    ASSERT_TRUE(connects_card(plain_call(), card));
    EXPECT_EQ(card.domid, 7U);
    EXPECT_EQ(card.devid, 1U);
    Call whole_path = plain_call();
    whole_path.backend_path = "/local/domain/0/backend/vif/7/1";
    EXPECT_TRUE(connects_card(whole_path, card));
}

TEST(VifCard, EveryOtherCallIsXensScripts) {
    const auto refused = [](auto change) {
        Call call = plain_call();
        change(call);
        Card card;
        return !connects_card(call, card);
    };
    EXPECT_TRUE(refused([](Call& call) { call.command = "offline"; }));
    EXPECT_TRUE(refused([](Call& call) { call.command = nullptr; }));
    EXPECT_TRUE(refused([](Call& call) { call.type = "type_if=tap"; }));
    EXPECT_TRUE(refused([](Call& call) { call.type = nullptr; }));
    for (const char* vif : {"", "vif", "vif7", "vif7.", "vif7.1 ", "vif7.1-emu", "vif07.1", "vif-7.1",
                            "vif7.2", "vif8.1", "eth0", "vif70000.1", "vif99999999999999999999.1"}) {
        EXPECT_TRUE(refused([&](Call& call) { call.vif = vif; })) << vif;
    }
    EXPECT_TRUE(refused([](Call& call) { call.vif = nullptr; }));
    for (const char* path : {"", "backend/vif/7", "backend/vif/7/1/", "backend/vbd/7/1",
                             "/local/domain/3/backend/vif/7/1", "backend/vif/7/../1", "/backend/vif/7/1"}) {
        EXPECT_TRUE(refused([&](Call& call) { call.backend_path = path; })) << path;
    }
    EXPECT_TRUE(refused([](Call& call) { call.backend_path = nullptr; }));
    EXPECT_TRUE(refused([](Call& call) {  // dom0 has no card of its own
        call.vif = "vif0.1";
        call.backend_path = "backend/vif/0/1";
    }));
}

TEST(VifCard, WhateverIsConfiguredAroundItMakesItXensScripts) {
    EXPECT_TRUE(is_plain({}));
    EXPECT_FALSE(is_plain({.has_name_of_its_own = true}));
    EXPECT_FALSE(is_plain({.has_addresses = true}));
    EXPECT_FALSE(is_plain({.has_hooks = true}));
    EXPECT_FALSE(is_plain({.bridge_is_filtered = true}));
    EXPECT_FALSE(is_plain({.mtu_is_odd = true}));
}

TEST(VifCard, NamesOfInterfacesAreWhatTheKernelTakes) {
    EXPECT_TRUE(valid_interface_name("xenbr0"));
    EXPECT_TRUE(valid_interface_name("br-lan.100"));
    EXPECT_TRUE(valid_interface_name("fifteen-letters"));
    for (const char* name : {"", ".", "..", "sixteen-letters-", "a/b", "a b", "a:1", "../x", "a\nb"}) {
        EXPECT_FALSE(valid_interface_name(name)) << name;
    }
}

TEST(VifCard, MtusAreNumbersThatAnInterfaceCouldHave) {
    EXPECT_EQ(mtu_of("1500"), 1500U);
    EXPECT_EQ(mtu_of("9000\n"), 9000U);
    EXPECT_EQ(mtu_of("68"), 68U);
    EXPECT_EQ(mtu_of("65535"), 65535U);
    for (const char* text :
         {"", "0", "67", "65536", "-1500", "1500x", "1500\n\n", "x", " 1500", "4294968796"}) {
        EXPECT_EQ(mtu_of(text), 0U) << text;
    }
}

}  // namespace
}  // namespace ballast::vif
