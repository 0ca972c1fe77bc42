#include "image/index_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"
#include "image/failure.hpp"

namespace ballast::image {

IndexWriter::~IndexWriter() {
    if (file_.fd && !finished_) {
        ::unlink(file_.path.c_str());
    }
}

Status IndexWriter::open(const std::string& path, const std::array<std::byte, 16>& build_id,
                         std::string& why) {
    path_ = path;
    name_.build_id = build_id;
    keys_.reserve(piece_entries);
    blocks_.reserve(piece_entries);
    return open_file(path + ".tmp", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, file_, why);
}

Status IndexWriter::add(std::span<const Entry> sorted, std::string& why) {
    for (const Entry& entry : sorted) {
        BALLAST_ASSERT(entries_ == 0 || entry.key >= last_key_);
        distinct_ += entries_ == 0 || entry.key != last_key_ ? 1 : 0;
        last_key_ = entry.key;
        ++entries_;
        keys_.push_back(entry.key);
        blocks_.push_back(entry.block);
        if (keys_.size() == piece_entries) {
            BALLAST_CHECK(flush_piece(why));
        }
    }
    return {};
}

Status IndexWriter::flush_piece(std::string& why) {
    const std::uint64_t checksums[2] = {keys_checksum(name_, keys_), blocks_checksum(name_, blocks_)};
    BALLAST_CHECK(write_exactly(file_, offset_, std::as_bytes(std::span{checksums}), why));
    offset_ += sizeof checksums;
    BALLAST_CHECK(write_exactly(file_, offset_, std::as_bytes(std::span{keys_}), why));
    offset_ += keys_.size() * sizeof(std::uint64_t);
    BALLAST_CHECK(write_exactly(file_, offset_, std::as_bytes(std::span{blocks_}), why));
    offset_ += blocks_.size() * sizeof(std::uint32_t);
    keys_.clear();
    blocks_.clear();
    ++name_.number;
    return {};
}

Status IndexWriter::end_level(std::uint64_t& entries, std::uint64_t& distinct, std::string& why) {
    if (!keys_.empty()) {
        BALLAST_CHECK(flush_piece(why));
    }
    entries = entries_;
    distinct = distinct_;
    entries_ = 0;
    distinct_ = 0;
    last_key_ = 0;
    name_.number = 0;
    ++name_.level;
    return {};
}

Status IndexWriter::finish(const IndexHeader& header, std::string& why) {
    BALLAST_ASSERT(level_offset(header, header.levels.size()) == offset_);
    IndexHeaderBytes bytes;
    encode(header, bytes);
    BALLAST_CHECK(write_exactly(file_, 0, bytes, why));
    BALLAST_CHECK(sync_file(file_, why));
    BALLAST_CHECK(rename_durable(file_.path, path_, why));
    finished_ = true;
    return {};
}

std::unique_ptr<IndexFile> IndexFile::open(const std::string& path, std::string& why) {
    auto index = std::make_unique<IndexFile>();
    struct stat status {};
    if (!open_file(path, O_RDONLY | O_NONBLOCK, index->file_, why).ok()) {
        return nullptr;
    }
    if (::fstat(index->file_.fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        why = path + ": not a regular file";
        return nullptr;
    }
    IndexHeaderBytes bytes;
    if (!read_exactly(index->file_, 0, bytes, why).ok()) {
        why = path + ": not an index: shorter than an index's header";
        return nullptr;
    }
    const auto header = decode_index_header(bytes);
    if (!header.ok()) {
        why = path + (header.fault() == Fault::version_mismatch
                          ? ": an index of another version; this program reads version " +
                                std::to_string(index_version)
                          : std::string{": not an index, or its header is damaged"});
        return nullptr;
    }
    index->header_ = header.value();
    if (static_cast<std::uint64_t>(status.st_size) != index->file_bytes()) {
        why = path + ": truncated or grown: " + std::to_string(status.st_size) + " bytes, its header says " +
              std::to_string(index->file_bytes());
        return nullptr;
    }
    return index;
}

IndexCursor::IndexCursor(const IndexFile& index, std::size_t level)
    : index_{index},
      level_{level},
      left_{index.header().levels[level].entries},
      offset_{level_offset(index.header(), level)},
      name_{.build_id = index.header().build_id, .level = level, .number = 0},
      piece_{std::make_unique<Piece>()} {}

Status IndexCursor::load(bool with_blocks, std::size_t& count) {
    count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece_entries));
    if (count == 0) {
        return {};
    }
    const std::size_t key_bytes = piece_checksums_bytes + count * sizeof(std::uint64_t);
    const std::span<std::byte> raw{reinterpret_cast<std::byte*>(piece_.get()), key_bytes};
    BALLAST_CHECK(read_exactly(index_.file(), offset_, raw, why_));
    const std::span<const std::uint64_t> keys{piece_->keys, count};
    const std::string place = "piece " + std::to_string(name_.number) + " of level " + std::to_string(level_);
    if (keys_checksum(name_, keys) != piece_->checksums[0]) {
        return content_failure(index_.file().path, place + " is damaged", Fault::image_corrupt, why_);
    }
    if (!ascending(keys, last_key_)) {
        return content_failure(index_.file().path, place + " is not sorted", Fault::image_corrupt, why_);
    }
    last_key_ = keys.back();
    if (with_blocks) {
        blocks_.resize(count);
        const std::span<std::uint32_t> blocks{blocks_};
        BALLAST_CHECK(read_exactly(index_.file(), offset_ + key_bytes, std::as_writable_bytes(blocks), why_));
        if (blocks_checksum(name_, blocks) != piece_->checksums[1]) {
            return content_failure(index_.file().path, place + " is damaged", Fault::image_corrupt, why_);
        }
        if (*std::max_element(blocks.begin(), blocks.end()) >= index_.header().levels[level_].blocks) {
            return content_failure(index_.file().path, place + " names a block beyond the image",
                                   Fault::image_corrupt, why_);
        }
    }
    offset_ += piece_size(count);
    left_ -= count;
    ++name_.number;
    return {};
}

Result<std::span<const std::uint64_t>> IndexCursor::next_keys() noexcept {
    std::size_t count = 0;
    BALLAST_CHECK(load(false, count));
    return std::span<const std::uint64_t>{piece_->keys, count};
}

Status IndexCursor::next_entries(std::span<const std::uint64_t>& keys,
                                 std::span<const std::uint32_t>& blocks) {
    std::size_t count = 0;
    BALLAST_CHECK(load(true, count));
    keys = {piece_->keys, count};
    blocks = {blocks_.data(), count};
    return {};
}

}  // namespace ballast::image
