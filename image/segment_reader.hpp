// Reads the segments of an image ahead of their use and makes their digests, in a thread of its own: the disk
// and the digest work while the sender compresses.
#pragma once

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "image/digest.hpp"
#include "image/journal.hpp"
#include "image/placements.hpp"
#include "image/seen_segments.hpp"
#include "image/source.hpp"

namespace ballast::image {

struct ReadSegment {
    std::uint64_t number = 0;
    bool zero = false;  // nothing but zeros: then nobody looks at the content, which may be anything
    Digest digest{};
    // Else only what travels of it was read, and `seen` says what all of it was when it was indexed.
    bool has_content = true;
    SentRecord seen;
    std::vector<std::byte> bytes;  // of full length for every segment; the last one uses its beginning
};

class SegmentReader {
  public:
    // What need not be read, and what of that is read all the same.
    struct Known {
        const SeenSegments* seen = nullptr;  // may be null: then everything is read
        // Of a segment that was seen, the blocks with literals of these are read.
        std::unique_ptr<PlacementStream> placements;
        // But nothing of those whose digest is this one. REQUIRES: not written to by anybody.
        const SegmentJournal* there = nullptr;
    };
    // Begins to read at once. `source` is used by this object alone until it is gone.
    SegmentReader(ImageSource& source, const TransferKey& key, std::uint64_t image_bytes, Known known);
    ~SegmentReader();
    SegmentReader(const SegmentReader&) = delete;
    SegmentReader& operator=(const SegmentReader&) = delete;

    // The next in order; valid until the next call. Failures as of ImageSource::read.
    // REQUIRES: not more often than there are segments.
    Status next(ReadSegment*& segment, std::string& why);
    // Any one, as it is now and with its content even if that is zeros.
    Status read_again(std::uint64_t number, ReadSegment& segment, std::string& why);

  private:
    // Enough that a slow read does not stop the compression, and little memory.
    static constexpr std::size_t ahead_max = 4;

    void read_all();
    Status read_one(std::uint64_t number, ReadSegment& segment, std::string& why);
    Status read_literals(ReadSegment& segment, std::string& why);
    Status find_literal(std::uint64_t from, std::string& why);
    Status read_part(ReadSegment& segment, Extent part, std::string& why);

    ImageSource& source_;
    const std::uint64_t image_bytes_;
    const Known known_;
    Placement literal_;  // the thread's: the last of known_.placements that it has seen
    bool literals_ended_ = false;
    Extent data_;  // the source's last answer about holes, to the question `data_asked_`
    std::uint64_t data_asked_ = ~std::uint64_t{0};
    Digester digester_;        // the thread's
    Digester again_digester_;  // read_again's
    std::array<ReadSegment, ahead_max> ring_;

    std::mutex source_mutex_;  // one reader at a time: a qcow2's connection has one conversation
    std::mutex mutex_;         // of what follows
    std::condition_variable changed_;
    std::uint64_t read_ = 0;   // segments that are in the ring, or were
    std::uint64_t taken_ = 0;  // segments that next() has given out
    bool holding_ = false;     // the last of them is still in use
    bool stop_ = false;
    Status end_;
    std::string end_why_;
    std::thread thread_;  // last: it uses the rest
};

}  // namespace ballast::image
