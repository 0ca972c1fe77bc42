#include "image/index_merge.hpp"

#include <algorithm>
#include <optional>

namespace ballast::image {
namespace {

// The entries of an old index's level that are still true, in order.
class Kept {
  public:
    explicit Kept(const KeptLevel& level) : grid_{level.grid}, changed_{level.changed} {
        if (level.index != nullptr) {
            cursor_.emplace(*level.index, level.level);
        }
    }

    Status next(std::optional<Entry>& entry, std::string& why) {
        entry.reset();
        while (cursor_) {
            if (at_ == keys_.size()) {
                if (const Status status = cursor_->next_entries(keys_, blocks_); !status.ok()) {
                    why = cursor_->why();
                    return status;
                }
                at_ = 0;
                if (keys_.empty()) {
                    cursor_.reset();
                    return {};
                }
            }
            const Entry candidate{.key = keys_[at_], .block = blocks_[at_]};
            ++at_;
            if (!is_changed(candidate.block)) {
                entry = candidate;
                return {};
            }
        }
        return {};
    }

  private:
    bool is_changed(std::uint32_t block) const {
        if (block >= grid_.blocks()) {
            return true;
        }
        const std::uint64_t offset = grid_.extent_of(block).offset;
        const auto after = std::upper_bound(
            changed_.begin(), changed_.end(), offset,
            [](std::uint64_t wanted, const Extent& extent) { return wanted < extent.offset; });
        return after != changed_.begin() && offset < (after - 1)->end();
    }

    const Grid& grid_;
    const std::span<const Extent> changed_;
    std::optional<IndexCursor> cursor_;
    std::span<const std::uint64_t> keys_;
    std::span<const std::uint32_t> blocks_;
    std::size_t at_ = 0;
};

}  // namespace

Status write_merged(IndexWriter& writer, Sorter& fresh, const KeptLevel& level, std::string& why) {
    Kept kept{level};
    std::optional<Entry> waiting;
    BALLAST_CHECK(kept.next(waiting, why));
    while (true) {
        std::span<const Entry> sorted;
        BALLAST_CHECK(fresh.next(sorted, why));
        if (sorted.empty()) {
            break;
        }
        while (waiting && !sorted.empty()) {
            if (*waiting < sorted.front()) {
                BALLAST_CHECK(writer.add({&*waiting, 1}, why));
                BALLAST_CHECK(kept.next(waiting, why));
            } else {
                BALLAST_CHECK(writer.add(sorted.first(1), why));
                sorted = sorted.subspan(1);
            }
        }
        BALLAST_CHECK(writer.add(sorted, why));
    }
    while (waiting) {
        BALLAST_CHECK(writer.add({&*waiting, 1}, why));
        BALLAST_CHECK(kept.next(waiting, why));
    }
    return {};
}

}  // namespace ballast::image
