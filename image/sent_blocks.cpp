#include "image/sent_blocks.hpp"

#include <fcntl.h>

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ballast::image {

std::uint64_t block_fingerprint(std::span<const std::byte> block, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(block.data(), block.size(), seed);
}

Status SentBlocks::open(const std::string& path, std::uint64_t seed, std::string& why) {
    seed_ = seed;
    return path.empty() ? Status{} : open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, file_, why);
}

Status SentBlocks::keep(std::uint64_t segment, const Digest& digest, std::span<const std::byte> content,
                        std::string& why) {
    if (!file_.fd) {
        return {};
    }
    SentRecord record{.digest = digest};
    for (std::size_t at = 0; at < content.size(); at += sent_block_bytes) {
        const auto block = content.subspan(at, std::min(content.size() - at, sent_block_bytes));
        record.blocks[at / sent_block_bytes] = block_fingerprint(block, seed_);
    }
    return keep(segment, record, why);
}

Status SentBlocks::keep(std::uint64_t segment, const SentRecord& record, std::string& why) {
    return file_.fd ? write_exactly(file_, segment * sizeof record, std::as_bytes(std::span{&record, 1}), why)
                    : Status{};
}

Status SentBlocks::forget(std::uint64_t segment, std::string& why) {
    constexpr SentRecord nothing;
    const bool known = !load(segment, nothing.digest) && loaded_.digest != nothing.digest;
    return known ? write_exactly(file_, segment * sizeof nothing, std::as_bytes(std::span{&nothing, 1}), why)
                 : Status{};
}

bool SentBlocks::load(std::uint64_t segment, const Digest& digest) {
    loaded_ = {};
    std::string ignored;  // a file that ends before knows nothing of this segment
    const std::span<std::byte> into = std::as_writable_bytes(std::span{&loaded_, 1});
    return file_.fd && read_exactly(file_, segment * sizeof loaded_, into, ignored).ok() &&
           loaded_.digest == digest;
}

bool SentBlocks::same(std::size_t block, std::span<const std::byte> content) const noexcept {
    return loaded_.blocks[block] == block_fingerprint(content, seed_);
}

}  // namespace ballast::image
