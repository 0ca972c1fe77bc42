// What our own description of a guest means in libxl's terms. The result is what `xl create` makes of the
// same guest, field by field (checked against the real xl by a golden test), with the exceptions named in
// docs/xen.md.
#pragma once

#include "base/result.hpp"
#include "xen_glue/hypervisor.hpp"
#include "xen_glue/xen/libxl_raii.hpp"

namespace ballast::xen {

libxl_domain_type type_of(GuestType type) noexcept;

// Fills `config`, freshly initialised. REQUIRES: validate(spec) found nothing. `invalid_argument` when a MAC
// address cannot be read after all.
Status to_libxl(libxl_ctx* ctx, const DomainSpec& spec, libxl_domain_config& config);

}  // namespace ballast::xen
