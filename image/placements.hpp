// Where each block of the source's image comes from at the destination: found in the order of keys, needed in
// the order of blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "image/core/grid.hpp"
#include "image/core/recipe.hpp"
#include "image/file.hpp"
#include "image/index_file.hpp"
#include "image/sorter.hpp"

namespace ballast::image {

// A block, or a part of one. Blocks without a placement are zeros.
struct Placement {
    std::uint64_t offset = 0;  // in the source's image
    std::uint32_t length = 0;
    RunKind kind = RunKind::literal;  // not `zero`
    std::uint8_t local_image = 0;
    std::uint64_t source_offset = 0;  // of `local` and `itself`
    std::uint64_t end() const noexcept { return offset + length; }
};

// As an entry that sorts by the offset; the length is that of the block. Offsets are multiples of 512.
Entry pack(const Placement& placement) noexcept;
Placement unpack(const Entry& entry, const Grid& grid) noexcept;

// Entries in order, some at a time; none at the end.
class EntryStream {
  public:
    virtual ~EntryStream() = default;
    virtual Status next(std::span<const Entry>& entries, std::string& why) = 0;
};

// Of a level of an index.
class IndexEntries final : public EntryStream {
  public:
    IndexEntries(const IndexFile& index, std::size_t level) : cursor_{index, level} {}
    Status next(std::span<const Entry>& entries, std::string& why) override;

  private:
    IndexCursor cursor_;
    std::vector<Entry> entries_;
};

// A list of entries on disk that goes away with this object.
class EntryFile {
  public:
    // `io_failed`, `no_disk_space`.
    Status create(const std::string& path, std::string& why);
    Status append(std::span<const Entry> entries, std::string& why);
    Status append_all(Sorter& sorted, std::string& why);
    std::uint64_t entries() const noexcept { return entries_; }
    const NamedFd& file() const noexcept { return file_; }

  private:
    NamedFd file_;
    std::uint64_t entries_ = 0;
};

// Of such a list, from its beginning; the list must outlive it and not change.
class FileEntries final : public EntryStream {
  public:
    explicit FileEntries(const EntryFile& list) : list_{list} {}
    Status next(std::span<const Entry>& entries, std::string& why) override;

  private:
    const EntryFile& list_;
    std::uint64_t at_ = 0;
    std::vector<Entry> entries_;
};

// Entry by entry.
class EntryReader {
  public:
    explicit EntryReader(EntryStream& stream) : stream_{stream} {}
    // Null at the end; valid until advance().
    Status peek(const Entry*& entry, std::string& why);
    void advance() noexcept { left_ = left_.subspan(1); }

  private:
    EntryStream& stream_;
    std::span<const Entry> left_;
};

// Placements in the order of the image: of blocks, those of sectors in the place of literal blocks where
// there are any.
class PlacementStream {
  public:
    // `sectors` may be null. Grids and lists must outlive the stream.
    PlacementStream(const EntryFile& blocks, const Grid& block_grid, const EntryFile* sectors,
                    const Grid* sector_grid);
    // `got` is false at the end.
    Status next(Placement& placement, bool& got, std::string& why);

  private:
    Status next_sector(Placement& placement, bool& got, std::string& why);

    FileEntries block_entries_;
    EntryReader blocks_;
    const Grid& block_grid_;
    std::unique_ptr<FileEntries> sector_entries_;
    std::unique_ptr<EntryReader> sectors_;
    const Grid* sector_grid_;
    std::uint64_t split_until_ = 0;  // sectors stand for the blocks before this offset
};

}  // namespace ballast::image
