#include "image/sent_lookup.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>

namespace ballast::image {
namespace {

constexpr std::uint64_t number_mask = UINT32_MAX;
constexpr std::size_t blocks_in_record = segment_bytes / sent_block_bytes;
constexpr std::size_t images_max = UINT8_MAX;

}  // namespace

Status SentLookup::open(const std::vector<std::string>& sent_blocks, std::string& why) {
    std::vector<std::uint64_t> records;
    std::uint64_t blocks = 0;
    for (const std::string& path : sent_blocks) {
        NamedFd file;
        const Status opened = open_file(path, O_RDONLY | O_NOFOLLOW, file, why);
        if (!opened.ok() && opened.fault() != Fault::not_found) {
            return opened;
        }
        struct stat facts {};
        const bool there = opened.ok() && ::fstat(file.fd.get(), &facts) == 0;
        records.push_back(there ? static_cast<std::uint64_t>(facts.st_size) / sizeof(SentRecord) : 0);
        first_.push_back(static_cast<std::uint32_t>(blocks));
        blocks += records.back() * blocks_in_record;
        files_.push_back(std::move(file));
    }
    if (blocks >= number_mask || files_.size() > images_max) {
        why = "the guest's images have more blocks, or are more, than can be counted";
        return Err{Fault::limit_reached};
    }
    places_.resize(std::min(std::bit_ceil(blocks * 4 / 3 + 1), std::bit_floor(places_max_)));
    for (std::size_t image = 0; image < files_.size(); ++image) {
        BALLAST_CHECK(load(static_cast<std::uint8_t>(image), records[image], why));
    }
    return {};
}

Status SentLookup::load(std::uint8_t image, std::uint64_t records, std::string& why) {
    for (std::uint64_t number = 0; number < records; ++number) {
        SentRecord record;
        const std::span<std::byte> into = std::as_writable_bytes(std::span{&record, 1});
        BALLAST_CHECK(read_exactly(files_[image], number * sizeof record, into, why));
        for (std::size_t i = 0; i < blocks_in_record && record.digest != Digest{}; ++i) {
            insert(record.blocks[i], image, static_cast<std::uint32_t>(number * blocks_in_record + i));
        }
    }
    return {};
}

void SentLookup::insert(std::uint64_t fingerprint, std::uint8_t image, std::uint32_t block) noexcept {
    // Three quarters full at most: probes stay short.
    if (fingerprint == 0 || used_ >= places_.size() / 4 * 3) {
        return;
    }
    const std::uint64_t tag = fingerprint & ~number_mask;
    std::size_t at = fingerprint & (places_.size() - 1);
    for (; places_[at] != 0; at = (at + 1) & (places_.size() - 1)) {
        if ((places_[at] & ~number_mask) == tag) {
            return;  // the same block further up
        }
    }
    places_[at] = tag | (std::uint64_t{first_[image]} + block + 1);
    ++used_;
}

bool SentLookup::names(const BlockPlace& place, std::uint64_t fingerprint) const {
    std::uint64_t named = 0;
    std::string ignored;
    const std::uint64_t offset = place.block / blocks_in_record * sizeof(SentRecord) + sizeof(Digest) +
                                 place.block % blocks_in_record * sizeof named;
    return read_exactly(files_[place.image], offset, std::as_writable_bytes(std::span{&named, 1}), ignored)
               .ok() &&
           named == fingerprint;
}

std::optional<BlockPlace> SentLookup::find(std::uint64_t fingerprint) {
    const BlockPlace behind{last_.image, last_.block + 1};
    if (found_before_ && names(behind, fingerprint)) {
        last_ = behind;
        return behind;
    }
    const std::uint64_t tag = fingerprint & ~number_mask;
    std::size_t at = fingerprint & (places_.size() - 1);
    for (; places_[at] != 0; at = (at + 1) & (places_.size() - 1)) {
        if ((places_[at] & ~number_mask) != tag) {
            continue;
        }
        const auto number = static_cast<std::uint32_t>((places_[at] & number_mask) - 1);
        std::uint8_t image = static_cast<std::uint8_t>(files_.size() - 1);
        while (first_[image] > number) {
            --image;
        }
        const BlockPlace place{image, number - first_[image]};
        found_before_ = names(place, fingerprint);
        last_ = place;
        return found_before_ ? std::optional{place} : std::nullopt;
    }
    found_before_ = false;
    return std::nullopt;
}

}  // namespace ballast::image
