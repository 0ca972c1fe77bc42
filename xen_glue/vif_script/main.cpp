// ballast-vif-bridge: what libxl starts in dom0, in place of Xen's script vif-bridge, to put a guest's
// network card on its bridge. Xen's script is some forty processes of the shell, for which a guest that has
// just arrived stands still. This program does the plain case by a few system calls; whatever is not plain,
// and whatever fails, it hands over to Xen's own script, which may begin anew at any point of the plain way.
#include <errno.h>
#include <glob.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/xenbus.hpp"
#include "xen_glue/vif_script/card.hpp"

namespace {

using namespace ballast::vif;
using ballast::guest::Xenbus;

constexpr char xens_script[] = "/etc/xen/scripts/vif-bridge";
constexpr char hooks[] = "/etc/xen/scripts/vif-post.d/*.hook";
constexpr char bridge_filter[] = "/proc/sys/net/bridge/bridge-nf-call-iptables";
constexpr char xenstored_socket[] = "/run/xenstored/socket";
constexpr unsigned long add_to_bridge =
    0x89a2;  // SIOCBRADDIF: its header comes with the kernel's, not with musl
// The largest address that is no multicast: a bridge takes the smallest of its ports' for its own.
constexpr unsigned char no_address[] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};

constexpr size_t path_bytes_max = 128;
constexpr size_t value_bytes_max = 256;

struct Plan {
    Card card;
    const char* vif = nullptr;
    char bridge[IFNAMSIZ] = "";
    unsigned mtu = 0;  // 0: the bridge's
};

int connect_to_xenstored() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    static_assert(sizeof xenstored_socket <= sizeof address.sun_path);
    memcpy(address.sun_path, xenstored_socket, sizeof xenstored_socket);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? fd : -1;
}

// The node `name` of the card's half in dom0; "" when it is absent or empty. False: xenstored cannot be
// asked.
bool read_node(Xenbus& bus, const Card& card, const char* name, char (&value)[value_bytes_max]) {
    char path[path_bytes_max];
    snprintf(path, sizeof path, "backend/vif/%u/%u/%s", card.domid, card.devid, name);
    value[0] = '\0';
    return bus.read(path, value, sizeof value) || errno == ENOENT;
}

bool says_one(const char* path) {
    char text[2] = "";
    FILE* file = fopen(path, "re");
    const bool read = file != nullptr && fread(text, 1, 1, file) == 1;
    if (file != nullptr) {
        fclose(file);
    }
    return read && text[0] != '0';
}

bool is_filtered(const char* bridge) {
    char path[path_bytes_max];
    snprintf(path, sizeof path, "/sys/class/net/%s/bridge/nf_call_iptables", bridge);
    return says_one(bridge_filter) || says_one(path);
}

bool has_hooks() {
    glob_t found{};
    const bool any = glob(hooks, GLOB_NOSORT, nullptr, &found) != GLOB_NOMATCH;
    globfree(&found);
    return any;
}

// False: Xen's script is to do it.
bool make_plan(Xenbus& bus, Plan& plan) {
    char name[value_bytes_max];
    char addresses[value_bytes_max];
    char mtu[value_bytes_max];
    char bridge[value_bytes_max];
    if (!read_node(bus, plan.card, "vifname", name) || !read_node(bus, plan.card, "ip", addresses) ||
        !read_node(bus, plan.card, "mtu", mtu) || !read_node(bus, plan.card, "bridge", bridge) ||
        !valid_interface_name(bridge)) {
        return false;
    }
    memcpy(plan.bridge, bridge, strlen(bridge) + 1);  // valid names fit
    plan.mtu = mtu_of(mtu);
    Circumstances found;
    found.has_name_of_its_own = name[0] != '\0';
    found.has_addresses = addresses[0] != '\0';
    found.has_hooks = has_hooks();
    found.bridge_is_filtered = is_filtered(plan.bridge);
    found.mtu_is_odd = mtu[0] != '\0' && plan.mtu == 0;
    return is_plain(found);
}

// REQUIRES: `interface` is shorter than IFNAMSIZ.
void name_interface(ifreq& request, const char* interface) {
    memset(&request, 0, sizeof request);
    memcpy(request.ifr_name, interface, strlen(interface) + 1);
}

bool set_up(int fd, const char* interface, bool up) {
    ifreq request;
    name_interface(request, interface);
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) {
        return false;
    }
    const int flags = up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP;
    request.ifr_flags = static_cast<short>(flags);
    return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

// A card that has an address is no plain port of a bridge.
bool has_own_address(int fd, const char* interface) {
    ifreq request;
    name_interface(request, interface);
    return ioctl(fd, SIOCGIFADDR, &request) == 0;
}

bool give_hardware_address(int fd, const char* interface) {
    ifreq request;
    name_interface(request, interface);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, no_address, sizeof no_address);
    return ioctl(fd, SIOCSIFHWADDR, &request) == 0;
}

bool give_mtu(int fd, Plan& plan) {
    ifreq request;
    name_interface(request, plan.bridge);
    if (plan.mtu == 0) {
        if (ioctl(fd, SIOCGIFMTU, &request) != 0 || request.ifr_mtu <= 0) {
            return false;
        }
        plan.mtu = static_cast<unsigned>(request.ifr_mtu);
    }
    name_interface(request, plan.vif);
    request.ifr_mtu = static_cast<int>(plan.mtu);
    return ioctl(fd, SIOCSIFMTU, &request) == 0;
}

// The guest's half shows its owner how large packets may be.
bool tell_mtu(Xenbus& bus, const Plan& plan) {
    char path[path_bytes_max];
    char mtu[16];
    snprintf(path, sizeof path, "/local/domain/%u/device/vif/%u/mtu", plan.card.domid, plan.card.devid);
    snprintf(mtu, sizeof mtu, "%u", plan.mtu);
    return bus.write(path, mtu);
}

bool join_bridge(int fd, const Plan& plan) {
    ifreq request;
    name_interface(request, plan.bridge);
    request.ifr_ifindex = static_cast<int>(if_nametoindex(plan.vif));
    return request.ifr_ifindex != 0 && ioctl(fd, add_to_bridge, &request) == 0;
}

bool tell_libxl(Xenbus& bus, const Card& card) {
    char path[path_bytes_max];
    snprintf(path, sizeof path, "backend/vif/%u/%u/hotplug-status", card.domid, card.devid);
    return bus.write(path, "connected");
}

bool connect_card(const Call& call) {
    Plan plan;
    if (!connects_card(call, plan.card) || strlen(call.vif) >= IFNAMSIZ) {
        return false;
    }
    plan.vif = call.vif;
    const int store = connect_to_xenstored();
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (store < 0 || fd < 0) {
        return false;
    }
    Xenbus bus{store};
    return make_plan(bus, plan) && !has_own_address(fd, plan.vif) && set_up(fd, plan.vif, false) &&
           give_hardware_address(fd, plan.vif) && give_mtu(fd, plan) && tell_mtu(bus, plan) &&
           join_bridge(fd, plan) && set_up(fd, plan.vif, true) && tell_libxl(bus, plan.card);
}

}  // namespace

int main(int argc, char** argv) {
    const Call call{argc == 3 ? argv[1] : nullptr, argc == 3 ? argv[2] : nullptr, getenv("vif"),
                    getenv("XENBUS_PATH")};
    if (connect_card(call)) {
        return 0;
    }
    argv[0] = const_cast<char*>(xens_script);
    execv(xens_script, argv);
    fprintf(stderr, "ballast-vif-bridge: %s: %s\n", xens_script, strerror(errno));
    return 1;
}
