// Which network card a script is called for, and whether connecting it is the plain case: a card of a guest,
// a bridge, nothing else. Everything that is not plain is left to Xen's own script.
#pragma once

#include <stddef.h>

namespace ballast::vif {

// The places in xenstore of a card `devid` of the guest `domid`, whose half in dom0 is the interface
// "vifDOMID.DEVID".
struct Card {
    unsigned domid = 0;
    unsigned devid = 0;
};

// What libxl hands over to a script: its arguments, and the variables `vif` and `XENBUS_PATH`. Any may be
// null.
struct Call {
    const char* command = nullptr;
    const char* type = nullptr;
    const char* vif = nullptr;
    const char* backend_path = nullptr;
};

// True when the call is to connect a card under its usual name, with interface and xenstore path of the same
// card.
bool connects_card(const Call& call, Card& out);

// What is configured around a card. Xen's script does more than to put it on its bridge where one of these is
// true.
struct Circumstances {
    bool has_name_of_its_own = false;  // vifname=
    bool has_addresses = false;        // ip=: rules for the packet filter
    bool has_hooks = false;            // an operator's vif-post.d/*.hook
    bool bridge_is_filtered =
        false;  // bridged packets pass the packet filter, in which Xen's script opens the card a way
    bool mtu_is_odd = false;  // not a number that an interface could have
};
bool is_plain(const Circumstances& found);

// A bridge's or interface's name as the kernel takes it: 1 to 15 bytes, no slash, no space, not "." or "..".
bool valid_interface_name(const char* name);

// 68 to 65535; 0 for everything else. `text` may have one line end.
unsigned mtu_of(const char* text);

}  // namespace ballast::vif
