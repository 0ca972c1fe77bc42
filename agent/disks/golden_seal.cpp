#include "agent/disks/golden_seal.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#define XXH_INLINE_ALL
#include <fmt/core.h>
#include <xxhash.h>

namespace ballast::agent {
namespace {

constexpr std::string_view seal_magic = "ballast golden 1";
constexpr std::size_t digest_piece_bytes = 1 << 20;
static_assert(seal_magic.size() + sizeof(XXH128_canonical_t) == golden_seal_bytes);

Status seal_failed(std::string_view what, std::string& why) {
    why = fmt::format("{} the golden file: {}", what, std::strerror(errno));
    return Err{errno == ENOSPC || errno == EDQUOT ? Fault::no_disk_space : Fault::io_failed};
}

// The digest of the first `length_bytes` bytes, in the order of bytes that it has on disk.
Status digest_of(int fd, std::uint64_t length_bytes, XXH128_canonical_t& out, std::string& why) {
    const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state{XXH3_createState(), XXH3_freeState};
    const auto piece = std::make_unique<char[]>(digest_piece_bytes);
    XXH3_128bits_reset(state.get());
    for (std::uint64_t at = 0; at < length_bytes;) {
        const std::size_t wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(digest_piece_bytes, length_bytes - at));
        const ssize_t got = ::pread(fd, piece.get(), wanted, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return seal_failed("cannot read", why);
        }
        XXH3_128bits_update(state.get(), piece.get(), static_cast<std::size_t>(got));
        at += static_cast<std::uint64_t>(got);
    }
    XXH128_canonicalFromHash(&out, XXH3_128bits_digest(state.get()));
    return {};
}

}  // namespace

Status seal_golden(int from, int to, std::uint64_t length_bytes, std::string& why) {
    XXH128_canonical_t original{};
    XXH128_canonical_t copy{};
    BALLAST_CHECK(digest_of(from, length_bytes, original, why));
    BALLAST_CHECK(digest_of(to, length_bytes, copy, why));
    if (std::memcmp(&original, &copy, sizeof original) != 0) {
        why = "the golden file's copy is not what was copied";
        return Err{Fault::image_corrupt};
    }
    std::string seal{seal_magic};
    seal.append(reinterpret_cast<const char*>(&copy), sizeof copy);
    if (::pwrite(to, seal.data(), seal.size(), static_cast<off_t>(length_bytes)) !=
        static_cast<ssize_t>(seal.size())) {
        return seal_failed("cannot seal", why);
    }
    return ::fsync(to) == 0 ? Status{} : seal_failed("cannot sync", why);
}

Status check_golden(int fd, std::string& why) {
    struct stat status {};
    if (::fstat(fd, &status) != 0 || status.st_size < static_cast<off_t>(golden_seal_bytes)) {
        why = "the golden file is cut, or none";
        return Err{Fault::image_corrupt};
    }
    const std::uint64_t length_bytes = static_cast<std::uint64_t>(status.st_size) - golden_seal_bytes;
    char seal[golden_seal_bytes];
    if (::pread(fd, seal, sizeof seal, static_cast<off_t>(length_bytes)) !=
        static_cast<ssize_t>(sizeof seal)) {
        return seal_failed("cannot read", why);
    }
    XXH128_canonical_t digest{};
    if (std::memcmp(seal, seal_magic.data(), seal_magic.size()) != 0) {
        why = "the golden file is cut, or none: its seal is missing";
        return Err{Fault::image_corrupt};
    }
    BALLAST_CHECK(digest_of(fd, length_bytes, digest, why));
    if (std::memcmp(seal + seal_magic.size(), &digest, sizeof digest) != 0) {
        why = "the golden file is not what was written: its checksum differs";
        return Err{Fault::image_corrupt};
    }
    return {};
}

}  // namespace ballast::agent
