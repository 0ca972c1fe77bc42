#include "image/receiver_join.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace ballast::image {

Status OpenLocal::open(const LocalImage& local, std::string& why) {
    path = local.path;
    index = IndexFile::open(local.index, why);
    if (!index) {
        return Err{Fault::not_found};
    }
    source = open_image(local.path, local.format, why);
    return source ? Status{} : Status{Err{Fault::not_found}};
}

LocalOffer OpenLocal::offer() const {
    LocalOffer offer{.image_bytes = source->size_bytes()};
    for (const IndexLevel& level : index->header().levels) {
        (level.block_bytes == sector_bytes ? offer.sectors : offer.blocks) = level.entries;
    }
    return offer;
}

int OpenLocal::level_of(std::uint32_t block_bytes) const {
    const auto& levels = index->header().levels;
    for (std::size_t i = 0; i < levels.size(); ++i) {
        if (levels[i].block_bytes == block_bytes) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

bool OpenLocal::read(std::uint64_t offset, std::span<std::byte> into) {
    std::string ignored;
    return source->read(offset, into, ignored).ok();
}

KeyJoin::KeyJoin(const std::vector<OpenLocal>& locals, std::uint32_t block_bytes, const KeyCode& code)
    : block_bytes_{block_bytes}, code_{code}, keys_(batch_keys_max) {
    for (std::size_t i = 0; i < locals.size(); ++i) {
        const int level = locals[i].level_of(block_bytes);
        if (level < 0) {
            continue;
        }
        const auto at = static_cast<std::size_t>(level);
        sides_.push_back(std::make_unique<Side>(Side{.number = static_cast<std::uint8_t>(i),
                                                     .image_bytes = locals[i].source->size_bytes(),
                                                     .grid = locals[i].index->header().grid(at).value(),
                                                     .cursor = IndexCursor{*locals[i].index, at}}));
    }
}

bool KeyJoin::advance(Side& side) {
    if (side.at < side.keys.size()) {
        return true;
    }
    if (!side.ended) {
        side.at = 0;
        side.ended = !side.cursor.next_entries(side.keys, side.blocks).ok() || side.keys.empty();
    }
    return !side.ended;
}

bool KeyJoin::find(Side& side, std::uint64_t key, Match& match) {
    while (advance(side) && cut_key(code_, side.keys[side.at]) < key) {
        ++side.at;
    }
    // Blocks that are cut short have the key of a longer one. The entry stays: the next key may be the same.
    while (advance(side) && cut_key(code_, side.keys[side.at]) == key) {
        const Extent extent = side.grid.extent_of(side.blocks[side.at]);
        if (extent.length == block_bytes_ && extent.end() <= side.image_bytes) {
            match = {.found = true, .local_image = side.number, .offset = extent.offset};
            return true;
        }
        ++side.at;
    }
    return false;
}

Status KeyJoin::match(const Keys& batch, std::span<Match> matches) {
    BALLAST_ASSERT(matches.size() == batch.count);
    const std::span<std::uint64_t> keys = std::span{keys_}.first(batch.count);
    BALLAST_CHECK(decode_keys(code_, previous_, batch.bits, keys));
    for (std::size_t i = 0; i < keys.size(); ++i) {
        matches[i] = {};
        for (const auto& side : sides_) {
            if (find(*side, keys[i], matches[i])) {
                break;
            }
        }
    }
    previous_ = keys.empty() ? previous_ : keys.back();
    return {};
}

}  // namespace ballast::image
