#include "xen_glue/xen/libxl_raii.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace ballast::xen {

char* duplicate(std::string_view text) {
    char* copy = strndup(text.data(), text.size());
    BALLAST_ASSERT(copy != nullptr);
    return copy;
}

Uuid uuid_of(const libxl_uuid& uuid) noexcept {
    Uuid out;
    std::copy(std::begin(uuid.uuid), std::end(uuid.uuid), out.bytes.begin());
    return out;
}

libxl_uuid to_libxl(const Uuid& uuid) noexcept {
    libxl_uuid out;
    std::copy(uuid.bytes.begin(), uuid.bytes.end(), std::begin(out.uuid));
    return out;
}

Fault fault_of(int libxl_rc) noexcept {
    switch (libxl_rc) {
        case 0: return Fault::none;
        case ERROR_NI: return Fault::unsupported;
        case ERROR_NOMEM: return Fault::no_memory;
        case ERROR_INVAL: return Fault::invalid_argument;
        case ERROR_GUEST_TIMEDOUT: return Fault::guest_unresponsive;
        case ERROR_TIMEDOUT: return Fault::deadline_exceeded;
        case ERROR_NOPARAVIRT: return Fault::unsupported;
        case ERROR_DOMAIN_NOTFOUND: return Fault::not_found;
        case ERROR_DOMAIN_DESTROYED: return Fault::not_found;
        case ERROR_ABORTED: return Fault::cancelled;
        case ERROR_LOCK_FAIL: return Fault::domain_in_use;
        default: return Fault::hypervisor_failed;
    }
}

}  // namespace ballast::xen
