// The tasks of an image process.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/images/protocol.hpp"
#include "agent/images/sketch_file.hpp"
#include "image/receiver.hpp"
#include "image/seen_segments.hpp"
#include "image/stream.hpp"

namespace ballast::agent {

class ImageWork {
  public:
    explicit ImageWork(const ImageSetup& setup);
    ~ImageWork();
    ImageWork(const ImageWork&) = delete;
    ImageWork& operator=(const ImageWork&) = delete;

    // Does what the setup says, reports now and then, and at the end how it ended.
    bool run();

  private:
    Status index(std::string& why);
    Status send(std::string& why);
    Status receive(std::string& why);
    Status sketch(std::string& why);
    Status pack_memory(std::string& why);
    Status unpack_memory(std::string& why);
    // Made anew only if it must be; then `seen` (may be null) takes in what is read.
    Status refresh_index(image::SeenSegments* seen, std::string& why);
    // The key of the digests and the name of the transfer: the same for this disk of this guest whenever this
    // host sends it.
    Status derive(image::TransferId& id, image::TransferKey& key, std::string& why) const;
    // Of what is remembered of blocks that were sent: the same for all disks of this guest.
    Status derive_block_seed(std::uint64_t& seed, std::string& why) const;
    Status read_secret(std::string& secret, std::string& why) const;
    std::vector<image::LocalImage> local_images() const;
    // Of the folder's disk: what was seen of its writing until now, and once more has been.
    WrittenFile written_so_far() const;
    void remember_written(const image::ReceiveReport& report) const;
    void settle();
    void report(ImageReport::Kind kind, Fault fault, std::string_view detail);
    void attend();  // in a thread: commands come in, progress goes out

    ImageSetup setup_;
    std::string image_;
    image::TransferControl control_;
    std::atomic<bool> over_{false};
    // unpack_memory: what the worker asked for, and whether everything that came is dealt with.
    std::mutex settling_;
    std::uint64_t settle_bytes_ = 0;  // 0: nothing, or answered
    std::uint64_t dealt_bytes_ = 0;   // when last everything that had come was
    std::thread attendant_;
};

}  // namespace ballast::agent
