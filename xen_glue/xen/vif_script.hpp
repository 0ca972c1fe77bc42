// Lets libxl connect guests' network cards by a script of ours instead of Xen's vif-bridge, while the guest
// is built, and leaves no word of it in what libxl keeps of the guest: its configuration is the same as `xl`
// would have made.
#pragma once

#include <string>
#include <string_view>

#include "xen_glue/xen/libxl_raii.hpp"

namespace ballast::xen {

inline constexpr std::string_view xens_vif_script = "vif-bridge";

// Whether the card is connected to a bridge of dom0 by Xen's own script, which is what a card without a
// script gets.
bool on_plain_bridge(const libxl_device_nic& nic) noexcept;

// Gives `script`, an absolute path, to every card of which that is true. True when there was one.
bool use_vif_script(libxl_domain_config& config, std::string_view script);

// `json` is what libxl keeps of a guest, in its own words. Where it names `script` as a script, it names
// Xen's afterwards.
std::string without_vif_script(std::string json, std::string_view script);

// The same with the guest's record in libxl: what libxl keeps for this domain. False when there is none or it
// cannot be written; the guest runs as well, but another toolstack would look for the script when it moves
// the guest.
bool forget_vif_script(libxl_ctx* ctx, std::uint32_t domid, std::string_view script);

}  // namespace ballast::xen
