#include "controller/http/digest.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ballast::controller::http {

Digest digest(std::string_view text) noexcept {
    const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
    const Digest result{hash.high64, hash.low64};
    return result.empty() ? Digest{1, 0} : result;
}

}  // namespace ballast::controller::http
