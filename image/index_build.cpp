#include "image/index_build.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "base/assert.hpp"
#include "image/checkpoint.hpp"
#include "image/failure.hpp"
#include "image/index_file.hpp"
#include "image/index_merge.hpp"
#include "image/scan.hpp"
#include "image/sorter.hpp"
#include "shell/durable_file.hpp"
#include "shell/random.hpp"

namespace ballast::image {
namespace {

// A scan that finds little to write down is checkpointed all the same, after so many bytes.
constexpr std::uint64_t checkpoint_interval_bytes = std::uint64_t{64} << 30;
// Less than this is scanned before threads have begun.
constexpr std::uint64_t threads_worth_bytes = 16 << 20;
// Less than this says nothing of how fast an image can be read.
constexpr std::uint64_t measured_bytes_min = 16 << 20;
// More than this are no faster than memory gives the bytes.
constexpr unsigned scan_threads_max = 4;

// An image, its grids, and a sorter for each: what building and refreshing have in common.
class Build final : public ScanSink {
  public:
    Build(std::string path, const IndexOptions& options) : path_{std::move(path)}, options_{options} {}

    Status open(const std::string& image, const FixedVector<std::uint32_t, index_levels_max>& block_bytes,
                std::string& why) {
        source_ = open_image(image, options_.format, why);
        if (!source_) {
            return Err{Fault::io_failed};
        }
        BALLAST_CHECK(source_->identity(scan_.image, why));
        scan_.starts = grid_starts_of(*source_);
        scan_.block_bytes = block_bytes;
        // Sectors are eight times as many as blocks.
        const std::size_t shares = block_bytes.size() == 1 ? 1 : 9;
        for (std::size_t level = 0; level < block_bytes.size(); ++level) {
            const auto grid = Grid::make(source_->size_bytes(), block_bytes[level], scan_.starts);
            if (!grid.ok()) {
                return content_failure(image,
                                       "more than 2^32 blocks of " + std::to_string(block_bytes[level]) +
                                           " bytes: an index cannot number them",
                                       grid.fault(), why);
            }
            grids_.push_back(grid.value());
            const std::size_t share = level == 0 ? 1 : 8;
            sorters_.emplace_back(
                std::make_unique<Sorter>(run_prefix(level), options_.sort_bytes / shares * share));
        }
        return {};
    }

    const Checkpoint& scan() const noexcept { return scan_; }
    ImageSource& source() noexcept { return *source_; }
    const std::vector<Grid>& grids() const noexcept { return grids_; }
    Sorter& sorter(std::size_t level) noexcept { return *sorters_[level]; }

    // Takes over what an interrupted scan has left; starts from nothing when there is none or it does not
    // fit.
    void adopt_earlier() {
        Checkpoint earlier;
        std::string ignored;
        const bool usable = options_.resume && read_checkpoint(checkpoint_path(), earlier, ignored).ok() &&
                            earlier.same_scan(scan_) && earlier.reached <= source_->size_bytes();
        for (std::size_t level = 0; usable && level < grids_.size(); ++level) {
            std::vector<SortedRun> runs;
            for (const std::uint64_t entries : earlier.run_entries[level]) {
                runs.push_back({.path = run_prefix(level) + std::to_string(runs.size()), .entries = entries});
            }
            if (!sorters_[level]->adopt(std::move(runs), ignored).ok()) {
                renew_sorters();
                return;
            }
        }
        if (usable) {
            scan_.reached = earlier.reached;
            checkpointed_ = earlier.reached;
            keep_runs();
        }
    }

    Status scan(Extent range, bool checkpoints, std::string& why) {
        checkpoints_ = checkpoints;
        const std::size_t threads = range.length < threads_worth_bytes ? 1 : options_.threads;
        Scanner scanner{*source_, grids_, best_md5_kernel(), threads,
                        options_.seen != nullptr ? &options_.seen->options() : nullptr};
        const auto begun = std::chrono::steady_clock::now();
        const Status status = scanner.scan(range, *this, why);
        scanning_ += std::chrono::steady_clock::now() - begun;
        return status;
    }

    // 0: too little to tell.
    std::uint64_t bytes_per_second() const {
        const double seconds = std::chrono::duration<double>(scanning_).count();
        return data_bytes_ < measured_bytes_min || seconds <= 0
                   ? 0
                   : static_cast<std::uint64_t>(static_cast<double>(data_bytes_) / seconds);
    }

    Status take(std::size_t level, std::span<const Entry> entries, std::string& why) override {
        data_bytes_ += level == 0 ? entries.size() * grids_[0].block_bytes() : 0;
        return sorters_[level]->add(entries, why);
    }

    Status take_seen(std::span<const SeenSegment> segments, std::string& why) override {
        for (const SeenSegment& segment : segments) {
            BALLAST_CHECK(options_.seen->put(segment, why));
        }
        return {};
    }

    Status reached(std::uint64_t offset, std::string& why) override {
        scan_.reached = offset;
        bool full = offset - checkpointed_ >= checkpoint_interval_bytes;
        for (std::size_t level = 0; level < grids_.size(); ++level) {
            full = full || sorters_[level]->room() < scan_entries_max(grids_[level].block_bytes());
        }
        if (checkpoints_ && full) {
            BALLAST_CHECK(checkpoint(why));
        }
        return report(offset, why);
    }

    Status write(IndexHeader& header, const IndexFile* old, const std::vector<Extent>& changed,
                 std::string& why);

    void remove_leftovers() {
        std::string ignored;
        static_cast<void>(remove_durable(checkpoint_path(), ignored));
        for (const auto& sorter : sorters_) {
            for (const SortedRun& run : sorter->runs()) {
                ::unlink(run.path.c_str());
            }
        }
    }

  private:
    std::string checkpoint_path() const { return path_ + ".scan"; }
    std::string run_prefix(std::size_t level) const { return path_ + ".run-" + std::to_string(level) + "-"; }
    void keep_runs() {
        for (const auto& sorter : sorters_) {
            sorter->keep_runs();
        }
    }
    void renew_sorters() {
        for (std::size_t level = 0; level < sorters_.size(); ++level) {
            const std::size_t shares = sorters_.size() == 1 ? 1 : 9;
            const std::size_t share = level == 0 ? 1 : 8;
            sorters_[level] =
                std::make_unique<Sorter>(run_prefix(level), options_.sort_bytes / shares * share);
        }
    }

    Status checkpoint(std::string& why) {
        for (std::size_t level = 0; level < sorters_.size(); ++level) {
            BALLAST_CHECK(sorters_[level]->checkpoint(why));
            scan_.run_entries[level].clear();
            for (const SortedRun& run : sorters_[level]->runs()) {
                scan_.run_entries[level].push_back(run.entries);
            }
        }
        BALLAST_CHECK(write_checkpoint(checkpoint_path(), scan_, why));
        checkpointed_ = scan_.reached;
        keep_runs();
        return {};
    }

    Status report(std::uint64_t offset, std::string& why) {
        constexpr std::chrono::milliseconds interval{200};
        const auto now = std::chrono::steady_clock::now();
        if (!options_.progress || (now - reported_ < interval && offset != source_->size_bytes())) {
            return {};
        }
        reported_ = now;
        if (!options_.progress(offset, source_->size_bytes())) {
            why = path_ + ": cancelled";
            return Err{Fault::cancelled};
        }
        return {};
    }

    std::string path_;
    const IndexOptions& options_;
    std::unique_ptr<ImageSource> source_;
    std::vector<Grid> grids_;
    std::vector<std::unique_ptr<Sorter>> sorters_;
    Checkpoint scan_;
    bool checkpoints_ = false;
    std::uint64_t checkpointed_ = 0;
    std::uint64_t data_bytes_ = 0;  // scanned by this process
    std::chrono::steady_clock::duration scanning_{};
    std::chrono::steady_clock::time_point reported_{};
};

Status Build::write(IndexHeader& header, const IndexFile* old, const std::vector<Extent>& changed,
                    std::string& why) {
    header.image = scan_.image;
    header.starts = scan_.starts;
    header.built_unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
    const std::uint64_t measured = bytes_per_second();
    header.scanned_bytes_per_second =
        measured == 0 && old != nullptr ? old->header().scanned_bytes_per_second : measured;
    random_bytes(header.build_id);
    IndexWriter writer;
    BALLAST_CHECK(writer.open(path_, header.build_id, why));
    for (std::size_t level = 0; level < grids_.size(); ++level) {
        const KeptLevel kept{.index = old, .level = level, .grid = grids_[level], .changed = changed};
        BALLAST_CHECK(write_merged(writer, *sorters_[level], kept, why));
        IndexLevel row{.block_bytes = grids_[level].block_bytes(), .blocks = grids_[level].blocks()};
        BALLAST_CHECK(writer.end_level(row.entries, row.distinct, why));
        header.levels.push(row);
    }
    ImageIdentity after;
    BALLAST_CHECK(source_->identity(after, why));
    header.changed_during_scan = after != scan_.image;
    return writer.finish(header, why);
}

// Grown to whole blocks, in order, without overlaps, within the image; with what a new size adds or cuts.
std::vector<Extent> changed_blocks(const Grid& grid, std::span<const Extent> changed,
                                   std::uint64_t old_bytes) {
    std::vector<Extent> all{changed.begin(), changed.end()};
    const std::uint64_t image_bytes = grid.image_bytes();
    if (old_bytes != image_bytes) {
        // The block in which the smaller one ended was cut short.
        const std::uint64_t from = std::min(old_bytes, image_bytes);
        const std::uint64_t back = std::min<std::uint64_t>(from, grid.block_bytes());
        all.push_back({.offset = from - back, .length = std::max(old_bytes, image_bytes) - from + back});
    }
    std::vector<Extent> whole;
    std::sort(all.begin(), all.end(), [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
    for (const Extent& extent : all) {
        const std::uint64_t room = image_bytes - std::min(image_bytes, extent.offset);
        const std::uint64_t length = std::min(extent.length, room);
        if (length == 0) {
            continue;
        }
        const Extent first = grid.extent_of(grid.block_at(extent.offset));
        const Extent last = grid.extent_of(grid.block_at(extent.offset + length - 1));
        if (!whole.empty() && first.offset <= whole.back().end()) {
            whole.back().length = std::max(whole.back().end(), last.end()) - whole.back().offset;
        } else {
            whole.push_back({.offset = first.offset, .length = last.end() - first.offset});
        }
    }
    return whole;
}

}  // namespace

std::size_t scan_threads_default() noexcept {
    return std::clamp(std::thread::hardware_concurrency(), 1U, scan_threads_max);
}

Status build_index(const std::string& image, const std::string& path, const IndexOptions& options,
                   IndexResult& result, std::string& why) {
    FixedVector<std::uint32_t, index_levels_max> block_bytes;
    block_bytes.push(options.block_bytes);
    if (options.two_levels) {
        BALLAST_ASSERT(options.block_bytes == block_bytes_default);
        block_bytes.push(sector_bytes);
    }
    Build build{path, options};
    BALLAST_CHECK(build.open(image, block_bytes, why));
    build.adopt_earlier();
    result.resumed_at = build.scan().reached;
    const std::uint64_t size = build.source().size_bytes();
    result.scanned_bytes = size - result.resumed_at;
    BALLAST_CHECK(build.scan({.offset = result.resumed_at, .length = size - result.resumed_at}, true, why));
    BALLAST_CHECK(build.write(result.header, nullptr, {}, why));
    build.remove_leftovers();
    return {};
}

Status refresh_index(const std::string& image, const std::string& path, std::span<const Extent> changed,
                     const IndexOptions& options, IndexResult& result, std::string& why) {
    const auto old = IndexFile::open(path, why);
    if (!old) {
        return Err{Fault::image_corrupt};
    }
    FixedVector<std::uint32_t, index_levels_max> block_bytes;
    for (const IndexLevel& level : old->header().levels) {
        block_bytes.push(level.block_bytes);
    }
    Build build{path, options};
    BALLAST_CHECK(build.open(image, block_bytes, why));
    if (build.scan().starts != old->header().starts) {
        return content_failure(image, "its partitions have moved since it was indexed: build the index anew",
                               Fault::state_conflict, why);
    }
    const std::vector<Extent> whole =
        changed_blocks(build.grids()[0], changed, old->header().image.size_bytes);
    for (const Extent& extent : whole) {
        result.scanned_bytes += extent.length;
        BALLAST_CHECK(build.scan(extent, false, why));
    }
    return build.write(result.header, old.get(), whole, why);
}

Freshness freshness(const IndexHeader& header, const ImageIdentity& now) noexcept {
    ImageIdentity then = header.image;
    ImageIdentity present = now;
    if (then.kind == ImageKind::qcow2) {
        present.kind = ImageKind::qcow2;  // what the file is for, the caller has said
        present.size_bytes = then.size_bytes;
    }
    if (header.changed_during_scan || then != present) {
        return Freshness::stale;
    }
    return then.kind == ImageKind::block_device ? Freshness::unknowable : Freshness::fresh;
}

}  // namespace ballast::image
