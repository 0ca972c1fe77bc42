#include "xen_glue/vif_script/card.hpp"

#include <string.h>

namespace ballast::vif {
namespace {

constexpr size_t interface_name_bytes_max = 15;
constexpr unsigned id_max = 65'535;
constexpr unsigned mtu_min = 68;  // what IPv4 needs
constexpr unsigned mtu_max = 65'535;

// Takes `prefix` off the front of `text`.
bool skip(const char*& text, const char* prefix) {
    const size_t length = strlen(prefix);
    if (strncmp(text, prefix, length) != 0) {
        return false;
    }
    text += length;
    return true;
}

// Takes a number off the front of `text`: decimal, no sign, no leading zeros.
bool take_number(const char*& text, unsigned& out) {
    if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9')) {
        return false;
    }
    for (out = 0; *text >= '0' && *text <= '9'; ++text) {
        out = out * 10 + static_cast<unsigned>(*text - '0');
        if (out > id_max) {
            return false;
        }
    }
    return true;
}

bool take_ids(const char* text, const char* prefix, const char* between, Card& out) {
    return skip(text, prefix) && take_number(text, out.domid) && skip(text, between) &&
           take_number(text, out.devid) && *text == '\0';
}

}  // namespace

bool connects_card(const Call& call, Card& out) {
    if (call.command == nullptr || call.type == nullptr || call.vif == nullptr ||
        call.backend_path == nullptr || strcmp(call.command, "online") != 0 ||
        strcmp(call.type, "type_if=vif") != 0) {
        return false;
    }
    const char* path = call.backend_path;
    skip(path, "/local/domain/0/");  // paths without a slash in front begin there
    Card named;
    return take_ids(call.vif, "vif", ".", out) && take_ids(path, "backend/vif/", "/", named) &&
           out.domid != 0 && out.domid == named.domid && out.devid == named.devid;
}

bool is_plain(const Circumstances& found) {
    return !found.has_name_of_its_own && !found.has_addresses && !found.has_hooks &&
           !found.bridge_is_filtered && !found.mtu_is_odd;
}

bool valid_interface_name(const char* name) {
    const size_t length = strlen(name);
    return length > 0 && length <= interface_name_bytes_max && strpbrk(name, "/ \t\n\r\v\f:") == nullptr &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

unsigned mtu_of(const char* text) {
    unsigned mtu = 0;
    if (!take_number(text, mtu) || (*text == '\n' && text[1] != '\0') || (*text != '\n' && *text != '\0')) {
        return 0;
    }
    return mtu >= mtu_min && mtu <= mtu_max ? mtu : 0;
}

}  // namespace ballast::vif
