#include "xen_glue/xen/vif_script.hpp"

#include <fmt/format.h>

#include <span>

namespace ballast::xen {
namespace {

constexpr std::string_view xens_vif_script_path = "/etc/xen/scripts/vif-bridge";
constexpr const char* libxl_record = "libxl-json";

}  // namespace

bool on_plain_bridge(const libxl_device_nic& nic) noexcept {
    const std::string_view script = nic.script != nullptr ? nic.script : xens_vif_script;
    return script == xens_vif_script || script == xens_vif_script_path;
}

bool use_vif_script(libxl_domain_config& config, std::string_view script) {
    bool used = false;
    for (libxl_device_nic& nic : std::span{config.nics, static_cast<std::size_t>(config.num_nics)}) {
        // Cards that a driver domain serves are connected there.
        if (on_plain_bridge(nic) && nic.backend_domid == 0 && nic.backend_domname == nullptr) {
            std::free(nic.script);
            nic.script = duplicate(script);
            used = true;
        }
    }
    return used;
}

// A text within the record cannot look like this: its quotes would have backslashes before them.
std::string without_vif_script(std::string json, std::string_view script) {
    const std::string ours = fmt::format("\"script\": \"{}\"", script);
    const std::string xens = fmt::format("\"script\": \"{}\"", xens_vif_script);
    for (std::size_t at = json.find(ours); at != std::string::npos; at = json.find(ours, at + xens.size())) {
        json.replace(at, ours.size(), xens);
    }
    return json;
}

bool forget_vif_script(libxl_ctx* ctx, std::uint32_t domid, std::string_view script) {
    std::uint8_t* data = nullptr;
    int length = 0;
    if (libxl_userdata_retrieve(ctx, domid, libxl_record, &data, &length) != 0 || data == nullptr) {
        return false;
    }
    std::string json{reinterpret_cast<const char*>(data), static_cast<std::size_t>(length)};
    std::free(data);
    json = without_vif_script(std::move(json), script);
    return libxl_userdata_store(ctx, domid, libxl_record, reinterpret_cast<const std::uint8_t*>(json.data()),
                                static_cast<int>(json.size())) == 0;
}

}  // namespace ballast::xen
