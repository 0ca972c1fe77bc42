// Where the blocks are that the source asks for: its sorted keys, merged with the sorted indexes of the local
// images. Memory: one piece of each index.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "image/core/transfer_messages.hpp"
#include "image/index_file.hpp"
#include "image/receiver.hpp"
#include "image/source.hpp"

namespace ballast::image {

// A local image that is open, with its index.
struct OpenLocal {
    std::unique_ptr<ImageSource> source;
    std::unique_ptr<IndexFile> index;
    std::string path;

    // `not_found` and others, with a sentence.
    Status open(const LocalImage& local, std::string& why);
    LocalOffer offer() const;
    // The level of the index with blocks of this size; -1 when it has none.
    int level_of(std::uint32_t block_bytes) const;
    // False when the image cannot be read there (any more).
    bool read(std::uint64_t offset, std::span<std::byte> into);
};

// One pass: keys of one block size, ascending over all batches.
class KeyJoin {
  public:
    KeyJoin(const std::vector<OpenLocal>& locals, std::uint32_t block_bytes, const KeyCode& code);

    // Whether a batch belongs to this pass.
    bool same_pass(const Keys& batch) const noexcept {
        return batch.block_bytes == block_bytes_ && batch.code == code_;
    }
    // Answers every key of the batch. `protocol_violation` when they are not what a batch must be. An index
    // that turns out damaged answers nothing from there on.
    Status match(const Keys& batch, std::span<Match> matches);

  private:
    struct Side {
        std::uint8_t number = 0;
        std::uint64_t image_bytes = 0;  // now; what the index says of more is not so any more
        Grid grid;
        IndexCursor cursor;
        std::span<const std::uint64_t> keys;
        std::span<const std::uint32_t> blocks;
        std::size_t at = 0;
        bool ended = false;
    };
    // Whether the side has this key in a whole block, and where.
    bool find(Side& side, std::uint64_t key, Match& match);
    bool advance(Side& side);

    std::uint32_t block_bytes_;
    KeyCode code_;
    std::uint64_t previous_ = 0;
    std::vector<std::unique_ptr<Side>> sides_;
    std::vector<std::uint64_t> keys_;
};

}  // namespace ballast::image
