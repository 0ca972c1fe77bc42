// The destination's side of an image's transfer: docs/image_transfer.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "image/digest.hpp"
#include "image/index_file.hpp"
#include "image/journal.hpp"
#include "image/source.hpp"
#include "image/stream.hpp"

namespace ballast::image {

// An image here that blocks may be copied from. Its index may be stale and the image in use: what is copied
// is verified as if it had travelled.
struct LocalImage {
    std::string path;
    std::string index;
    ImageFormat format = ImageFormat::by_name;
};

enum class Reread : std::uint8_t {
    nothing,
    written,  // in this round: enough in each of them, and the guest does not wait for the rest
    all,      // in the last round, of everything that any round has written
};

struct ReceiveOptions {
    std::string target;   // a file that is made, or a block device of at least the image's size
    std::string journal;  // beside it; survives a cut, removed when all is done
    std::vector<LocalImage> locals;
    // False for a round while the guest runs: the journal stays, so that the next round brings only what has
    // changed.
    bool last_round = true;
    // The journal is what an earlier round of this very process has left, and it has read back what it wrote:
    // not everything is read again before this round begins.
    bool trust_journal = false;
    // What is read once more from the disk before the round is declared complete.
    Reread reread = Reread::all;
    // Bytes that must stay free on the file system of the target.
    std::uint64_t reserve_bytes = 0;
};

struct ReceiveReport {
    std::uint64_t copied_bytes = 0;   // from local images
    std::uint64_t literal_bytes = 0;  // that travelled, before compression
    std::uint64_t resumed_segments = 0;
    std::uint64_t refused_segments = 0;  // that came out wrong and were sent again
    // What was written and at once read back, past the page cache, and the time that this took.
    std::uint64_t disk_bytes = 0;
    std::uint64_t disk_ns = 0;
    std::vector<std::string> locals_left_out;  // why, one sentence each
};

class ImageReceiver {
  public:
    ImageReceiver(ReceiveOptions options, TransferControl& control);
    ~ImageReceiver();
    ImageReceiver(const ImageReceiver&) = delete;
    ImageReceiver& operator=(const ImageReceiver&) = delete;

    // Once this returns ok, the target holds exactly the source's image, verified and on disk. On failure the
    // target and the journal are left for another attempt. `no_disk_space` before anything is sent when that
    // can be known; `protocol_violation` for a peer that does what it must not; `image_corrupt` when the
    // image as written does not verify; what the peer said when it gave up.
    Status run(ByteStream& stream, std::string& why);

    const ReceiveReport& report() const noexcept { return report_; }

  private:
    struct Work;

    Status serve(std::string& why);
    Status last_words(Status status, std::string& why);
    Status greet(std::string& why);
    Status offer_resume(std::string& why);
    Status take(MessageType type, std::span<const std::byte> body, bool& ended, std::string& why);
    Status take_keys(std::span<const std::byte> body, std::string& why);
    Status take_segment(std::span<const std::byte> body, std::string& why);
    Status take_zeros(std::span<const std::byte> body, std::string& why);
    Status take_finish(std::span<const std::byte> body, std::string& why);
    Status assemble(const Segment& segment, std::span<std::byte> content, bool& readable, std::string& why);
    Status settle(std::uint64_t segments, std::string& why);
    bool rereads(std::uint64_t segment) const noexcept;
    Status confirm(std::string& why);
    Status image_digest(Digest& digest, std::string& why);

    ReceiveOptions options_;
    TransferControl& control_;
    ReceiveReport report_;
    std::unique_ptr<Work> work_;
};

}  // namespace ballast::image
