// The fields of what agents say to each other about a moving guest, and of pings.
#include "proto/convert.hpp"

namespace ballast::wire {

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::HandoverQuery> object, PlainOf<Io, HandoverQuery> plain) {
    BALLAST_UUID(migration_id);
    BALLAST_TEXT(destination_host);
    BALLAST_TEXT(source_host);
    BALLAST_UUID(uuid);
    BALLAST_UUID(journal_id);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::HandoverAnswer> object, PlainOf<Io, HandoverAnswer> plain) {
    BALLAST_UUID(migration_id);
    BALLAST_TEXT(source_host);
    BALLAST_WORD(verdict);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationDisk> object, PlainOf<Io, MigrationDisk> plain) {
    BALLAST_TEXT(device);
    BALLAST_TEXT(path);
    BALLAST_NUMBER(size_bytes);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationOpen> object, PlainOf<Io, MigrationOpen> plain) {
    BALLAST_NUMBER(version);
    BALLAST_UUID(migration_id);
    BALLAST_UUID(uuid);
    BALLAST_TEXT(name);
    BALLAST_TEXT(source_host);
    BALLAST_NUMBER(memory_kib);
    BALLAST_NUMBER(can_zstd);
    BALLAST_NUMBER(can_lz4);
    BALLAST_NUMBER(copy_storage);
    BALLAST_LIST(disks);
    BALLAST_NUMBER(page_references);
    BALLAST_LIST(staying);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationAccept> object, PlainOf<Io, MigrationAccept> plain) {
    BALLAST_NUMBER(accepted);
    BALLAST_WORD(fault);
    BALLAST_TEXT(detail);
    BALLAST_UUID(journal_id);
    BALLAST_NUMBER(page_references);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationEnd> object, PlainOf<Io, MigrationEnd> plain) {
    BALLAST_NUMBER(plain_bytes);
    BALLAST_NUMBER(plain_digest);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationImage> object, PlainOf<Io, MigrationImage> plain) {
    BALLAST_WORD(step);
    BALLAST_NUMBER(disk);
    BALLAST_NUMBER(last);
    BALLAST_WORD(fault);
    BALLAST_TEXT(detail);
}

template <class Io>
void fields(Io&, ObjectOf<Io, schema::MigrationReady>, PlainOf<Io, MigrationReady>) {}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationCommit> object, PlainOf<Io, MigrationCommit> plain) {
    BALLAST_UUID(migration_id);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationStarted> object, PlainOf<Io, MigrationStarted> plain) {
    BALLAST_UUID(migration_id);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationAborted> object, PlainOf<Io, MigrationAborted> plain) {
    BALLAST_UUID(migration_id);
    BALLAST_WORD(fault);
    BALLAST_TEXT(detail);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationAsk> object, PlainOf<Io, MigrationAsk> plain) {
    BALLAST_NUMBER(version);
    BALLAST_UUID(migration_id);
    BALLAST_UUID(uuid);
    BALLAST_TEXT(source_host);
    BALLAST_UUID(journal_id);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::MigrationVerdict> object, PlainOf<Io, MigrationVerdict> plain) {
    BALLAST_UUID(migration_id);
    BALLAST_WORD(verdict);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::Ping> object, PlainOf<Io, Ping> plain) {
    BALLAST_NUMBER(nonce);
}

template <class Io>
void fields(Io& io, ObjectOf<Io, schema::Pong> object, PlainOf<Io, Pong> plain) {
    BALLAST_NUMBER(nonce);
}

BALLAST_DEFINE_CONVERSION(HandoverQuery)
BALLAST_DEFINE_CONVERSION(HandoverAnswer)
BALLAST_DEFINE_CONVERSION(MigrationOpen)
BALLAST_DEFINE_CONVERSION(MigrationAccept)
BALLAST_DEFINE_CONVERSION(MigrationEnd)
BALLAST_DEFINE_CONVERSION(MigrationImage)
BALLAST_DEFINE_CONVERSION(MigrationReady)
BALLAST_DEFINE_CONVERSION(MigrationCommit)
BALLAST_DEFINE_CONVERSION(MigrationStarted)
BALLAST_DEFINE_CONVERSION(MigrationAborted)
BALLAST_DEFINE_CONVERSION(MigrationAsk)
BALLAST_DEFINE_CONVERSION(MigrationVerdict)
BALLAST_DEFINE_CONVERSION(Ping)
BALLAST_DEFINE_CONVERSION(Pong)

}  // namespace ballast::wire
