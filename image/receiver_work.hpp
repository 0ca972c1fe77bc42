// What a receiver holds while it runs. Memory does not depend on the image's size: about 6 MiB, and 64 KiB
// for each local image.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "image/compressor.hpp"
#include "image/core/recipe.hpp"
#include "image/read_back.hpp"
#include "image/receive_ahead.hpp"
#include "image/receiver.hpp"
#include "image/receiver_join.hpp"
#include "image/target.hpp"

namespace ballast::image {

// `why` says what it did.
Err<Fault> source_violation(const char* what, std::string& why);

struct ImageReceiver::Work {
    Work(ByteStream& stream, TransferControl& control);

    // Leaves out, with a sentence each, those that cannot be opened.
    void open_locals(const std::vector<LocalImage>& wanted, std::vector<std::string>& left_out);
    // The digest of what is on the disk. `hole` is the last one that was met, as long as nothing is written:
    // what lies in it need not be read.
    Status read_back(std::uint64_t segment, Extent& hole, Digest& digest, std::string& why);
    // Until nothing is to be written any more; the first failure of what was.
    Status all_written(std::string& why);
    // What the journal claims and a failure has kept from being written.
    void forget_unwritten();
    // Bytes of the new image before `run`: from the disk, or from the segment that is being made.
    bool read_itself(const Run& run, std::uint64_t segment_offset, std::span<const std::byte> segment,
                     std::span<std::byte> into);

    MessageStream messages;
    Hello hello;
    Welcome welcome;
    std::optional<Digester> digester;
    ImageTarget target;
    SegmentJournal journal;
    std::vector<bool> written;  // segments, in this round
    std::optional<ReadBack> read_back_ahead;
    std::vector<OpenLocal> locals;
    std::vector<std::uint64_t> local_sizes;
    std::optional<KeyJoin> join;
    StreamDecompressor decompressor;
    std::vector<Match> matches;
    std::vector<std::byte> recipe_bytes;
    std::vector<Run> runs;
    Recipe recipe;
    std::unique_ptr<AlignedSegment> content;
    std::uint64_t settled = 0;                      // segments that came and verified, in this attempt
    std::uint64_t confirmed = 0;                    // of those, what the source was told
    std::uint64_t questions = 0;                    // how often the source asked
    std::chrono::steady_clock::duration starved{};  // waited for the source's bytes
    bool peer_gave_up = false;
    std::optional<ReceiveAhead> ahead;  // last: its thread uses the messages
};

}  // namespace ballast::image
