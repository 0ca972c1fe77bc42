// The source's side of an image's transfer: docs/image_transfer.md.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "image/compressor.hpp"
#include "image/seen_segments.hpp"
#include "image/source.hpp"
#include "image/stream.hpp"

namespace ballast::image {

struct SendOptions {
    std::string image;
    ImageFormat format = ImageFormat::by_name;
    // Its index; may be stale (what it says of blocks that have changed costs bytes, never correctness).
    std::string index;
    // What was seen of the image when this index was made, just before, with the same key; may be null. Must
    // outlive the sender.
    const SeenSegments* seen = nullptr;
    // Names of working files begin with this; they are gone when the sender is. About 0.5 % of the data.
    std::string work_prefix;
    // Chosen by whoever starts the transfer, kept with its job, and given again when it is resumed.
    TransferId transfer{};
    TransferKey key{};
    // Asks where the destination has each block. Not worth it in a round that only brings what has changed.
    bool match_blocks = true;
    // Where to remember what the destination was given, block by block, so that a later round sends changed
    // blocks and not the segments around them. Survives a cut. Empty: nowhere.
    std::string sent_blocks;
    // Of the fingerprints in it: a secret, the same whenever this image is sent.
    std::uint64_t block_seed = 0;
    int zstd_level = zstd_level_default;
    // Compresses harder while the link leaves time for it.
    bool adapt_level = true;
    // Looks for sectors within the blocks that were not found, if the destination has them indexed, and if a
    // sample says that it pays.
    bool two_levels = true;
    std::size_t sort_bytes = 16 * 1024 * 1024;
};

struct SendReport {
    std::uint64_t image_bytes = 0;
    std::uint64_t copied_bytes = 0;    // made from local images of the destination
    std::uint64_t repeated_bytes = 0;  // copies of what travelled before
    std::uint64_t literal_bytes = 0;   // travelled, before compression
    std::uint64_t compressed_bytes = 0;
    std::uint64_t skipped_segments = 0;  // there already, from an earlier attempt
    std::uint64_t zero_segments = 0;
    std::uint64_t resent_segments = 0;  // did not come out right at the destination
    bool sectors_used = false;
    bool compressed_harder = false;  // at times
};

struct ReadSegment;

class ImageSender {
  public:
    ImageSender(SendOptions options, TransferControl& control);
    ~ImageSender();
    ImageSender(const ImageSender&) = delete;
    ImageSender& operator=(const ImageSender&) = delete;

    // Once this returns ok, the destination holds exactly the image as it was read here, verified and on
    // disk. The image is only read. May be called again after a cut, on a new stream, with what was sent
    // before taken into account; also to send what has changed since, after the guest was suspended.
    // `connection_lost`; `cancelled`; `protocol_violation`; `image_corrupt` when the image shrank or the
    // destination cannot make a segment even from what travelled; what the peer said when it gave up.
    Status run(ByteStream& stream, std::string& why);

    const SendReport& report() const noexcept { return report_; }

  private:
    struct Work;

    Status converse(std::string& why);
    Status last_words(Status status, std::string& why);
    Status open(std::string& why);
    Status greet(std::string& why);
    Status find_blocks(std::string& why);
    Status find_sectors(std::string& why);
    Status collect_sectors(std::uint64_t one_of, std::uint64_t& sampled, std::string& why);
    Status match_sectors(bool keep, std::uint64_t& found, std::string& why);
    Status send_segments(std::string& why);
    Status send_next(std::string& why);
    Status remember_skipped(const ReadSegment& segment, std::string& why);
    Status remember(const ReadSegment& segment, std::string& why);
    Status send_segment(ReadSegment& segment, bool whole, std::string& why);
    Status read_now(ReadSegment& segment, std::string& why);
    Status check_literals(ReadSegment& segment, std::string& why);
    void adapt_level(std::chrono::nanoseconds compressing, std::chrono::nanoseconds sending);
    Status flush_zeros(std::string& why);
    Status hear(bool wait, std::string& why);
    Status take_progress(std::span<const std::byte> body, std::string& why);
    Status take_refusal(std::span<const std::byte> body, std::string& why);
    Status resend_refused(std::string& why);
    Status settle_all(std::string& why);
    Status finish(std::string& why);

    SendOptions options_;
    TransferControl& control_;
    SendReport report_;
    std::unique_ptr<Work> work_;
};

}  // namespace ballast::image
