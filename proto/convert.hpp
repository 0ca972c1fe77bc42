// Protobuf object <-> plain struct, internal to the codec. Each message's fields are listed once, in a
// template that serves both directions (convert_*.cpp), so that reading and writing cannot drift apart.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "proto/ballast.pb.h"
#include "proto/messages.hpp"

namespace ballast::wire {

// True for the enumerators that this version knows.
bool known(Fault value) noexcept;
bool known(DomainState value) noexcept;
bool known(GuestType value) noexcept;
bool known(JobKind value) noexcept;
bool known(JobState value) noexcept;
bool known(MigrationMode value) noexcept;
bool known(Compression value) noexcept;
bool known(ImageStep value) noexcept;
bool known(InFlight value) noexcept;
bool known(Verdict value) noexcept;
bool known(Disk::Format value) noexcept;
bool known(VolumeSource value) noexcept;
bool known(RelayState value) noexcept;
bool known(LifeSigns value) noexcept;
bool known(StoreStep value) noexcept;

// Rates and loads: a number that is not finite or is negative would poison every sum that it enters.
inline bool plausible(double value) noexcept {
    return std::isfinite(value) && value >= 0;
}

// A zero byte would end the name early in every C interface behind us.
inline bool clean(std::string_view text) noexcept {
    return text.find('\0') == std::string_view::npos;
}

// Protobuf strings must be UTF-8, and names found in Xen or sentences cut at a bound may not be: copies
// `text`, with
// '?' in the place of zero bytes and of each byte that does not belong to a well-formed sequence.
void assign_well_formed(std::string_view text, std::string& out);

// Fills a plain struct out of a protobuf object. `ok` turns false when a value does not fit.
class Reader {
  public:
    static constexpr bool reading = true;
    bool ok = true;

    template <class T, class Object, class Get, class Set>
    void number(T& plain, const Object& object, Get get, Set) noexcept {
        const auto value = get(object);
        if constexpr (std::is_same_v<T, bool>) {
            plain = value;
        } else if constexpr (std::is_same_v<T, double>) {
            plain = value;
            ok = ok && plausible(value);
        } else {
            plain = static_cast<T>(value);
            ok = ok && std::in_range<T>(value);
        }
    }
    template <class T, class Object, class Get, class Set>
    void word(T& plain, const Object& object, Get get, Set) noexcept {
        const std::uint32_t value = get(object);
        plain = static_cast<T>(value);
        ok = ok && std::in_range<std::underlying_type_t<T>>(value) && known(plain);
    }
    template <class T, class Object, class Get, class Mutable>
    void text(T& plain, const Object& object, Get get, Mutable) noexcept {
        const std::string& value = get(object);
        ok = plain.try_assign(value) && clean(value) && ok;
    }
    // Absent stands for nil, as in every protobuf field.
    template <class Object, class Get, class Mutable>
    void uuid(Uuid& plain, const Object& object, Get get, Mutable) noexcept {
        const std::string& value = get(object);
        if (value.size() == plain.bytes.size()) {
            value.copy(reinterpret_cast<char*>(plain.bytes.data()), plain.bytes.size());
        } else {
            ok = ok && value.empty();
        }
    }
    template <class T, class Object, class Has, class Get, class Mutable>
    void optional(bool& present, T& plain, const Object& object, Has has, Get get, Mutable) {
        present = has(object);
        if (present) {
            fields(*this, get(object), plain);
        }
    }
    template <class List, class Object, class Get, class Add>
    void words(List& plain, const Object& object, Get get, Add) noexcept {
        for (const std::uint32_t value : get(object)) {
            ok = ok && value <= UINT8_MAX && known(static_cast<DomainState>(value)) &&
                 plain.try_push(static_cast<DomainState>(value));
        }
    }
    template <class List, class Object, class Get, class Add>
    void numbers(List& plain, const Object& object, Get get, Add) noexcept {
        for (const auto value : get(object)) {
            ok = ok && plain.try_push(value);
        }
    }
    template <class List, class Object, class Get, class Add>
    void list(List& plain, const Object& object, Get get, Add) {
        const auto& items = get(object);
        if (static_cast<std::size_t>(items.size()) > List::capacity()) {
            ok = false;
            return;
        }
        for (const auto& item : items) {
            fields(*this, item, plain.push({}));
        }
    }
};

// Fills a protobuf object (cleared, perhaps used before) out of a plain struct.
class Writer {
  public:
    static constexpr bool reading = false;
    bool ok = true;

    template <class T, class Object, class Get, class Set>
    void number(const T& plain, Object& object, Get, Set set) {
        if constexpr (std::is_same_v<T, double>) {
            ok = ok && plausible(plain);
        }
        set(object, plain);
    }
    template <class T, class Object, class Get, class Set>
    void word(const T& plain, Object& object, Get, Set set) {
        ok = ok && known(plain);
        set(object, static_cast<std::uint32_t>(plain));
    }
    template <class T, class Object, class Get, class Mutable>
    void text(const T& plain, Object& object, Get, Mutable mutable_string) {
        if (!plain.empty()) {
            assign_well_formed(plain.view(), mutable_string(object));
        }
    }
    template <class Object, class Get, class Mutable>
    void uuid(const Uuid& plain, Object& object, Get, Mutable mutable_string) {
        if (!plain.nil()) {
            mutable_string(object).assign(reinterpret_cast<const char*>(plain.bytes.data()),
                                          plain.bytes.size());
        }
    }
    template <class T, class Object, class Has, class Get, class Mutable>
    void optional(const bool& present, const T& plain, Object& object, Has, Get, Mutable mutable_object) {
        if (present) {
            fields(*this, mutable_object(object), plain);
        }
    }
    template <class List, class Object, class Get, class Add>
    void words(const List& plain, Object& object, Get, Add add) {
        for (const auto value : plain) {
            ok = ok && known(value);
            add(object, static_cast<std::uint32_t>(value));
        }
    }
    template <class List, class Object, class Get, class Add>
    void numbers(const List& plain, Object& object, Get, Add add) {
        for (const auto value : plain) {
            add(object, value);
        }
    }
    template <class List, class Object, class Get, class Add>
    void list(const List& plain, Object& object, Get, Add add) {
        for (const auto& item : plain) {
            fields(*this, add(object), item);
        }
    }
};

// What `fields` takes, by direction.
template <class Io, class T>
using ObjectOf = std::conditional_t<Io::reading, const T&, T&>;
template <class Io, class T>
using PlainOf = std::conditional_t<Io::reading, T&, const T&>;

// One line for each field in convert_*.cpp; `io`, `object` and `plain` are the parameters of `fields`. The
// lambdas are generic so that the setters of a const object are never compiled.
#define BALLAST_NUMBER(field)                                               \
    io.number(                                                              \
        plain.field, object, [](const auto& from) { return from.field(); }, \
        [](auto& to, auto value) { to.set_##field(value); })
#define BALLAST_WORD(field)                                                 \
    io.word(                                                                \
        plain.field, object, [](const auto& from) { return from.field(); }, \
        [](auto& to, auto value) { to.set_##field(value); })
#define BALLAST_TEXT(field)                                                                       \
    io.text(                                                                                      \
        plain.field, object, [](const auto& from) -> const std::string& { return from.field(); }, \
        [](auto& to) -> std::string& { return *to.mutable_##field(); })
#define BALLAST_UUID(field)                                                                       \
    io.uuid(                                                                                      \
        plain.field, object, [](const auto& from) -> const std::string& { return from.field(); }, \
        [](auto& to) -> std::string& { return *to.mutable_##field(); })
#define BALLAST_OPTIONAL(field)                                                                      \
    io.optional(                                                                                     \
        plain.has_##field, plain.field, object, [](const auto& from) { return from.has_##field(); }, \
        [](const auto& from) -> const auto& { return from.field(); },                                \
        [](auto& to) -> auto& { return *to.mutable_##field(); })
#define BALLAST_WORDS(field)                                                               \
    io.words(                                                                              \
        plain.field, object, [](const auto& from) -> const auto& { return from.field(); }, \
        [](auto& to, auto value) { to.add_##field(value); })
#define BALLAST_NUMBERS(field)                                                             \
    io.numbers(                                                                            \
        plain.field, object, [](const auto& from) -> const auto& { return from.field(); }, \
        [](auto& to, auto value) { to.add_##field(value); })
#define BALLAST_LIST(field)                                                                \
    io.list(                                                                               \
        plain.field, object, [](const auto& from) -> const auto& { return from.field(); }, \
        [](auto& to) -> auto& { return *to.add_##field(); })

// False when something does not fit. `object` is cleared before it is written.
#define BALLAST_CONVERSION(name)                        \
    bool read(const schema::name& object, name& plain); \
    bool write(const name& plain, schema::name& object)
BALLAST_CONVERSION(Hello);
BALLAST_CONVERSION(HelloReply);
BALLAST_CONVERSION(HostReport);
BALLAST_CONVERSION(SampleReport);
BALLAST_CONVERSION(JobOrder);
BALLAST_CONVERSION(JobCancel);
BALLAST_CONVERSION(JobLimit);
BALLAST_CONVERSION(JobAck);
BALLAST_CONVERSION(JobUpdate);
BALLAST_CONVERSION(ImageSketch);
BALLAST_CONVERSION(HandoverQuery);
BALLAST_CONVERSION(HandoverAnswer);
BALLAST_CONVERSION(MigrationOpen);
BALLAST_CONVERSION(MigrationAccept);
BALLAST_CONVERSION(MigrationEnd);
BALLAST_CONVERSION(MigrationImage);
BALLAST_CONVERSION(MigrationReady);
BALLAST_CONVERSION(MigrationCommit);
BALLAST_CONVERSION(MigrationStarted);
BALLAST_CONVERSION(MigrationAborted);
BALLAST_CONVERSION(MigrationAsk);
BALLAST_CONVERSION(MigrationVerdict);
BALLAST_CONVERSION(RelayOpen);
BALLAST_CONVERSION(RelayClose);
BALLAST_CONVERSION(RelayStatus);
BALLAST_CONVERSION(GuestNote);
BALLAST_CONVERSION(GuestSignal);
BALLAST_CONVERSION(StoreProbe);
BALLAST_CONVERSION(StoreAnswer);
BALLAST_CONVERSION(Ping);
BALLAST_CONVERSION(Pong);
#undef BALLAST_CONVERSION

// Defines the pair declared above out of `fields`.
#define BALLAST_DEFINE_CONVERSION(name)                   \
    bool read(const schema::name& object, name& plain) {  \
        Reader io;                                        \
        fields(io, object, plain);                        \
        return io.ok;                                     \
    }                                                     \
    bool write(const name& plain, schema::name& object) { \
        Writer io;                                        \
        object.Clear();                                   \
        fields(io, object, plain);                        \
        return io.ok;                                     \
    }

}  // namespace ballast::wire
