// The fields of a domain's description, which host reports and job updates share.
#pragma once

#include "proto/convert.hpp"

namespace ballast::wire {

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::DomainInfo> object, PlainOf<Io, DomainInfo> plain) {
    BALLAST_UUID(uuid);
    BALLAST_NUMBER(domid);
    BALLAST_TEXT(name);
    BALLAST_WORD(type);
    BALLAST_WORD(state);
    BALLAST_NUMBER(memory_kib);
    BALLAST_NUMBER(vcpus);
    BALLAST_NUMBER(ours);
    BALLAST_WORD(in_flight);
    BALLAST_NUMBER(console_port);
    BALLAST_TEXT(console_address);
}

}  // namespace ballast::wire
