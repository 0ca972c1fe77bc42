#include "image/scan.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace ballast::image {

// Cuts what may hold data into units: whole blocks, also where data end within one, and none across the start
// of a grid.
class Scanner::Walk {
  public:
    Walk(Scanner& scanner, Extent range)
        : scanner_{scanner}, range_{range}, regions_{scanner.grids_[0].regions()} {}

    // The next one; empty at the end.
    Status next(Extent& unit, std::string& why) {
        unit = {};
        while (region_ < regions_.size()) {
            const Extent& region = regions_[region_].extent;
            at_ = std::max({at_, region.offset, range_.offset});
            const std::uint64_t end = std::min(region.end(), range_.end());
            if (at_ < end) {
                BALLAST_CHECK(find_data(why));
                const Extent& data = scanner_.data_;
                if (data.length > 0 && data.offset < end) {
                    unit = cut(region, end);
                    at_ = unit.end();
                    return {};
                }
            }
            ++region_;
        }
        return {};
    }

  private:
    Status find_data(std::string& why) {
        if (scanner_.asked_ > at_ || at_ >= scanner_.data_.end()) {
            BALLAST_CHECK(scanner_.source_.next_data(at_, scanner_.data_, why));
            scanner_.asked_ = at_;
        }
        return {};
    }

    Extent cut(const Extent& region, std::uint64_t end) const {
        const Extent& data = scanner_.data_;
        if (scanner_.by_segments_ && region.offset % segment_bytes == 0) {
            const std::uint64_t from = std::max(at_, data.offset - data.offset % segment_bytes);
            return unit_from(from, segment_bytes, end);
        }
        const std::uint64_t block_bytes = scanner_.grids_[0].block_bytes();
        const std::uint64_t from =
            data.offset > at_ ? data.offset - (data.offset - region.offset) % block_bytes : at_;
        return unit_from(from, block_bytes, end);
    }

    // Up to the end of the data, or to where whole parts of this size are full.
    Extent unit_from(std::uint64_t from, std::uint64_t part_bytes, std::uint64_t end) const {
        const std::uint64_t parts = (scanner_.data_.end() - from + part_bytes - 1) / part_bytes;
        return {.offset = from,
                .length = std::min({std::uint64_t{scan_unit_bytes}, parts * part_bytes, end - from})};
    }

    Scanner& scanner_;
    Extent range_;
    std::span<const Grid::Region> regions_;
    std::size_t region_ = 0;
    std::uint64_t at_ = 0;
};

Scanner::Scanner(ImageSource& source, std::span<const Grid> grids, Md5Kernel kernel, std::size_t threads,
                 const SeenOptions* seen)
    : source_{source}, grids_{grids}, by_segments_{seen != nullptr} {
    BALLAST_ASSERT(!grids.empty() && grids.size() <= index_levels_max);
    if (threads > 1 && source.can_be_shared()) {
        crew_ = std::make_unique<ScanCrew>(source, grids, kernel, threads, seen);
    } else {
        hasher_ = std::make_unique<UnitHasher>(source, grids, kernel, seen);
        unit_ = std::make_unique<ScanUnit>(grids);
    }
}

Scanner::~Scanner() = default;

Status Scanner::scan(Extent range, ScanSink& sink, std::string& why) {
    Walk walk{*this, range};
    BALLAST_CHECK(crew_ ? scan_beside(walk, sink, why) : scan_here(walk, sink, why));
    return sink.reached(range.end(), why);
}

Status Scanner::scan_here(Walk& walk, ScanSink& sink, std::string& why) {
    while (true) {
        BALLAST_CHECK(walk.next(unit_->extent, why));
        if (unit_->extent.length == 0) {
            return {};
        }
        BALLAST_CHECK(hasher_->hash(*unit_, why));
        BALLAST_CHECK(hand_over(*unit_, sink, why));
    }
}

Status Scanner::scan_beside(Walk& walk, ScanSink& sink, std::string& why) {
    for (bool more = true; more || !crew_->idle();) {
        while (more && crew_->has_room()) {
            Extent extent;
            BALLAST_CHECK(walk.next(extent, why));
            more = extent.length > 0;
            if (more) {
                crew_->give(extent);
            }
        }
        if (!crew_->idle()) {
            const ScanUnit* done = nullptr;
            BALLAST_CHECK(crew_->take(done, why));
            BALLAST_CHECK(hand_over(*done, sink, why));
        }
    }
    return {};
}

Status Scanner::hand_over(const ScanUnit& unit, ScanSink& sink, std::string& why) const {
    for (std::size_t level = 0; level < grids_.size(); ++level) {
        BALLAST_CHECK(sink.take(level, unit.entries[level], why));
    }
    BALLAST_CHECK(sink.take_seen(unit.seen, why));
    return sink.reached(unit.extent.end(), why);
}

}  // namespace ballast::image
