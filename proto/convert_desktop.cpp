// The fields of what serves desktops: relays, guests' signals, the store's proof.
#include "proto/convert.hpp"

namespace ballast::wire {

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::RelayOpen> object, PlainOf<Io, RelayOpen> plain) {
    BALLAST_NUMBER(session_id);
    BALLAST_UUID(uuid);
    BALLAST_TEXT(password);
    BALLAST_TEXT(client_address);
    BALLAST_NUMBER(report_every_ms);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::RelayClose> object, PlainOf<Io, RelayClose> plain) {
    BALLAST_NUMBER(session_id);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::RelayStatus> object, PlainOf<Io, RelayStatus> plain) {
    BALLAST_NUMBER(session_id);
    BALLAST_UUID(uuid);
    BALLAST_WORD(state);
    BALLAST_TEXT(address);
    BALLAST_NUMBER(port);
    BALLAST_TEXT(client);
    BALLAST_NUMBER(idle_seconds);
    BALLAST_WORD(fault);
    BALLAST_TEXT(detail);
    BALLAST_NUMBER(to_client_bytes);
    BALLAST_NUMBER(from_client_bytes);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::GuestNote> object, PlainOf<Io, GuestNote> plain) {
    BALLAST_UUID(uuid);
    BALLAST_UUID(nonce);
    BALLAST_TEXT(data_share);
    BALLAST_TEXT(notice);
    BALLAST_WORD(watch);
    BALLAST_NUMBER(wait_ms);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::GuestSignal> object, PlainOf<Io, GuestSignal> plain) {
    BALLAST_UUID(uuid);
    BALLAST_NUMBER(domid);
    BALLAST_UUID(nonce);
    BALLAST_TEXT(address);
    BALLAST_NUMBER(ready);
    BALLAST_WORD(fault);
    BALLAST_TEXT(detail);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::StoreProbe> object, PlainOf<Io, StoreProbe> plain) {
    BALLAST_NUMBER(probe_id);
    BALLAST_WORD(step);
    BALLAST_UUID(secret);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::StoreAnswer> object, PlainOf<Io, StoreAnswer> plain) {
    BALLAST_NUMBER(probe_id);
    BALLAST_WORD(step);
    BALLAST_WORD(fault);
    BALLAST_TEXT(detail);
}

BALLAST_DEFINE_CONVERSION(RelayOpen)
BALLAST_DEFINE_CONVERSION(RelayClose)
BALLAST_DEFINE_CONVERSION(RelayStatus)
BALLAST_DEFINE_CONVERSION(GuestNote)
BALLAST_DEFINE_CONVERSION(GuestSignal)
BALLAST_DEFINE_CONVERSION(StoreProbe)
BALLAST_DEFINE_CONVERSION(StoreAnswer)

}  // namespace ballast::wire
