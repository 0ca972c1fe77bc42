// Whatever a client sends as a body is refused or read, within the bounds, and never breaks anything.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "controller/http/guest_spec.hpp"
#include "controller/http/json_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ballast::controller::http;
    JsonBody body{{reinterpret_cast<const char*>(data), size}};
    if (!body.parsed()) {
        BALLAST_ASSERT(!body.syntax_error().empty());
        return 0;
    }
    ballast::wire::GuestSpec spec;
    JsonFields fields = body.root();
    read_guest_spec(fields, spec);
    fields.finish();
    BALLAST_ASSERT(body.errors().size() <= body_errors_max);
    BALLAST_ASSERT(!body.valid() || (!spec.name.empty() && spec.memory_mib > 0 && !spec.uuid.nil()));
    return 0;
}
