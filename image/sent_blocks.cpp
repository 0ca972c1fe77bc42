#include "image/sent_blocks.hpp"

#include <fcntl.h>

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ballast::image {
namespace {

constexpr std::size_t kept_block_bytes = 4096;

}  // namespace

Status SentBlocks::open(const std::string& path, std::string& why) {
    return path.empty() ? Status{} : open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, file_, why);
}

Status SentBlocks::keep(std::uint64_t segment, const Digest& digest, std::span<const std::byte> content,
                        std::string& why) {
    if (!file_.fd) {
        return {};
    }
    Record record{.digest = digest};
    for (std::size_t at = 0; at < content.size(); at += kept_block_bytes) {
        const auto block = content.subspan(at, std::min(content.size() - at, kept_block_bytes));
        record.blocks[at / kept_block_bytes] = XXH3_64bits(block.data(), block.size());
    }
    return write_exactly(file_, segment * sizeof record, std::as_bytes(std::span{&record, 1}), why);
}

bool SentBlocks::load(std::uint64_t segment, const Digest& digest) {
    std::string ignored;  // a file that ends before knows nothing of this segment
    const std::span<std::byte> into = std::as_writable_bytes(std::span{&loaded_, 1});
    return file_.fd && read_exactly(file_, segment * sizeof loaded_, into, ignored).ok() &&
           loaded_.digest == digest;
}

bool SentBlocks::same(std::size_t block, std::span<const std::byte> content) const noexcept {
    return loaded_.blocks[block] == XXH3_64bits(content.data(), content.size());
}

}  // namespace ballast::image
