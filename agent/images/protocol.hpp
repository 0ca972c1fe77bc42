// What a worker of the agent and the image process that it starts say to each other: plain structs over a
// SOCK_SEQPACKET pair, one message a datagram. Both programs are of one build.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/fault.hpp"
#include "base/fixed_vector.hpp"
#include "base/limits.hpp"
#include "base/uuid.hpp"
#include "base/vocabulary.hpp"

namespace ballast::agent {

inline constexpr int image_channel_fd = 3;
inline constexpr int image_stream_fd = 4;  // the conversation with the other host, for send and receive
inline constexpr int image_lock_fd = 5;    // the guest's lock: held as long as this process lives
// pack_memory, unpack_memory: the agents' side of the stream; image_stream_fd is the hypervisor call's.
inline constexpr int image_memory_fd = 6;

// Pieces of a packed stream of memory that a source sends, or holds back, as one.
inline constexpr std::size_t memory_piece_bytes = 128 * 1024;

// Beside the agent's own program.
inline constexpr const char* image_program = "ballast-image";

// Names beside an image FILE.
inline constexpr const char* index_suffix = ".index";
inline constexpr const char* incoming_image_suffix = ".incoming";  // and with it, of an image that comes:
inline constexpr const char* journal_suffix = ".journal";          // FILE.incoming.journal
inline constexpr const char* sent_suffix = ".sent";                // of one that goes
// In a folder of images: how fast its disk writes.
inline constexpr const char* written_name = ".ballast-written";
inline constexpr const char* left_infix = ".left-";  // FILE.left-SECONDS, after it has gone

// sketch: a sample of `images`, or of all that have an index below `directory`, into the file `journal`.
// pack_memory, unpack_memory: a guest's memory with references to pages that the destination has, at the
// source and there; `images` are the guest's, here.
enum class ImageTask : std::uint8_t { index, send, receive, sketch, pack_memory, unpack_memory };

// The first datagram, from the worker.
struct ImageSetup {
    ImageTask task = ImageTask::index;
    std::int64_t worker_pid = 0;
    Path image;                                              // receive: the file that is made
    Path journal;                                            // receive, sketch
    FixedVector<Path, limits::disks_per_domain_max> images;  // sketch, pack_memory, unpack_memory
    Path directory;  // receive: images there with an index are copied from
    // index, and send before it begins: an index made before this is made anew. 0: any will do.
    std::int64_t index_not_before_unix_ms = 0;
    // send, pack_memory: whoever has the secret can make segments that verify; one file a host.
    Path secret;
    Uuid guest;
    FixedString<15> device;
    bool first = true;  // send: ask for every block; receive: trust nothing that an earlier round has left
    std::uint32_t bandwidth_mbps = 0;
};

// Later ones, from the worker.
struct ImageCommand {
    std::uint32_t bandwidth_mbps = 0;
    // unpack_memory: say `settled` once all references in the first so many bytes have been looked up. 0:
    // nothing asked.
    std::uint64_t settle_bytes = 0;
};

// From the image process. The last one is `done` or `failed`.
struct ImageReport {
    enum class Kind : std::uint8_t { progress = 0, done = 1, failed = 2, settled = 3 };
    Kind kind = Kind::progress;
    Fault fault = Fault::none;
    Detail detail;
    std::uint64_t image_bytes = 0;  // pack_memory, unpack_memory: of the memory's stream
    std::uint64_t done_bytes = 0;   // likewise: of its pages that are references
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
};

static_assert(std::is_trivially_copyable_v<ImageSetup> && std::is_trivially_copyable_v<ImageCommand> &&
              std::is_trivially_copyable_v<ImageReport>);

}  // namespace ballast::agent
