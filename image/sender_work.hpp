// What a sender holds while it runs: about 10 MiB and SendOptions::sort_bytes, whatever the image's size (and
// one bit for each of its MiB).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "image/core/effort.hpp"
#include "image/digest.hpp"
#include "image/index_file.hpp"
#include "image/journal.hpp"
#include "image/match_pass.hpp"
#include "image/segment_reader.hpp"
#include "image/sender.hpp"
#include "image/sent_blocks.hpp"
#include "image/source.hpp"

namespace ballast::image {

// Segments under way: they bound what a cut can cost, and keep a long link busy.
inline constexpr std::uint64_t segments_under_way_max = 256;

// `why` says what it did.
Err<Fault> destination_violation(const char* what, std::string& why);

struct ImageSender::Work {
    Work(ByteStream& stream, TransferControl& control, const SendOptions& options);

    // Fills the recipe of a segment from the placements, corrected by what its content is now, if that is
    // there.
    Status compose_recipe(const ReadSegment& segment, std::string& why);
    // What the recipe takes for zeros may have been written to since.
    void correct_zeros(const ReadSegment& segment);
    // From what the destination has there already, as `sent_blocks` has loaded it.
    void compose_changes(std::uint64_t number, std::span<const std::byte> content);
    // The whole segment as one literal.
    void compose_literal(std::uint64_t number, std::span<const std::byte> content);
    // Whether the recipe's literals are not what was seen, by their blocks.
    bool literals_changed(const ReadSegment& segment) const;
    // In the order of the image, sectors in the place of blocks where they were looked for.
    std::unique_ptr<PlacementStream> placed() const;
    // Bytes of the recipe's literals, in order.
    std::span<const StreamCompressor::Part> gather_literals(std::span<const std::byte> content);

    MessageStream messages;
    std::unique_ptr<ImageSource> source;
    std::unique_ptr<IndexFile> index;
    std::uint64_t image_bytes = 0;
    std::optional<Grid> blocks;
    std::optional<Grid> sectors;
    Welcome offers;
    SegmentJournal digests;  // of what the destination has or will have
    SegmentJournal there;    // what it says that it has from an earlier attempt
    SentBlocks sent_blocks;
    EntryFile block_placements;
    EntryFile sector_entries;
    EntryFile sector_placements;
    bool use_sectors = false;
    std::unique_ptr<PlacementStream> placements;
    Placement pending;  // begun, its rest belongs to a later segment
    bool has_pending = false;
    Effort effort;
    std::int64_t starved_ns = 0;  // how long the destination has waited for bytes
    StreamCompressor compressor;
    std::unique_ptr<SegmentReader> reader;
    const SeenSegments* seen = nullptr;
    ReadSegment again;  // one that the destination wants whole
    std::vector<StreamCompressor::Part> literals;
    std::vector<std::byte> recipe_bytes;
    std::vector<std::byte> packed;
    std::vector<Run> runs;
    Recipe recipe;
    SegmentRange zeros;         // seen, not yet sent
    std::uint64_t sent = 0;     // segments that the destination has to deal with
    std::uint64_t settled = 0;  // that it has dealt with
    std::uint64_t questions = 0;
    std::uint64_t answered = 0;
    std::vector<std::uint64_t> refused;
    std::vector<bool> resent;
    bool finished = false;
    std::unique_ptr<ReplyReader> replies;  // last: its thread uses the messages

  private:
    void append_zeros(std::uint32_t length, std::span<const std::byte> content_there);
    std::span<const std::byte> content_of(const ReadSegment& segment) const;
};

}  // namespace ballast::image
