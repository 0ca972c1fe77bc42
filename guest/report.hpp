// What the guest tells of itself, and when: docs/guest.md.
#pragma once

#include <stddef.h>

#include "guest/xenbus.hpp"

namespace ballast::guest {

inline constexpr size_t address_bytes_max = 46;  // an IPv6 address and a final zero

// The address at which others reach this guest: the first global IPv4 address of an interface that is up,
// else the first global IPv6 address; empty when there is none.
void own_address(char (&address)[address_bytes_max]);

class Report {
  public:
    explicit Report(Xenbus& bus) : bus_{bus} {}
    // Writes address and readiness, and repeats the nonce that it was given, if any: the nonce last, because
    // whoever reads it back takes the others for written. False when xenstore cannot be written; errno says
    // why.
    bool write(const char* address);

  private:
    Xenbus& bus_;
};

// Where things lie in the guest's own directory. The first three are written for the guest, the others by it.
inline constexpr const char* asked_directory = "vm-data/ballast";
inline constexpr const char* asked_nonce = "vm-data/ballast/nonce";
inline constexpr const char* asked_share = "vm-data/ballast/data-share";
inline constexpr const char* asked_notice = "vm-data/ballast/notice";
inline constexpr const char* told_address = "data/ballast/ip";
inline constexpr const char* told_ready = "data/ballast/ready";
inline constexpr const char* told_nonce = "data/ballast/nonce";

}  // namespace ballast::guest
