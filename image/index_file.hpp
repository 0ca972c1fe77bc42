// Index files: writing one from sorted entries, and reading it piece by piece.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "image/core/index_format.hpp"
#include "image/core/similarity.hpp"
#include "image/file.hpp"

namespace ballast::image {

// Writes PATH.tmp and renames it when all is done and on disk: a file PATH is always complete. All functions
// can fail with `io_failed` and `no_disk_space`.
class IndexWriter {
  public:
    IndexWriter() = default;
    ~IndexWriter();
    IndexWriter(const IndexWriter&) = delete;
    IndexWriter& operator=(const IndexWriter&) = delete;

    Status open(const std::string& path, const std::array<std::byte, 16>& build_id, std::string& why);
    // Entries of the present level, in the order of keys, then blocks. REQUIRES: that order.
    Status add(std::span<const Entry> sorted, std::string& why);
    // Ends the present level and says what is in it; the next add() begins the next one.
    Status end_level(std::uint64_t& entries, std::uint64_t& distinct, std::string& why);
    // REQUIRES: the header's levels hold what end_level() said.
    Status finish(const IndexHeader& header, std::string& why);

  private:
    Status flush_piece(std::string& why);

    NamedFd file_;
    std::string path_;
    PieceName name_;
    std::uint64_t offset_ = index_header_bytes;
    std::vector<std::uint64_t> keys_;
    std::vector<std::uint32_t> blocks_;
    std::uint64_t entries_ = 0;
    std::uint64_t distinct_ = 0;
    std::uint64_t last_key_ = 0;
    bool finished_ = false;
};

// An open index whose header has been checked, and whose size is what the header says.
class IndexFile {
  public:
    // `not_found`, `io_failed`, `version_mismatch`, `image_corrupt`. Null with `why` on failure.
    static std::unique_ptr<IndexFile> open(const std::string& path, std::string& why);

    const IndexHeader& header() const noexcept { return header_; }
    const NamedFd& file() const noexcept { return file_; }
    std::uint64_t file_bytes() const noexcept { return level_offset(header_, header_.levels.size()); }

  private:
    NamedFd file_;
    IndexHeader header_;
};

// Goes through one level of an index from its beginning. Takes 64 KiB of memory once.
class IndexCursor final : public KeySource {
  public:
    // The file must outlive the cursor. REQUIRES: the level exists.
    IndexCursor(const IndexFile& index, std::size_t level);

    // The next piece; none at the end. `image_corrupt` when its checksum, its order or a block number is
    // wrong; why() then says what.
    Result<std::span<const std::uint64_t>> next_keys() noexcept override;
    // The same with the numbers of the blocks.
    Status next_entries(std::span<const std::uint64_t>& keys, std::span<const std::uint32_t>& blocks);
    const std::string& why() const noexcept { return why_; }

  private:
    Status load(bool with_blocks, std::size_t& count);

    const IndexFile& index_;
    std::size_t level_;
    std::uint64_t left_;
    std::uint64_t offset_;
    PieceName name_;
    std::uint64_t last_key_ = 0;
    struct Piece {
        std::uint64_t checksums[2];
        std::uint64_t keys[piece_entries];
    };
    std::unique_ptr<Piece> piece_;
    std::vector<std::uint32_t> blocks_;
    std::string why_;
};

}  // namespace ballast::image
