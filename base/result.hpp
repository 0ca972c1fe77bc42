// Success or fault as a value. Faults are enumerated, so that they can be counted, exported and compared; the
// sentence for people is made where the fault meets one.
#pragma once

#include <type_traits>

#include "base/assert.hpp"
#include "base/fault.hpp"

namespace ballast {

template <class E>
struct Err {
    E value;
};
template <class E>
Err(E) -> Err<E>;

// Either a T or an E. Both must be trivially copyable: a Result travels by value and owns nothing.
template <class T, class E = Fault>
class [[nodiscard]] Result {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_copyable_v<E>);

  public:
    constexpr Result(T value) noexcept : value_{value}, ok_{true} {}          // NOLINT: implicit on purpose
    constexpr Result(Err<E> err) noexcept : fault_{err.value}, ok_{false} {}  // NOLINT: implicit on purpose

    constexpr bool ok() const noexcept { return ok_; }
    constexpr const T& value() const noexcept {
        BALLAST_ASSERT(ok_);
        return value_;
    }
    constexpr E fault() const noexcept {
        BALLAST_ASSERT(!ok_);
        return fault_;
    }
    constexpr T value_or(T other) const noexcept { return ok_ ? value_ : other; }

  private:
    union {
        T value_;
        E fault_;
    };
    bool ok_;
};

// Success, or the fault that prevented it.
class [[nodiscard]] Status {
  public:
    constexpr Status() noexcept = default;
    constexpr Status(Err<Fault> err) noexcept : fault_{err.value} {}  // NOLINT: implicit on purpose

    constexpr bool ok() const noexcept { return fault_ == Fault::none; }
    constexpr Fault fault() const noexcept { return fault_; }

  private:
    Fault fault_ = Fault::none;
};

}  // namespace ballast

// Yields the value of a Result, or returns its fault from the calling function.
#define BALLAST_TRY(expression)                        \
    __extension__({                                    \
        const auto try_result = (expression);          \
        if (!try_result.ok()) {                        \
            return ::ballast::Err{try_result.fault()}; \
        }                                              \
        try_result.value();                            \
    })

// Returns from the calling function when a Status is not ok.
#define BALLAST_CHECK(expression)                            \
    do {                                                     \
        const ::ballast::Status check_status = (expression); \
        if (!check_status.ok()) {                            \
            return ::ballast::Err{check_status.fault()};     \
        }                                                    \
    } while (false)
