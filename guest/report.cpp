#include "guest/report.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

namespace ballast::guest {

void own_address(char (&address)[address_bytes_max]) {
    address[0] = '\0';
    ifaddrs* first = nullptr;
    if (getifaddrs(&first) != 0) {
        return;
    }
    for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr || (each->ifa_flags & IFF_UP) == 0 ||
            (each->ifa_flags & IFF_LOOPBACK) != 0) {
            continue;
        }
        if (each->ifa_addr->sa_family == AF_INET) {
            inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr, address,
                      address_bytes_max);
            break;
        }
        if (each->ifa_addr->sa_family == AF_INET6 && address[0] == '\0') {
            const in6_addr& found = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr)->sin6_addr;
            const bool link_local = found.s6_addr[0] == 0xfe && (found.s6_addr[1] & 0xc0) == 0x80;
            if (!link_local) {
                inet_ntop(AF_INET6, &found, address, address_bytes_max);
            }
        }
    }
    freeifaddrs(first);
}

bool Report::write(const char* address) {
    char nonce[value_bytes_max + 1];
    if (!bus_.read(asked_nonce, nonce, sizeof nonce)) {
        if (errno != ENOENT) {
            return false;
        }
        nonce[0] = '\0';
    }
    return bus_.write(told_address, address) && bus_.write(told_ready, "1") && bus_.write(told_nonce, nonce);
}

}  // namespace ballast::guest
