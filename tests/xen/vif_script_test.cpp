#include "xen_glue/xen/vif_script.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>

#include "xen_glue/xen/toolstack.hpp"

namespace ballast::xen {
namespace {

constexpr std::string_view ours = "/usr/sbin/ballast-vif-bridge";

void add_cards(libxl_domain_config& config, std::initializer_list<const char*> scripts) {
    config.num_nics = static_cast<int>(scripts.size());
    config.nics = static_cast<libxl_device_nic*>(std::calloc(scripts.size(), sizeof(libxl_device_nic)));
    libxl_device_nic* nic = config.nics;
    for (const char* script : scripts) {
        libxl_device_nic_init(nic);
        nic->script = script == nullptr ? nullptr : duplicate(script);
        ++nic;
    }
}

TEST(VifScript, IsForCardsThatXensOwnWouldConnect) {
    DomainConfig config;
    add_cards(*config,
              {nullptr, "vif-bridge", "/etc/xen/scripts/vif-bridge", "vif-route", "/opt/vif-bridge"});
    EXPECT_TRUE(use_vif_script(*config, ours));
    EXPECT_EQ(config->nics[0].script, ours);
    EXPECT_EQ(config->nics[1].script, ours);
    EXPECT_EQ(config->nics[2].script, ours);
    EXPECT_STREQ(config->nics[3].script, "vif-route");
    EXPECT_STREQ(config->nics[4].script, "/opt/vif-bridge");
}

TEST(VifScript, IsNotForCardsOfDriverDomains) {
    DomainConfig config;
    add_cards(*config, {nullptr, nullptr});
    config->nics[0].backend_domid = 3;
    config->nics[1].backend_domname = duplicate("network");
    EXPECT_FALSE(use_vif_script(*config, ours));
    EXPECT_EQ(config->nics[0].script, nullptr);
    EXPECT_EQ(config->nics[1].script, nullptr);
}

TEST(VifScript, AGuestWithoutCardsHasNoUseForIt) {
    DomainConfig config;
    EXPECT_FALSE(use_vif_script(*config, ours));
}

// What libxl writes is read back by it, and nothing but the script differs.
TEST(VifScript, LeavesNoWordInLibxlsRecord) {
    DomainConfig config;
    config->c_info.name = duplicate(R"(a "script": "/usr/sbin/ballast-vif-bridge" in a name)");
    add_cards(*config, {nullptr, "vif-route", nullptr});
    use_vif_script(*config, ours);
    std::string why;
    const std::unique_ptr<Toolstack> toolstack = Toolstack::open(why);
    ASSERT_NE(toolstack, nullptr) << why;
    const CString text{libxl_domain_config_to_json(toolstack->ctx(), config.get())};
    ASSERT_NE(text, nullptr);
    const std::string json = without_vif_script(text.get(), ours);
    EXPECT_EQ(json.find(ours), json.find(R"(/usr/sbin/ballast-vif-bridge\" in a name)"));
    EXPECT_EQ(json.find(ours, json.find(ours) + 1), std::string::npos);
    std::size_t named = 0;
    for (std::size_t at = json.find(R"("script": "vif-bridge")"); at != std::string::npos;
         at = json.find(R"("script": "vif-bridge")", at + 1)) {
        ++named;
    }
    EXPECT_EQ(named, 2U);
    EXPECT_NE(json.find(R"("script": "vif-route")"), std::string::npos);
}

}  // namespace
}  // namespace ballast::xen
